"""The commands of Docker itself: version, info, ps, rm, kill, image inspect, images, pull, and run (`container.py`)."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .arguments import Parsed, parsed
from .state import NO_SUCH_HOST, Failed, JsonObject, State, refuse, say, warn

ENGINE_VERSION = "20.10.24"
CLIENT_VERSION = "28.2.2"
REMOVED_WITHIN = 5.0
_FIELD = re.compile(r"\{\{\s*(?P<json>json\s+)?\.(?P<path>[A-Za-z0-9_.]*)\s*(?:\"(?P<label>[^\"]*)\")?\s*\}\}")


def run_engine(state: State, argv: list[str]) -> int:
    """Run a command that is not of the MCP plugin; returns the exit code."""
    name, args = argv[0], argv[1:]
    if name in ("container", "image") and args:
        name, args = {"container ls": "ps", "image ls": "images"}.get(f"{name} {args[0]}", args[0]), args[1:]
        name = {"inspect": f"{argv[0]} inspect"}.get(name, name)
    if name == "run":
        from .container import run_container

        return run_container(state, args)
    if name == "pass" and state.data["docker_pass"]:
        return 0
    command = COMMANDS.get(name)
    if command is None:
        refuse(f"docker: unknown command: docker {name}\n\nRun 'docker --help' for more information")
    return command(state, args)


def shown(template: str, value: JsonObject) -> str:
    """A value by a template: `json`, `{{json .}}`, `{{.A.B}}`, `{{.Label "x"}}`."""
    if template == "json":
        return json.dumps(value, separators=(",", ":"))

    def field(found: re.Match[str]) -> str:
        if found["label"] is not None:
            labels = dict(pair.partition("=")[::2] for pair in value.get("Labels", "").split(","))
            return str(labels.get(found["label"], ""))
        inner: Any = value
        for part in filter(None, found["path"].split(".")):
            inner = inner.get(part) if isinstance(inner, dict) else None
        return json.dumps(inner) if found["json"] else "<no value>" if inner is None else str(inner)

    return _FIELD.sub(field, template)


def _version(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker version", ("-f", "--format"))
    client = {"Version": CLIENT_VERSION, "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64", "Context": "default"}
    value: JsonObject = {"Client": client, "Server": None}
    try:
        state.check_engine(["version", *args])
        value["Server"] = {"Version": ENGINE_VERSION, "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}
    except Failed as failed:
        template = flags.one("--format") or flags.one("-f")
        failed.said = shown(template, value) + "\n" if template in ("json", "{{json .}}") else ""
        raise
    template = flags.one("--format") or flags.one("-f") or "Client: {{.Client.Version}}\n\nServer: {{.Server.Version}}"
    say(shown(template, value) + "\n")
    return 0


def _info(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker info", ("-f", "--format"))
    state.check_engine(["info", *args])
    value = {"ID": "STAND:IN", "ServerVersion": ENGINE_VERSION, "OperatingSystem": "Debian GNU/Linux 12 (bookworm)"}
    template = flags.one("--format") or flags.one("-f") or "Server Version: {{.ServerVersion}}"
    say(shown(template, value | {"OSType": "linux", "Containers": len(state.containers())}) + "\n")
    return 0


def _chosen(state: State, flags: Parsed) -> list[JsonObject]:
    """The containers that all filters let through."""
    containers = state.containers()
    for text in flags.values.get("--filter", []) + flags.values.get("-f", []):
        kind, _, wanted = text.partition("=")
        key, equals, value = wanted.partition("=")
        if kind == "label":
            containers = [
                one for one in containers if key in one["labels"] and (not equals or one["labels"][key] == value)
            ]
        elif kind in ("name", "id", "ancestor"):
            field = {"ancestor": "image"}.get(kind, kind)
            containers = [one for one in containers if wanted in one[field]]
        elif kind != "status":
            refuse(f"Error response from daemon: invalid filter '{kind}'")
    return containers


def _ps(state: State, args: list[str]) -> int:
    args = ["-a" if part in ("-aq", "-qa") else part for part in args] + ["-q"] * any(p in ("-aq", "-qa") for p in args)
    switches = ("-a", "--all", "-q", "--quiet", "--no-trunc")
    flags = parsed(args, "docker ps", ("-f", "--filter", "--format"), switches)
    state.check_engine(["ps", *args])
    for one in reversed(_chosen(state, flags)):
        number = one["id"] if "--no-trunc" in flags.switches else one["id"][:12]
        labels = ",".join(f"{key}={value}" for key, value in one["labels"].items())
        row = {
            "Command": json.dumps(" ".join(one["command"]) or "python"),
            "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(one["at"])),
            "ID": number,
            "Image": one["image"],
            "Labels": labels,
            "Names": one["name"],
            "RunningFor": "Less than a second ago",
            "State": "running",
            "Status": "Up Less than a second",
        }
        if {"-q", "--quiet"} & flags.switches:
            say(number + "\n")
        else:
            say(shown(flags.one("--format", "{{.ID}}   {{.Image}}   {{.Status}}   {{.Names}}"), row) + "\n")
    return 0


def _end(state: State, args: list[str], usage: str, number: int) -> int:
    """End containers by a signal, and wait until they are gone."""
    switches = ("-f", "--force", "-v", "--volumes")
    flags = parsed(args, usage, ("-s", "--signal", "-t", "--time"), switches)
    state.check_engine([usage.split()[1], *args])
    code = 0
    for wanted in flags.rest:
        found = [one for one in state.containers() if one["id"].startswith(wanted) or one["name"] == wanted]
        if not found:
            warn(f"Error response from daemon: No such container: {wanted}\n")
            code = 1
            continue
        with suppress(ProcessLookupError):
            os.killpg(found[0]["pid"], number)
        until = time.monotonic() + REMOVED_WITHIN
        while any(one["id"] == found[0]["id"] for one in state.containers()) and time.monotonic() < until:
            time.sleep(0.005)
        say(wanted + "\n")
    return code


def _image_inspect(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker image inspect", ("-f", "--format"))
    state.check_engine(["image", "inspect", *args])
    missing = [image for image in flags.rest if image not in state.data["images"]]
    found = [{"Id": "sha256:" + "0" * 64, "RepoTags": [one]} for one in flags.rest if one in state.data["images"]]
    template = flags.one("--format") or flags.one("-f")
    said = "".join(shown(template, one) + "\n" for one in found) if template else json.dumps(found, indent=4) + "\n"
    if missing:
        raise Failed(f"Error response from daemon: No such image: {missing[0]}", 1, said)
    say(said)
    return 0


def _images(state: State, args: list[str]) -> int:
    switches = ("-a", "--all", "-q", "--quiet", "--no-trunc")
    flags = parsed(args, "docker images", ("-f", "--filter", "--format"), switches)
    state.check_engine(["images", *args])
    for image in state.data["images"]:
        repository, _, tag = image.rpartition(":")
        row = {"ID": "0" * 12, "Repository": repository or image, "Tag": tag if repository else "latest"}
        if not flags.rest or image in flags.rest or repository in flags.rest:
            quiet = {"-q", "--quiet"} & flags.switches
            say(
                shown("{{.ID}}" if quiet else flags.one("--format", "{{.Repository}}   {{.Tag}}   {{.ID}}"), row) + "\n"
            )
    return 0


def pull(state: State, image: str) -> None:
    """Fetch an image: only those that the stand-in was told of can be had, and none while it is offline.

    Raises:
        Failed: in the engine's words.
    """
    if state.fault("offline", []) or image not in state.data["pullable"]:
        host = NO_SUCH_HOST.format(host="registry-1.docker.io")
        refuse(f'Error response from daemon: Get "https://registry-1.docker.io/v2/": {host}')
    with state.changing() as data:
        if image not in data["images"]:
            data["images"].append(image)


def _pull(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker pull", ("--platform",), ("-q", "--quiet"))
    state.check_engine(["pull", *args])
    if len(flags.rest) != 1:
        refuse("docker: 'docker pull' requires 1 argument\n\nUsage:  docker pull [OPTIONS] NAME[:TAG|@DIGEST]")
    pull(state, flags.rest[0])
    say(f"Status: Downloaded newer image for {flags.rest[0]}\n{flags.rest[0]}\n")
    return 0


COMMANDS: dict[str, Callable[[State, list[str]], int]] = {
    "version": _version,
    "info": _info,
    "ps": _ps,
    "rm": lambda state, args: _end(state, args, "docker rm", signal.SIGKILL),
    "kill": lambda state, args: _end(state, args, "docker kill", signal.SIGKILL),
    "stop": lambda state, args: _end(state, args, "docker stop", signal.SIGTERM),
    "image inspect": _image_inspect,
    "images": _images,
    "pull": _pull,
}
