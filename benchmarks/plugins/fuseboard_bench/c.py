"""Plugin bench_c: its third of the benchmarked tools."""

from __future__ import annotations

from typing import Any

from fuseboard import hookimpl
from fuseboard_bench.tools import functions_of


@hookimpl
def register_tools(register: Any) -> None:
    """Register them under their own names."""
    for function in functions_of("bench_c"):
        register(function)
