"""Catalogue files: the operator's own, what the toolkit left on disk, and what a broken one does to the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest

from fuseboard_docker_mcp.errors import NoEngine
from fuseboard_docker_mcp.models import Way
from tests.plugins.docker_mcp.catalogue_sources import Door, catalogue, names

pytestmark = pytest.mark.anyio
RECORDINGS = Path(__file__).parent / "recordings"

REGISTRY = {
    "name": "lab",
    "registry": {
        "notes": {"type": "server", "image": "lab/notes:1", "secrets": [{"name": "notes.key", "env": "KEY"}]},
        "echo": {"type": "server", "image": "lab/echo:1", "title": "Echo", "config": [{"name": "echo"}]},
    },
}


@pytest.mark.parametrize("way", ["engine", "toolkit"])
async def test_the_operators_catalogue_files_are_read_in_both_forms_and_all_their_servers_installed(
    tmp_path: Path, way: Way
) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.json"
    one.write_text(
        "# comment\nname: lab\nregistry:\n  notes:\n    type: server\n    image: lab/notes:1\n    user: 1000:10\n"
        "    env:\n      - {name: SWITCH, value: on}\n    dateAdded: 2025-01-02\n    longLived: true\n"
    )
    exported = {"servers": [{"type": "image", "snapshot": {"server": {"name": "echo", "image": "lab/echo:1"}}}]}
    two.write_text(json.dumps(exported))
    found = catalogue(tmp_path, Door(way), docker_mcp={"catalog_files": [one, two]})
    notes, echo = await found.installed()
    assert (notes.name, notes.image, notes.way, notes.long_lived) == ("notes", "lab/notes:1", "engine", True)
    assert notes.entry["user"] == "1000:10", "no number of the base sixty"
    assert notes.entry["env"] == [{"name": "SWITCH", "value": "on"}], "no truth value"
    assert notes.entry["dateAdded"] == "2025-01-02", "no date"
    assert notes.source == f"catalogue file {one}"
    assert (echo.name, echo.image, echo.installed) == ("echo", "lab/echo:1", True)
    assert await found.problems() == []


@pytest.mark.parametrize(
    "recording",
    ["a_v0.22.0/catalog-show.many", "b_v0.41.0/catalog-show.rich", "p_v0.43.3/catalog-show.rich"],
)
async def test_what_each_toolkit_shows_can_be_saved_as_a_catalogue_file(tmp_path: Path, recording: str) -> None:
    path = RECORDINGS / f"{recording}.stdout"
    text = path.read_text(encoding="utf-8")
    shown = json.loads(text)
    expected = list(shown.get("registry", ())) or [item["snapshot"]["server"]["name"] for item in shown["servers"]]
    found = catalogue(tmp_path, Door("engine"), docker_mcp={"catalog_files": [path]})
    assert names(await found.installed()) == expected
    assert await found.problems() == []


async def test_without_the_toolkit_what_it_left_on_disk_is_read(tmp_path: Path) -> None:
    folder = tmp_path / ".docker" / "mcp"
    (folder / "catalogs" / "fuseboard").mkdir(parents=True)
    (folder / "catalogs" / "aaa.yaml").write_text(json.dumps({"registry": {"notes": {"image": "other/notes:2"}}}))
    (folder / "catalogs" / "docker-mcp.yaml").write_text(json.dumps(REGISTRY))
    (folder / "catalogs" / "fuseboard" / "x.yaml").write_text(json.dumps({"registry": {"own": {"image": "a/b"}}}))
    (folder / "registry.yaml").write_text('registry:\n  notes:\n    ref: ""\n  gone:\n    ref: ""\n')
    found = catalogue(tmp_path, Door("engine"))
    [notes] = await found.installed()
    assert (notes.image, notes.source, notes.way) == ("lab/notes:1", "catalogue docker-mcp", "engine")
    assert names(await found.all()) == ["notes", "echo"]
    assert not (await found.find("echo")).installed
    assert [str(problem) for problem in await found.problems()] == [
        "UNKNOWN_OUTPUT: registry.yaml names servers that no catalogue has: gone",
        "NAME_COLLISION: notes: catalogue docker-mcp and catalogue aaa have a server of this name; "
        "the one of catalogue docker-mcp is used",
    ]


@pytest.mark.parametrize(
    ("registry", "words"),
    [("registry: [", "registry.yaml: is no YAML"), ("registry: [notes]", "`registry` is no mapping of servers")],
)
async def test_a_broken_list_of_what_is_installed_is_a_problem_and_the_catalogue_is_still_shown(
    tmp_path: Path, registry: str, words: str
) -> None:
    folder = tmp_path / ".docker" / "mcp"
    (folder / "catalogs").mkdir(parents=True)
    (folder / "catalogs" / "lab.yaml").write_text(json.dumps(REGISTRY))
    (folder / "registry.yaml").write_text(registry)
    found = catalogue(tmp_path, Door("engine"))
    assert names(await found.all()) == ["notes", "echo"]
    assert await found.installed() == []
    [problem] = await found.problems()
    assert words in str(problem)


async def test_a_machine_without_any_file_has_no_servers_and_no_problems(tmp_path: Path) -> None:
    found = catalogue(tmp_path, Door("engine"))
    assert await found.all() == []
    assert await found.problems() == []


async def test_files_wait_for_an_engine_where_there_is_none(tmp_path: Path) -> None:
    files = {"catalog_files": [tmp_path / "one.yaml"]}
    problems = await catalogue(tmp_path, Door("direct"), docker_mcp=files).problems()
    assert [type(problem) for problem in problems] == [NoEngine]
    assert await catalogue(tmp_path, Door("direct"), docker_mcp=files, way="direct").problems() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("registry: [", "is no YAML: line"),
        ("just text", "is no mapping"),
        ("a: 1", "has neither `registry`"),
        ("registry: [a]", "has neither `registry`"),
        ("registry: {a: &x {image: y}, b: *x}", "refers to another place of itself"),
        ("registry: {a: !!python/object/apply:os.system ['id']}", "is no YAML"),
        ("{" * 200, "is nested deeper than 64 levels"),
        ("[" * 200_000, "is nested deeper than 64 levels"),
        ("\ud800", "is no UTF-8 text"),
        ("a\0b", "is no YAML"),
        ("registry: {notes: {image: 7}}", "1 of its servers are left out: 'notes' (image is no text)"),
        ("registry: {../x: {image: a/b}}", "'../x' (no legal name)"),
        ("registry: {7: {image: a/b}}", "no legal name"),
        ("servers: [7, {snapshot: 7}, {snapshot: {server: {image: a/b}}}]", "3 of its servers are left out"),
        ("registry: {notes: {image: a/b, x: !!binary aGk=}}", "which is not JSON"),
        ("? [a, b]\n: 1", "is no YAML"),
    ],
)
async def test_a_broken_file_is_a_problem_and_the_others_answer(tmp_path: Path, content: str, words: str) -> None:
    broken, good = tmp_path / "broken.yaml", tmp_path / "good.yaml"
    broken.write_bytes(content.encode("utf-8", "surrogatepass"))
    good.write_text(json.dumps(REGISTRY))
    found = catalogue(tmp_path, Door("engine"), docker_mcp={"catalog_files": [broken, good]})
    with anyio.fail_after(60):
        assert names(await found.installed()) == ["notes", "echo"]
    [problem] = await found.problems()
    assert words in str(problem)
    assert str(broken) in str(problem)
    assert len(str(problem)) < 700


async def test_a_missing_a_huge_and_an_odd_file_are_problems(tmp_path: Path) -> None:
    huge, pipe = tmp_path / "huge.yaml", tmp_path / "pipe.yaml"
    with huge.open("wb") as file:
        file.truncate(17 * 2**20)
    os.mkfifo(pipe)
    files = [tmp_path / "missing.yaml", huge, pipe, tmp_path]
    with anyio.fail_after(60):
        problems = await catalogue(tmp_path, Door("engine"), docker_mcp={"catalog_files": files}).problems()
    assert [str(problem).rpartition(": ")[2] for problem in problems] == [
        "No such file or directory",
        "is larger than 16777216 bytes",
        "is no regular file",
        "is no regular file",
    ]


async def test_an_empty_file_has_no_servers(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing yet\n")
    found = catalogue(tmp_path, Door("engine"), docker_mcp={"catalog_files": [empty]})
    assert await found.all() == []
    assert await found.problems() == []
