"""The tool that tells how docker signs in to a registry."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

from pydantic import BaseModel, Field

from fuseboard_cloudru.errors import InvalidInput, NotFound
from fuseboard_cloudru.models import Registry
from fuseboard_cloudru.tools.arguments import Ctx, registry_id_of, registry_name_of


class DockerLogin(BaseModel):
    """How to sign in to a registry. The password is the secret of the access key, which is never told."""

    host: str = Field(description="the registry's host; an image is <host>/<repository>:<tag>")
    username: str = Field(description="the id of the access key")
    command: str = Field(description="the login; it takes the secret from the variable CLOUD_RU_SECRET of the shell")
    image: str = Field(description="the form of an image's name")
    is_public: bool = Field(description="whether a pull presumably needs no login")
    status: str = Field(description="only an ACTIVE registry can be used")


async def get_docker_login(
    ctx: Ctx,
    registry_id: Annotated[
        str | None, Field(description="UUID of the registry.", json_schema_extra={"format": "uuid"})
    ] = None,
    name: Annotated[str | None, Field(description="Its name, instead of registry_id.")] = None,
) -> DockerLogin:
    """Tell the host, the user name and the docker login command of a DOCKER registry; never the secret."""
    registry = await _wanted(ctx, registry_id, name)
    if registry.registry_type != "DOCKER":
        raise InvalidInput(f"registry {registry.name} holds {registry.registry_type}; docker needs one of type DOCKER")
    settings = ctx.state.settings
    host = f"{registry.name}.{settings.registry_domain}"
    username = settings.key_id or ""
    return DockerLogin(
        host=host,
        username=username,
        command=_command(host, username),
        image=f"{host}/<repository>:<tag>",
        is_public=registry.is_public,
        status=registry.status,
    )


def _command(host: str, username: str) -> str:
    """The login, quoted: somebody will paste it into a shell, and the name is the service's word."""
    login = f"docker login {quote(host)} --username {quote(username)} --password-stdin"
    return f'printf %s "$CLOUD_RU_SECRET" | {login}'


async def _wanted(ctx: Ctx, registry_id: str | None, name: str | None) -> Registry:
    """The registry that the arguments name.

    Raises:
        InvalidInput: they name none, or two.
        NotFound: it is not there.
    """
    if (registry_id is None) == (name is None):
        raise InvalidInput("give either registry_id or name")
    if registry_id is not None:
        return await ctx.state.api.get_registry(registry_id_of(registry_id))
    registry = await ctx.state.api.find_registry(registry_name_of(name or ""))
    if registry is None:
        raise NotFound(f"there is no registry {name} in this project; list_registries shows those that are")
    return registry
