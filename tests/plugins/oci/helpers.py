"""What the tests of the OCI plugin share: settings for loopback registries, and the tools with a real context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fuseboard import Caller, Context
from fuseboard_oci import tools
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.reading.details import ImageDetails
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer
from tests.ports import deserted_port

ALICE: dict[str, Any] = {"username": "alice", "password": "secret"}
PATIENCE = 120.0
"""Seconds that only a run takes in which something is broken, however busy the machine is."""

# A test that is about one of these limits gives its own; to the others the machine must never come near.
_FAR_LIMITS = {"connect_timeout": 60, "read_timeout": 120, "request_timeout": 240, "call_timeout": 300}


class Oci:
    """The tools as a client of the host sees them, asking one registry."""

    def __init__(self, client: RegistryClient, registry: str) -> None:
        self.client = client
        self.registry = registry
        self.context: Context[RegistryClient] = Context(state=client, plugin="oci", caller=Caller(surface="test"))

    async def tags(self, repository: str, **arguments: Any) -> list[str]:
        """The structured result of `list_tags`."""
        result = await self.tags_result(repository, **arguments)
        assert result.structured_content is not None
        return list(result.structured_content["result"])

    async def tags_result(self, repository: str, **arguments: Any) -> Any:
        """The whole result of `list_tags`."""
        arguments = {"limit": 20_000, "registry": self.registry, **arguments}
        return await tools.list_tags(self.context, repository, **arguments)

    async def details(self, repository: str, reference: str | None = "1.0", **arguments: Any) -> ImageDetails:
        """The result of `get_details`."""
        arguments = {"registry": self.registry, **arguments}
        answer = (await tools.get_details(self.context, repository, reference, **arguments)).root
        assert isinstance(answer, ImageDetails)
        return answer


@asynccontextmanager
async def asking(
    server: LoopbackServer | str,
    *,
    limits: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **known: Any,
) -> AsyncIterator[Oci]:
    """The tools, with `server` named in the settings as an http registry about which `known` is known."""
    host = server if isinstance(server, str) else server.host
    settings = OciSettings.model_validate(
        {
            "registries": {host: {"insecure": True, **known}},
            "limits": {**_FAR_LIMITS, "retry_delay": 0, "tags_age": 0, **(limits or {})},
            **(options or {}),
        }
    )
    async with RegistryClient(settings) as client:
        yield Oci(client, host)


@asynccontextmanager
async def asking_nobody(**options: Any) -> AsyncIterator[Oci]:
    """The tools without any registry in the settings, as they come out of the box."""

    async def no_name_resolves(host: str, port: int) -> list[str]:
        raise AssertionError(f"nothing may be looked up, but {host}:{port} was")

    resolve = options.pop("resolve", no_name_resolves)
    async with RegistryClient(OciSettings.model_validate(options), resolve=resolve) as client:
        yield Oci(client, "")


@contextmanager
def nobody(host: str = "127.0.0.1:0") -> Iterator[str]:
    """A host where nothing listens, also where a registry was until now."""
    address, _, port = host.partition(":")
    with deserted_port(int(port)) as held:
        yield f"{address}:{held}"


def let_pass(seconds: float) -> None:
    """Put the clock of this test's event loop forward: every deadline until then is due, and nobody has to wait.

    With it a limit can be so long that no slow machine reaches it before the test wants it to be reached.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


def held(registry: InMemoryRegistry, name: str, reference: str = "1.0") -> tuple[str, str, bytes]:
    """Digest, media type and bytes of a manifest that an in-memory registry holds."""
    found = registry.store.manifest(name, reference)
    assert found is not None
    return found
