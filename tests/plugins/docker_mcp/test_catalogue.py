"""Which servers there are: every source, what wins, what is remembered, and what a broken source does to the others."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from fuseboard_docker_mcp.errors import NameCollision, NoEngine, UnknownOutput, UnknownServer
from fuseboard_docker_mcp.models import SecretSpec
from tests.plugins.docker_mcp.catalogue_sources import Counts, Door, Toolkit, catalogue, names

pytestmark = pytest.mark.anyio


async def test_a_server_of_the_settings_is_told_like_one_of_a_catalogue(tmp_path: Path) -> None:
    servers = {
        "lab": {
            "command": "lab",
            "args": ["--url={{url}}"],
            "secrets": {"LAB_KEY": "lab.key"},
            "config_schema": {"type": "object", "properties": {"url": {"type": "string"}}},
            "title": "Lab",
            "description": "Notes.",
            "first_class": False,
        },
        "far": {"url": "https://far.example/mcp", "headers": {"Authorization": "Bearer hunter2"}, "protocol": "legacy"},
    }
    lab, far = await catalogue(tmp_path, Door("direct"), servers=servers).installed()
    assert (lab.name, lab.way, lab.source, lab.installed, lab.kind) == ("lab", "direct", "settings", True, "stdio")
    assert (lab.title, lab.description, lab.first_class, lab.protocol) == ("Lab", "Notes.", False, "auto")
    assert lab.secrets == (SecretSpec(name="lab.key", env="LAB_KEY"),)
    assert [schema["name"] for schema in lab.config_schemas] == ["lab"]
    assert (lab.entry["command"], lab.entry["args"]) == ("lab", ["--url={{url}}"])
    assert (far.kind, far.url, far.protocol, far.tools) == ("http", "https://far.example/mcp", "legacy", None)
    assert far.entry["headers"] == {"Authorization": SecretStr("Bearer hunter2")}
    assert "hunter2" not in repr(far)


async def test_the_toolkits_servers_stand_beside_them_and_the_listed_ones_are_not_installed(tmp_path: Path) -> None:
    toolkit = Toolkit("notes echo", "notes echo maps")
    found = catalogue(tmp_path, Door("toolkit", toolkit), servers={"own": {"command": "x"}})
    assert names(await found.installed()) == ["own", "notes", "echo"]
    assert toolkit.asked == {"installed": 1}, "the slower list is read when it is needed"
    assert names(await found.all()) == ["own", "notes", "echo", "maps"]
    assert await found.problems() == []
    assert (await found.find("echo")).installed
    assert not (await found.find("maps")).installed
    assert toolkit.asked == {"installed": 1, "listed": 1}


async def test_the_settings_win_a_name_and_the_other_one_is_a_problem(tmp_path: Path) -> None:
    door = Door("toolkit", Toolkit("notes echo", "notes echo own"))
    found = catalogue(tmp_path, door, servers={"own": {"command": "x"}, "notes": {"command": "y"}})
    assert (await found.find("notes")).way == "direct"
    assert names(await found.all()) == ["own", "notes", "echo"]
    problems = await found.problems()
    assert {type(problem) for problem in problems} == {NameCollision}
    assert [str(problem) for problem in problems] == [
        "NAME_COLLISION: notes: settings and toolkit installed have a server of this name; the one of settings is used",
        "NAME_COLLISION: own: settings and toolkit listed have a server of this name; the one of settings is used",
    ]


async def test_an_unknown_server_is_told_with_similar_names_and_what_could_not_be_read(tmp_path: Path) -> None:
    toolkit = Toolkit("github-official", "postgres")
    found = catalogue(tmp_path, Door("toolkit", toolkit))
    with pytest.raises(UnknownServer, match=r"there is no server 'github-oficial'; did you mean github-official\?"):
        await found.find("github-oficial")
    with pytest.raises(UnknownServer, match="there are github-official, postgres"):
        await found.find("zzz")
    with pytest.raises(UnknownServer) as caught:
        await found.find("x\x1b[31m" * 1000)
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)
    found.drop()
    toolkit.error = UnknownOutput("no JSON")
    with pytest.raises(UnknownServer, match=r"there are no servers\. Not everything could be read: UNKNOWN_OUTPUT"):
        await found.find("postgres")


async def test_where_docker_cannot_be_asked_that_is_the_reason_and_not_the_name(tmp_path: Path) -> None:
    toolkit = Toolkit("github-official")
    toolkit.error = NoEngine("no engine answers")
    found = catalogue(tmp_path, Door("toolkit", toolkit))
    with pytest.raises(NoEngine, match="no engine answers; without it there is no server 'postgres'"):
        await found.find("postgres")


async def test_what_was_read_is_believed_for_its_time_and_until_it_is_dropped(tmp_path: Path) -> None:
    now = 0.0
    toolkit, counts = Toolkit("a", "a b"), Counts()
    found = catalogue(tmp_path, Door("toolkit", toolkit), counts, lambda: now, cache={"servers_ttl": 300})
    await found.all()
    now = 299
    toolkit.lists["listed"] = "c"
    assert names(await found.all()) == ["a", "b"]
    assert counts.seen == {"cache_misses": 2, "cache_hits": 2}
    now = 301
    assert names(await found.all()) == ["a", "c"]
    toolkit.lists["installed"] = "d"
    assert names(await found.installed()) == ["a"]
    found.drop()
    assert names(await found.installed()) == ["d"]


async def test_a_lifetime_of_zero_keeps_nothing(tmp_path: Path) -> None:
    toolkit, counts = Toolkit("a"), Counts()
    found = catalogue(tmp_path, Door("toolkit", toolkit), counts, cache={"servers_ttl": 0})
    await found.installed()
    await found.installed()
    assert toolkit.asked == {"installed": 2}
    assert counts.seen == {"cache_misses": 2}


async def test_a_failure_is_believed_for_seconds_only_and_the_other_sources_answer(tmp_path: Path) -> None:
    now = 0.0
    toolkit = Toolkit("a", "b")
    toolkit.error = NoEngine("no engine answers")
    found = catalogue(tmp_path, Door("toolkit", toolkit), clock=lambda: now, servers={"own": {"command": "x"}})
    assert names(await found.all()) == ["own"]
    assert [str(problem) for problem in await found.problems()] == ["NO_ENGINE: no engine answers"]
    assert toolkit.asked == {"installed": 1, "listed": 1}
    toolkit.error = None
    now = 6
    assert names(await found.all()) == ["own", "a", "b"]
    assert await found.problems() == []


async def test_what_the_toolkit_left_out_is_a_problem_of_ours_too(tmp_path: Path) -> None:
    toolkit = Toolkit("a", "b")
    toolkit.problems = (UnknownOutput("one entry is left out"),)
    found = catalogue(tmp_path, Door("toolkit", toolkit))
    assert [str(problem) for problem in await found.problems()] == ["UNKNOWN_OUTPUT: one entry is left out"]


@pytest.mark.parametrize("lasts", [0, 300])
async def test_many_that_ask_at_once_are_answered_by_one_reading(tmp_path: Path, lasts: float) -> None:
    toolkit = Toolkit("a")
    toolkit.may_answer = anyio.Event()
    found = catalogue(tmp_path, Door("toolkit", toolkit), cache={"servers_ttl": lasts})
    answers: list[list[str]] = []

    async def ask() -> None:
        answers.append(names(await found.installed()))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                for _ in range(5):
                    tasks.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
            toolkit.may_answer.set()
    assert answers == [["a"]] * 10
    # Without a memory, those that asked while it went on share one that began after they asked.
    assert toolkit.asked["installed"] == (1 if lasts else 2)


async def test_a_reader_that_is_cancelled_leaves_the_reading_to_the_next(tmp_path: Path) -> None:
    toolkit = Toolkit("a")
    toolkit.may_answer = anyio.Event()
    found = catalogue(tmp_path, Door("toolkit", toolkit))
    first, answers = anyio.CancelScope(), list[str]()

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            answers.extend(names(await found.installed()))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, first)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            first.cancel()
            await anyio.wait_all_tasks_blocked()
            toolkit.may_answer.set()
    assert answers == ["a"]
    assert toolkit.asked["installed"] == 2


async def test_a_reading_that_began_before_a_drop_is_not_kept(tmp_path: Path) -> None:
    toolkit = Toolkit("old")
    toolkit.may_answer = anyio.Event()
    found = catalogue(tmp_path, Door("toolkit", toolkit))
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(found.installed)
            await anyio.wait_all_tasks_blocked()
            found.drop()
            toolkit.may_answer.set()
    toolkit.lists["installed"] = "new"
    assert names(await found.installed()) == ["new"]


async def test_without_docker_the_embedded_servers_are_there(tmp_path: Path) -> None:
    found = catalogue(tmp_path, Door("direct"), embedded="auto")
    assert names(await found.installed()) == ["clock", "notes"]
    assert all(server.installed and server.way == "direct" for server in await found.all())
    replaced = catalogue(tmp_path, Door("direct"), embedded="auto", servers={"clock": {"command": "mine"}})
    assert (await replaced.find("clock")).entry["command"] == "mine"
    assert await replaced.problems() == [], "whoever takes the name means to replace it"
    assert await catalogue(tmp_path, Door("direct"), embedded="never").installed() == []
