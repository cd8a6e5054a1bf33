"""What the tests of the ways share: a `docker` that writes down how it was called, and the start of a server."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fuseboard_docker_mcp.config import DockerMcpSettings, DockerSettings
from fuseboard_docker_mcp.docker import Docker
from fuseboard_docker_mcp.models import Launch, SecretSpec, Server, StdioLaunch
from fuseboard_docker_mcp.ways import prepared

LABEL = "fuseboard.session=4f2a"
# A gateway starts its containers with little more than PATH in their environment; so does this one.
SCRIPT = """#!/bin/sh
here='{here}'
case "$1" in
  image) [ -e "$here/image" ] && echo sha256:1 && exit 0; echo "Error: No such image: $5" >&2; exit 1;;
  pull) touch "$here/image"; printf '%s\\n' "$@" > "$here/pull.argv";;
  mcp) printf '%s\\n' "$@" > "$here/gateway.argv"; env -0 > "$here/gateway.env"
       env -i PATH="$PATH" docker ps; exec env -i PATH="$PATH" docker run --rm -i example/notes;;
  *) printf '%s\\n' "$@" > "$here/$1.argv"; env -0 > "$here/$1.env";;
esac
"""


class Machine:
    """A folder with a `docker` in it, the home of a user, and the state of the plugin.

    Args:
        folder: where all of it is.
        environ: more of the user's environment.
        docker_mcp: of the setting of this name.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **docker_mcp: Any) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        program = folder / "docker"
        program.write_text(SCRIPT.format(here=folder))
        program.chmod(0o755)
        self.settings = DockerMcpSettings(
            docker=str(program), state_folder=folder / "state", docker_mcp=DockerSettings(**docker_mcp)
        )
        self.environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", **(environ or {})}
        self.reported: list[str] = []

    def prepare(
        self, server: Server, config: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Launch]:
        """Enter it to prepare a start. Every host has a public address here."""

        async def report(sentence: str) -> None:
            self.reported.append(sentence)

        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.215.14"]

        return prepared(
            server,
            config=config or {},
            secrets={name: SecretStr(value) for name, value in (secrets or {}).items()},
            settings=self.settings,
            docker=Docker(self.settings, self.environ),
            label=LABEL,
            report=report,
            resolve=resolve,
        )

    def has_image(self) -> None:
        """From now on the engine has every image."""
        (self.folder / "image").touch()

    def argv(self, command: str) -> list[str]:
        """The arguments of the last `docker COMMAND`."""
        return (self.folder / f"{command}.argv").read_text().splitlines()

    def env(self, command: str) -> dict[str, str]:
        """The environment of the last `docker COMMAND`."""
        pairs = (self.folder / f"{command}.env").read_text().rstrip("\0").split("\0")
        return dict(pair.split("=", 1) for pair in pairs)

    def holders(self, secret: str) -> list[str]:
        """The names of all files that hold a text, also of what `docker` wrote down."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        return [path.name for path in paths if secret in path.read_text()]

    def files(self) -> list[Path]:
        """Every file of the home and the state."""
        return [path for root in (self.home, self.folder / "state") for path in root.rglob("*") if path.is_file()]


def text(path: str) -> str:
    """What a file holds that only its user can read."""
    file = Path(path)
    assert file.stat().st_mode & 0o077 == 0
    return file.read_text()


def run(launch: Launch) -> None:
    """Run what was prepared, to its end."""
    assert isinstance(launch, StdioLaunch)
    subprocess.run(
        launch.argv, env=dict(launch.environment), stdin=subprocess.DEVNULL, check=True, timeout=60, cwd=launch.folder
    )


def notes(way: str = "engine", secrets: tuple[str, ...] = ("api_key",), **entry: Any) -> Server:
    """The server `notes` with an image, with secrets such as `notes.api_key` in `API_KEY`, and more in its entry."""
    specs = tuple(SecretSpec(f"notes.{name}", name.upper()) for name in secrets)
    listed = [{"name": spec.name, "env": spec.env} for spec in specs]
    return Server(
        name="notes",
        way=way,  # type: ignore[arg-type]  # a text of the test, one of the three
        source="test",
        installed=True,
        kind=entry.get("type", "server"),
        image=entry.get("image", "example/notes:1"),
        secrets=specs,
        entry={"type": "server", "image": "example/notes:1", "secrets": listed, **entry},
    )
