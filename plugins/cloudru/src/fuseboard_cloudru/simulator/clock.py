"""The simulator's time, which a test can move."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Real time, or time that stands still until it is moved.

    Args:
        start: seconds since 1970 at which time stands still; None lets it run.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._moved = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return (time.time() if self._start is None else self._start) + self._moved

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self._moved += seconds


def timestamp(moment: float) -> str:
    """Seconds since 1970 as protobuf's JSON writes them: RFC 3339 in UTC, with microseconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
