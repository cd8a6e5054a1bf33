"""The page on plugins names every finding that `fuseboard validate` can make."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import ROOT, text_of

MAKERS = ("error", "warning", "make")


def test_every_code_of_a_finding_stands_in_the_table_and_no_other() -> None:
    codes = {
        call.args[0].value
        for path in (ROOT / "host" / "src" / "fuseboard" / "grading").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS
        if isinstance(call.args[0], ast.Constant)
    }
    table = text_of("docs/write-a-plugin.md").partition("\n## 10. Grade it\n")[2]
    named = {code for row in re.findall(r"^\| .*$", table, re.MULTILINE) for code in re.findall(r"`([a-z-]+)`", row)}
    assert len(codes) > 40
    # The state of a plugin that did not come up is a part of its code.
    assert named == codes | {"plugin-failed"}
