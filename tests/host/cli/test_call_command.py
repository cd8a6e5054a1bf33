"""`fuseboard call` turns words into arguments, prints the result, and tells by its exit code how it went."""

from __future__ import annotations

import json

import pytest

from tests.host.cli.running import Cli
from tests.host.discovery.toys import GREETER, install

TOOLS = '''
from typing import Any

from fuseboard import Context, ToolError, hookimpl
from mcp_types import CallToolResult, ImageContent, TextContent

@hookimpl
def register_tools(register):
    register(echo, aliases=["say"])
    for tool in (refuse, crash, picture, odd, ask, loud):
        register(tool)

def echo(
    word: str, number: int = 0, yes: bool = False, items: list[str] = [], more: dict[str, int] | None = None
) -> dict[str, Any]:
    """Say it again."""
    return {"word": word, "number": number, "yes": yes, "items": items, "more": more}

def refuse() -> str:
    """Refuse."""
    raise ToolError("not today\\x1b[31m")

def crash() -> str:
    """Crash."""
    raise RuntimeError("the inner text")

def picture() -> CallToolResult:
    """Show a picture."""
    return CallToolResult(content=[TextContent(text="look:"), ImageContent(data="AAAA", mime_type="image/png")])

def odd() -> str:
    """Give odd characters."""
    return "caf\\u00e9 \\x1b[31m"

async def ask(ctx: Context) -> str:
    """Ask the user."""
    answer = await ctx.elicit("May I?", {"type": "object", "properties": {"why": {"type": "string"}}})
    return f"{answer.action} {answer.content}"

async def loud(ctx: Context) -> str:
    """Print, report progress and log."""
    print("on standard output")
    await ctx.report_progress(1, 2, "half")
    await ctx.log("info", "a message")
    return "done"
'''


@pytest.fixture
def cli(cli: Cli) -> Cli:
    install(cli.site, "toy", TOOLS)
    return cli


def test_words_become_what_the_schema_asks_for(cli: Cli) -> None:
    words = ["word=7=8", "number=3", "yes=true", 'items=["a"]', 'more={"a": 1}']
    ran = cli("call", "toy_echo", *words, "--json")
    assert ran.code == 0, ran.err
    expected = {"word": "7=8", "number": 3, "yes": True, "items": ["a"], "more": {"a": 1}}
    assert ran.json["structuredContent"] == expected
    assert ran.json["isError"] is False


def test_json_arguments_and_words_join_and_the_words_win(cli: Cli) -> None:
    ran = cli("call", "say", "--args", '{"word": "json", "number": 4}', "word=word")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["word"] == "word"
    assert json.loads(ran.out)["number"] == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["toy_echo", "word=a", "number=x"], "number must be a whole number"),
        (["toy_echo", "word=a", "yes=perhaps"], "yes must be true or false"),
        (["toy_echo", "word=a", "wrod=b"], "no argument 'wrod'; did you mean word?"),
        (["toy_echo"], "missing word=VALUE"),
        (["toy_echo", "word"], "write arguments as key=value"),
        (["toy_echo", "--args", "[1]"], "--args must be a JSON object"),
        (["toy_echo", "--args", "{"], "--args is no JSON"),
        (["toy_ecko"], "no tool 'toy_ecko'; did you mean toy_echo?"),
        ([], "Missing argument 'TOOL'"),
    ],
)
def test_what_cannot_be_called_like_this_is_a_usage_error(cli: Cli, words: list[str], said: str) -> None:
    ran = cli("call", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("fuseboard: ")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_tool_that_says_error_gives_one(cli: Cli) -> None:
    ran = cli("call", "toy_refuse")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "fuseboard: not today [31m\n"
    ran = cli("call", "toy_refuse", "--json")
    assert (ran.code, ran.json["isError"]) == (1, True)


def test_a_crash_is_told_with_a_reference_and_its_cause_stands_in_the_log(cli: Cli) -> None:
    ran = cli("call", "toy_crash")
    assert ran.code == 1
    reference = ran.err.split("under ")[-1].strip()
    assert f"(reference {reference})" in ran.err
    assert "the inner text" in ran.err


def test_content_that_is_no_text_is_named_and_odd_characters_reach_a_pipe(cli: Cli) -> None:
    assert cli("call", "toy_picture").out == "look:\n[image image/png, 3 bytes; --json shows it]\n"
    assert cli("call", "toy_odd", LC_ALL="C", PYTHONIOENCODING="ascii").out == "café \x1b[31m\n"


def test_a_question_is_declined_where_nobody_can_answer(cli: Cli) -> None:
    ran = cli("call", "toy_ask", stdin=b"yes\n")
    assert (ran.code, ran.out) == (0, "decline None\n")
    assert "declined a question" in ran.err


def test_what_a_tool_prints_does_not_reach_the_output_and_progress_is_for_terminals(cli: Cli) -> None:
    ran = cli("call", "toy_loud")
    assert (ran.code, ran.out) == (0, "done\n")
    assert "half" not in ran.err
    assert "a message" in ran.err


def test_the_hosts_own_tool_speaks_of_plugins_that_have_settled(cli: Cli) -> None:
    ran = cli("call", "fuseboard_status")
    assert "toy: active" in ran.out


def test_a_bare_name_that_two_plugins_have_is_ambiguous(cli: Cli) -> None:
    install(cli.site, "one", GREETER)
    install(cli.site, "two", GREETER)
    ran = cli("call", "greet", "name=a")
    assert ran.code in (0, 2)  # while the second one still loads, the first one alone has the name
    assert ran.code == 0 or "one_greet or two_greet" in ran.err
    assert cli("call", "two_greet", "name=a", "times=2").out == "hello a hello a\n"
