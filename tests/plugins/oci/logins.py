"""What the tests of docker's files share: a home with such files and helpers, and what is found in it."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import anyio
from pydantic import SecretStr

from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.login.found import Found
from tests.plugins.oci.helpers import PATIENCE

SECRET = "hunter2-and-more"
ALICE = Found("alice", SecretStr(SECRET))
NOT_ALLOWED = "its secret is in a credential helper, which setting credential_helpers allows"


def auth(pair: str = f"alice:{SECRET}") -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def docker_file(home: Path, **document: Any) -> Path:
    return write(home / ".docker/config.json", document)


def write_helper(folder: Path, name: str, script: str) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def answering(username: str) -> str:
    return f"echo {shlex.quote(json.dumps({'Username': username, 'Secret': SECRET}))}"


def credentials(home: Path, *, use_helpers: bool = False, **more: str) -> DockerCredentials:
    """With this home, and with its folder as the only place for programs apart from those of the system."""
    environ = {"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin", **more}
    return DockerCredentials(use_helpers=use_helpers, environ=environ, helper_seconds=60.0)


async def find(home: Path, registry: str = "ghcr.io", repository: str = "o/i", **options: Any) -> Found | None:
    """What a new reader finds."""
    with anyio.fail_after(PATIENCE):
        return await credentials(home, **options).find(registry, repository)
