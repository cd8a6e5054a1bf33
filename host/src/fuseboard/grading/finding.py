"""What a grading says: findings, each with a code, a severity, a place and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a plugin that is wrong (`error`) or could be better (`warning`).

    Attributes:
        code: stable, for scripts: `description-missing`.
        severity: an error fails the plugin, a warning only with `--strict`.
        place: the tool, the setting or the stage, for example `tool oci_list_tags`; "" for the plugin as a whole.
        text: what was found, with the value.
        advice: what to do about it.
    """

    code: str
    severity: Severity
    place: str
    text: str
    advice: str

    def as_json(self) -> dict[str, str]:
        """The finding for machines."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, form: dict[str, str]) -> Finding:
        """What `as_json` has made, in another process."""
        severity: Severity = "error" if form["severity"] == "error" else "warning"
        return cls(form["code"], severity, form["place"], form["text"], form["advice"])


def error(code: str, place: str, text: str, advice: str) -> Finding:
    """Something that is wrong."""
    return Finding(code, "error", place, text, advice)


def warning(code: str, place: str, text: str, advice: str) -> Finding:
    """Something that could be better."""
    return Finding(code, "warning", place, text, advice)
