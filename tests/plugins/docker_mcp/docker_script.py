"""A tiny executable `docker` for tests: a shell script that answers each command line with what a test says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.docker import Docker
from fuseboard_docker_mcp.toolkit import DockerDoor, Toolkit

RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        stdout, stderr: printed as they stand.
        code: exit code.
        then: shell commands that run first, in the script's folder.
    """

    stdout: str = ""
    stderr: str = ""
    code: int = 0
    then: str = ""


def recorded(name: str) -> Said:
    """A recorded answer: `p_v0.43.3/version`, without its ending. A recorded failure has exit code 1 or 125."""
    streams = [RECORDINGS / f"{name}.{stream}" for stream in ("stdout", "stderr")]
    stdout, stderr = (path.read_bytes().decode() if path.exists() else "" for path in streams)
    return Said(stdout, stderr, 125 if stderr.startswith("unknown flag") else 1 if stderr else 0)


def write_docker(folder: Path, answers: dict[str, Said | str]) -> Path:
    """Write the script.

    Args:
        folder: to write into; `calls` in it gets one line for each run, `input` what came on standard input.
        answers: by the whole command line as shell patterns (`mcp catalog show *`), the first that matches counts; a
            text is the name of a recording. Everything else ends with code 99.
    """
    cases = []
    for number, (pattern, given) in enumerate(answers.items()):
        said = recorded(given) if isinstance(given, str) else given
        (folder / f"{number}.stdout").write_bytes(said.stdout.encode())
        (folder / f"{number}.stderr").write_bytes(said.stderr.encode())
        quoted = pattern.replace(" ", "\\ ").replace("<", "\\<")
        cases.append(f"{quoted}) {said.then or ':'}; cat {number}.stdout; cat {number}.stderr >&2; exit {said.code};;")
    text = [
        "#!/bin/sh",
        f"cd '{folder}'",
        'printf "%s\\n" "$*" >>calls',
        'case "$*" in',
        *cases,
        '*) echo "nothing is said for: $*" >&2; exit 99;;',
        "esac",
    ]
    path = folder / "docker"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def scripted(folder: Path, answers: dict[str, Said | str], **settings: Any) -> tuple[Docker, DockerMcpSettings]:
    """A `Docker` that runs such a script."""
    folder.mkdir(exist_ok=True)
    made = DockerMcpSettings(docker=str(write_docker(folder, answers)), state_folder=folder / "state", **settings)
    return Docker(made, {"PATH": "/usr/bin:/bin", "HOME": str(folder)}), made


def calls(folder: Path) -> list[str]:
    """The command lines so far."""
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


# A machine with each dialect, as recorded.
A: dict[str, Said | str] = {
    "mcp version": "a_v0.22.0/version",
    "mcp profile list *": "a_v0.22.0/profile-list.unknown-command",
    "mcp server ls --json": "a_v0.22.0/server-ls.many",
    "mcp catalog ls --format json": "a_v0.22.0/catalog-ls.one",
    "mcp catalog show docker-mcp --format json": "a_v0.22.0/catalog-show.many",
    "mcp secret ls --json": "a_v0.22.0/secret-ls.no-desktop",
}
B: dict[str, Said | str] = {
    "mcp version": "b_v0.41.0/version",
    "mcp profile list *": "b_v0.41.0/profile-list.unknown-command",
    "mcp server ls --json": "b_v0.41.0/server-ls.many",
    "mcp catalog ls --format json": "b_v0.41.0/catalog-ls.one",
    "mcp catalog show docker-mcp --format json": "b_v0.41.0/catalog-show.many",
    "mcp secret ls --json": "b_v0.41.0/secret-ls.no-pass",
}
P: dict[str, Said | str] = {
    "mcp version": "p_v0.43.3/version",
    "mcp profile list --format json": "p_v0.43.3/profile-list.many",
    "mcp profile server ls --format json": "p_v0.43.3/profile-server-ls.one",
    "mcp catalog list --format json": "p_v0.43.3/catalog-list.one",
    "mcp catalog server ls lab/catalog:latest --format json": "p_v0.43.3/catalog-server-ls.many",
    "mcp secret ls --json": "p_v0.43.3/secret-ls.no-pass",
}


async def toolkit_of(folder: Path, answers: dict[str, Said | str], **settings: Any) -> Toolkit:
    """The toolkit of a scripted machine."""
    docker, made = scripted(folder, answers, **settings)
    return await DockerDoor(made, docker).toolkit()
