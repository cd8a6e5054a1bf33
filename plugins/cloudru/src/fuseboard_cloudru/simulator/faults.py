"""What can go wrong with an answer, and which request it meets."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

FaultKind = Literal["timeout", "reset", "cut", "malformed", "html", "huge", "slow"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
"""The faults that are no status."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        path_pattern: which paths it meets, with `*` and `?`; with a method and a space before it, only that method:
            `POST /v1/registries`.
        kind: an HTTP status from 400 to 599 with a google.rpc.Status; or `timeout` (no answer until the client or the
            simulator ends), `reset` (the connection ends without an answer), `cut` (it ends in the middle of one),
            `malformed` (half of the JSON, with the right status), `html` (the error page of a gateway, status
            502), `huge` (an answer without end), `slow` (an answer that comes by single bytes).
        times: how many requests it meets, None for all.
        after: how many matching requests pass before the first.
        acts: whether the request takes effect although its answer is spoilt. Left out, it does unless the answer is
            a status or `html`.
        retry_after: seconds for the header `Retry-After` of a status, None for no such header.
        pause: seconds between the bytes of `slow`.
    """

    path_pattern: str
    kind: int | FaultKind
    times: int | None = 1
    after: int = 0
    acts: bool | None = None
    retry_after: int | None = None
    pause: float = 0.05

    def __post_init__(self) -> None:
        if self.kind not in KINDS and self.kind not in range(400, 600):
            raise ValueError(f"{self.kind} is neither a status from 400 to 599 nor one of {', '.join(KINDS)}")

    @property
    def takes_effect(self) -> bool:
        """Whether the request reaches the service."""
        if self.acts is not None:
            return self.acts
        return not isinstance(self.kind, int) and self.kind != "html"

    def meets(self, method: str, path: str) -> bool:
        """Whether a request is one of those that it is for."""
        if " " in self.path_pattern:
            return fnmatchcase(f"{method} {path}", self.path_pattern)
        return fnmatchcase(path, self.path_pattern)


class Faults:
    """The faults that are left, with their counters. A test may add some while the server runs.

    Args:
        faults: the first ones.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._met: Counter[int] = Counter()
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """One more fault, behind the others."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """No fault any more."""
        with self._lock:
            self._faults.clear()
            self._met.clear()

    def next_for(self, method: str, path: str) -> Fault | None:
        """The first fault that meets this request; every one that could counts it."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.meets(method, path):
                    continue
                self._met[index] += 1
                met = self._met[index] - fault.after
                if met > 0 and (fault.times is None or met <= fault.times):
                    return fault
        return None
