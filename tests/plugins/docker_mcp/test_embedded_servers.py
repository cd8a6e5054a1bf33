"""The two servers that come with the plugin: real processes, and a real client in both modes."""

from __future__ import annotations

import json
import os
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

from fuseboard_docker_mcp import embedded
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.models import StdioLaunch, Way
from fuseboard_docker_mcp.stores.validation import check
from fuseboard_docker_mcp.ways import prepared
from tests.plugins.docker_mcp.embedded_process import Raw, raw, server

pytestmark = pytest.mark.anyio

Mode = Literal["legacy", "auto"]
MODES: list[Mode] = ["legacy", "auto"]


def client(name: str, mode: Mode = "legacy", file: Path | None = None, **callbacks: Any) -> Client:
    entry = server(name).entry
    variables = {"NOTES_FILE": str(file)} if file else {}
    parameters = StdioServerParameters(command=entry["command"], args=entry["args"], env=variables)
    return Client(stdio_client(parameters), mode=mode, read_timeout_seconds=60, **callbacks)


def test_they_are_there_where_the_setting_says_so() -> None:
    def names(setting: str, way: Way) -> list[str]:
        settings = DockerMcpSettings.model_validate({"embedded": setting})
        return [server.name for server in embedded.servers(settings, way)]

    assert names("auto", "direct") == ["clock", "notes"]
    assert names("auto", "toolkit") == names("auto", "engine") == []
    assert names("always", "toolkit") == ["clock", "notes"]
    assert names("never", "direct") == []


def test_they_are_described_before_they_run(tmp_path: Path) -> None:
    notes = server("notes")
    assert (notes.way, notes.kind, notes.installed, notes.source) == ("direct", "stdio", True, "comes with the plugin")
    assert [tool.name for tool in notes.tools or ()] == ["add_note", "list_notes", "search_notes", "delete_note"]
    assert notes.entry["args"][:2] == ["-I", "-S"]
    assert notes.entry["env"] == {"NOTES_FILE": "{{file}}"}
    check(notes, {"file": str(tmp_path / "notes.json")})
    assert server("clock").config_schemas == ()


@pytest.mark.parametrize("mode", MODES)
async def test_the_clock_tells_the_time(mode: Mode) -> None:
    with anyio.fail_after(90):
        async with client("clock", mode) as clock:
            assert [tool.name for tool in (await clock.list_tools()).tools] == ["now", "convert"]
            before = int(datetime.now(UTC).timestamp())
            told = await clock.call_tool("now", {"timezone": "+03:30"})
            assert told.structured_content is not None
            assert before <= told.structured_content["unix"] <= int(datetime.now(UTC).timestamp())
            assert told.structured_content["time"].endswith("+03:30")
            there = await clock.call_tool("convert", {"time": "2026-11-21T23:30", "from": "UTC", "to": "+05:30"})
            assert there.structured_content is not None
            assert there.structured_content["to"]["time"] == "2026-11-22T05:00:00+05:30"
            assert there.structured_content["to"]["weekday"] == "Sunday"
            assert (await clock.call_tool("now", {})).is_error is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"timezone": "../../../etc/passwd"}, "time zone"),
        ({"timezone": "+25:00"}, "is no offset"),
        ({"timezone": ""}, "not empty"),
        ({"timezone": "x" * 100}, "at most 64 characters"),
        ({"timezone": 7}, "must be text"),
        ({"zone": "UTC"}, "unknown argument 'zone'; known: timezone"),
    ],
)
def test_a_zone_that_does_not_exist_is_told_to_the_model(arguments: dict[str, Any], words: str) -> None:
    with raw("clock") as clock:
        clock.initialize()
        result = clock.ask(1, "tools/call", {"name": "now", "arguments": arguments})
        assert result["isError"] is True
        assert words in result["content"][0]["text"]


