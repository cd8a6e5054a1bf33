"""Several images in one call: side by side, with progress, and one that fails does not cost the others."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from fuseboard import Caller, Context
from fuseboard_oci import tools
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.reading.details import SeveralDetails
from fuseboard_oci.reading.many import read_many
from fuseboard_oci.reading.result import Failure, Named
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, Sink, seed_data
from fuseboard_oci.tools.compare import SeveralComparisons
from fuseboard_oci.tools.config import SeveralConfigs
from tests.plugins.oci.helpers import PATIENCE, Oci, asking, let_pass

pytestmark = pytest.mark.anyio


async def _several(oci: Oci, images: list[str], **arguments: Any) -> list[Any]:
    answer = await tools.get_details(oci.context, images=images, **arguments)
    assert isinstance(answer.root, SeveralDetails)
    return list(answer.root.images)


async def test_fifty_images_are_answered_in_the_order_of_the_question() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0))
        names = [f"{registry.host}/demo/par{number:02}:1.0" for number in range(50)]
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                found = await _several(oci, names)
    assert [details.image for details in found] == names
    assert {tuple(details.architectures) for details in found} == {("amd64", "arm", "arm64", "s390x")}


async def test_one_that_is_missing_and_one_that_is_malformed_cost_nothing_but_themselves() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            good, missing, malformed = await _several(
                oci, [f"{registry.host}/demo/single:1.0", f"{registry.host}/demo/single:9", "UPPER/Case"]
            )
    assert good.architectures == ["amd64"]
    assert missing.error.startswith("MANIFEST_UNKNOWN: ")
    assert malformed.error.startswith("INVALID_REPOSITORY: ")


async def test_with_a_registry_the_images_are_repositories_of_it_and_a_login_goes_along() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            login = {"username": "alice", "password": SecretStr("secret"), "registry": registry.host}
            found = await _several(oci, ["private/secret:1.0", "demo/app:1.1.0"], **login)
    assert [details.kind for details in found] == ["image", "image"]


async def test_every_image_is_reported_to_the_client_as_progress() -> None:
    reported: list[tuple[float, float | None, str | None]] = []

    class Listening(Context[RegistryClient]):
        async def report_progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
            reported.append((done, total, message))

    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=3))
        names = [f"{registry.host}/demo/par{number:02}:1.0" for number in range(3)]
        async with asking(registry) as oci:
            context = Listening(state=oci.client, plugin="oci", caller=Caller(surface="test"))
            await tools.get_details(context, images=names)
    assert [(done, total) for done, total, _ in reported] == [(1, 3), (2, 3), (3, 3)]
    assert {message for _, _, message in reported} == set(names)


async def test_what_was_read_in_time_is_not_lost_to_an_image_that_is_late() -> None:
    class Late(Context[RegistryClient]):
        async def report_progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
            let_pass(300)  # one was read, and now the time of the call is over

    limits = {"call_timeout": 300, "request_timeout": 900, "read_timeout": 900}
    with Sink() as sink, HostileRegistry(sink) as registry:
        names = [f"{registry.host}/no-digest:1", f"{registry.host}/slow:1"]
        async with asking(registry, limits=limits) as oci:
            oci.context = Late(state=oci.client, plugin="oci", caller=Caller(surface="test"))
            with anyio.fail_after(300 + PATIENCE):
                good, late = await _several(oci, names)
    assert good.kind == "image"
    assert late == Failure(image=names[1], error="TIMEOUT: not read within 300 s; ask again for this one")


async def test_at_most_sixteen_images_are_in_memory_at_once() -> None:
    now, most = 0, 0

    async def read(name: str) -> Named:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.lowlevel.checkpoint()
        now -= 1
        return Named()

    async def report(done: float, total: float | None, message: str | None) -> None:
        assert done <= (total or 0)

    found = await read_many([str(number) for number in range(50)], read, report, at_once=16, seconds=PATIENCE)
    assert len(found) == 50
    assert most == 16


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give repository"),
        ({"images": ["a:1"], "repository": "b"}, "either images, or repository"),
        ({"images": ["a:1"], "username": "u", "password": SecretStr("p")}, "a login belongs to one registry"),
    ],
)
async def test_arguments_that_do_not_say_what_to_read_are_an_error(arguments: dict[str, Any], words: str) -> None:
    async with asking("127.0.0.1:1") as oci:
        with pytest.raises(InvalidInput, match=f"^INVALID_ARGUMENT: .*{words}"):
            await tools.get_details(oci.context, **arguments)


async def test_the_configurations_of_several_images_come_in_one_answer() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            answer = await tools.get_config(
                oci.context, registry=oci.registry, images=["demo/app:1.0.0", "demo/app:1.1.0", "demo/chart:0.1.0"]
            )
    assert isinstance(answer.root, SeveralConfigs)
    old, new, chart = answer.root.images
    assert (getattr(old, "cmd", None), getattr(new, "cmd", None)) == (["serve"], ["serve", "--fast"])
    assert isinstance(chart, Failure)
    assert chart.error.startswith("NOT_AN_IMAGE: ")


async def test_one_image_is_compared_with_several_in_one_answer() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            answer = await tools.compare_images(
                oci.context,
                "demo/app",
                "1.0.0",
                registry=oci.registry,
                images=["demo/app:1.1.0", "demo/app:1.0.0", "demo/app:7"],
            )
    assert isinstance(answer.root, SeveralComparisons)
    newer, same, missing = answer.root.images
    assert (getattr(newer, "same_digest", None), getattr(same, "same_digest", None)) == (False, True)
    assert isinstance(missing, Failure)
    assert missing.error.startswith("MANIFEST_UNKNOWN: ")


async def test_comparing_with_one_and_with_several_at_once_is_an_error() -> None:
    async with asking("127.0.0.1:1") as oci:
        with pytest.raises(InvalidInput, match="give either images, or reference_b"):
            await tools.compare_images(oci.context, "a", "1", "2", images=["a:3"])
