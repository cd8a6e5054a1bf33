"""The files of the checkout, and what Python's own parser says of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]
DISTRIBUTIONS = sorted(path.parent for path in ROOT.glob("*/pyproject.toml")) + sorted(
    path.parent for folder in ("plugins", "examples") for path in ROOT.glob(f"{folder}/*/pyproject.toml")
)


def files(folder: Path = ROOT, suffix: str = "") -> Iterator[Path]:
    """Every file below a folder that belongs to the project, that is: that git does not ignore."""
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in IGNORED):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files(path, suffix)
        elif path.is_file() and path.name.endswith(suffix):
            yield path


def shipped_modules() -> Iterator[Path]:
    """Every Python file that ends up in a wheel."""
    for distribution in DISTRIBUTIONS:
        yield from files(distribution / "src", ".py")


@dataclass(frozen=True)
class Import:
    """One imported module.

    Attributes:
        module: its dotted name; `from a import b` gives `a.b`, which may name a module or something inside it.
        lazy: it is imported inside a function, when that runs.
        typing_only: it stands under `if TYPE_CHECKING:` and never happens.
    """

    module: str
    lazy: bool
    typing_only: bool

    def is_within(self, package: str) -> bool:
        """Whether it is this package or something in it."""
        return self.module == package or self.module.startswith(f"{package}.")


def module_name(path: Path) -> str:
    """The dotted name of a file below a `src` folder."""
    parts = path.with_suffix("").parts
    name = parts[len(parts) - parts[::-1].index("src") :]
    return ".".join(name[:-1] if name[-1] == "__init__" else name)


def imports_of(path: Path) -> list[Import]:
    """Everything that a file imports, in the order of the text."""
    found: list[Import] = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = ".".join(path.parts[path.parts.index("src") + 1 : -node.level])
            node.module, node.level = ".".join(filter(None, (package, node.module))), 0
    _collect(tree, found, lazy=False, typing_only=False)
    return found


def _collect(parent: ast.AST, found: list[Import], *, lazy: bool, typing_only: bool) -> None:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, lazy, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.extend(Import(f"{node.module}.{alias.name}", lazy, typing_only) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            _collect(ast.Module(node.body, []), found, lazy=lazy, typing_only=True)
        else:
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            _collect(node, found, lazy=inside, typing_only=typing_only)
