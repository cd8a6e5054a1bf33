"""The stand-in docker says what the real one was recorded to say: keys and types, error texts and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fuseboard_docker_mcp.testing import Behaviour, StandIn

RECORDINGS = Path(__file__).parent / "recordings"
INDEX = {row["id"]: row for row in json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8"))["recordings"]}

# Commands that start a gateway for one answer are not played: nothing of the plugin runs them.
NOT_PLAYED = {name for name in INDEX if re.search(r"/tools-(call|ls|count|inspect)", name)}


def _recorded_entries(recording: str) -> dict[str, Any]:
    return dict(json.loads((RECORDINGS / INDEX[recording]["stdout"]).read_text(encoding="utf-8"))["registry"])


LAB_ENTRIES = _recorded_entries("a_v0.22.0/catalog-show.many")
RICH = {name: Behaviour(entry) for name, entry in _recorded_entries("b_v0.41.0/catalog-show.rich").items()}
LAB_NAMES = tuple(LAB_ENTRIES)
# The tools that the addresses of this one entry answered with; the catalogues of dialect P were made without addresses.
ADDRESSES = ("readme", "toolsUrl")
INSPECTED = json.loads((RECORDINGS / "a_v0.22.0/server-inspect.one.stdout").read_text(encoding="utf-8"))["tools"]
OPTIONS = {"labecho": ("--tools", "echo,add"), "labnotes": ("--tools", "env,pid,big,slow"), "labremote": ()}
NOTES_YAML = "labnotes:\n  url: http://notes.local\n  root: /data\n  retries: 3\n"
LAB_REF = {"lab/catalog:latest": LAB_NAMES}
CATALOG = "catalog://lab/catalog:latest/"
DEV = ("mcp", "profile", "create", "--name", "dev", "--server", CATALOG)
SET = ("mcp", "profile", "config", "dev", "--set")
COLLIDING = {name: Behaviour(LAB_ENTRIES["labecho"] | {"image": "lab/echo:1"}) for name in ("e1", "e2")}
GHOST = Behaviour({"type": "server", "image": "lab/ghost:1"}, image="missing")
DEAD = Behaviour({"type": "remote", "remote": {"url": "http://127.0.0.1:1/mcp", "transport_type": "streamable-http"}})

Prepare = Callable[[StandIn], None]


def _lab(*installed: str) -> dict[str, Behaviour]:
    return {name: Behaviour(LAB_ENTRIES[name], OPTIONS[name], installed=name in installed) for name in LAB_NAMES}


def _without_addresses(servers: Mapping[str, Behaviour]) -> dict[str, Behaviour]:
    return {
        name: replace(one, entry={key: value for key, value in (one.entry or {}).items() if key not in ADDRESSES})
        for name, one in servers.items()
    }


def _ran(*commands: tuple[str, ...]) -> Prepare:
    def prepare(docker: StandIn) -> None:
        for command in commands:
            assert docker.run(*command).returncode == 0, command

    return prepare


def _broken(fault: Any, command: str = "") -> Prepare:
    return lambda docker: docker.break_(fault, command)


def _catalogue_file(name: str, servers: Mapping[str, Behaviour], *more: Prepare) -> Prepare:
    def prepare(docker: StandIn) -> None:
        registry = {server: dict(one.entry or {}) for server, one in servers.items()}
        path = docker.mcp_home / "catalogs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"name": "lab", "registry": registry}))
        for one in more:
            one(docker)

    return prepare


def _no_database(docker: StandIn) -> None:
    docker.mcp_home.mkdir(parents=True)
    (docker.mcp_home / "mcp-toolkit.db").write_text("not a database")


def _five_secrets(docker: StandIn) -> None:
    for name in ("labnotes.api_key", "labnotes.token", "a/b", "empty", "p1"):
        assert docker.run("mcp", "secret", "set", name, stdin="value").returncode == 0


FILES: dict[str, Any] = {"catalogues": {"docker-mcp": LAB_NAMES}}
PROFILES: dict[str, Any] = {"catalogues": LAB_REF}
NO_CATALOGUE: dict[str, Any] = {"servers": {}, "catalogues": {}}
# What each recording was made with, where it is not the catalogue of three servers with none of them installed.
INSPECT: dict[str, Any] = {"servers": {"labnotes": Behaviour(LAB_ENTRIES["labnotes"] | {"tools": INSPECTED})}}
INSPECT |= {"catalogues": {"docker-mcp": ["labnotes"]}}
MADE: dict[str, dict[str, Any]] = {
    "a_v0.22.0/server-inspect.one": INSPECT,
    "b_v0.41.0/server-inspect.one": INSPECT,
    "a_v0.22.0/catalog-ls.offline": NO_CATALOGUE | {"prepare": _broken("offline")},
    "a_v0.22.0/config-read.one": {"prepare": _ran(("mcp", "config", "write", NOTES_YAML))},
    "a_v0.22.0/gateway-run.secrets-unreadable": {"servers": _lab("labnotes")},
    "a_v0.22.0/server-ls.many": {"servers": _lab(*LAB_NAMES)},
    "a_v0.22.0/server-ls.one": {"servers": _lab("labecho")},
    "b_v0.41.0/catalog-show.rich": {"servers": RICH, "catalogues": {"docker-mcp": list(RICH)}},
    "b_v0.41.0/config-read.malformed": {"prepare": _broken("malformed-config")},
    "b_v0.41.0/config-read.one": {"prepare": _ran(("mcp", "config", "write", NOTES_YAML))},
    "b_v0.41.0/gateway-run.three-servers": {
        "servers": _lab(*LAB_NAMES),
        "prepare": _ran(("mcp", "config", "write", NOTES_YAML)),
    },
    "b_v0.41.0/server-ls.malformed-config": {"prepare": _broken("malformed-config")},
    "b_v0.41.0/server-ls.many": {"servers": _lab(*LAB_NAMES)},
    "b_v0.41.0/server-ls.one": {"servers": _lab("labecho")},
    "p_v0.41.0/profile-config-get-all.one": {
        "prepare": _ran((*DEV[:-1], CATALOG + "labnotes"), (*SET, "labnotes.url=http://x"))
    },
    "p_v0.41.0/profile-list.one": {"prepare": _ran((*DEV[:-1], CATALOG + "labecho+labnotes"))},
    "p_v0.43.3/catalog-list.corrupt-database": NO_CATALOGUE | {"prepare": _no_database},
    "p_v0.43.3/catalog-list.empty": NO_CATALOGUE,
    "p_v0.43.3/catalog-list.many": {"catalogues": LAB_REF | {"lab/strict:latest": LAB_NAMES}},
    "p_v0.43.3/catalog-pull.offline": {"prepare": _broken("offline")},
    "p_v0.43.3/catalog-server-ls.unknown-catalog": NO_CATALOGUE,
    "p_v0.43.3/catalog-show.empty": {"catalogues": {"example/none:latest": ()}},
    "p_v0.43.3/catalog-show.rich": {"servers": RICH, "catalogues": {"example/rich:latest": list(RICH)}},
    "p_v0.43.3/gateway-run.malformed-config": {
        "prepare": _catalogue_file("lab.yaml", _lab(), _broken("malformed-config"))
    },
    "p_v0.43.3/gateway-run.missing-config": {"prepare": _ran((*DEV[:-1], CATALOG + "labnotes"))},
    "p_v0.43.3/gateway-run.one-of-three-starts": {
        "servers": {"ghost": GHOST, "deadremote": DEAD},
        "catalogues": {},
        "prepare": _catalogue_file("mix.yaml", {"ghost": GHOST, "deadremote": DEAD}),
    },
    "p_v0.43.3/gateway-run.three-servers": {
        "catalogues": LAB_REF | {"lab/strict:latest": LAB_NAMES},
        "prepare": _ran(
            (*DEV[:-1], CATALOG + "labecho+labremote+labnotes"),
            (*SET, "labnotes.url=u", "--set", "labnotes.root=/data"),
        ),
    },
    "p_v0.43.3/gateway-run.tool-collision": {
        "servers": COLLIDING,
        "catalogues": {},
        "prepare": _catalogue_file("coll.yaml", COLLIDING),
    },
    "p_v0.43.3/gateway-run.unknown-server": {"prepare": _catalogue_file("lab.yaml", _lab())},
    "p_v0.43.3/gateway-run.unpinned-image": {
        "prepare": _catalogue_file(
            "mcpns.yaml", {"duck": Behaviour({"type": "server", "image": "mcp/duckduckgo:latest"})}
        )
    },
    "p_v0.43.3/profile-config-get-all.empty": {"prepare": _ran((*DEV[:-1], CATALOG + "labnotes"))},
    "p_v0.43.3/profile-config-get-all.nested": {
        "prepare": _ran(
            (*DEV[:-1], CATALOG + "labnotes"),
            (*SET, 'labnotes.opts={"a": [1, 2]}', "--set", "labnotes.retries=5", "--set", "labnotes.root=/data"),
            (*SET, "labnotes.url=http://notes.local"),
        )
    },
    "p_v0.43.3/profile-config-get-all.one-server": {
        "prepare": _ran(
            (*DEV[:-1], CATALOG + "labnotes"),
            (*SET, "labnotes.url=http://notes.local", "--set", "labnotes.root=/data", "--set", "labnotes.retries=3"),
        )
    },
    "p_v0.43.3/profile-config-get.unknown-key": {"prepare": _ran((*DEV[:-1], CATALOG + "labnotes"))},
    "p_v0.43.3/profile-config-set.ok": {"prepare": _ran((*DEV[:-1], CATALOG + "labnotes"))},
    "p_v0.43.3/profile-list.many": {
        "prepare": _ran(
            ("mcp", "profile", "create", "--name", "empty"),
            (*DEV[:-1], CATALOG + "labecho+labremote"),
        )
    },
    "p_v0.43.3/profile-list.one": {"prepare": _ran((*DEV[:-1], CATALOG + "labecho"))},
    "p_v0.43.3/profile-server-add.unknown-server": {"prepare": _ran((*DEV[:-1], CATALOG + "labecho"))},
    "p_v0.43.3/profile-server-ls.one": {"prepare": _ran((*DEV[:-1], CATALOG + "labecho"))},
    "p_v0.43.3/profile-show.configured": {
        "prepare": _ran(
            (*DEV[:-1], CATALOG + "labecho+labremote+labnotes"),
            ("mcp", "profile", "tools", "dev", "--disable", "labecho.add"),
            (*SET, "labnotes.url=http://notes.local", "--set", "labnotes.root=/data", "--set", "labnotes.retries=3"),
        )
    },
    "p_v0.43.3/secret-ls.empty": {"docker_pass": True},
    "p_v0.43.3/secret-ls.many": {"docker_pass": True, "prepare": _five_secrets},
}


def _skeleton(value: Any) -> Any:
    """Keys in their order, with the types of what they hold."""
    if isinstance(value, dict):
        return [(key, _skeleton(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [_skeleton(inner) for inner in value]
    return type(value).__name__


def _style(text: str, value: Any) -> tuple[str, str]:
    """How JSON was printed: with or without spaces, with or without a newline at the end."""
    body = text.rstrip("\n")
    pretty = json.dumps(value, indent=2, ensure_ascii=False)
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return ("pretty" if body == pretty else "compact" if body == compact else "other"), text[len(body) :]


def _plain(text: str, docker: StandIn) -> str:
    """Text without what differs from machine to machine and from day to day."""
    for found, name in (
        (str(docker.home), "<home>"),
        (str(docker.folder), "<dir>"),
        ("127.0.0.53", "<dns>"),
    ):
        text = text.replace(found, name)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "<time>", text)


def _telling(stderr: str) -> set[str]:
    """The lines of a gateway that the reference calls worth reading; counts of tools are the servers' own."""
    kinds = (
        *("- Reading", "  - Reading", "- Those servers", "  > Can't start deadremote: failed to connect", "- warning:"),
        *("Cannot activate", "Server '", "  Missing", "reading ", "verifying ", "loading configuration", "  - Running"),
    )
    lines = [line for line in stderr.splitlines() if line.startswith(kinds)]
    lines = [re.sub(r'(Can\'t start \w+: failed to connect: calling "initialize":).*', r"\1", line) for line in lines]
    return {
        re.sub(r'"\w+"; enable', '"TOOL"; enable', re.sub(r"(Error response from daemon).*", r"\1", x)) for x in lines
    }


