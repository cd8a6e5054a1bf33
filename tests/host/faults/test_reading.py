"""Resources, prompts and completers that misbehave: the same boundaries as for tools, in the protocol's own errors."""

from __future__ import annotations

import anyio
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from tests.host.faults.running import PATIENCE, SECRET, Line

pytestmark = pytest.mark.anyio

RAISING = ["raises", "exits", "cancels"]
UNSENDABLE = ["huge", "surrogate", "rubbish"]


async def refusal(served: Line, kind: str, name: str) -> str:
    """The text of the error that reading a resource, or getting a prompt, ends in."""
    client = served.client
    plugin = "dozing" if name == "hangs" else "reading"
    ask = client.read_resource(f"{plugin}://{name}") if kind == "resource" else client.get_prompt(f"{plugin}_{name}")
    with anyio.fail_after(PATIENCE), pytest.raises(MCPError) as caught:
        await ask
    assert caught.value.error.code == -32603
    return caught.value.error.message


@pytest.mark.parametrize("kind", ["resource", "prompt"])
@pytest.mark.parametrize("name", RAISING)
async def test_what_is_raised_stays_in_the_log_in_both_eras(served: Line, kind: str, name: str) -> None:
    text = await refusal(served, kind, name)
    assert "failed unexpectedly" in text
    assert text[-8:] in served.board.log()
    assert SECRET not in text
    await served.healthy_answers()


@pytest.mark.parametrize("kind", ["resource", "prompt"])
@pytest.mark.parametrize("name", UNSENDABLE)
async def test_what_cannot_be_sent_is_an_error_that_names_it(served: Line, kind: str, name: str) -> None:
    text = await refusal(served, kind, name)
    assert f"{name} returned " in text
    await served.healthy_answers()


@pytest.mark.parametrize("kind", ["resource", "prompt"])
async def test_what_hangs_is_ended_at_its_deadline(served: Line, kind: str) -> None:
    before = served.board.journal()
    with anyio.fail_after(PATIENCE):
        # Again if the machine stood still, and the deadline came before it began.
        while served.board.journal().count("dozing hangs") == before.count("dozing hangs"):
            assert "did not end within 0.5 s" in await refusal(served, kind, "hangs")
    await served.board.noted(*["dozing hangs no longer"] * (before.count("dozing hangs no longer") + 1))


@pytest.mark.parametrize("argument", ["raises", "hangs", "exits"])
async def test_a_completer_that_fails_completes_nothing(served: Line, argument: str) -> None:
    reference = types.PromptReference(type="ref/prompt", name="dozing_about")
    with anyio.fail_after(PATIENCE):
        result = await served.client.complete(reference, {"name": argument, "value": "a"})
    assert result.completion.values == []
    await served.healthy_answers()


async def test_a_completer_that_returns_rubbish_spoils_nothing_but_the_completion(served: Line) -> None:
    reference = types.PromptReference(type="ref/prompt", name="dozing_about")
    with anyio.fail_after(PATIENCE):
        result = await served.client.complete(reference, {"name": "lies", "value": "a"})
    assert len(result.completion.values) <= 100
    await served.healthy_answers()


@pytest.mark.parametrize("argument", ["name", "colour"])
async def test_a_completer_of_a_template_that_fails_completes_nothing(served: Line, argument: str) -> None:
    reference = types.ResourceTemplateReference(type="ref/resource", uri="dozing://item/{name}/{colour}")
    with anyio.fail_after(PATIENCE):
        result = await served.client.complete(reference, {"name": argument, "value": "a"})
    assert result.completion.values == []


async def test_an_unknown_resource_has_the_code_of_its_era(served: Line) -> None:
    with pytest.raises(MCPError, match="reading://nothing") as caught:
        await served.client.read_resource("reading://nothing")
    assert caught.value.error.code == (-32002 if served.era == "legacy" else -32602)


async def test_no_secret_has_left_with_any_of_it(served: Line) -> None:
    assert SECRET not in (await served.ledger())["text"]
    await served.row("reading", "active")
    await served.row("dozing", "active")
