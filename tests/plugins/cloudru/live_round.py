"""One round trip with a throw-away registry, through the tools, that tells what it learned about uncertain routes.

Everything comes from the environment, as with a user: `test_live.py` says whose.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import httpx2

import fuseboard_cloudru
from fuseboard.testing import PluginHost
from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import CloudruError

# How long the registry may be looked for when it is to be deleted, and how long its deletion may take; seconds.
LONGEST_CLEANING = 180
_REQUEST = re.compile(r"HTTP Request: (\w+) \S+?//[^/]+(\S*?)(?:\?\S*)? \"\S+ (\d+)")
_REGISTRY = re.compile(r"(?<=/registries/)[^/]+")
_OPERATION = re.compile(r"(?<=/operations/)[^/]+")


class Refused(Exception):
    """A tool answered with an error."""


class Requests(logging.Handler):
    """Notes each request of the plugin without its ids and its query, as the HTTP library logs it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if found := _REQUEST.match(record.getMessage()):
            path = _OPERATION.sub("{operation_id}", _REGISTRY.sub("{registry_id}", found[2]))
            self.seen.append(f"{found[1]} {path} {found[3]}")

    def take(self) -> str:
        """What came since the last time, each once, in order."""
        taken, self.seen = list(dict.fromkeys(self.seen)), []
        return ", ".join(taken) or "nothing"


