"""The real host with the plugin, over stdio by bytes on pipes: an SDK client would cost as much as what is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Self

from candidates import RUN_FOLDER
from clock import cpu_seconds
from process import cores
from wire import WrongAnswer, initialize, initialized, request

from oci.images import PLATFORM, TAG, answers, names
from oci.rounds import peak_mib

DETAILS = "oci_get_details"
Call = tuple[str, dict[str, Any]]


class Host:
    """fuseboard with the OCI plugin alone. A context manager.

    Args:
        registry: the one that it may ask over http.
    """

    def __init__(self, registry: str) -> None:
        self.registry = registry
        settings = RUN_FOLDER / "oci.yaml"
        # Every JSON is YAML.
        settings.write_text(json.dumps({"plugins": {"oci": {"registries": {registry: {"insecure": True}}}}}))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with (RUN_FOLDER / "oci-host.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fuseboard"],
                env=kept | {"FUSEBOARD_CONFIG": str(settings), "FUSEBOARD_LOAD_PLUGINS": "oci"},
                cwd=RUN_FOLDER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        if (core := cores()[1]) is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self._number = 1

    def __enter__(self) -> Self:
        self._send([initialize()])
        self._answers({1})
        self._send([initialized()])
        self.tools = {tool["name"]: tool for tool in self._ask([("tools/list", {})])[0]["tools"]}
        if DETAILS not in self.tools:
            raise WrongAnswer(f"the host serves no {DETAILS}:\n{self._log()}")
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._process:
            self._process.kill()

    def calls(self, calls: list[Call]) -> list[dict[str, Any]]:
        """Send calls of tools all at once, and return their results in the same order."""
        return self._ask([("tools/call", {"name": name, "arguments": arguments}) for name, arguments in calls])

    def takes_many_images(self) -> bool:
        """Whether one call reads several images."""
        return "images" in self.tools[DETAILS]["inputSchema"]["properties"]

    def warm_up(self) -> None:
        """One call about another image, for what runs slower the first time. It leaves one connection open."""
        _rows(self.calls([(DETAILS, self._arguments("demo/dockerlist"))]))

    def round(self, *, one_call: bool) -> dict[str, Any]:
        """Ask for all images, in one call or in a call for each.

        Returns:
            The same as a client script prints.
        """
        if one_call:
            images = [f"{self.registry}/{name}:{TAG}" for name in names()]
            calls = [(DETAILS, {"images": images, "platform": PLATFORM})]
        else:
            calls = [(DETAILS, self._arguments(name)) for name in names()]
        wall, cpu = time.perf_counter(), cpu_seconds(self._process.pid)
        results = self.calls(calls)
        cpu, wall = cpu_seconds(self._process.pid) - cpu, time.perf_counter() - wall
        return {"wall": wall, "cpu": cpu, "peak_mib": peak_mib(self._process.pid), "rows": _rows(results)}

    def _arguments(self, repository: str) -> dict[str, Any]:
        return {"registry": self.registry, "repository": repository, "reference": TAG, "platform": PLATFORM}

    def _ask(self, requests: list[Call]) -> list[dict[str, Any]]:
        numbers = range(self._number + 1, self._number + 1 + len(requests))
        self._number = numbers[-1]
        self._send([request(*one, number) for one, number in zip(requests, numbers, strict=True)])
        found = self._answers(set(numbers))
        return [found[number] for number in numbers]

    def _send(self, messages: list[bytes]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(message + b"\n" for message in messages))
        self._process.stdin.flush()

    def _answers(self, numbers: set[int]) -> dict[int, dict[str, Any]]:
        assert self._process.stdout is not None
        found: dict[int, dict[str, Any]] = {}
        for line in self._process.stdout:
            message = json.loads(line)
            if message.get("id") in numbers:
                if "result" not in message:
                    raise WrongAnswer(f"the host answers {json.dumps(message)[:400]}")
                found[message["id"]] = message["result"]
            if len(found) == len(numbers):
                return found
        raise WrongAnswer(f"the host ended:\n{self._log()}")

    def _log(self) -> str:
        return (RUN_FOLDER / "oci-host.log").read_text()[-1500:]


def _rows(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the results say about each image; its name is known by the digest, which no two images share."""
    by_digest = {row.digest: name for name, row in answers().items()}
    rows = []
    for details in _details(results):
        [platform] = details["platforms"]
        rows.append(
            {
                "repository": by_digest.get(platform["digest"]),
                "digest": platform["digest"],
                "architecture": details["architectures"][0],
                "created": details["created"],
                "layers": platform["layers"],
                "size": platform["size"],
            }
        )
    return rows


def _details(value: Any) -> Iterator[dict[str, Any]]:
    """The details of images wherever they stand in the structured content of results."""
    if isinstance(value, list):
        for item in value:
            yield from _details(item)
    elif isinstance(value, dict) and "architectures" in value and "platforms" in value:
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "content":
                yield from _details(item)
