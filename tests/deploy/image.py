"""What the image of deploy/Dockerfile is made of where no registry is at hand: a base of Debian's own packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.debian import Unpacked, cache_folder, fetched
from tests.plugins.docker_mcp.engine.private_engine import CannotRun, PrivateEngine

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "fuseboard:test"
_DEBIAN, _BASE = "debian-python:1", "fuseboard-base:1"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# How this machine reaches a package index is told to the build, which happens in a container.
_INDEX = ("PIP_INDEX_URL", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INSECURE_HOST")
_LEAN = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]


def base_archive() -> Path:
    """A Debian with Python and its venv, as a tar archive; made once, in one or two minutes."""
    archive = cache_folder() / "python-base.tar"
    if not archive.exists():
        tools = fetched("mmdebstrap")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            new = Path(scratch, "base.tar")
            _bootstrap(tools, new)
            new.rename(archive)
    return archive


def _bootstrap(tools: Unpacked, target: Path) -> None:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)[
        "VERSION_CODENAME"
    ]
    command = [str(tools.program("mmdebstrap").path), "--quiet", "--mode=root", "--variant=apt", "--format=tar"]
    command += ["--include=python3-venv,ca-certificates", *_LEAN]
    environment = {**os.environ, "PATH": os.pathsep.join([*map(str, tools.path), os.environ["PATH"]])}
    done = subprocess.run(
        [*command, release, str(target)], env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    if done.returncode:
        raise RuntimeError(f"mmdebstrap failed:\n{done.stderr[-2000:]}")


def docker(engine: PrivateEngine, *arguments: str, stdin: Path | None = None, timeout: float = 580) -> str:
    """Run the command line against the engine.

    Raises:
        CannotRun: it did not succeed, with the end of what it said.
    """
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(engine.folder), "DOCKER_HOST": engine.socket}
    with open(stdin or os.devnull, "rb") as source:
        done = subprocess.run(
            [engine.command, *arguments],
            env={**environment, "DOCKER_BUILDKIT": "1"},
            stdin=source,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    if done.returncode:
        raise CannotRun(f"docker {arguments[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def build(engine: PrivateEngine, plugins: str) -> None:
    """Build `IMAGE` as README.md says, but on the base of this file."""
    docker(engine, "import", "-", _DEBIAN, stdin=base_archive())
    lines = [f"FROM {_DEBIAN}"]
    lines += [f"ENV {name}={os.environ[name]}" for name in _INDEX if name in os.environ]
    with tempfile.TemporaryDirectory() as context:
        if Path(_CERTIFICATES).exists():
            # Whom this machine trusts may be more than Debian's list.
            shutil.copy(_CERTIFICATES, context)
            lines += [f"COPY {Path(_CERTIFICATES).name} {_CERTIFICATES}"]
            lines += [f"ENV {name}={_CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
        Path(context, "Dockerfile").write_text("\n".join(lines))
        docker(engine, "build", "--tag", _BASE, context)
    docker(
        engine,
        *("build", "--file", str(ROOT / "deploy/Dockerfile"), "--network", "host", "--tag", IMAGE),
        *("--build-arg", f"BASE={_BASE}", "--build-arg", f"PLUGINS={plugins}", str(ROOT)),
    )


if __name__ == "__main__":
    print(base_archive(), file=sys.stderr)
