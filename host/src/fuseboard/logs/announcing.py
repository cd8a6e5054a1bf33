"""What the command itself says on standard error, such as the address that it serves, is JSON if the log is."""

from __future__ import annotations

from collections.abc import Callable

_announcer: Callable[[str, str], None] | None = None


def announce_by(announcer: Callable[[str, str], None] | None) -> None:
    """From now on `announced` hands text and level to this function; None takes it back."""
    global _announcer
    _announcer = announcer


def announced(text: str, level: str = "info") -> bool:
    """Whether a text was taken for the log; if not, whoever has it prints it.

    Args:
        text: one line.
        level: as in a JSON line, "info" or "error".
    """
    if _announcer is None:
        return False
    _announcer(text, level)
    return True
