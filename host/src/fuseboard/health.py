"""What a health check answers, and what the host remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fuseboard.errors import InvalidResult


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The answer of a health check.

    Attributes:
        ok: whether the checked part works.
        message: one sentence, free of secrets; needed when it does not work.
        details: figures for people and machines, JSON values only.
    """

    ok: bool
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_answer(cls, answer: object) -> HealthReport:
        """Read what a check returned: None is well, a text is ill for that reason.

        Raises:
            InvalidResult: it returned something else.
        """
        if answer is None:
            return cls(ok=True)
        if isinstance(answer, str):
            return cls(ok=False, message=answer)
        if isinstance(answer, HealthReport):
            return answer
        raise InvalidResult(f"a health check returns None, a text or a HealthReport, not {type(answer).__name__}")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one health check.

    Attributes:
        plugin: the plugin that registered it.
        name: the check's name.
        critical: whether an ill check makes the plugin `degraded`.
        ok: whether it is well.
        message: the reason, empty when well.
        details: what the check adds.
        milliseconds: how long it took.
    """

    plugin: str
    name: str
    critical: bool
    ok: bool
    message: str
    details: Mapping[str, Any]
    milliseconds: float
