"""The prompts of the public server, as the host's own, for clients of both eras."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types
import pytest

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.everything.served import PATIENCE, PREFIX, directly, without_the_time

pytestmark = [pytest.mark.anyio, pytest.mark.external]

PROMPTS: dict[str, dict[str, str]] = {
    "simple-prompt": {},
    "args-prompt": {"city": "Tula", "state": "Tula Oblast"},
    "completable-prompt": {"department": "Sales", "name": "Eve"},
    "resource-prompt": {"resourceType": "Text", "resourceId": "2"},
}


def listed(prompts: list[mcp_types.Prompt]) -> dict[str, Any]:
    """Title, description and arguments by name; no arguments may be said by an empty list or by none."""
    shown = (prompt.model_dump(mode="json", exclude_none=True, exclude={"meta"}) for prompt in prompts)
    return {prompt.pop("name"): {"arguments": [], **prompt} for prompt in shown}


async def test_the_host_serves_every_prompt_of_the_server_with_the_same_text(host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE):
        async with directly() as session:
            theirs = listed((await session.list_prompts()).prompts)
            texts = {name: await session.get_prompt(name, arguments) for name, arguments in PROMPTS.items()}
        all_prompts = listed((await host.client.list_prompts()).prompts)
        ours = {name.removeprefix(PREFIX): prompt for name, prompt in all_prompts.items() if name.startswith(PREFIX)}
        assert ours == theirs
        assert ours.keys() == PROMPTS.keys()
        for name, arguments in PROMPTS.items():
            got = await host.get_prompt(PREFIX + name, arguments)
            assert without_the_time(got.model_dump(mode="json")["messages"]) == without_the_time(
                texts[name].model_dump(mode="json")["messages"]
            )


async def test_a_prompt_without_a_required_argument_is_refused_and_named(host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE), pytest.raises(Exception, match="city"):
        await host.get_prompt(f"{PREFIX}args-prompt", {})