def test_a_time_that_does_not_fit_is_told_to_the_model() -> None:
    def told(clock: Raw, time: str, source: str = "UTC", target: str = "UTC") -> Any:
        arguments = {"time": time, "from": source, "to": target}
        return clock.ask("c", "tools/call", {"name": "convert", "arguments": arguments})

    with raw("clock") as clock:
        clock.initialize()
        assert "is no time; write it as" in told(clock, "half past ten")["content"][0]["text"]
        assert "has an offset already" in told(clock, "2026-01-01T10:00+01:00")["content"][0]["text"]
        assert "too far away" in told(clock, "0001-01-01T00:00", "+14:00")["content"][0]["text"]
        assert told(clock, "9:05")["structuredContent"]["to"]["time"].endswith("T09:05:00+00:00")
        assert told(clock, "2026-07-01T12:00", "local", "local")["isError"] is False
        missing = clock.ask(1, "tools/call", {"name": "convert", "arguments": {"time": "10:00"}})
        assert "the argument from is missing" in missing["content"][0]["text"]
        if not any(Path(folder, "Europe/Berlin").exists() for folder in zoneinfo.TZPATH):
            pytest.skip("this machine has no time zone database")
        skipped = told(clock, "2026-03-29T02:30", "Europe/Berlin")
        assert "does not exist in Europe/Berlin" in skipped["content"][0]["text"]
        twice = told(clock, "2026-10-25T02:30", "Europe/Berlin")["structuredContent"]
        assert twice["to"]["time"] == "2026-10-25T00:30:00+00:00"
        assert "comes twice" in twice["note"]


@pytest.mark.parametrize("mode", MODES)
async def test_notes_are_written_found_and_deleted_with_the_users_consent(mode: Mode) -> None:
    asked: list[str] = []
    answers = ["decline", "accept"]

    async def elicit(context: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        action = answers.pop(0)
        return ElicitResult.model_validate(
            {"action": action, "content": {"delete": True} if action == "accept" else None}
        )

    with anyio.fail_after(90):
        async with client("notes", mode, elicitation_callback=elicit) as notes:
            first = (await notes.call_tool("add_note", {"text": "Buy Äpfel"})).structured_content
            assert first is not None
            await notes.call_tool("add_note", {"text": "Call the plumber about the pipes"})
            found = (await notes.call_tool("search_notes", {"words": "PIPES plumber"})).structured_content
            assert found is not None
            assert [note["id"] for note in found["notes"]] == ["2"]
            prompt = await notes.get_prompt("summarize_notes", {"about": "food"})
            assert "- Buy Äpfel" in str(prompt.messages[0].content)
            kept = await notes.call_tool("delete_note", {"id": first["id"]})
            assert kept.structured_content == {"deleted": False, "id": "1"}
            gone = await notes.call_tool("delete_note", {"id": first["id"]})
            assert gone.structured_content == {"deleted": True, "id": "1"}
            assert asked == ["Delete note 1: 'Buy Äpfel'?"] * 2
            left = (await notes.call_tool("list_notes", {})).structured_content
            assert left is not None
            assert [note["text"] for note in left["notes"]] == ["Call the plumber about the pipes"]
            unknown = await notes.call_tool("delete_note", {"id": "1"})
            assert unknown.is_error
            assert "there is no note '1'" in str(unknown.content)


def test_where_the_client_cannot_ask_the_note_is_deleted_at_once() -> None:
    with raw("notes") as notes:
        notes.initialize(elicitation={"url": {}})
        notes.ask(1, "tools/call", {"name": "add_note", "arguments": {"text": "x"}})
        result = notes.ask(2, "tools/call", {"name": "delete_note", "arguments": {"id": "1"}})
        assert result["structuredContent"] == {"deleted": True, "id": "1"}


@pytest.mark.parametrize(
    "answer", [{"error": {"code": -1, "message": "no"}}, {"result": {"action": "cancel"}}, {"result": 7}]
)
def test_an_answer_that_is_no_consent_deletes_nothing(answer: dict[str, Any]) -> None:
    with raw("notes") as notes:
        notes.initialize(elicitation={})
        notes.ask(1, "tools/call", {"name": "add_note", "arguments": {"text": "x"}})
        call = {"name": "delete_note", "arguments": {"id": "1"}}
        notes.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        question = notes.answer()
        assert question["method"] == "elicitation/create"
        assert notes.ask(3, "ping") == {}, "others are answered meanwhile"
        notes.send({"jsonrpc": "2.0", "id": "not-asked", "result": {"action": "accept", "content": {"delete": True}}})
        notes.send({"jsonrpc": "2.0", "id": question["id"], **answer})
        assert notes.answer()["result"]["structuredContent"] == {"deleted": False, "id": "1"}


def test_a_cancelled_call_withdraws_its_question_and_is_never_answered() -> None:
    with raw("notes") as notes:
        notes.initialize(elicitation={"form": {}})
        notes.ask(1, "tools/call", {"name": "add_note", "arguments": {"text": "x"}})
        call = {"name": "delete_note", "arguments": {"id": "1"}}
        notes.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        question = notes.answer()
        refused = notes.ask(2, "tools/call", call)
        assert refused["code"] == -32600, "one id, two requests"
        notes.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        withdrawn = notes.answer()
        assert withdrawn["method"] == "notifications/cancelled"
        assert withdrawn["params"]["requestId"] == question["id"]
        left = notes.ask(3, "tools/call", {"name": "list_notes"})["structuredContent"]["notes"]
        assert [note["id"] for note in left] == ["1"]
        notes.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}})
        notes.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": []}})
        notes.send({"jsonrpc": "2.0", "method": "notifications/cancelled"})
        assert notes.ask(4, "ping") == {}


