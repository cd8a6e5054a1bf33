"""Toy distributions: a folder laid out as pip would is a real installed distribution for everybody who looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

GREETER = '''
from fuseboard import hookimpl

@hookimpl
def register_tools(register):
    register(greet, read_only=True)

def greet(name: str, times: int = 1) -> str:
    """Greet somebody."""
    return " ".join([f"hello {name}"] * times)
'''


def install(
    site: Path,
    name: str,
    source: str = GREETER,
    *,
    distribution: str | None = None,
    version: str = "1.0",
    summary: str = "A toy.",
    requires: Sequence[str] = (),
    points: Mapping[str, str] | None = None,
) -> Path:
    """Install a distribution with one module `toy_<name>` and its entry points.

    Args:
        site: a folder of `PYTHONPATH`.
        name: of the plugin.
        source: of its module.
        distribution: its name; `toy-<name>` if absent.
        version: of the distribution.
        summary: its one line.
        requires: its requirements.
        points: entry points of the group, `{name: toy_<name>}` if absent.

    Returns:
        The folder with its metadata.
    """
    site.mkdir(parents=True, exist_ok=True)
    (site / f"toy_{name}.py").write_text(dedent(source), encoding="utf-8")
    distribution = distribution or f"toy-{name}"
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}", f"Summary: {summary}"]
    (info / "METADATA").write_text("\n".join([*head, *(f"Requires-Dist: {text}" for text in requires), ""]))
    lines = [f"{point} = {value}" for point, value in (points or {name: f"toy_{name}"}).items()]
    (info / "entry_points.txt").write_text("\n".join(["[fuseboard.plugins]", *lines, ""]))
    return info
