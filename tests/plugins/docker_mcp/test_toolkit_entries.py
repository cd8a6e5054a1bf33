"""Entries of catalogues are somebody else's text: each is a checked server, or left out by name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseboard_docker_mcp.config import SERVER_NAME
from fuseboard_docker_mcp.errors import CommandFailed, UnknownOutput
from fuseboard_docker_mcp.models import SecretSpec, Server
from fuseboard_docker_mcp.toolkit import profile_dialect, registry_dialect
from fuseboard_docker_mcp.toolkit.door import read_profile_probe, read_version
from fuseboard_docker_mcp.toolkit.entries import read_entries
from fuseboard_docker_mcp.toolkit.secret_words import SECRET_NAME, read_secret_names
from fuseboard_docker_mcp.toolkit.tool_specs import input_schema, tool_specs

RECORDINGS = Path(__file__).parent / "recordings"
NOTES = Server("labnotes", "toolkit", "profile dev", installed=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
# The names that the readers look for, with anything at all behind them.
KEYS = st.sampled_from(
    [
        *("name", "type", "image", "description", "title", "remote", "url", "secrets", "env", "config", "tools"),
        *("arguments", "parameters", "annotations", "snapshot", "server", "servers", "registry", "catalogs", "ref"),
        *("id", "longLived"),
    ]
)
SHAPED = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=12
)
READERS: list[Callable[[Any], Any]] = [
    registry_dialect.read_enabled,
    registry_dialect.read_catalogue_names,
    lambda answer: registry_dialect.read_catalogue(answer, "catalogue x"),
    profile_dialect.read_references,
    lambda answer: profile_dialect.read_catalogue(answer, "x"),
    lambda answer: profile_dialect.read_catalogue_server(answer, "x"),
    profile_dialect.read_profile_ids,
    profile_dialect.read_profiles,
    profile_dialect.read_profile,
    lambda answer: profile_dialect.read_values(answer, NOTES),
    read_profile_probe,
    read_secret_names,
]


@settings(deadline=None, max_examples=50)
@given(SHAPED)
def test_any_answer_gives_a_value_or_a_named_error(answer: Any) -> None:
    for read in READERS:
        with contextlib.suppress(UnknownOutput):
            read(answer)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=10) | st.just("labnotes"), SHAPED, max_size=4))
def test_of_any_entries_only_safe_servers_come_out_and_every_other_one_is_named(entries: dict[str, Any]) -> None:
    found = read_entries(entries.items(), "catalogue x")
    assert bool(found.problems) == (len(found.servers) < len(entries))
    for server in found.servers:
        assert SERVER_NAME.fullmatch(server.name)
        assert (server.title + server.description + server.image + server.url).isprintable()
        json.dumps(server.entry, allow_nan=False).encode()
        for tool in server.tools or ():
            jsonschema.Draft202012Validator.check_schema(tool.input_schema | {"properties": {}})


@given(st.text(max_size=200))
def test_any_text_is_a_version_or_a_configuration_or_named(text: str) -> None:
    with contextlib.suppress(UnknownOutput):
        assert read_version(text) == text.strip()
    with contextlib.suppress(CommandFailed):
        assert isinstance(registry_dialect.read_config(text, "labnotes"), dict)


@pytest.mark.parametrize(
    ("name", "entry", "reason"),
    [
        ("../evil", {}, "no legal name"),
        ("-v", {}, "no legal name"),
        ("x" * 64, {}, "no legal name"),
        ("", {}, "no legal name"),
        ("a", [], "no object"),
        ("a", None, "no object"),
        ("a", {"type": "daemon"}, "unknown type 'daemon'"),
        ("a", {"type": 1}, "type is no text"),
        ("a", {"image": "-v/:/host"}, "no name of an image"),
        ("a", {"image": "a b"}, "no name of an image"),
        ("a", {"remote": "https://x"}, "remote is no object"),
        ("a", {"remote": {"url": "https://x\n/y"}}, "is no address"),
        ("a", {"secrets": [{"name": "--all", "env": "X"}]}, "'--all' is no name of a secret"),
        ("a", {"secrets": [{"name": "a\nb=c", "env": "X"}]}, "is no name of a secret"),
        ("a", {"secrets": [{"name": "a.b", "env": "X=Y"}]}, "'X=Y' is no name of an environment variable"),
        ("a", {"secrets": {"name": "a.b"}}, "secrets is no list of objects"),
        ("a", {"config": ["x"]}, "config is no list of objects"),
        ("a", {"longLived": "yes"}, "longLived is neither true nor false"),
        ("a", {"readme": "x" * 500_001}, "has more than 500000 characters"),
        ("a", {"tools": [0] * 20_001}, "has more than 20000 values"),
        ("a", {"metadata": json.loads("[" * 50 + "]" * 50)}, "is deeper than 40 levels"),
        ("a", {"metadata": 10**400}, "number out of range"),
    ],
)
def test_an_entry_that_cannot_be_used_is_left_out_with_its_reason(name: str, entry: Any, reason: str) -> None:
    found = read_entries([(name, entry), ("good", {"type": "server", "image": "lab/echo:1"})], "catalogue x")
    assert [server.name for server in found.servers] == ["good"]
    assert len(found.problems) == 1
    assert "catalogue x: 1 of its servers are left out:" in found.problems[0].text
    assert reason in found.problems[0].text


def test_of_many_entries_that_are_left_out_the_first_are_named() -> None:
    found = read_entries([(f"no name {number}", {}) for number in range(9)], "catalogue x")
    assert found.problems[0].text.endswith("'no name 4' (no legal name) and 4 more")
    with pytest.raises(UnknownOutput, match="has more than 10000 servers"):
        read_entries(((f"s{number}", None) for number in range(10_001)), "catalogue x")


def test_a_profile_server_without_a_readable_choice_of_tools_is_left_out() -> None:
    """To take the list for "all" would switch on what the operator switched off."""
    server = {"snapshot": {"server": {"name": "a", "type": "server", "image": "x:1"}}}
    wrong = [{**server, "tools": "all"}, {**server, "tools": [1]}, {**server, "config": [1]}, {"snapshot": None}, 5]
    for item in wrong:
        (profile,) = profile_dialect.read_profiles([{"id": "dev", "servers": [item]}])
        assert profile.found.servers == ()
        assert len(profile.found.problems) == 1
    (profile,) = profile_dialect.read_profiles([{"id": "dev", "servers": [{**server, "tools": []}]}])
    assert profile.found.servers[0].allowed_tools == frozenset()


def test_arguments_of_a_catalogue_become_json_schema() -> None:
    rich = json.loads((RECORDINGS / "b_v0.41.0/catalog-show.rich.stdout").read_text(encoding="utf-8"))["registry"]
    read_file, list_roots = tool_specs(rich["files"]["tools"]) or ()
    assert read_file.input_schema == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Path below an allowed directory"},
            "head": {"type": "integer", "description": "First lines only"},
            "names": {"type": "array", "description": "Several names", "items": {"type": "string"}},
        },
        "required": ["path"],
    }
    assert read_file.annotations == {
        "title": "Read file", "readOnlyHint": True, "destructiveHint": False, "openWorldHint": False,
    }  # fmt: skip
    assert (list_roots.input_schema, list_roots.annotations) == ({"type": "object"}, {})
    (count_words,) = tool_specs(rich["counter"]["tools"]) or ()
    assert count_words.input_schema == {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "File to count"}},
        "required": ["path"],
    }
    for tool in (read_file, list_roots, count_words):
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)


def test_what_is_odd_in_a_tool_is_dropped_and_the_rest_stays() -> None:
    arguments = [
        {"name": "a", "type": "string[]"}, {"name": "b\n"}, {"name": 5}, "x", {"name": "a", "type": "null"},
        {"name": "c", "optional": "true", "items": {"type": "string"}}, {"name": "d", "optional": True},
    ]  # fmt: skip
    assert input_schema(arguments, None) == {
        "type": "object", "properties": {"a": {}, "c": {}, "d": {}}, "required": ["a", "c"],
    }  # fmt: skip
    noise = {"type": "", "properties": None, "required": None}
    assert input_schema(None, noise) == input_schema([], {"type": "array"}) == {"type": "object"}
    odd = {"type": "object", "properties": {"a": 1, "b": {}}, "required": ["b", 2, "b"]}
    assert input_schema(None, odd) == {"type": "object", "properties": {"b": {}}, "required": ["b"]}
    assert tool_specs(
        [{"name": "x\u202e"}, {}, 1, {"name": "ok", "description": "a\nb"}, {"name": "ok"}]
    ) == tool_specs([{"name": "ok", "description": "a b"}])
    assert tool_specs(None) is None
    assert tool_specs([]) == ()


def test_values_of_a_profile_lose_their_prefix_and_objects_come_together_again() -> None:
    schema = {"name": "labnotes", "properties": {"plain.key": {"type": "string"}, "opts": {"type": "object"}}}
    server = Server("labnotes", "toolkit", "profile dev", installed=True, config_schemas=(schema,))
    flat = {"labnotes.plain.key": "x", "labnotes.opts.a.b": 1, "labnotes.opts.c": [1], "other.url": "y"}
    assert profile_dialect.read_values(flat, server) == {"plain.key": "x", "opts": {"a": {"b": 1}, "c": [1]}}
    for wrong in ([], "x", {"labnotes.a": 1, "labnotes.a.b": 2}, {"labnotes." + "a." * 50: 1}):
        with pytest.raises(UnknownOutput):
            profile_dialect.read_values(wrong, server)


def test_names_of_secrets_follow_the_toolkits_rule_and_never_look_like_an_option() -> None:
    assert all(map(SECRET_NAME.fullmatch, ["labnotes.api_key", "a/b", "docker/mcp/x:y", "A-1"]))
    assert not any(map(SECRET_NAME.fullmatch, ["--all", "-a", "", "a b", "a//b", "/a", "a/", "a=b", "a\n"]))
    assert SecretSpec("a", "B").env == "B"
