"""The ledger: the state of every plugin that was found, whatever became of it, with stage, reason and since when."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fuseboard.strict_json import one_line

NOISE_LINES_KEPT = 20

SLOW_IMPORT = 1000.0
"""Milliseconds; each client that starts a stdio server waits for the slowest import before it sees all tools."""


class State(StrEnum):
    """What can become of a plugin. All but STARTING are shown to the outside as they are."""

    STARTING = "starting"
    ACTIVE = "active"
    DEGRADED = "degraded"
    FAILED = "failed"
    BLOCKED = "blocked"
    INCOMPATIBLE = "incompatible"
    CONFLICTED = "conflicted"


UP = frozenset({State.ACTIVE, State.DEGRADED})
"""States in which a plugin's contributions are served."""

MAY_BECOME: Mapping[State, frozenset[State]] = {
    State.STARTING: frozenset({State.ACTIVE, State.DEGRADED, State.FAILED}),
    State.ACTIVE: frozenset({State.DEGRADED, State.FAILED}),
    State.DEGRADED: frozenset({State.ACTIVE, State.FAILED}),
    State.FAILED: frozenset({State.STARTING, State.ACTIVE}),
    State.BLOCKED: frozenset(),
    State.INCOMPATIBLE: frozenset(),
    State.CONFLICTED: frozenset(),
}


@dataclass(slots=True)
class Row:
    """One plugin in the ledger.

    Attributes:
        name: the entry point's name.
        distribution: the distribution that brings it.
        version: of the distribution.
        summary: the distribution's one line about itself.
        state: see `State`.
        stage: the stage of its life that led to the state; "" while all is well.
        reason: one sentence, free of secrets; "" while all is well.
        since: when the state was reached, UTC.
        required: whether the host is not ready without it.
        import_ms: how long its import took, None if it was not imported.
        contributes: numbers by kind: tools, prompts, resources, health_checks, routes, middleware.
        tokens: what listing its tools costs a model, estimated at four characters a token.
        noise: the last lines that it printed to standard output.
        noisy: how many lines it printed.
        blocking: the tool and line that block its loop right now, "" if none does.
        not_served: one sentence for each of its names that clashes or is illegal.
    """

    name: str
    distribution: str
    version: str
    summary: str
    state: State
    stage: str = ""
    reason: str = ""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    required: bool = False
    import_ms: float | None = None
    contributes: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    noise: deque[str] = field(default_factory=lambda: deque(maxlen=NOISE_LINES_KEPT))
    noisy: int = 0
    blocking: str = ""
    not_served: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The row for machines; times in ISO 8601."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "summary": self.summary,
            "state": str(self.state),
            "stage": self.stage,
            "reason": self.reason,
            "since": self.since.isoformat(timespec="seconds"),
            "required": self.required,
            "import_ms": None if self.import_ms is None else round(self.import_ms, 1),
            "contributes": dict(self.contributes),
            "tokens": self.tokens,
            "noise": {"lines": self.noisy, "last": list(self.noise)},
            "blocking": self.blocking,
            "not_served": list(self.not_served),
        }


class Ledger:
    """All rows, by name. Changed on the host's loop only; `watch` tells of every change of a state."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._watchers: list[Callable[[Row], None]] = []
        self.starting: set[str] = set()
        """Names of the plugins that have not reached their first state: asked on every request, so kept ready."""

    def open(self, row: Row) -> None:
        """Enter a plugin; a name that two distributions claim has a row for each."""
        self._rows.setdefault(row.name, []).append(row)
        if row.state is State.STARTING:
            self.starting.add(row.name)

    def rows(self) -> list[Row]:
        """Every row, sorted by name."""
        return [row for name in sorted(self._rows) for row in self._rows[name]]

    def names(self) -> list[str]:
        """The name of every plugin, sorted."""
        return sorted(self._rows)

    def __getitem__(self, name: str) -> Row:
        return self._rows[name][0]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def watch(self, watcher: Callable[[Row], None]) -> None:
        """Call `watcher(row)` after every change of a state."""
        self._watchers.append(watcher)

    def move(self, name: str, state: State, *, stage: str = "", reason: str = "") -> None:
        """Change a plugin's state, or the reason of the state it is in.

        Raises:
            ValueError: a plugin in its present state cannot become this (a mistake of the host).
        """
        row = self[name]
        changed = row.state is not state
        if changed and state not in MAY_BECOME[row.state]:
            raise ValueError(f"{name} is {row.state} and cannot become {state}")
        row.state, row.stage, row.reason = state, stage, one_line(reason)
        self.starting.discard(name)
        if changed:
            row.since = datetime.now(UTC)
            for watcher in self._watchers:
                watcher(row)

    def heard(self, name: str, line: str) -> None:
        """A plugin printed a line to standard output."""
        if name in self:
            self[name].noise.append(one_line(line))
            self[name].noisy += 1

    def in_state(self, states: Iterable[State]) -> list[Row]:
        """The rows in one of these states."""
        wanted = set(states)
        return [row for row in self.rows() if row.state in wanted]
