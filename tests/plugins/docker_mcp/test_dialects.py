"""The toolkit in each of its dialects: listed, and written to, by the commands it really has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from fuseboard_docker_mcp.errors import (
    CommandFailed,
    InvalidInput,
    NameCollision,
    NotInstalled,
    UnknownOutput,
    UnknownServer,
)
from fuseboard_docker_mcp.models import SecretSpec
from tests.plugins.docker_mcp.docker_script import A, B, P, Said, calls, recorded, scripted, toolkit_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("answers", [A, B])
async def test_a_and_b_list_what_is_enabled_as_the_catalogue_describes_it(
    tmp_path: Path, answers: dict[str, Said | str]
) -> None:
    toolkit = await toolkit_of(tmp_path, answers)
    installed = {server.name: server for server in await toolkit.installed()}
    assert list(installed) == ["labecho", "labnotes", "labremote"]
    notes = installed["labnotes"]
    assert (notes.way, notes.source, notes.installed, notes.kind) == ("toolkit", "catalogue docker-mcp", True, "server")
    assert (notes.image, notes.long_lived, notes.title) == ("lab/notes:1", True, "Lab Notes")
    assert notes.secrets[0] == SecretSpec("labnotes.api_key", "LABNOTES_API_KEY")
    assert notes.config_schemas[0]["required"] == ["url"]
    assert [tool.name for tool in notes.tools or ()] == ["notes_add", "notes_list", "notes_delete"]
    assert notes.entry["command"] == ["--root={{labnotes.root}}"]
    assert notes.allowed_tools is None
    assert installed["labremote"].url == "http://127.0.0.1:8001/mcp"
    assert not any(server.installed for server in await toolkit.catalogue())
    assert toolkit.problems == ()


async def test_an_enabled_server_that_no_catalogue_has_is_a_problem_and_the_others_stay(tmp_path: Path) -> None:
    enabled = Said('["labecho", "gone", "../evil"]')
    toolkit = await toolkit_of(tmp_path, {**A, "mcp server ls --json": enabled})
    assert [server.name for server in await toolkit.installed()] == ["labecho"]
    assert [type(problem) for problem in toolkit.problems] == [UnknownOutput, UnknownServer]
    assert "'../evil' (no legal name)" in toolkit.problems[0].text
    assert "in no catalogue: gone" in toolkit.problems[1].text


async def test_of_several_catalogues_the_wanted_one_comes_first_and_one_that_fails_is_a_problem(tmp_path: Path) -> None:
    names = Said('{"catalogs": {"old": {}, "lab": {}, "bad": {}, "--all": {}}}')
    entry = {"type": "server", "image": "other/echo:2"}
    other = Said(json.dumps({"name": "old", "registry": {"labecho": entry, "only": entry}}))
    answers: dict[str, Said | str] = {
        **B,
        "mcp catalog ls --format json": names,
        "mcp catalog show lab *": "b_v0.41.0/catalog-show.many",
        "mcp catalog show old *": other,
        "mcp catalog show bad *": "a_v0.22.0/catalog-ls.offline",
    }
    toolkit = await toolkit_of(tmp_path, answers, docker_mcp={"catalog": "lab"})
    servers = {server.name: server for server in await toolkit.catalogue()}
    assert list(servers) == ["labecho", "labnotes", "labremote", "only"]
    assert servers["labecho"].image == "lab/echo:1"
    assert {type(problem) for problem in toolkit.problems} == {CommandFailed, NameCollision}
    assert "catalogue old: labecho are in an earlier catalogue" in toolkit.problems[-1].text


async def test_when_every_catalogue_fails_the_reason_is_raised(tmp_path: Path) -> None:
    toolkit = await toolkit_of(tmp_path, {**B, "mcp catalog show *": "a_v0.22.0/catalog-ls.offline"})
    scripted(tmp_path, {**B, "mcp catalog show docker-mcp --format json": "a_v0.22.0/catalog-ls.offline"})
    with pytest.raises(CommandFailed, match="needs the network"):
        await toolkit.catalogue()


async def test_p_lists_the_servers_of_all_profiles_the_own_one_first(tmp_path: Path) -> None:
    def profile(name: str, image: str, **more: object) -> dict[str, object]:
        server = {"name": "labecho", "type": "server", "image": image}
        return {"id": name, "servers": [{"type": "image", "tools": None, "snapshot": {"server": server}, **more}]}

    extra = recorded("p_v0.43.3/profile-show.configured")
    profiles = [profile("other", "c:1"), profile("default", "b:1"), profile("own", "a:1", tools=["echo"])]
    listed = Said(json.dumps([json.loads(extra.stdout), *profiles]))
    answers = {**P, "mcp profile server ls --format json": listed}
    toolkit = await toolkit_of(tmp_path, answers, docker_mcp={"profile": "own"})
    installed = {server.name: server for server in await toolkit.installed()}
    assert installed.keys() == {"labecho", "labremote", "labnotes"}
    assert (installed["labecho"].image, installed["labecho"].source) == ("a:1", "profile own")
    assert installed["labecho"].allowed_tools == {"echo"}
    assert installed["labremote"].allowed_tools is None
    assert installed["labnotes"].config == {"retries": 3, "root": "/data", "url": "http://notes.local"}
    assert all(server.installed for server in installed.values())
    assert [server.source for server in await toolkit.catalogue()] == ["catalogue lab/catalog:latest"] * 3


@pytest.mark.parametrize("answers", [A, B])
async def test_a_and_b_write_one_entry_and_leave_the_rest_of_the_file(
    tmp_path: Path, answers: dict[str, Said | str]
) -> None:
    toolkit = await toolkit_of(
        tmp_path,
        {
            **answers,
            "mcp config read": Said(then="cat config; exit 0"),
            "mcp config write *": Said(then='printf "%s" "$4" >config'),
        },
    )
    (tmp_path / "config").write_text(
        "# mine\nfiles:\n  mode: on  # a word, no truth\nlabnotes:\n  url: old\n", encoding="utf-8"
    )
    notes = next(server for server in await toolkit.installed() if server.name == "labnotes")
    assert await toolkit.read_config(notes) == {"url": "old"}
    values = {"url": "http://é 'x' \"y\"", "retries": 3, "flag": "yes", "deep": {"a": [1.5, None]}}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(toolkit.write_config, notes, values)
        tasks.start_soon(toolkit.write_config, replace(notes, name="labecho"), {"n": 1})
    assert await toolkit.read_config(notes) == values
    assert await toolkit.read_config(replace(notes, name="labecho")) == {"n": 1}
    assert await toolkit.read_config(replace(notes, name="files")) == {"mode": "on"}
    assert "mode: on  # a word, no truth\n" in (tmp_path / "config").read_text(encoding="utf-8")


async def test_a_broken_config_file_is_named_and_never_written(tmp_path: Path) -> None:
    toolkit = await toolkit_of(tmp_path, {**B, "mcp config read": "b_v0.41.0/config-read.malformed"})
    notes = (await toolkit.installed())[1]
    with pytest.raises(CommandFailed, match=r"config\.yaml is no YAML: line 2"):
        await toolkit.read_config(notes)
    with pytest.raises(CommandFailed, match="mend it by hand"):
        await toolkit.write_config(notes, {"url": "x"})
    assert not any("config write" in call for call in calls(tmp_path))


async def test_configuration_of_a_server_that_is_not_installed_is_not_written(tmp_path: Path) -> None:
    for number, answers in enumerate([A, B, P]):
        toolkit = await toolkit_of(tmp_path / str(number), answers)
        remote = next(server for server in await toolkit.catalogue() if server.name == "labremote")
        with pytest.raises(NotInstalled):
            await toolkit.write_config(remote, {})


def keeping(answers: dict[str, Said | str], own: str = "dev") -> dict[str, Said | str]:
    """Dialect P with a profile that really keeps values: one file for each key."""
    text = 'for word; do case "$word" in labnotes.*=*) printf "%s" "${word#*=}" >"kept.${word%%=*}";; esac; done'
    gone = 'for word; do case "$word" in labnotes.*) rm -f "kept.$word";; esac; done'
    shown = (
        'sep=""; printf "{"; for file in kept.*; do [ -e "$file" ] || continue; '
        'printf "%s\\"%s\\":" "$sep" "${file#kept.}"; cat "$file"; sep=,; done; echo "}"; exit 0'
    )
    return {
        **answers,
        f"mcp profile config {own} --get-all --format json": Said(then=shown),
        f"mcp profile config {own} --set *": Said(then=text),
        f"mcp profile config {own} --del *": Said(then=gone),
    }


async def test_p_sets_what_changed_deletes_what_is_gone_and_reads_it_back(tmp_path: Path) -> None:
    one = json.loads(recorded("p_v0.43.3/profile-show.configured").stdout)
    toolkit = await toolkit_of(tmp_path, keeping({**P, "mcp profile server ls --format json": Said(json.dumps([one]))}))
    notes = next(server for server in await toolkit.installed() if server.name == "labnotes")
    await toolkit.write_config(notes, {"url": "5", "retries": 3, "flag": True})
    assert await toolkit.read_config(notes) == {"url": "5", "retries": 3, "flag": True}
    before = len(calls(tmp_path))
    await toolkit.write_config(notes, {"url": "5", "retries": 4})
    assert await toolkit.read_config(notes) == {"url": "5", "retries": 4}
    written = [call for call in calls(tmp_path)[before:] if "--set" in call or "--del" in call]
    assert written == ["mcp profile config dev --del labnotes.flag", "mcp profile config dev --set labnotes.retries=4"]
    before = len(calls(tmp_path))
    await toolkit.write_config(notes, {"url": "5", "retries": 4})
    assert not any("--set" in call or "--del" in call for call in calls(tmp_path)[before:])


async def test_p_says_when_the_profile_did_not_take_the_values(tmp_path: Path) -> None:
    one = json.loads(recorded("p_v0.43.3/profile-show.configured").stdout)
    toolkit = await toolkit_of(
        tmp_path,
        {
            **P,
            "mcp profile server ls --format json": Said(json.dumps([one])),
            "mcp profile config dev --get-all --format json": Said("{}"),
            "mcp profile config dev --set *": Said(),
        },
    )
    notes = next(server for server in await toolkit.installed() if server.name == "labnotes")
    with pytest.raises(CommandFailed, match="dev did not take the configuration of labnotes"):
        await toolkit.write_config(notes, {"url": "x"})
    for name, key in [("a.b", "url"), ("labnotes", "a=b"), ("labnotes", "")]:
        with pytest.raises(InvalidInput):
            await toolkit.write_config(replace(notes, name=name), {key: 1})


async def test_p_puts_a_catalogue_server_into_the_own_profile_when_that_is_allowed(tmp_path: Path) -> None:
    answers = {
        **keeping(P, own="fuseboard"),
        "mcp catalog server inspect lab/catalog:latest labnotes --format json": "p_v0.43.3/catalog-server-inspect.one",
        "mcp profile create --name fuseboard --id fuseboard": Said("Created profile fuseboard with 0 servers\n"),
        "mcp profile server add *": Said("Added 1 server(s) to profile fuseboard\n"),
    }
    toolkit = await toolkit_of(tmp_path, answers, docker_mcp={"allow_catalog_servers": True})
    notes = next(server for server in await toolkit.catalogue() if server.name == "labnotes")
    assert await toolkit.read_config(notes) == {}
    await toolkit.write_config(notes, {"url": "x"})
    assert [call for call in calls(tmp_path) if "create" in call or "add" in call] == [
        "mcp profile create --name fuseboard --id fuseboard",
        "mcp profile server add fuseboard --server catalog://lab/catalog:latest/labnotes",
    ]


async def test_secrets_are_mirrored_on_standard_input_where_there_is_a_store(tmp_path: Path) -> None:
    toolkit = await toolkit_of(
        tmp_path,
        {
            **P,
            "mcp secret ls --json": "p_v0.43.3/secret-ls.many",
            "mcp secret rm labnotes.token": Said(),
            "mcp secret set *": Said(then="cat >>input"),
        },
    )
    assert await toolkit.secret_names() == ["labnotes.api_key", "labnotes.token", "a/b", "empty", "p1"]
    assert await toolkit.mirror_secret("labnotes.token", SecretStr("s3cr3t\nsecond"))
    assert await toolkit.mirror_secret("new", SecretStr("other"))
    assert await toolkit.mirror_secret("never-there", None)
    assert (tmp_path / "input").read_text(encoding="utf-8") == "s3cr3t\nsecondother"
    assert [call for call in calls(tmp_path) if "secret ls" not in call][2:] == [
        "mcp secret rm labnotes.token",
        "mcp secret set labnotes.token",
        "mcp secret set new",
    ]
    # Taken for an option, this name would remove every secret.
    assert not await toolkit.mirror_secret("--all", None)
    assert not any("--all" in call for call in calls(tmp_path))


@pytest.mark.parametrize("answers", [A, B, P])
async def test_without_a_store_for_secrets_nothing_is_mirrored(tmp_path: Path, answers: dict[str, Said | str]) -> None:
    toolkit = await toolkit_of(tmp_path, answers)
    assert await toolkit.secret_names() is None
    assert not await toolkit.mirror_secret("labnotes.token", SecretStr("value"))
