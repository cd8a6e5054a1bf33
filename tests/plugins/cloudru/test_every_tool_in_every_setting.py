"""Every tool gives the same answers however the service behaves where nobody outside of it knows how it behaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from fuseboard_cloudru import following
from fuseboard_cloudru.simulator import Simulator, Switches
from tests.plugins.cloudru.proof import UNKNOWN_ID, Asked, Stable, asking, text_of, without

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONG = 120
PLAIN = Switches(omit_defaults=False)
SETTINGS: dict[str, Switches] = {
    "defaults left out": Switches(omit_defaults=True),
    "numbers for enums": Switches(omit_defaults=False, int_enums=True),
    "numbers for enums, defaults left out": Switches(int_enums=True),
    "null for empty lists": Switches(omit_defaults=False, null_lists=True),
    "null for empty lists, defaults left out": Switches(null_lists=True),
    "opaque ids of operations": Switches(omit_defaults=False, opaque_ids=True),
    "new things are not found at first": Switches(omit_defaults=False, missing_window=0.3),
    "operations take time": Switches(omit_defaults=False, operation_seconds=0.3),
    "registries become active after their operation": Switches(omit_defaults=False, activation_seconds=0.3),
    "an update is answered with the registry": Switches(omit_defaults=False, update_answers="registry"),
    "quarantine by PATCH on a route of its own": Switches(omit_defaults=False, quarantine_route="own"),
    "quarantine by PUT on a route of its own": Switches(omit_defaults=False, quarantine_route="put_own"),
    "quarantine on its own route, 501 elsewhere": Switches(
        omit_defaults=False, quarantine_route="put_own", method_status=501
    ),
    "nested errors": Switches(omit_defaults=False, nested_errors=True),
    "legacy routes beside the others": Switches(omit_defaults=False, legacy_routes=True),
    "pages of two": Switches(omit_defaults=False, page_size_max=2),
    "everything at once": Switches(
        int_enums=True,
        null_lists=True,
        opaque_ids=True,
        nested_errors=True,
        missing_window=0.2,
        operation_seconds=0.3,
        activation_seconds=0.2,
        update_answers="registry",
        quarantine_route="put_own",
        method_status=501,
        legacy_routes=True,
        page_size_max=1,
    ),
}

UPSTREAM = {"url": "https://registry.example.com/", "metadata_ttl": 60, "artifact_ttl": 0, "mirror": True}


class Story:
    """What happens to a project, told with all tools; each answer is kept under a name.

    Args:
        asked: the plugin.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.used: Counter[str] = Counter()
        self.answers: dict[str, Any] = {}
        self._stable = Stable()

    async def tell(self, label: str, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and keep its answer: the result, or the text of the error."""
        self.used[tool] += 1
        result = await self.asked.call(tool, arguments)
        answer = text_of(result) if result.is_error else result.structured_content
        self.answers[label] = self._stable(without(answer, _may_differ))
        return answer if isinstance(answer, dict) else {}

    async def pages(self, label: str, tool: str, field: str, /, **arguments: Any) -> None:
        """All pages of a list, as one list."""
        self.used[tool] += 1
        found: list[Any] = []
        token: dict[str, Any] = {}
        for _ in range(50):
            page = await self.asked.result(tool, **arguments, **token)
            found += [one for one in page[field] if one.get("description") != "UpdateRegistry"]
            if "next_page_token" not in page:
                break
            token = {"page_token": page["next_page_token"]}
        else:
            raise AssertionError(f"{tool} has no last page")
        self.answers[label] = self._stable(without(found, _may_differ))


def _may_differ(name: str, value: Any) -> bool:
    """Whether a field says how the service behaves, and not what there is."""
    # What is left out where it is the default, and for whose default there is no promise.
    unpromised = (name, value) in (("tariff", "BASIC"), ("registry_mode", "REGISTRY_MODE_UNSPECIFIED"))
    # Some updates have no operation.
    update = name == "operation" and isinstance(value, dict) and value.get("description") == "UpdateRegistry"
    return unpromised or update or name in ("next_page_token", "updated_at")


async def beginnings(story: Story) -> None:
    """Nothing is there; then three registries are."""
    await story.tell("no registries", "list_registries")
    await story.tell("no registries at all", "list_registries", all_pages=True)
    await story.tell("no operations", "list_operations")
    await story.tell("nobody has this name", "find_registry", name="alpha")
    await story.tell("alpha", "create_registry", name="alpha", wait=True)
    await story.tell(
        "beta",
        "create_registry",
        name="beta",
        registry_type="NPM",
        is_public=True,
        mode="REMOTE",
        upstream=UPSTREAM,
        retention_days=30,
        retention_only_untagged=True,
        tariff="PREMIUM",
        wait=True,
    )
    begun = await story.tell("gamma begun", "create_registry", name="gamma", quarantine_mode="LOW")
    operation = begun["operation"]["id"]
    await story.tell("gamma", "wait_for_operation", operation_id=operation, timeout=LONG)
    await story.tell("gamma's operation", "get_operation", operation_id=operation)


async def questions(story: Story) -> None:
    """All that can be asked about three registries."""
    await story.pages("page by page", "list_registries", "registries", page_size=2, order_by="name desc")
    await story.tell("all pages", "list_registries", all_pages=True, order_by="name")
    await story.pages("only public ones", "list_registries", "registries", filter="is_public=true")
    alpha = (await story.tell("alpha by its name", "find_registry", name="alpha"))["registry"]["id"]
    await story.tell("alpha by its id", "get_registry", registry_id=alpha)
    await story.tell("docker", "get_docker_login", registry_id=alpha)
    await story.tell("docker by name", "get_docker_login", name="gamma")
    await story.tell("docker of NPM", "get_docker_login", name="beta")
    await story.pages("all operations", "list_operations", "operations")
    await story.pages("operations of a name", "list_operations", "operations", resource_name="beta", page_size=1)
    await story.pages("alpha's operations", "get_registry_operations", "operations", registry_id=alpha)


async def changes(story: Story) -> None:
    """Changes, deletions, and all that is refused on the way."""
    alpha = (await story.asked.result("find_registry", name="alpha"))["registry"]["id"]
    gamma = (await story.asked.result("find_registry", name="gamma"))["registry"]["id"]
    await story.tell("a change", "update_registry", registry_id=alpha, is_public=True, retention_days=7, wait=True)
    await story.tell("quarantine", "update_quarantine_mode", registry_id=alpha, quarantine_mode="HIGH", wait=True)
    await story.tell(
        "quarantine again", "update_quarantine_mode", registry_id=gamma, quarantine_mode="DISABLED", wait=True
    )
    await story.tell("alpha after that", "get_registry", registry_id=alpha)
    await story.tell("gamma after that", "get_registry", registry_id=gamma)
    await story.tell("a taken name", "create_registry", name="alpha")
    await story.tell("an upstream of a local one", "update_registry", registry_id=alpha, upstream=UPSTREAM)
    await story.tell("no such registry", "get_registry", registry_id=UNKNOWN_ID)
    await story.tell("no such operation", "get_operation", operation_id=UNKNOWN_ID)
    await story.tell("no change of nothing", "update_registry", registry_id=UNKNOWN_ID, is_public=True)
    await story.tell(
        "no quarantine of nothing", "update_quarantine_mode", registry_id=UNKNOWN_ID, quarantine_mode="LOW"
    )
    await story.tell("another name", "delete_registry", registry_id=alpha, confirm_name="beta")
    await story.tell("alpha ends", "delete_registry", registry_id=alpha, confirm_name="alpha", wait=True)
    await story.tell("gamma ends, by the user's word", "delete_registry", registry_id=gamma, wait=True)
    await story.tell("alpha is gone", "get_registry", registry_id=alpha)
    await story.pages("what is left", "list_registries", "registries")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(following, "LONGEST_PAUSE", 0.1)


async def told(switches: Switches, *parts: Callable[[Story], Awaitable[None]], **settings: Any) -> Story:
    """The story in one setting."""
    with anyio.fail_after(LONG), Simulator(switches) as simulator:
        async with asking(simulator, **settings) as asked:
            story = Story(asked)
            for part in parts:
                await part(story)
            # What differs from one simulator to the next is the key, which the docker login shows.
            for label, answer in story.answers.items():
                story.answers[label] = _without_key(answer, simulator)
            return story


def _without_key(answer: Any, simulator: Simulator) -> Any:
    if isinstance(answer, dict):
        return {name: _without_key(value, simulator) for name, value in answer.items()}
    return answer.replace(simulator.key_id, "<key>") if isinstance(answer, str) else answer


PARTS = (beginnings, questions, changes)


async def test_the_story_is_told_with_every_tool_and_ends_as_it_should() -> None:
    story = await told(PLAIN, *PARTS)
    assert set(story.used) == set(story.asked.tools)
    answers = story.answers
    assert answers["no registries"] == {"registries": []}
    assert answers["alpha"]["registry"]["status"] == "ACTIVE"
    assert answers["alpha"]["registry"]["quarantine_mode"] == "DISABLED"
    assert answers["beta"]["registry"] | {"upstream": None, "retention_policy": None} == {
        "id": answers["beta"]["registry"]["id"],
        "name": "beta",
        "registry_type": "NPM",
        "registry_mode": "REGISTRY_MODE_REMOTE",
        "status": "ACTIVE",
        "is_public": True,
        "quarantine_mode": "DISABLED",
        "retention_policy_is_enabled": True,
        "retention_policy": None,
        "tariff": "PREMIUM",
        "upstream": None,
        "created_at": "<time>",
    }
    assert answers["beta"]["registry"]["retention_policy"]["value"] == 30
    assert answers["beta"]["registry"]["upstream"]["url"].rstrip("/") == "https://registry.example.com"
    assert answers["gamma begun"]["done"] is False
    assert answers["gamma"]["registry"]["quarantine_mode"] == "LOW"
    assert answers["gamma's operation"]["done"] is True
    assert [one["name"] for one in answers["page by page"]] == ["gamma", "beta", "alpha"]
    assert [one["name"] for one in answers["all pages"]["registries"]] == ["alpha", "beta", "gamma"]
    assert [one["name"] for one in answers["only public ones"]] == ["beta"]
    assert answers["docker"]["host"] == "alpha.cr.cloud.ru"
    assert answers["docker of NPM"].startswith("INVALID_INPUT: ")
    assert [one["resource_name"] for one in answers["all operations"]] == ["gamma", "beta", "alpha"]
    assert [one["resource_name"] for one in answers["operations of a name"]] == ["beta"]
    assert [one["description"] for one in answers["alpha's operations"]] == ["CreateRegistry"]
    after = answers["alpha after that"]
    assert (after["is_public"], after["quarantine_mode"], after["retention_policy"]["value"]) == (True, "HIGH", 7)
    assert answers["gamma after that"]["quarantine_mode"] == "DISABLED"
    assert answers["a taken name"].startswith("CONFLICT: ")
    assert answers["an upstream of a local one"].startswith("REJECTED: ")
    for label in ("no such registry", "no such operation", "no change of nothing", "no quarantine of nothing"):
        assert answers[label].startswith("NOT_FOUND: "), label
    assert answers["another name"].startswith("NOT_CONFIRMED: ")
    assert answers["alpha is gone"].startswith("NOT_FOUND: ")
    assert [one["name"] for one in answers["what is left"]] == ["beta"]


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """What every setting is compared with."""
    return anyio.run(_plain)


async def _plain() -> dict[str, Any]:
    return (await told(PLAIN, *PARTS)).answers


@pytest.mark.parametrize("setting", SETTINGS)
async def test_every_tool_answers_the_same_in_this_setting(plain: dict[str, Any], setting: str) -> None:
    assert_same(await told(SETTINGS[setting], *PARTS), plain)


@pytest.mark.parametrize("more", [{"token_door": "oauth"}, {"mode": "legacy"}], ids=str)
async def test_every_tool_answers_the_same_through_another_door(plain: dict[str, Any], more: dict[str, Any]) -> None:
    assert_same(await told(PLAIN, *PARTS, **more), plain)


def assert_same(story: Story, plain: dict[str, Any]) -> None:
    """Fail at the first answer that differs, with its name."""
    assert list(story.answers) == list(plain)
    for label, answer in story.answers.items():
        assert _comparable(answer) == _comparable(plain[label]), label


def _comparable(answer: Any) -> Any:
    """An error without what names the exchange: its number, and the route that was tried last."""
    if isinstance(answer, str):
        return answer.partition("(request")[0].replace("/quarantine", "").replace("PUT /", "PATCH /")
    return answer


@pytest.mark.parametrize("ints", [False, True])
@pytest.mark.parametrize("omit", [False, True])
async def test_a_registry_that_is_not_ready_yet_is_creating_however_it_is_written(ints: bool, omit: bool) -> None:
    """Its status is the default of its enum, which may be left out."""
    switches = Switches(omit_defaults=omit, int_enums=ints, activation_seconds=10 * LONG)
    with anyio.fail_after(LONG), Simulator(switches) as simulator:
        async with asking(simulator) as asked:
            begun = await asked.result("create_registry", name="alpha")
            waited: dict[str, Any] = {}
            while "registry" not in waited:  # on a busy machine the time may be over before anything is seen
                asks = {"operation_id": begun["operation"]["id"], "timeout": 0.3}
                waited = (await asked.call("wait_for_operation", asks)).structured_content or {}
            assert (waited["done"], waited["operation"]["done"]) == (False, True)
            assert waited["registry"]["status"] == "CREATING"
            listed = (await asked.result("list_registries"))["registries"]
            found = await asked.result("find_registry", name="alpha")
            login = await asked.result("get_docker_login", name="alpha")
        assert [one["status"] for one in (*listed, found["registry"], login)] == ["CREATING"] * 3


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("nested", [False, True])
async def test_an_operation_that_fails_is_an_error_with_the_services_words(opaque: bool, nested: bool) -> None:
    switches = Switches(failing_operations=True, opaque_ids=opaque, nested_errors=nested)
    with anyio.fail_after(LONG), Simulator(switches) as simulator:
        there = simulator.store.add("there").id
        async with asking(simulator) as asked:
            changes: dict[str, dict[str, Any]] = {
                "create_registry": {"name": "alpha"},
                "update_registry": {"registry_id": there, "is_public": True},
                "update_quarantine_mode": {"registry_id": there, "quarantine_mode": "LOW"},
                "delete_registry": {"registry_id": there, "confirm_name": "there"},
            }
            for tool, arguments in changes.items():
                begun = await asked.result(tool, **arguments)
                error = await asked.error("wait_for_operation", operation_id=begun["operation"]["id"])
                assert error.startswith("OPERATION_FAILED: "), tool
                assert " of " in error
                seen = await asked.result("get_operation", operation_id=begun["operation"]["id"])
                assert seen["error"]["code"] == 13
                assert seen["error"]["message"] in error
                if tool != "create_registry":
                    assert (await asked.error(tool, **arguments, wait=True)).startswith("OPERATION_FAILED: ")
            assert (await asked.result("find_registry", name="alpha"))["registry"]["status"] == "ERROR"
            left = await asked.result("get_registry", registry_id=there)
            assert (left["is_public"], left["quarantine_mode"]) == (False, "DISABLED")
