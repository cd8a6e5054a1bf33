"""The image of a server: there, pulled, or a named error. Docker itself is always told to pull nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import ImageMissing, NotAllowed
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from fuseboard_docker_mcp.docker import Docker

Report = Callable[[str], Awaitable[None]]
"""Takes one sentence of progress."""

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}")


def check_image(image: str, server: str) -> str:
    """Return the name of an image when it is one: a name with a dash in front would be an option of `docker run`.

    Raises:
        NotAllowed: it is none.
    """
    if not _IMAGE.fullmatch(image):
        raise NotAllowed(f"the entry of {server!r} has {clean(image, 80)!r} as its image, which is no name of one")
    return image


async def ensure_image(image: str, docker: Docker, settings: DockerMcpSettings, report: Report) -> None:
    """See that the engine has an image, and pull it where the operator allows that.

    Raises:
        ImageMissing: it is not there and must not, or cannot, be pulled.
        NoDocker, NoEngine, CommandFailed: the engine cannot be asked.
    """
    if await docker.has_image(image):
        return
    if not settings.docker_mcp.pull:
        raise ImageMissing(
            f"the image {image} is not on this machine. Run `docker pull {image}`, "
            "or let the operator set plugins.docker_mcp.docker_mcp.pull"
        )
    await report(f"pulling image {image}")
    await docker.pull(image)
