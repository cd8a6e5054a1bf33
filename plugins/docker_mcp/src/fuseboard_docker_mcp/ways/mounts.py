"""Which files of this machine a container may see: the rules of the gateway, for every version of it and without it.

A mount of a host path is read-only and lies below a temporary directory of the system or a folder of
`docker_mcp.bind_mounts`; it is writable only when `docker_mcp.writable_mounts` names exactly this folder. Folders with
credentials, of the system, and of this plugin are never mounted. Named volumes are free.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import NotAllowed, WrongConfiguration
from fuseboard_docker_mcp.text import clean

SYSTEM = (
    *("/boot", "/dev", "/etc", "/proc", "/root", "/run", "/sys", "/var/lib/containerd", "/var/lib/docker", "/var/run"),
    *("/library", "/private/etc", "/private/var/run", "/system", "/var/root"),
)
CREDENTIALS = frozenset(
    (
        *(".aws", ".azure", ".config", ".docker", ".gnupg", ".kube", ".password-store", ".ssh"),
        *(".git-credentials", ".netrc", ".npmrc", ".pgpass", ".pypirc"),
        *("id_dsa", "id_ecdsa", "id_ed25519", "id_rsa"),
    )
)
_TEMPORARY = ("/tmp", "/var/tmp")
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# These say how the engine keeps the two sides in step; none of them opens anything, nor is one needed.
_HARMLESS = frozenset(("cached", "delegated", "consistent", "nocopy", ""))


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount that may be made.

    Attributes:
        spec: the value for `-v`.
        source: the host path, symbolic links resolved; None for a volume of the engine.
        writable: whether the container may write into `source`.
    """

    spec: str
    source: Path | None = None
    writable: bool = False


def allowed(specs: Iterable[str], settings: DockerMcpSettings) -> list[Mount]:
    """Check `-v` values one by one; an empty one, or one that Docker would take for an option, is left out.

    Raises:
        WrongConfiguration: a value is no `source:target[:mode]`, or its source is not there.
        NotAllowed: the rules forbid it; the text says which setting would allow it, if any.
    """
    return [_checked(spec, settings) for spec in map(str.strip, specs) if spec and not spec.startswith("-")]


def _checked(spec: str, settings: DockerMcpSettings) -> Mount:
    shown = clean(spec, 120)
    if "{{" in spec:
        # A gateway would take it for a template once more, and mount something else than what was checked here.
        raise NotAllowed(f"the volume {shown!r} still holds double braces after its configuration was put in")
    source, colon, rest = spec.partition(":")
    if not colon:
        return Mount(spec)
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or ":" in mode:
        raise WrongConfiguration(f"the volume {shown!r} is no <host path or volume>:</path in the container>[:ro]")
    if _NAMED.fullmatch(source):
        return Mount(spec)
    path = _resolved(source, shown)
    _refuse_sensitive(path, shown, settings)
    writable = path in {_real(folder) for folder in settings.docker_mcp.writable_mounts}
    if not writable and not any(path.is_relative_to(root) for root in _roots(settings)):
        raise NotAllowed(
            f"the volume {shown!r} is below no folder that containers may see. The operator can name it in "
            "plugins.docker_mcp.docker_mcp.bind_mounts (read-only) or writable_mounts"
        )
    if not os.path.exists(path):
        # The engine would make it, owned by root, and nobody would ever remove it.
        raise WrongConfiguration(f"the volume {shown!r} leads to a file or folder that is not there. Make it first")
    writes = _writes(mode, writable, shown)
    return Mount(f"{path}:{target}:{'rw' if writes else 'ro'}", path, writes)


def _resolved(source: str, shown: str) -> Path:
    if source == "~" or source.startswith("~/"):
        source = os.path.expanduser(source)
    if not source.startswith("/"):
        raise NotAllowed(f"the volume {shown!r} does not begin with an absolute path or the name of a volume")
    path = _real(Path(source))
    if ":" in str(path):
        raise NotAllowed(f"the volume {shown!r} leads to a path with a colon in it, which Docker cannot be given")
    return path


def _real(path: Path) -> Path:
    # A loop of links has no end to resolve; what is left of it lies where the loop does.
    return Path(os.path.realpath(path.expanduser()))


def _refuse_sensitive(path: Path, shown: str, settings: DockerMcpSettings) -> None:
    lower = PurePosixPath(str(path).lower())
    if any(lower.is_relative_to(system) or PurePosixPath(system).is_relative_to(lower) for system in SYSTEM):
        raise NotAllowed(f"the volume {shown!r} is, or holds, a sensitive system path. No setting allows it")
    if not CREDENTIALS.isdisjoint(lower.parts):
        raise NotAllowed(f"the volume {shown!r} leads to credentials. No setting allows it")
    state = _real(settings.state_folder)
    if path.is_relative_to(state) or state.is_relative_to(path):
        raise NotAllowed(
            f"the volume {shown!r} is, or holds, the folder with this plugin's secrets. Name one beside it"
        )


def _roots(settings: DockerMcpSettings) -> list[Path]:
    temporary = (Path(folder) for folder in (*_TEMPORARY, tempfile.gettempdir()))
    return [root for root in map(_real, (*temporary, *settings.docker_mcp.bind_mounts)) if root != Path("/")]


def _writes(mode: str, writable: bool, shown: str) -> bool:
    """Whether the mount is writable. Read-only is what a mount is unless more is both asked for and allowed."""
    words = [word.strip().lower() for word in mode.split(",")]
    if unknown := [word for word in words if word not in _HARMLESS and word not in ("ro", "readonly", "rw")]:
        raise NotAllowed(f"the volume {shown!r} asks for {clean(unknown[0], 20)!r}: only ro and rw may be asked for")
    if "rw" in words and not writable:
        raise NotAllowed(
            f"the volume {shown!r} asks to be writable. The operator can name exactly this folder in "
            "plugins.docker_mcp.docker_mcp.writable_mounts"
        )
    return writable and "ro" not in words and "readonly" not in words
