"""Every recorded answer of the real command line: a checked value, or the named error that it means. Never a guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fuseboard_docker_mcp import said
from fuseboard_docker_mcp.command import Output
from fuseboard_docker_mcp.docker import parsed
from fuseboard_docker_mcp.errors import (
    CannotStart,
    CommandFailed,
    DockerMcpError,
    ImageMissing,
    NameCollision,
    NoEngine,
    NotAllowed,
    NoToolkit,
    SecretStoreFailed,
    UnknownOutput,
    UnknownServer,
    WrongConfiguration,
)
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.said import WrongDialect
from fuseboard_docker_mcp.toolkit import explain_gateway, profile_dialect, registry_dialect
from fuseboard_docker_mcp.toolkit.door import read_profile_probe, read_version
from fuseboard_docker_mcp.toolkit.entries import Found
from fuseboard_docker_mcp.toolkit.secret_words import read_secret_names

RECORDINGS = Path(__file__).parent / "recordings"
ROWS: dict[str, dict[str, Any]] = {
    row["id"]: row for row in json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8"))["recordings"]
}
LAB = ["labecho", "labnotes", "labremote"]
NOTES = Server("labnotes", "toolkit", "profile dev", installed=True)
EMPTY_CONFIG: dict[str, Any] = {}
# What each recording means: the error's class, or the value in short.
MEANING: dict[str, Any] = {
    "a_v0.22.0/catalog-ls.offline": CommandFailed,
    "a_v0.22.0/catalog-ls.one": ["docker-mcp"],
    "a_v0.22.0/catalog-show.many": ["labecho", "labremote", "labnotes"],
    "a_v0.22.0/catalog-show.unknown-catalog": CommandFailed,
    "a_v0.22.0/config-read.one": {"url": "http://notes.local", "root": "/data", "retries": 3},
    "a_v0.22.0/gateway-run.secrets-unreadable": SecretStoreFailed,
    "a_v0.22.0/profile-list.unknown-command": WrongDialect,
    "a_v0.22.0/secret-ls.no-desktop": CommandFailed,
    "a_v0.22.0/server-inspect.one": {"tools", "readme"},
    "a_v0.22.0/server-ls.empty": [None],
    "a_v0.22.0/server-ls.many": ["A", *LAB],
    "a_v0.22.0/server-ls.one": ["A", "labecho"],
    "a_v0.22.0/tools-ls.empty": 0,
    "a_v0.22.0/version": "v0.22.0",
    "b_v0.41.0/catalog-ls.one": ["docker-mcp"],
    "b_v0.41.0/catalog-show.many": LAB,
    "b_v0.41.0/catalog-show.rich": ["bare", "counter", "files", "plain", "tracker"],
    "b_v0.41.0/config-read.empty": EMPTY_CONFIG,
    "b_v0.41.0/config-read.malformed": CommandFailed,
    "b_v0.41.0/config-read.one": {"url": "http://notes.local", "root": "/data", "retries": 3},
    "b_v0.41.0/gateway-run.three-servers": None,
    "b_v0.41.0/profile-list.unknown-command": WrongDialect,
    "b_v0.41.0/secret-ls.no-pass": CommandFailed,
    "b_v0.41.0/server-inspect.one": {"tools", "readme"},
    "b_v0.41.0/server-inspect.unknown-server": UnknownServer,
    "b_v0.41.0/server-ls.empty": [None],
    "b_v0.41.0/server-ls.malformed-config": CommandFailed,
    "b_v0.41.0/server-ls.many": ["B", *LAB],
    "b_v0.41.0/server-ls.no-engine": NoEngine,
    "b_v0.41.0/server-ls.one": ["B", "labecho"],
    "b_v0.41.0/tools-call.tool-error": CommandFailed,
    "b_v0.41.0/tools-ls.many": 21,
    "b_v0.41.0/version": "v0.41.0",
    "no_plugin/profile-list": NoToolkit,
    "no_plugin/version": NoToolkit,
    "p_v0.41.0/profile-config-get-all.one": {"url": "http://x"},
    "p_v0.41.0/profile-list.one": ["dev"],
    "p_v0.43.3/catalog-list.corrupt-database": CommandFailed,
    "p_v0.43.3/catalog-list.empty": [],
    "p_v0.43.3/catalog-list.many": ["lab/catalog:latest", "lab/strict:latest"],
    "p_v0.43.3/catalog-list.no-engine": NoEngine,
    "p_v0.43.3/catalog-list.one": ["lab/catalog:latest"],
    "p_v0.43.3/catalog-list.unknown-flag": WrongDialect,
    "p_v0.43.3/catalog-pull.offline": CommandFailed,
    "p_v0.43.3/catalog-server-inspect.one": "labnotes",
    "p_v0.43.3/catalog-server-inspect.unknown-server": UnknownServer,
    "p_v0.43.3/catalog-server-ls.empty": [],
    "p_v0.43.3/catalog-server-ls.many": LAB,
    "p_v0.43.3/catalog-server-ls.unknown-catalog": CommandFailed,
    "p_v0.43.3/catalog-show.empty": [],
    "p_v0.43.3/catalog-show.many": LAB,
    "p_v0.43.3/catalog-show.no-argument": CommandFailed,
    "p_v0.43.3/catalog-show.rich": ["files", "plain", "tracker"],
    "p_v0.43.3/catalog-show.unknown-catalog": CommandFailed,
    "p_v0.43.3/catalog-show.yq-scalars": UnknownOutput,
    "p_v0.43.3/config-read.obsolete": WrongDialect,
    "p_v0.43.3/gateway-run.catalog-outside": NotAllowed,
    "p_v0.43.3/gateway-run.malformed-config": WrongConfiguration,
    "p_v0.43.3/gateway-run.missing-config": WrongConfiguration,
    "p_v0.43.3/gateway-run.one-of-three-starts": ImageMissing,
    "p_v0.43.3/gateway-run.three-servers": None,
    "p_v0.43.3/gateway-run.tool-collision": NameCollision,
    "p_v0.43.3/gateway-run.unknown-server": CannotStart,
    "p_v0.43.3/gateway-run.unpinned-image": NotAllowed,
    "p_v0.43.3/profile-config-get-all.empty": EMPTY_CONFIG,
    "p_v0.43.3/profile-config-get-all.nested": {
        "opts": {"a": [1, 2]}, "retries": 5, "root": "/data", "url": "http://notes.local",
    },
    "p_v0.43.3/profile-config-get-all.one-server": {"retries": 3, "root": "/data", "url": "http://notes.local"},
    "p_v0.43.3/profile-config-get.unknown-key": EMPTY_CONFIG,
    "p_v0.43.3/profile-config-set.ok": UnknownOutput,
    "p_v0.43.3/profile-list.empty": [],
    "p_v0.43.3/profile-list.many": ["empty", "dev"],
    "p_v0.43.3/profile-list.one": ["dev"],
    "p_v0.43.3/profile-server-add.unknown-server": UnknownServer,
    "p_v0.43.3/profile-server-ls.empty": [],
    "p_v0.43.3/profile-server-ls.one": ["dev", "labecho"],
    "p_v0.43.3/profile-show.configured": ["dev", "labecho", "labremote", "labnotes"],
    "p_v0.43.3/profile-show.unknown-profile": CommandFailed,
    "p_v0.43.3/secret-ls.empty": [],
    "p_v0.43.3/secret-ls.many": ["labnotes.api_key", "labnotes.token", "a/b", "empty", "p1"],
    "p_v0.43.3/secret-ls.no-pass": CommandFailed,
    "p_v0.43.3/server-inspect.obsolete": WrongDialect,
    "p_v0.43.3/server-ls.obsolete": WrongDialect,
    "p_v0.43.3/tools-call.text": UnknownOutput,
    "p_v0.43.3/tools-call.unknown-tool": CommandFailed,
    "p_v0.43.3/tools-call.unresolved-secrets": UnknownOutput,
    "p_v0.43.3/tools-count.many": {"count"},
    "p_v0.43.3/tools-inspect.one": {"name", "description", "inputSchema", "outputSchema"},
    "p_v0.43.3/tools-ls.gateway-cannot-start": CommandFailed,
    "p_v0.43.3/tools-ls.internal-only": 8,
    "p_v0.43.3/tools-ls.many": 23,
    "p_v0.43.3/unknown-command": UnknownOutput,
    "p_v0.43.3/version": "v0.43.3",
}  # fmt: skip


def output_of(row: dict[str, Any]) -> Output:
    """The recorded run, its trailing newlines included."""
    texts = [
        (RECORDINGS / row[stream]).read_bytes().decode("utf-8") if row[stream] else ""
        for stream in ("stdout", "stderr")
    ]
    return Output(row["exit_code"] or 0, *texts)


def names(found: Found) -> list[str]:
    """The servers that were read; a recording has nothing that is left out."""
    assert found.problems == ()
    return [server.name for server in found.servers]


def enabled(answer: Any) -> list[str | None]:
    dialect, servers, problems = registry_dialect.read_enabled(answer)
    assert problems == ()
    return [dialect, *servers]


def profiles(answer: Any) -> list[str]:
    return [word for each in profile_dialect.read_profiles(answer) for word in (each.id, *names(each.found))]


def profile(answer: Any) -> list[str]:
    each = profile_dialect.read_profile(answer)
    return [each.id, *names(each.found)]


def listed_profiles(answer: Any) -> list[str]:
    assert read_profile_probe(answer) == "P"
    return profile_dialect.read_profile_ids(answer)


READERS: dict[str, Callable[[Any], Any]] = {
    "catalog ls": registry_dialect.read_catalogue_names,
    "catalog list": profile_dialect.read_references,
    "catalog show A": lambda answer: names(registry_dialect.read_catalogue(answer, "catalogue lab")),
    "catalog show B": lambda answer: names(registry_dialect.read_catalogue(answer, "catalogue lab")),
    "catalog show P": lambda answer: names(profile_dialect.read_catalogue(answer, "lab/catalog")),
    "catalog server ls": lambda answer: names(profile_dialect.read_catalogue(answer, "lab/catalog")),
    "catalog server inspect": lambda answer: profile_dialect.read_catalogue_server(answer, "lab/catalog").name,
    "profile list": listed_profiles,
    "profile show": profile,
    "profile server ls": profiles,
    "profile config": lambda answer: profile_dialect.read_values(answer, NOTES),
    "server ls": enabled,
    "secret ls": read_secret_names,
    "server inspect": set,
    "tools ls": len,
    "tools count": set,
    "tools inspect": set,
}


def meaning(row: dict[str, Any]) -> Any:
    """The value in short. Raises the named error."""
    output, argv = output_of(row), tuple(row["argv"][1:])
    if "gateway" in argv:
        error = explain_gateway("labnotes")(output.stderr.splitlines(), row["exit_code"])
        error = error or explain_gateway("ghost")(output.stderr.splitlines(), row["exit_code"])
        if error:
            raise error
        return None
    if output.code != 0:
        raise said.failure(argv, output)
    if argv[1] == "version":
        return read_version(output.stdout)
    if argv[1:3] == ("config", "read"):
        return registry_dialect.read_config(output.stdout, "labnotes")
    answer = parsed(argv, output.stdout)
    words = [word for word in argv[1:] if not word.startswith("-")]
    for length in (3, 2):
        command = " ".join(words[:length])
        for key in (command, f"{command} {row['dialect']}"):
            if key in READERS:
                return READERS[key](answer)
    raise AssertionError(f"no reader for {argv}")


def test_every_recording_has_its_meaning_here() -> None:
    assert MEANING.keys() == ROWS.keys()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_recorded_answer_is_a_checked_value_or_its_named_error(name: str) -> None:
    expected = MEANING[name]
    if not isinstance(expected, type):
        assert meaning(ROWS[name]) == expected
        return
    with pytest.raises(expected) as caught:
        meaning(ROWS[name])
    assert type(caught.value) is expected
    assert isinstance(caught.value, DockerMcpError)
    assert caught.value.text.isprintable()
    assert 10 < len(caught.value.text) < 600


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a_v0.22.0/catalog-ls.offline", "needs the network"),
        ("b_v0.41.0/server-ls.no-engine", "unix:///var/run/docker.sock"),
        ("b_v0.41.0/server-ls.malformed-config", "~/.docker/mcp"),
        ("b_v0.41.0/config-read.malformed", "config.yaml is no YAML: line 2"),
        ("p_v0.43.3/catalog-list.corrupt-database", "mcp-toolkit.db is damaged"),
        ("p_v0.43.3/catalog-list.unknown-flag", "unknown flag: --jsonx"),
        ("p_v0.43.3/server-ls.obsolete", "`docker mcp server ls` is obsolete"),
        ("p_v0.43.3/unknown-command", "printed its help"),
        ("p_v0.43.3/gateway-run.missing-config", "config url (missing)"),
        ("p_v0.43.3/gateway-run.malformed-config", "did not find expected ',' or ']'"),
        ("p_v0.43.3/gateway-run.tool-collision", 'both expose tool name "add"'),
        (
            "p_v0.43.3/gateway-run.unpinned-image",
            "mcp/duckduckgo:latest is refused: image must be referenced by digest",
        ),
        ("p_v0.43.3/gateway-run.one-of-three-starts", "<dns>:53: no such host"),
        ("p_v0.43.3/tools-ls.gateway-cannot-start", 'calling "initialize": EOF'),
    ],
)
def test_the_text_of_an_error_says_what_was_said(name: str, words: str) -> None:
    with pytest.raises(DockerMcpError) as caught:
        meaning(ROWS[name])
    assert words in caught.value.text


def test_a_gateway_of_three_tells_each_server_its_own_reason() -> None:
    lines = output_of(ROWS["p_v0.43.3/gateway-run.one-of-three-starts"]).stderr.splitlines()
    ghost, remote = explain_gateway("ghost")(lines, None), explain_gateway("deadremote")(lines, None)
    assert type(ghost) is ImageMissing
    # The next message is glued to the cause, and is not part of it.
    assert ghost.text.endswith("no such host")
    assert type(remote) is CannotStart
    assert "connection refused" in remote.text
    assert explain_gateway("labremote")(lines, None) is None