class Trip:
    """The trip, step by step. A step that fails is noted, and the others still happen.

    Args:
        host: with the plugin, and with the OCI plugin where it is installed.
        name: of the registry to make; nothing of this name exists.
        requests: notes what is sent.
        say: prints a line.
        look: looks at raw answers while the registry is there.

    Attributes:
        failures: one line for each step that failed.
    """

    def __init__(
        self,
        host: PluginHost,
        name: str,
        requests: Requests,
        say: Callable[[str], None],
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self.host = host
        self.name = name
        self.failures: list[str] = []
        self._requests = requests
        self._say = say
        self._look = look

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; `Refused` with its words when it answers with an error."""
        answer = await self.host.call_tool(tool, arguments)
        if answer.is_error:
            raise Refused(getattr(answer.content[0], "text", ""))
        assert answer.structured_content is not None
        return answer.structured_content

    async def step(self, tool: str, holds: Callable[[dict[str, Any]], object], **arguments: Any) -> dict[str, Any]:
        """Call a tool of the plugin, tell how that went, and note when what should hold does not."""
        found: dict[str, Any] = {}
        try:
            found = await self.ask(f"cloudru_{tool}", **arguments)
            problem = "" if holds(found) else f"not as expected: {json.dumps(found)[:600]}"
        except (Refused, KeyError) as error:
            problem = f"{type(error).__name__}: {error}"
        given = " ".join(f"{name}={'...' if name.endswith('_id') else value}" for name, value in arguments.items())
        self._say(f"{'FAILED' if problem else 'fine  '}  {tool} {given}  [{self._requests.take()}]  {problem}".rstrip())
        if problem:
            self.failures.append(f"{tool}: {problem}")
        return found

    async def learn(self, what: str, tool: str, **arguments: Any) -> None:
        """Try something that nobody is sure of, and tell what came; either is fine."""
        try:
            found = await self.ask(tool, **arguments)
            # Registries of the project are nobody's business; how many came is what the answer was about.
            rows = found.get("registries")
            words = f"works: {json.dumps(found)[:300] if rows is None else f'{len(rows)} registries'}"
        except Refused as error:
            words = f"does not: {error}"
        self._say(f"learned {what}: {words}  [{self._requests.take()}]")

    async def run(self) -> None:
        """The whole trip, but for the cleaning."""
        await self.step("list_registries", lambda found: True, page_size=1)
        await self.step("list_registries", lambda found: "next_page_token" not in found, all_pages=True)
        await self.step("find_registry", lambda found: found["found"] is False, name=self.name)
        made = await self.step(
            "create_registry", lambda found: found["registry"]["status"] == "ACTIVE", name=self.name, wait=True
        )
        found = await self.step("find_registry", lambda found: found["registry"]["name"] == self.name, name=self.name)
        if "registry" not in found:
            return
        await self._look()
        self._requests.take()
        await self.change(found["registry"]["id"])
        await self.look_at_operations(found["registry"]["id"], made.get("operation", {}).get("id"))
        await self.look_at_images()
        await self.delete(found["registry"]["id"])

    async def change(self, registry_id: str) -> None:
        """Quarantine and retention, there and back. Nothing is made public."""
        await self.step(
            "get_registry",
            lambda found: (found["registry_type"], found["is_public"]) == ("DOCKER", False),
            registry_id=registry_id,
        )
        for mode in ("HIGH", "DISABLED"):
            changes = {"registry_id": registry_id, "quarantine_mode": mode, "wait": True}
            await self.step("update_quarantine_mode", lambda found: found["done"], **changes)
            await self.step(
                "get_registry", lambda found, mode=mode: found["quarantine_mode"] == mode, registry_id=registry_id
            )
        policy = {"registry_id": registry_id, "retention_days": 30, "retention_only_untagged": True, "wait": True}
        await self.step("update_registry", lambda found: found["done"], **policy)
        await self.step("get_registry", lambda found: found["retention_policy"]["value"] == 30, registry_id=registry_id)
        await self.step(
            "update_registry", lambda found: found["done"], registry_id=registry_id, retention_enabled=False, wait=True
        )

    async def look_at_operations(self, registry_id: str, operation_id: str | None) -> None:
        """The operations, by all ways to ask for them."""
        if operation_id is not None:
            await self.step("get_operation", lambda found: found["done"], operation_id=operation_id)
            await self.step("wait_for_operation", lambda found: found["done"], operation_id=operation_id)
        await self.step("list_operations", lambda found: "operations" in found, page_size=5)
        await self.step("list_operations", lambda found: found["operations"], resource_id=registry_id)
        await self.step("list_operations", lambda found: found["operations"], resource_name=self.name)
        await self.step("get_registry_operations", lambda found: found["operations"], registry_id=registry_id)
        await self.learn("filter", "cloudru_list_registries", filter="is_public=true")
        await self.learn("order_by", "cloudru_list_registries", order_by="created_at desc", page_size=2)

    async def look_at_images(self) -> None:
        """The host for docker; who makes its tokens is told by the OCI plugin."""
        told = await self.step("get_docker_login", lambda found: found["host"].startswith(self.name), name=self.name)
        if importlib.util.find_spec("fuseboard_oci") and "host" in told:
            await self.learn("the registry's host", "oci_check_registry", registry=told["host"])
            await self.learn("its catalogue", "oci_list_repositories", registry=told["host"])

    async def delete(self, registry_id: str) -> None:
        """Delete it: not by the wrong name, then by the right one."""
        wrong = {"registry_id": registry_id, "confirm_name": f"{self.name}-not"}
        with suppress(Refused):
            await self.ask("cloudru_delete_registry", **wrong)
            self.failures.append("delete_registry took a wrong name")
        self._requests.take()
        right = {"registry_id": registry_id, "confirm_name": self.name, "wait": True}
        await self.step("delete_registry", lambda found: found["done"], **right)
        await self.step("find_registry", lambda found: found["found"] is False, name=self.name)


async def learn_doors(settings: CloudruSettings, say: Callable[[str], None]) -> str | None:
    """Try both token doors, and return a token, None when the key was not accepted."""
    assert settings.key_id is not None
    assert settings.secret is not None
    key, secret = settings.key_id, settings.secret.get_secret_value()
    bodies = {
        "iam": {"json": {"keyId": key, "secret": secret}},
        "oauth": {"data": {"grant_type": "access_key", "client_id": key, "client_secret": secret}},
    }
    token: str | None = None
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as http:
        for door, body in bodies.items():
            try:
                answer = await http.post(_door(settings, door), **body)
                say(f"learned token door {door}: {answer.status_code}, fields {_shape(answer)}")
                token = token or (answer.json()["access_token"] if answer.is_success else None)
            except httpx2.HTTPError as error:
                say(f"learned token door {door}: {type(error).__name__}")
    return token


async def learn_lists(settings: CloudruSettings, say: Callable[[str], None], token: str) -> None:
    """Tell which fields and types raw answers have: the plugin would fill in what is missing."""
    signed = {"Authorization": f"Bearer {token}"}
    url = f"{settings.api_url}/v1/registries"
    project = {"projectId": str(settings.project_id)}
    questions = {
        "a list": (url, {**project, "pageSize": 1}),
        "a list of operations": (f"{settings.api_url}/v1/operations", {**project, "pageSize": 1}),
        "a list without projectId": (url, {}),
        "an unknown registry": (f"{url}/00000000-0000-4000-8000-000000000000", project),
        "an unknown registry without projectId": (f"{url}/00000000-0000-4000-8000-000000000000", {}),
    }
    async with httpx2.AsyncClient(timeout=20, trust_env=False, headers=signed) as http:
        for what, (address, query) in questions.items():
            try:
                answer = await http.get(address, params=query)
                say(f"learned {what}: {answer.status_code}, fields {_shape(answer)}")
            except httpx2.HTTPError as error:
                say(f"learned {what}: {type(error).__name__}")


def _door(settings: CloudruSettings, door: str) -> str:
    given = settings.model_dump(include={"iam_url"}) if "iam_url" in settings.model_fields_set else {}
    return CloudruSettings.model_validate({**given, "token_door": door}).token_url


def _shape(answer: httpx2.Response) -> str:
    """The fields of a JSON object, and of the first row of a list in it, each with its type; no values."""
    try:
        return json.dumps(_types(answer.json()))
    except ValueError:
        return f"none: {answer.headers.get('content-type')}"


def _types(value: object) -> object:
    if isinstance(value, dict):
        return {name: _types(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value[:1]]
    return type(value).__name__


async def clean_up(name: str, settings: CloudruSettings, *, looks: int, pause: float) -> None:
    """Delete the registry if it is there, whatever happened before: not through the host, whose fuse may be blown.

    Args:
        name: of the registry.
        settings: of the plugin.
        looks: how often it must not be there to be gone; one whose creation broke off may appear late.
        pause: seconds between two looks.
    """
    with anyio.CancelScope(shield=True), anyio.fail_after(LONGEST_CLEANING):
        async with ArtifactRegistry(settings) as api:
            missing = turn = 0
            while missing < looks:
                with suppress(CloudruError):
                    found = await api.find_registry(name)
                    missing = 0 if found else missing + 1
                    # Not with every look: a deletion takes a while, and only one that failed is to be repeated.
                    if found and turn % 10 == 0:
                        await api.delete_registry(found.id)
                    turn += bool(found)
                await anyio.sleep(pause)


async def round_trip(name: str, say: Callable[[str], None], *, looks: int = 3, pause: float = 3.0) -> list[str]:
    """Make the trip, clean up in every case, and return what failed.

    Args:
        name: of the registry.
        say: prints a line.
        looks: see `clean_up`.
        pause: see `clean_up`.
    """
    settings = CloudruSettings()
    requests = Requests()
    logger = logging.getLogger("httpx2")
    before = logger.level
    plugins: dict[str, object] = {"cloudru": fuseboard_cloudru}
    if importlib.util.find_spec("fuseboard_oci"):
        plugins["oci"] = importlib.import_module("fuseboard_oci")
    token = await learn_doors(settings, say)
    if token is None:
        return ["no token for this key"]
    logger.setLevel(logging.INFO)
    logger.addHandler(requests)
    try:
        async with PluginHost(plugins, name="cloudru") as host:
            trip = Trip(host, name, requests, say, partial(learn_lists, settings, say, token))
            await trip.run()
            return trip.failures
    finally:
        logger.removeHandler(requests)
        logger.setLevel(before)
        say(f"cleaning: the registry {name} is deleted if it is still there; look for it if the next line is missing")
        await clean_up(name, settings, looks=looks, pause=pause)
        say("cleaning: it is gone")
