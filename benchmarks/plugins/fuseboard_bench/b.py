"""Plugin bench_b: its third of the benchmarked tools."""

from __future__ import annotations

from typing import Any

from fuseboard import hookimpl
from fuseboard_bench.tools import functions_of


@hookimpl
def register_tools(register: Any) -> None:
    """Register them under their own names."""
    for function in functions_of("bench_b"):
        register(function)
