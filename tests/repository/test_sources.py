"""How the sources look: short, with exact lists of public names, and free of what belongs to one machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.repository.sources import ROOT, files, shipped_modules

LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 60  # lines without the docstring; about 30 is the aim
# Addresses of package indexes, and folders of somebody's machine. Each is written so that it does not find itself.
BELONGS_TO_A_MACHINE = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian"
    r"|(?<![\w.])/(?:root|work|home/(?!user\b|me\b|you\b)\w+|Users/(?!user\b|me\b|you\b)\w+)/"
)
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    for path in shipped_modules():
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_a_file_is_split_by_subject_before_it_grows_beyond_four_hundred_lines() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files(suffix=".py")}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_fits_on_a_screen() -> None:
    found = [
        f"{shown(path)}:{node.lineno} {node.name}: {length} lines"
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTION) and (length := length_of(node)) > LONGEST_FUNCTION
    ]
    assert found == []


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        length -= docstring.end_lineno - docstring.lineno + 1
    return length


def test_a_list_of_public_names_is_exact() -> None:
    """Wherever `__all__` stands, it holds every public name of that module and nothing else; ruff sorts it."""
    found = {shown(path): listed for path, tree in parsed() if (listed := names_listed(tree)) is not None}
    assert "host/src/fuseboard/__init__.py" in found
    for path, tree in parsed():
        if (listed := found.get(shown(path))) is not None:
            assert len(listed) == len(set(listed)), shown(path)
            assert set(listed) == names_public(tree, of_package=path.name == "__init__.py"), shown(path)


def names_listed(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def names_public(tree: ast.Module, *, of_package: bool) -> set[str]:
    """What a module defines, and what a package takes from its own modules, without what begins with an underscore."""
    names = {definition.name for definition in tree.body if isinstance(definition, ast.ClassDef | FUNCTION)}
    for node in ast.walk(tree):
        if of_package and isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fuseboard"):
            names |= {alias.asname or alias.name for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_no_file_names_a_package_index_or_a_folder_of_one_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if path != Path(__file__) and (match := BELONGS_TO_A_MACHINE.search(line)):
                found.append(f"{shown(path)}:{number}: {match.group()}")
    assert found == []
