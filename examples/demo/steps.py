"""The steps of the tour: every tool of every plugin once, in an order that makes sense to a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
        tool: its public name.
        says: what a reader wants to know of the answer: its structured content, or its text where it has none.
        arguments: texts may name what is known: `{registry}`, `{folder}`, and what a step before kept.
        keeps: what later steps need of the answer, by name.
    """

    tool: str
    says: Callable[[Any], str]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    keeps: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """Steps that belong together."""

    title: str
    steps: tuple[Step, ...]


def _names(items: Any, key: str = "name") -> str:
    return ", ".join(item[key] for item in items)


def _all(items: Any) -> str:
    return ", ".join(map(str, items))


def _ready(answer: Any) -> str:
    """The registry after a write that was waited for; a KeyError fails the step when it is not there."""
    if not answer["done"]:
        raise ValueError("it was not waited for")
    registry = answer["registry"]
    return f"{registry['name']} is {registry['status']}, quarantine {registry['quarantine_mode']}"


def _gone(answer: Any) -> str:
    if not answer["done"] or "registry" in answer:
        raise ValueError("the registry is still there")
    return "deleted"


def _started(answer: Any) -> str:
    if answer["failed"]:
        raise ValueError(f"{_names(answer['failed'], 'server')} did not start")
    return _names(answer["started"], "server")


HOST = Chapter("The host: who is there?", (Step("fuseboard_status", lambda text: ", ".join(text.splitlines())),))

OCI = Chapter(
    "oci: questions to a registry, here one in memory",
    (
        Step("oci_ping", str),
        Step("oci_check_registry", lambda a: f"reachable, login: {a['auth']}", {"registry": "{registry}"}),
        Step(
            "oci_list_repositories",
            lambda a: _all(a["repositories"]),
            {"registry": "{registry}", "prefix": "demo/", "limit": 4},
        ),
        Step("oci_list_tags", lambda a: _all(a["result"]), {"registry": "{registry}", "repository": "demo/app"}),
        Step(
            "oci_find_tags",
            lambda a: f"newest {a['newest']} of {a['total']} tags, update: {a['update_available']}",
            {"registry": "{registry}", "repository": "demo/manytags", "current": "1.2", "limit": 3},
        ),
        Step("oci_get_details", lambda a: _all(a["architectures"]), {"repository": "{registry}/demo/multi:1.0"}),
        Step(
            "oci_get_config",
            lambda a: f"runs {_all(a['entrypoint'])} as user {a['user']}",
            {"repository": "{registry}/demo/single:1.0"},
        ),
        Step(
            "oci_compare_images",
            lambda a: f"{a['layers']['added']} layers added, {a['layers']['removed']} removed",
            {"registry": "{registry}", "repository": "demo/app", "reference_a": "1.0.0", "reference_b": "1.1.0"},
        ),
        Step(
            "oci_list_referrers",
            lambda a: f"signature {a['signed']}, verified: {a['verified']}",
            {"repository": "{registry}/demo/signed:1.0"},
        ),
        Step(
            "oci_get_manifest",
            lambda a: f"{a['size']} bytes of {a['media_type']}",
            {"repository": "{registry}/demo/single:1.0"},
        ),
    ),
)

