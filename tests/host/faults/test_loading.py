"""Plugins that fail at once and before they serve, all of them beside each other in one host.

Each is in the ledger with its state, the stage and a reason that helps, nothing of it is served, and the healthy
plugin never notices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import mcp
import pytest

from tests.host.faults.running import SECRET, TWO_WAYS, Board, Era, Line, Surface, line, said, until

pytestmark = pytest.mark.anyio

AT_IMPORT = {
    "import_raises": "RuntimeError at imports/raises.py:5",
    "import_needs_missing": "a_package_that_nobody_has_installed",
    "import_does_not_parse": "SyntaxError",
    "import_exits": "called sys.exit(3)",
    "import_interrupts": "KeyboardInterrupt",
    "import_no_module": "fuseboard_faulty.imports.nowhere",
    "import_no_object": "nobody",
}
AT_REGISTRATION = {
    "hook_misspelt": "unknown hook register_tool: did you mean register_tools?",
    "hook_unknown_argument": "hook register_tools has no argument 'colour'",
    "hook_default_argument": "hook register_tools: argument settings has a default",
    "hook_none": "has no hook",
    "hook_registers_then_raises": "ValueError at fuseboard_faulty/hooks.py",
    "hook_tools_then_bad_prompts": "complete names 'nothing'",
    "hook_exits": "called sys.exit(4)",
    "hook_instructions_raise": "KeyError at fuseboard_faulty/hooks.py",
    "hook_instructions_number": "hook instructions must return a text, not int",
    "hook_instructions_surrogate": "instructions",
    "hook_returns_rubbish": "hook http_routes must return a list",
    "hook_routes_of_rubbish": "http_routes",
    "schema_empty_input": "tool broken",
    "schema_null_property": "tool broken",
    "schema_invalid_input": "tool broken",
    "schema_input_of_objects": "tool broken",
    "schema_surrogate_input": "tool broken",
    "schema_array_output": "tool broken",
    "schema_bad_header": "tool broken: wrong x-mcp-header",
    "schema_bad_signature": "tool broken: its signature has no JSON Schema",
    "schema_bad_annotation": "tool broken: its signature has no JSON Schema",
    "schema_bad_timeout": "tool broken: timeout must be more than 0 s",
    "schema_nan_timeout": "tool broken: timeout must be",
    "schema_lone_alias": "tool broken",
    "schema_registered_twice": "tool fine is registered twice",
    "schema_surrogate_description": "tool broken",
}
AT_SETTINGS = {
    "config_wrong": "port",
    "config_missing": "FAULTY_NEEDS_TOKEN",
    "config_careless": "token",
    "config_exiting": "called sys.exit(5)",
    "config_no_class": "settings",
}
AT_START = {
    "life_raises": "RuntimeError at fuseboard_faulty/lifespans.py",
    "life_exits": "called sys.exit(6)",
    "life_no_manager": "hook lifespan must return an async context manager",
    "life_ends_early": "Connection reset by peer",
}
NOT_STARTED = {
    "Upper": ("incompatible", "'Upper' must be lower-case letters"),
    "9lives": ("incompatible", "'9lives' must be"),
    "two__underscores": ("incompatible", "'two__underscores' must be"),
    "with-hyphen": ("incompatible", "'with-hyphen' must be"),
    "a_name_of_more_than_31_characters": ("incompatible", "at most 31"),
    "fuseboard": ("incompatible", "the host's own"),
    "twin": ("conflicted", "brings a plugin of this name too"),
    "raising": ("blocked", "load_plugins does not name it"),
}
FINE_ALL_THE_SAME = [
    "import_prints",
    "life_task_raises",
    "life_task_exits",
    "life_thread_raises",
    "life_thread_stays",
]
FAILING = [*AT_IMPORT, *AT_REGISTRATION, *AT_SETTINGS, *AT_START]
LATER = ["life_fails_twice", "config_optional"]


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with every plugin that fails early."""
    board = Board(
        site,
        tmp_path_factory.mktemp("loading"),
        [*FAILING, *FINE_ALL_THE_SAME, *LATER, *(name for name in NOT_STARTED if name != "raising")],
        fuse={"stop_timeout": 0.3},
        sections={
            "config_wrong": {"port": SECRET, "token": {"inner": SECRET}},
            "config_missing": {"port": 5000},
            "config_careless": {"token": SECRET},
            "config_exiting": {"port": 5000},
        },
    )
    async with line(board, *request.param) as opened:
        yield opened


@pytest.mark.parametrize("name", AT_IMPORT)
async def test_a_plugin_that_fails_at_import_is_failed_with_the_reason(served: Line, name: str) -> None:
    row = await served.row(name)
    assert (row["state"], row["stage"]) == ("failed", "import")
    assert AT_IMPORT[name] in row["reason"]


@pytest.mark.parametrize("name", AT_REGISTRATION)
async def test_a_plugin_whose_hooks_are_wrong_is_failed_with_the_name_of_the_culprit(served: Line, name: str) -> None:
    row = await served.row(name)
    assert (row["state"], row["stage"]) == ("failed", "registration")
    assert AT_REGISTRATION[name] in row["reason"]


@pytest.mark.parametrize("name", ["hook_registers_then_raises", "hook_exits"])
async def test_whatever_a_hook_does_the_reason_has_the_name_of_the_hook(served: Line, name: str) -> None:
    assert "register_tools" in (await served.row(name))["reason"]


@pytest.mark.parametrize("name", AT_SETTINGS)
async def test_a_plugin_whose_settings_are_wrong_is_failed_with_the_name_of_the_field(served: Line, name: str) -> None:
    row = await served.row(name)
    assert (row["state"], row["stage"]) == ("failed", "settings")
    assert AT_SETTINGS[name] in row["reason"]


