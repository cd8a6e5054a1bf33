"""The config of an image, from an untyped document to typed fields. What a stranger wrote in another form is left out.

The texts are still the stranger's: `hiding.py` cleans them where they are shown. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ENTRIES = 1000
"""Of a list or mapping; the rest is not looked at. Real images have some ten, and comparing costs time and memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history.

    Attributes:
        text: the command.
        empty: whether it made no layer.
    """

    text: str
    empty: bool


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """How the container's health is asked, None or empty where the config does not say.

    Attributes:
        test: a word such as CMD-SHELL, and the command.
        interval: seconds between two tests.
        timeout: seconds that one may take.
        retries: failures until it counts as ill.
    """

    test: list[str]
    interval: float | None
    timeout: float | None
    retries: int | None


@dataclass(slots=True)
class ConfigDocument:
    """What is set in a config; None or empty where it is not.

    Attributes:
        left_out: how many entries of a field were not taken: too many, or of another form.
        odd: the fields that are there in another form than the specification's.
    """

    created: str | None = None
    user: str | None = None
    workdir: str | None = None
    stop_signal: str | None = None
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    healthcheck: Healthcheck | None = None
    history: list[Step] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)


def config_document(fields: Mapping[str, Any]) -> ConfigDocument:
    """Read the JSON object of a config; whatever is in it, there is a result."""
    reader = _Reader()
    settings = reader.mapping(fields, "config")
    document = ConfigDocument(
        created=reader.text(fields, "created"),
        user=reader.text(settings, "User"),
        workdir=reader.text(settings, "WorkingDir"),
        stop_signal=reader.text(settings, "StopSignal"),
        entrypoint=reader.words(settings, "Entrypoint", "entrypoint"),
        cmd=reader.words(settings, "Cmd", "cmd"),
        env=_pairs(reader.words(settings, "Env", "env")),
        labels=reader.texts(settings, "Labels", "labels"),
        ports=sorted(reader.names(settings, "ExposedPorts", "ports")),
        volumes=sorted(reader.names(settings, "Volumes", "volumes")),
        healthcheck=reader.healthcheck(settings),
        history=reader.history(fields),
    )
    document.left_out, document.odd = reader.left_out, reader.odd
    return document


class _Reader:
    """Takes fields of the right form, and remembers the others."""

    def __init__(self) -> None:
        self.left_out: dict[str, int] = {}
        self.odd: list[str] = []

    def mapping(self, fields: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = fields.get(key)
        if isinstance(value, dict):
            return value
        self._none_or_odd(value, key)
        return {}

    def text(self, fields: Mapping[str, Any], key: str) -> str | None:
        value = fields.get(key)
        if isinstance(value, str):
            return value or None
        self._none_or_odd(value, key)
        return None

    def words(self, fields: Mapping[str, Any], key: str, name: str) -> list[str]:
        """A list of texts; old images wrote a single text for a command."""
        value = fields.get(key)
        if isinstance(value, str):
            return [value]
        rows = self._rows(value, key, name)
        words = [row for row in rows if isinstance(row, str)]
        self._leave_out(name, len(rows) - len(words))
        return words

    def texts(self, fields: Mapping[str, Any], key: str, name: str) -> dict[str, str]:
        rows = self.mapping(fields, key)
        texts = {label: value for label, value in list(rows.items())[:MOST_ENTRIES] if isinstance(value, str)}
        self._leave_out(name, len(rows) - len(texts))
        return texts

    def names(self, fields: Mapping[str, Any], key: str, name: str) -> list[str]:
        """The keys of what the specification writes as a mapping to empty objects."""
        rows = list(self.mapping(fields, key))
        self._leave_out(name, len(rows) - MOST_ENTRIES)
        return rows[:MOST_ENTRIES]

    def history(self, fields: Mapping[str, Any]) -> list[Step]:
        rows = self._rows(fields.get("history"), "history", "history")
        steps = [
            Step(row["created_by"], row.get("empty_layer") is True)
            for row in rows
            if isinstance(row, dict) and isinstance(row.get("created_by"), str)
        ]
        self._leave_out("history", len(rows) - len(steps))
        return steps

    def healthcheck(self, settings: Mapping[str, Any]) -> Healthcheck | None:
        fields = self.mapping(settings, "Healthcheck")
        test = self.words(fields, "Test", "healthcheck")
        if not test:
            return None
        return Healthcheck(
            test, _seconds(fields.get("Interval")), _seconds(fields.get("Timeout")), _count(fields.get("Retries"))
        )

    def _rows(self, value: object, key: str, name: str) -> list[Any]:
        if not isinstance(value, list):
            self._none_or_odd(value, key)
            return []
        self._leave_out(name, len(value) - MOST_ENTRIES)
        return value[:MOST_ENTRIES]

    def _none_or_odd(self, value: object, key: str) -> None:
        if value is not None:
            self.odd.append(key)

    def _leave_out(self, name: str, count: int) -> None:
        if count > 0:
            self.left_out[name] = self.left_out.get(name, 0) + count


def _pairs(words: list[str]) -> dict[str, str]:
    """`NAME=value` as a mapping; of a name that comes twice, the last value counts, as in a container."""
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else None


def _seconds(value: object) -> float | None:
    """Nanoseconds, as the config counts them, in seconds."""
    count = _count(value)
    return None if count is None else count / 1e9
