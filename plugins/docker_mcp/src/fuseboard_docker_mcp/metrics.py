"""What the plugin counts: one place that a resource, a health check or another plugin can read."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the classes that observed times are sorted into, in seconds."""
MOST_SERIES = 1000
"""Series of one name. The labels of later ones become `other`: names of servers must not grow without end."""

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Times:
    """Observed times of one series.

    Attributes:
        count: how many.
        total: their sum in seconds.
        longest: the longest, in seconds.
        classes: how many were at most as long as each of `BOUNDS`, and those that were longer, each counted once.
    """

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, seconds: float) -> None:
        """Count one time."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        self.classes[bisect.bisect_left(BOUNDS, seconds)] += 1

    def wire(self) -> dict[str, Any]:
        """As JSON values; `classes` grows from bound to bound, as Prometheus wants its buckets."""
        grown: list[dict[str, Any]] = []
        below = 0
        for bound, number in zip((*BOUNDS, "inf"), self.classes, strict=True):
            below += number
            grown.append({"at_most": bound, "count": below})
        total, longest = round(self.total, 6), round(self.longest, 6)
        return {"count": self.count, "total": total, "longest": longest, "classes": grown}


class Metrics:
    """Counters, gauges and times. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = {}
        self._gauges: dict[str, float] = {}
        self._times: dict[str, dict[Labels, Times]] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter.

        Args:
            name: such as "starts".
            amount: what is added, at least 0.
            labels: which series, such as `server="github"`.
        """
        with self._lock:
            series = self._counters.setdefault(name, {})
            key = _bounded(series, labels)
            series[key] = series.get(key, 0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Count how long something took.

        Args:
            name: such as "call_seconds".
            seconds: how long.
            labels: which series.
        """
        with self._lock:
            series = self._times.setdefault(name, {})
            series.setdefault(_bounded(series, labels), Times()).add(seconds)

    def gauge(self, name: str, value: float) -> None:
        """Set what is now, such as "active_servers"."""
        with self._lock:
            self._gauges[name] = value

    def value(self, name: str, **labels: str) -> float:
        """A gauge, or the sum of a counter's series that have these labels; 0 of what was never counted."""
        wanted = set(labels.items())
        with self._lock:
            if name in self._gauges and not labels:
                return self._gauges[name]
            series = self._counters.get(name, {})
            return sum(number for key, number in series.items() if wanted <= set(key))

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON values: `counters` and `times` are lists of series with their labels."""
        with self._lock:
            return {
                "gauges": dict(self._gauges),
                "counters": {
                    name: [{"labels": dict(key), "value": number} for key, number in series.items()]
                    for name, series in self._counters.items()
                },
                "times": {
                    name: [{"labels": dict(key), **times.wire()} for key, times in series.items()]
                    for name, series in self._times.items()
                },
            }


def _bounded(series: Mapping[Labels, Any], labels: Mapping[str, str]) -> Labels:
    key = tuple(sorted(labels.items()))
    if key in series or len(series) < MOST_SERIES:
        return key
    return tuple((name, "other") for name, _ in key)


_current = Metrics()


def begin() -> Metrics:
    """A new collection for a new life of the plugin; `snapshot` reads it from now on."""
    global _current
    _current = Metrics()
    return _current


def snapshot() -> dict[str, Any]:
    """What the plugin has counted since it started, for another plugin to read: see `Metrics.snapshot`."""
    return _current.snapshot()