async def test_notes_in_a_file_outlive_the_server_and_are_private(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    with anyio.fail_after(90):
        async with (
            client("notes", file=file) as one,
            client("notes", file=file) as two,
            anyio.create_task_group() as all_,
        ):
            for number in range(10):
                all_.start_soon(one.call_tool, "add_note", {"text": f"one {number}"})
                all_.start_soon(two.call_tool, "add_note", {"text": f"two {number}"})
        async with client("notes", file=file) as three:
            listed = (await three.call_tool("list_notes", {})).structured_content
    assert listed is not None
    assert sorted(int(note["id"]) for note in listed["notes"]) == list(range(1, 21))
    modes = {name: oct((tmp_path / name).stat().st_mode & 0o777) for name in os.listdir(tmp_path)}
    assert modes == {"notes.json": "0o600", "notes.json.lock": "0o600"}


@pytest.mark.parametrize("content", ["{}", "[1]", "[", '[{"id": "x", "text": "t", "written": "w"}]'])
async def test_a_file_that_holds_something_else_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes.json"
    file.write_text(content)
    with anyio.fail_after(90):
        async with client("notes", file=file) as notes:
            for name, arguments in (("add_note", {"text": "x"}), ("list_notes", {})):
                result = await notes.call_tool(name, arguments)
                assert result.is_error
                assert "holds no notes; it was left as it is" in str(result.content)
    assert file.read_text() == content


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with anyio.fail_after(90):
        async with client("notes", file=tmp_path / "missing" / "notes.json") as notes:
            result = await notes.call_tool("add_note", {"text": "x"})
    assert result.is_error
    assert "cannot be kept in" in str(result.content)


def test_there_is_room_for_a_bounded_number_of_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.notes, "MOST_NOTES", 2)
    monkeypatch.setattr(embedded.notes, "_memory", [])
    monkeypatch.delenv("NOTES_FILE", raising=False)
    for _ in range(2):
        embedded.notes.call("add_note", {"text": "x"}, lambda text, form: None)
    with pytest.raises(ValueError, match="2 notes are there already; delete some first"):
        embedded.notes.call("add_note", {"text": "x"}, lambda text, form: None)


async def test_they_start_by_the_same_way_as_a_server_of_the_settings(tmp_path: Path) -> None:
    async def tell(text: str) -> None:
        raise AssertionError(text)

    notes, file = server("notes"), tmp_path / "notes.json"
    settings = DockerMcpSettings.model_validate({"state_folder": tmp_path / "state"})
    for config, kept in (({}, []), ({"file": str(file)}, ["x"])):
        way = prepared(notes, config=config, secrets={}, settings=settings, docker=None, label="a=b", report=tell)
        with anyio.fail_after(90):
            async with way as launch:
                assert isinstance(launch, StdioLaunch)
                program, *arguments = launch.argv
                parameters = StdioServerParameters(command=program, args=arguments, env=dict(launch.environment))
                async with Client(stdio_client(parameters), mode=launch.protocol) as session:
                    await session.call_tool("add_note", {"text": "x"})
        written = json.loads(file.read_bytes()) if file.exists() else []
        assert [note["text"] for note in written] == kept