CLOUDRU = Chapter(
    "cloudru: a registry from its creation to its end, on a simulated service",
    (
        Step(
            "cloudru_create_registry",
            lambda a: f"operation {a['operation']['id']} has begun",
            {"name": "tour-images"},
            {"operation": lambda a: a["operation"]["id"]},
        ),
        Step("cloudru_wait_for_operation", _ready, {"operation_id": "{operation}"}),
        Step(
            "cloudru_find_registry",
            lambda a: f"its id is {a['registry']['id']}",
            {"name": "tour-images"},
            {"id": lambda a: a["registry"]["id"]},
        ),
        Step("cloudru_list_registries", lambda a: _names(a["registries"])),
        Step("cloudru_get_registry", lambda a: f"{a['registry_type']}, {a['status']}", {"registry_id": "{id}"}),
        Step(
            "cloudru_update_quarantine_mode",
            _ready,
            {"registry_id": "{id}", "quarantine_mode": "HIGH", "wait": True},
        ),
        Step("cloudru_update_registry", _ready, {"registry_id": "{id}", "retention_days": 30, "wait": True}),
        Step("cloudru_get_docker_login", lambda a: f"docker signs in to {a['host']}", {"name": "tour-images"}),
        Step("cloudru_get_operation", lambda a: f"done: {a['done']}", {"operation_id": "{operation}"}),
        Step(
            "cloudru_get_registry_operations",
            lambda a: _names(a["operations"], "description"),
            {"registry_id": "{id}"},
        ),
        Step("cloudru_delete_registry", _gone, {"registry_id": "{id}", "wait": True}),
        Step("cloudru_list_operations", lambda a: _names(a["operations"], "description")),
    ),
)

DOCKER_MCP = Chapter(
    "docker_mcp: other MCP servers, here two small ones instead of Docker's",
    (
        Step("docker_mcp_list_installed_servers", lambda a: _names(a["servers"])),
        Step("docker_mcp_list_catalog_servers", lambda a: f"{a['total']} in all catalogues"),
        Step("docker_mcp_get_server_info", lambda a: a["description"], {"server": "notes"}),
        Step("docker_mcp_get_server_tools", lambda a: _names(a["tools"]), {"server": "notes"}),
        Step(
            "docker_mcp_config_set",
            lambda a: f"notes are kept in {a['config']['file']}",
            {"server": "notes", "config": {"file": "{folder}/notes.json"}},
        ),
        Step("docker_mcp_config_get", lambda a: _all(a["config"]), {"server": "notes"}),
        Step("docker_mcp_secret_set", lambda a: f"{a['key']} is stored", {"key": "tour.token", "value": "nothing"}),
        Step("docker_mcp_secret_list", lambda a: _names(a["secrets"], "key")),
        Step("docker_mcp_secret_remove", lambda a: f"{a['key']} is removed", {"key": "tour.token"}),
        Step(
            "docker_mcp_start_servers",
            _started,
            {"servers": ["clock", "notes"]},
        ),
        Step("docker_mcp_get_active_servers", lambda a: _names(a["servers"], "server")),
        Step("docker_mcp_list_active_tools", lambda a: _names(a["tools"])),
        Step(
            "docker_mcp_call_tool",
            lambda a: f"note {a['id']} is written",
            {"tool_name": "add_note", "arguments": {"text": "Buy milk"}, "server": "notes"},
        ),
    ),
)

STARTED = Chapter(
    "clock and notes: what was started is the host's own as well",
    (
        Step("clock_now", lambda a: f"{a['weekday']}, {a['time']}", {"timezone": "Asia/Tokyo"}),
        Step(
            "clock_convert",
            lambda a: f"{a['from']['time']} is {a['to']['time']}",
            {"time": "2026-01-15T12:00", "from": "UTC", "to": "Asia/Tokyo"},
        ),
        Step("notes_add_note", lambda a: f"note {a['id']}: {a['text']}", {"text": "Water the plants"}),
        Step("notes_list_notes", lambda a: _names(a["notes"], "text")),
        Step("notes_search_notes", lambda a: _names(a["notes"], "text"), {"words": "milk"}),
        Step("notes_delete_note", lambda a: f"deleted: {a['deleted']}", {"id": "1"}),
    ),
)

END = Chapter(
    "docker_mcp: and stopped again",
    (Step("docker_mcp_stop_servers", lambda a: _all(a["stopped"]), {"servers": ["clock", "notes"]}),),
)

CHAPTERS = (HOST, OCI, CLOUDRU, DOCKER_MCP, STARTED, END)
