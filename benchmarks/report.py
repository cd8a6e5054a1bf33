"""The results as a table in Markdown, with what was expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from candidates import Candidate
from measure import Results

KEYS = ("a", "b", "c", "d")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the rows whose name begins with `row`.

    Attributes:
        value: the name of the value that counts.
        divided: which two candidates are compared, dividend first.
        limit: the ratio.
        at_least: whether the ratio must reach the limit, or else not exceed it.
    """

    row: str
    value: str
    divided: str
    limit: float
    at_least: bool = False

    def judge(self, values: dict[str, dict[str, float]]) -> str:
        """The verdict on one row, empty if a candidate was not measured."""
        found = ratio(values, self.value, *self.divided)
        if found is None:
            return ""
        reached = found >= self.limit if self.at_least else found <= self.limit
        sign = "≥" if self.at_least else "≤"
        return f"{'pass' if reached else '**short**'} ({self.divided[0]}/{self.divided[1]} {sign} {self.limit:g})"


EXPECTATIONS = (
    Expectation("tools/call", "cpu_us", "db", 1.25),
    Expectation("tools/list 1000", "cpu_us", "cd", 20, at_least=True),
    Expectation("start", "wall_ms", "db", 1.2),
    Expectation("memory", "start_mib", "db", 1.3),
    Expectation("memory", "load_mib", "db", 1.3),
)
TABLES = (
    ("CPU µs per request (user and system, least of all rounds)", "tools/", "cpu_us", "{:.0f}"),
    ("Requests per second (16 connections, best of all rounds)", "tools/", "per_second", "{:.0f}"),
    ("Latency at 16 connections: median, ms (least of all rounds)", "tools/", "p50_ms", "{:.2f}"),
    ("Bytes of an answer's body", "tools/", "bytes", "{:.0f}"),
    ("Start to the first tools/list answer over stdio: wall ms (median)", "start", "wall_ms", "{:.0f}"),
    ("Start to the first tools/list answer over stdio: CPU ms (median)", "start", "cpu_ms", "{:.0f}"),
    ("Resident memory after start, MiB", "memory", "start_mib", "{:.1f}"),
    ("Resident memory after load, MiB", "memory", "load_mib", "{:.1f}"),
)


def ratio(values: dict[str, dict[str, float]], name: str, over: str, under: str) -> float | None:
    """One candidate's value by another's."""
    if over in values and under in values and values[under].get(name):
        return values[over][name] / values[under][name]
    return None


def verdict(row: str, value: str, values: dict[str, dict[str, float]]) -> str:
    """What the expectations say about one cell row."""
    return " ".join(one.judge(values) for one in EXPECTATIONS if row.startswith(one.row) and one.value == value)


def _line(row: str, value: str, form: str, values: dict[str, dict[str, float]]) -> str:
    cells = [form.format(values[key][value]) if key in values else "-" for key in KEYS]
    ratios = [ratio(values, value, "d", "b"), ratio(values, value, "c", "d")]
    cells += [f"{found:.2f}" if found else "-" for found in ratios]
    return f"| {' | '.join([row, *cells, verdict(row, value, values)])} |"


def _table(title: str, prefix: str, value: str, form: str, results: Results) -> Iterator[str]:
    rows = [row for row in results if row.startswith(prefix)]
    if not rows:
        return
    yield f"| {title} | (a) | (b) | (c) | (d) | d/b | c/d | expected |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for row in rows:
        yield _line(row, value, form, results[row])
    yield ""


def markdown(results: Results, candidates: list[Candidate], machine: str) -> str:
    """All tables."""
    names = "; ".join(f"({candidate.key}) {candidate.title}" for candidate in candidates)
    lines = [names + ".", machine, ""]
    for title, prefix, value, form in TABLES:
        lines += _table(title, prefix, value, form, results)
    return "\n".join(lines)
