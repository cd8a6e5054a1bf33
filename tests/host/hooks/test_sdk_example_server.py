"""An existing server becomes a plugin in one line: shown with the SDK's own example server, unchanged.

The example is in the SDK's source distribution and not in its wheel, so it is fetched once and kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import version
from pathlib import Path

import anyio
import pytest
from mcp_types import ElicitResult, TextContent

from fuseboard import hookimpl
from fuseboard.testing import PluginHost

pytestmark = [pytest.mark.anyio, pytest.mark.external]

CACHE = Path(os.environ.get("FUSEBOARD_TEST_CACHE", Path(__file__).parents[3] / ".cache"))
PATIENCE = 120  # seconds that only a broken host needs


def _fetched() -> Path:
    """The folder of the example server, of the very version of the SDK that is installed."""
    sdk = version("mcp")
    kept = CACHE / f"sdk-examples-{sdk}"
    if not kept.exists():
        work = kept.with_name(f"{kept.name}.{os.getpid()}")
        work.mkdir(parents=True)
        # A fresh environment always has pip; the one that runs the tests may have been made without it.
        venv.create(work / "venv", with_pip=True)
        download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(work)]
        command = [str(work / "venv" / "bin" / "python"), *download, f"mcp=={sdk}"]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        with tarfile.open(work / f"mcp-{sdk}.tar.gz") as archive:
            archive.extractall(work / "source", filter="data")
        (work / "source" / f"mcp-{sdk}" / "examples").rename(work / "examples")
        shutil.rmtree(work / "venv")
        shutil.rmtree(work / "source")
        work.rename(kept)
    return kept / "examples" / "servers" / "everything-server"


@pytest.fixture(scope="module", autouse=True)
def _importable() -> None:
    sys.path.append(str(_fetched()))


class Everything:
    """The whole plugin: one hook, one line."""

    @hookimpl
    def mcp_server(self) -> object:
        from mcp_everything_server.server import mcp

        return mcp


async def _accept(context: object, params: object) -> ElicitResult:
    return ElicitResult(action="accept", content={"response": "yes, please"})


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_sdks_example_server_is_a_plugin_in_one_line(mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with PluginHost(Everything(), name="every", mode=mode, elicitation_callback=_accept) as host:
            tools = {tool.name for tool in (await host.client.list_tools()).tools}
            assert {"every_test_simple_text", "every_test_tool_with_progress", "every_test_elicitation"} <= tools

            text = (await host.call_tool("every_test_simple_text")).content[0]
            assert isinstance(text, TextContent)
            assert text.text == "This is a simple text response for testing."
            assert (await host.call_tool("every_test_image_content")).content[0].type == "image"

            steps: list[float] = []

            async def progress(done: float, total: float | None, message: str | None) -> None:
                steps.append(done)

            await host.call_tool("every_test_tool_with_progress", progress_callback=progress)
            assert steps == [0, 50, 100]

            answer = (await host.call_tool("every_test_elicitation", {"message": "May I?"})).content[0]
            assert isinstance(answer, TextContent)
            assert "yes, please" in answer.text

            failed = await host.call_tool("every_test_error_handling")
            assert failed.is_error


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_its_prompts_resources_and_templates_join_too(mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with PluginHost(Everything(), name="every", mode=mode) as host:
            prompt = (
                await host.get_prompt("every_test_prompt_with_arguments", {"arg1": "one", "arg2": "two"})
            ).messages
            assert isinstance(prompt[0].content, TextContent)
            assert "one" in prompt[0].content.text
            assert "static text resource" in (await host.read_resource("test://static-text")).model_dump_json()
            assert "Data for ID: 7" in (await host.read_resource("test://template/7/data")).model_dump_json()
