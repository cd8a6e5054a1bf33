"""The ways to a server: what has to be written, asked and checked before a session can be opened, and undone after it.

A way knows nothing of sessions: it yields a `Launch`, and the session runs while the context is entered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from fuseboard_docker_mcp.config import SERVER_NAME, DockerMcpSettings
from fuseboard_docker_mcp.errors import InvalidInput, MissingSecret, NoDocker
from fuseboard_docker_mcp.models import Launch, Server
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.ways import direct, engine, gateway, remotes

if TYPE_CHECKING:
    from fuseboard_docker_mcp.docker import Docker


@asynccontextmanager
async def prepared(
    server: Server,
    *,
    config: Mapping[str, Any],
    secrets: Mapping[str, SecretStr],
    settings: DockerMcpSettings,
    docker: Docker | None,
    label: str,
    report: Callable[[str], Awaitable[None]],
    resolve: remotes.Resolve = remotes.resolve_host,
) -> AsyncIterator[Launch]:
    """Prepare the start of a server; what was written for it is removed on the way out.

    Args:
        config: its complete configuration, checked, without the server's name in front.
        secrets: the stored values, by the name of the secret. An empty one means: start without it.
        docker: the Docker command line; None where there is none.
        label: `key=value` for every container, so that none is left.
        report: takes one sentence of progress, such as that an image is pulled.
        resolve: looks hosts up; a test can put its own here.

    Raises:
        MissingSecret: a secret that the server wants is not in `secrets`.
        WrongConfiguration: a value cannot be given to the server.
        NotAllowed: the operator's settings or the safety rules forbid a mount, an address or an image.
        ImageMissing: the image is not there and must not, or cannot, be pulled.
        CannotStart: a program or folder is missing.
        NoDocker, NoEngine, CommandFailed: Docker is needed and cannot be asked.
    """
    if not SERVER_NAME.fullmatch(server.name):
        raise InvalidInput(f"{clean(server.name, 80)!r} cannot be a server's name: letters, digits, '.', '_', '-' only")
    if missing := [secret.name for secret in server.secrets if secret.name not in secrets]:
        names = ", ".join(clean(name, 80) for name in missing[:5])
        raise MissingSecret(
            f"{server.name} needs {names}, and nothing is stored under that name. "
            "Store it with secret_set; an empty value starts the server without it"
        )
    values = {secret.name: secrets[secret.name].get_secret_value() for secret in server.secrets}
    if server.way == "direct":
        yield direct.launch(server, config=config, secrets=values)
        return
    if docker is None:
        raise NoDocker(f"{server.name} runs in a container, and the Docker command line is not there")
    way = gateway.prepared if server.way == "toolkit" else engine.prepared
    async with way(
        server,
        config=config,
        secrets=values,
        settings=settings,
        docker=docker,
        label=label,
        report=report,
        resolve=resolve,
    ) as launch:
        yield launch