async def test_every_wrong_setting_is_named_and_where_it_comes_from(served: Line) -> None:
    reason = (await served.row("config_wrong"))["reason"]
    assert "port" in reason
    assert "token" in reason
    assert "fuseboard.yaml" in reason


async def test_a_plugin_without_an_optional_setting_is_degraded_and_says_which(served: Line) -> None:
    await served.row("config_optional", "degraded", "FAULTY_OPTIONAL_KEY")
    assert said(await served.call("config_optional_fine")) == "fine"


@pytest.mark.parametrize("name", AT_START)
async def test_a_plugin_that_fails_at_its_start_is_failed_and_started_again(served: Line, name: str) -> None:
    row = await served.row(name, "failed")
    assert row["stage"] == "start"
    assert AT_START[name] in row["reason"]
    assert "started again after" in row["reason"]


async def test_a_plugin_that_starts_at_the_third_attempt_serves_in_the_end(served: Line) -> None:
    assert (await served.row("life_fails_twice", "active"))["reason"] == ""
    assert said(await served.call("life_fails_twice_fine")) == "fine"


@pytest.mark.parametrize("name", NOT_STARTED)
async def test_a_plugin_that_may_not_start_has_a_row_that_says_why(served: Line, name: str) -> None:
    row = await served.row(name)
    assert (row["state"], row["stage"], row["import_ms"]) == (NOT_STARTED[name][0], "metadata", None)
    assert NOT_STARTED[name][1] in row["reason"]


async def test_of_two_plugins_with_one_name_neither_is_imported_and_both_are_in_the_ledger(served: Line) -> None:
    text = (await served.ledger())["text"]
    assert text.count('"name":"twin"') == 2
    assert [note for note in served.board.journal() if "twin" in note] == []


@pytest.mark.parametrize("name", FINE_ALL_THE_SAME)
async def test_noise_threads_and_background_tasks_do_not_end_a_plugin(served: Line, name: str) -> None:
    await served.row(name, "active")
    tool = "import_prints_aloud" if name == "import_prints" else f"{name}_fine"
    assert said(await served.call(tool)) in ("said", "fine")


async def test_what_the_background_does_has_happened(served: Line) -> None:
    """Guards the test above: the faults were there."""
    await served.board.noted("a background task exits", "a thread raises")
    await until(lambda: "SystemExit left a background task" in served.board.log(), "the log")


async def test_nothing_of_a_failed_plugin_is_listed(served: Line) -> None:
    await served.ledger()
    tools = [tool.name for tool in (await served.client.list_tools()).tools]
    prompts = [prompt.name for prompt in (await served.client.list_prompts()).prompts]
    failed = tuple(f"{name}_" for name in FAILING if name != "life_ends_early")
    assert [name for name in [*tools, *prompts] if name.startswith(failed)] == []
    assert {"healthy_echo", "healthy_add", "healthy_greeting", "fuseboard_status"} <= {*tools, *prompts}


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_the_lists_arrive_in_both_eras(served: Line, era: str) -> None:
    if served.surface == "stdio":
        assert (await served.client.list_tools()).tools != []
        return
    async with mcp.Client(f"{served.address}/mcp", mode=era, cache=None) as client:
        assert (await client.list_tools()).tools != []
        assert (await client.list_prompts()).prompts != []
        assert (await client.list_resources()).resources != []


@pytest.mark.parametrize("name", ["import_raises", "schema_array_output", "config_wrong", "life_raises"])
async def test_a_call_to_a_failed_plugin_says_what_is_wrong_with_it(served: Line, name: str) -> None:
    await served.ledger()
    with pytest.raises(mcp.MCPError, match=f"plugin {name} is failed: ") as caught:
        await served.call(f"{name}_fine")
    assert SECRET not in str(caught.value)


async def test_the_status_tool_names_every_plugin_with_its_reason(served: Line) -> None:
    ledger = await served.ledger()
    reasons = (f"{name}: failed at import: {ledger[name]['reason']}" for name in AT_IMPORT)
    await served.status("healthy: active", *reasons)


async def test_no_secret_is_in_the_ledger_the_status_or_the_instructions(served: Line) -> None:
    assert SECRET not in (await served.ledger())["text"]
    assert SECRET not in said(await served.call("fuseboard_status"))
    assert SECRET not in str(served.client.instructions)


async def test_a_secret_in_the_settings_is_not_in_the_log_either(served: Line) -> None:
    """What a plugin raises is in the log, what an operator entrusted to the settings is not."""
    lines = [line for line in served.board.log().splitlines() if "config_" in line and SECRET in line]
    assert lines == []


async def test_at_the_end_of_it_all_the_healthy_plugin_answers(served: Line) -> None:
    await served.ledger()
    await served.healthy_answers()
    assert (await served.row("healthy"))["health"][0]["ok"]


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_what_one_plugin_says_of_itself_never_spoils_the_answers_for_all(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """Its instructions are in every handshake, its tools in every list, its health checks in every ledger."""
    names = ["hook_instructions_huge", "schema_huge_description", "check_surrogate_name", "check_long_name"]
    board = Board(site, tmp_path, names)
    async with line(board, surface, era) as opened:
        assert len(opened.client.instructions or "") < 50_000
        assert len((await opened.ledger())["text"]) < 500_000
        assert "healthy_echo" in [tool.name for tool in (await opened.client.list_tools()).tools]
        await opened.status("healthy: active")
        await opened.healthy_answers()
