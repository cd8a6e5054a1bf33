"""`fuseboard call`: call one tool and print its result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.arguments import arguments_of
from fuseboard.cli.options import Command
from fuseboard.cli.session import Session
from fuseboard.naming import HOUSE

if TYPE_CHECKING:
    from fuseboard.catalogue import Catalogue
    from fuseboard.host import Host

MOST_ROUNDS = 10


@click.command("call", cls=Command, short_help="Call one tool and print the result.")
@click.argument("tool")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--args", "given", metavar="JSON", help="Arguments as a JSON object; KEY=VALUE wins over it.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole CallToolResult as JSON.")
@click.pass_obj
def command(session: Session, tool: str, words: Sequence[str], given: str | None, as_json: bool) -> int:
    """Call TOOL, by its public name, bare name or alias, and print the result.

    A value becomes what the tool's input schema asks for: a number, true or false, JSON for lists and objects.
    The exit code is 1 when the tool said error, and 2 when it could not be called like this.

    JSON: the CallToolResult as the protocol has it: {"content": [...], "structuredContent": ..., "isError": ...}
    """

    async def call(host: Host) -> int:
        from fuseboard.errors import ProtocolError, UnknownName

        try:
            with session.console.progressing():
                result = await _called(session, host, tool, words, given)
        except UnknownName as error:
            raise click.UsageError(f"{error}{await _meant(session, host, tool)}") from None
        except ProtocolError as error:
            session.console.error(f"{tool} answered with the JSON-RPC error {error.code}: {error}")
            return 1
        if as_json:
            session.console.json(result)
        elif result.get("isError"):
            session.console.error(_text(result))
        else:
            session.console.text(_text(result))
        return 1 if result.get("isError") else 0

    return session.with_host(call, log="calls")


async def _called(session: Session, host: Host, tool: str, words: Sequence[str], given: str | None) -> dict[str, Any]:
    """Call the tool, and again with the answers as long as it returns questions."""
    from fuseboard.caller import LOCAL, Caller
    from fuseboard.cli.terminal_reach import TerminalReach
    from fuseboard.context import Rounds

    session.console.progress(f"loading the plugin of {tool}")
    await host.wait_for_name(tool, lambda: _answers(host, tool))
    if _answers(host, tool) and _seen(host).tool(tool).plugin == HOUSE:
        await session.settle(host)  # the host's own tools speak of the plugins
    schema = _seen(host).tool(tool).item.input_schema if _answers(host, tool) else {}
    arguments = arguments_of(words, given, schema)
    session.console.progress(f"calling {tool}")
    reach = TerminalReach(session.console, session.wire.stdin_fd)
    rounds: Rounds | None = None
    caller = Caller("cli", LOCAL, roles=host.access.local)
    for _ in range(MOST_ROUNDS):
        result = await host.dispatcher.call_tool(tool, arguments, caller, reach, rounds)
        if result.get("resultType") != "input_required":
            return result
        asked: Mapping[str, Any] = result.get("inputRequests") or {}
        answers = {key: await reach.ask(request["method"], request.get("params", {})) for key, request in asked.items()}
        rounds = Rounds.of(answers, result.get("requestState"))
    return {"content": [{"type": "text", "text": f"{tool} asked more than {MOST_ROUNDS} times"}], "isError": True}


def _seen(host: Host) -> Catalogue:
    return host.seen_by(host.access.local)


def _answers(host: Host, tool: str) -> bool:
    from fuseboard.errors import UnknownName

    try:
        _seen(host).tool(tool)
    except UnknownName:
        return False
    return True


async def _meant(session: Session, host: Host, tool: str) -> str:
    from difflib import get_close_matches

    await session.settle(host)
    near = get_close_matches(tool, _seen(host).tools, n=1)
    return f"; did you mean {near[0]}?" if near else "; see fuseboard tools"


def _text(result: Mapping[str, Any]) -> str:
    """A result for people: its texts, and for what is no text a word about it."""
    blocks = [_block(block) for block in result.get("content", [])]
    if not blocks and result.get("structuredContent") is not None:
        return json.dumps(result["structuredContent"], indent=2, ensure_ascii=False)
    return "\n".join(blocks)


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    if kind == "resource_link":
        return str(block.get("uri", ""))
    if kind == "resource":
        resource = block.get("resource", {})
        return str(resource.get("text") or f"[resource {resource.get('uri', '')}; --json shows it]")
    size = len(block.get("data", "")) * 3 // 4
    return f"[{kind} {block.get('mimeType', '')}, {size} bytes; --json shows it]"