@pytest.mark.parametrize("name", [name for name in INDEX if name not in NOT_PLAYED])
def test_the_stand_in_says_what_was_recorded(name: str, tmp_path: Path) -> None:
    row, made = INDEX[name], dict(MADE.get(name, {}))
    prepare = made.pop("prepare", lambda docker: None)
    dialect: Any = row["dialect"] or "none"
    usual = {"servers": _lab(), **(PROFILES if dialect == "P" else FILES)}
    made = usual | made
    made["servers"] = _without_addresses(made["servers"]) if dialect == "P" else made["servers"]
    with StandIn(tmp_path / "docker", dialect=dialect, version=row["version"] or "", **made) as docker:
        prepare(docker)
        if not row["engine"]:
            docker.break_("no-engine")
        argv = [
            str(docker.folder / "lab-catalog.yaml") if part.startswith("<dir>") else part for part in row["argv"][1:]
        ]
        ran = docker.run(*argv, **row["env"])
        stdout, stderr = _plain(ran.stdout, docker), _plain(ran.stderr, docker)
    expected = {
        kind: (RECORDINGS / row[kind]).read_text(encoding="utf-8") if row[kind] else "" for kind in ("stdout", "stderr")
    }
    assert ran.returncode == (row["exit_code"] or 0), stderr
    if row["stdout_kind"] == "json":
        said, told = json.loads(stdout), json.loads(expected["stdout"])
        assert _skeleton(said) == _skeleton(told)
        assert _style(stdout, said) == _style(expected["stdout"], told)
    else:
        assert stdout == expected["stdout"]
    if "gateway" in row["argv"]:
        assert _telling(expected["stderr"]) <= _telling(stderr)
    else:
        assert stderr == expected["stderr"]


def test_every_recording_is_played_or_named_as_one_that_is_not() -> None:
    assert set(MADE) <= set(INDEX)
    assert len(NOT_PLAYED) < 12
