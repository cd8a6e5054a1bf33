"""`docs/hooks.md` says what `hookspecs.py` says, and its examples are plugins that work."""

from __future__ import annotations

import ast
import inspect

import anyio
import pluggy
import pytest

from fuseboard import hookspecs
from fuseboard.testing import PluginHost
from tests.docs.pages import ROOT, as_module, blocks, sections, text_of

HOOKS = [name for name, member in vars(hookspecs).items() if hasattr(member, "fuseboard_spec")]
DOCUMENTED = {heading.strip("`"): body for heading, body in sections(text_of("docs/hooks.md")).items()}


def arguments_of(hook: str) -> tuple[str, ...]:
    """The arguments of a hook, as pluggy understands them."""
    manager = pluggy.PluginManager("fuseboard")
    manager.add_hookspecs(hookspecs)
    caller = getattr(manager.hook, hook)
    assert caller.spec is not None
    return tuple(caller.spec.argnames)


def body_of(hook: str) -> str:
    return DOCUMENTED[f"{hook}({', '.join(arguments_of(hook))})"]


def test_every_hook_is_documented_with_its_arguments_in_the_order_of_the_calls() -> None:
    assert list(DOCUMENTED) == [f"{hook}({', '.join(arguments_of(hook))})" for hook in HOOKS]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_signature_of_a_hook_is_quoted_exactly(hook: str) -> None:
    signature, example = (block.text.strip() for block in blocks(body_of(hook)))
    assert signature == f"def {hook}{inspect.signature(getattr(hookspecs, hook))}".replace("'", "")
    assert "@hookimpl" in example


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_when_it_is_called_what_it_gets_and_what_it_returns(hook: str) -> None:
    body = body_of(hook)
    assert [word for word in ("**Called**", "**Gets**", "**Returns**") if word not in body] == []


@pytest.mark.anyio
@pytest.mark.parametrize("hook", HOOKS)
async def test_the_example_of_a_hook_is_a_plugin_that_works(hook: str) -> None:
    module = as_module("example", blocks(body_of(hook))[1].text)
    assert hasattr(getattr(module, hook), "fuseboard_impl")
    with anyio.fail_after(60):
        async with PluginHost(module, name="example") as host:
            row = host.row()
    assert (row.state, row.reason) == ("active", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_of_its_own(hook: str) -> None:
    """Somewhere below `tests/host` there is a `test_hook_<name>`, alone or with more words behind it."""
    names = [
        node.name
        for path in (ROOT / "tests" / "host").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [name for name in names if name == f"test_hook_{hook}" or name.startswith(f"test_hook_{hook}_")] != []
