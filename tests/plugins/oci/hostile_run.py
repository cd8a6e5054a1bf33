"""The tools against hostile registries, in a process of its own, so that its memory is theirs alone.

`python -m tests.plugins.oci.hostile_run` reads a JSON list of `Case` from its standard input, asks them side by side
with the limits that users have, and prints one JSON object: `growth` in bytes and `cases`. Everything else that a user
could ever see (logs at their finest, tracebacks, results) goes to standard error, where the test looks for secrets.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
import time
import traceback
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

import anyio
from pydantic import BaseModel

from fuseboard import Caller, Context
from fuseboard_oci import tools
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import OciError

# Memory is about one question at a time; a few at once make the run shorter.
_AT_ONCE = 4

# What each tool is asked: required arguments by their names, and what else is worth asking.
REQUIRED = {
    "repository": "demo/app",
    "reference": "1.0.0",
    "reference_a": "1.0.0",
    "reference_b": "1.1.0",
}
MORE: dict[str, list[dict[str, Any]]] = {
    "check_registry": [{"repository": "demo/app"}],
    "compare_images": [{"repository": "demo/multi", "reference_a": "1.0", "reference_b": "latest"}],
    "find_tags": [{"digest": "sha256:" + "0" * 64}],
    "get_config": [{"repository": "demo/multi", "reference": "1.0", "platform": "linux/arm64", "history": True}],
    "get_details": [
        {"check_base": True},
        {"repository": "demo/multi", "reference": "1.0", "platform": "linux/arm64"},
        {"repository": "demo/noplat", "reference": "1.0"},
        {"images": ["{registry}/demo/app:1.0.0", "{registry}/demo/nested:1.0"]},
    ],
    "get_manifest": [{"repository": "demo/multi", "reference": "1.0", "platform": "linux/arm64"}],
    "list_referrers": [{"repository": "demo/multi", "reference": "1.0", "platform": "linux/arm64"}],
}


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile registry, and who asks it.

    Attributes:
        name: what it does, for the report.
        host: where it is.
        login: what the operator's settings say about it.
        tools: names of tools.
        slow: whether it is one that takes its time; nobody waits for those.
    """

    name: str
    host: str
    login: dict[str, str]
    tools: tuple[str, ...]
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tool got away.

    Attributes:
        case: name of the case.
        tool: name of the tool.
        seconds: how long it took.
        code: of the error; "result" when there was none, and the exception's type when it was no `OciError`.
        size: bytes of the result.
    """

    case: str
    tool: str
    seconds: float
    code: str
    size: int = 0


def questions(case: Case) -> list[tuple[str, dict[str, Any]]]:
    """The tools of a case with their arguments, some of them in several ways.

    Raises:
        KeyError: a tool requires an argument that has no value in `REQUIRED`.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for name in case.tools:
        parameters = inspect.signature(getattr(tools, name)).parameters
        values = {**REQUIRED, "registry": case.host}
        missing = {key for key, one in parameters.items() if one.default is one.empty} - {*values, "ctx"}
        if missing:
            raise KeyError(f"give hostile_run.REQUIRED a value for {sorted(missing)} of {name}")
        plain = {key: value for key, value in values.items() if key in parameters}
        found.append((name, plain))
        for more in MORE.get(name, []):
            if "images" in more:
                found.append((name, {"images": [text.format(registry=case.host) for text in more["images"]]}))
            else:
                found.append((name, {**plain, **more}))
    return found


async def ask(client: RegistryClient, case: Case, tool: str, arguments: dict[str, Any]) -> Outcome:
    """Ask one tool, and write down whatever a user could see of it."""
    context: Context[RegistryClient] = Context(state=client, plugin="oci", caller=Caller(surface="test"))
    first = {"ctx": context} if "ctx" in inspect.signature(getattr(tools, tool)).parameters else {}
    started = time.monotonic()
    code, size = "result", 0
    try:
        shown = _text(await getattr(tools, tool)(**first, **arguments))
        size = len(shown.encode())
        print(shown, file=sys.stderr)
    except OciError as error:
        code = error.code
        traceback.print_exception(error)
    except Exception as error:
        code = type(error).__name__
        traceback.print_exception(error)
    return Outcome(case.name, tool, time.monotonic() - started, code, size)


def _text(result: object) -> str:
    return result.model_dump_json() if isinstance(result, BaseModel) else json.dumps(result)


async def run(cases: list[Case]) -> dict[str, Any]:
    """Ask everything of everybody: the slow ones all at once, and meanwhile the others, a few at a time."""
    outcomes: list[Outcome] = []
    asked = [(case, tool, arguments) for case in cases for tool, arguments in questions(case)]
    rest = iter([question for question in asked if not question[0].slow])

    async def one(case: Case, tool: str, arguments: dict[str, Any]) -> None:
        outcomes.append(await ask(clients[_client(case)], case, tool, arguments))

    async def work() -> None:
        for question in rest:
            await one(*question)

    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(client) for name, client in _clients(cases).items()}
        before = _memory("VmRSS")
        async with anyio.create_task_group() as group:
            for question in asked:
                if question[0].slow:
                    group.start_soon(one, *question)
            for _ in range(_AT_ONCE):
                group.start_soon(work)
        growth = _memory("VmHWM") - before
    return {"growth": growth, "cases": [asdict(outcome) for outcome in outcomes]}


def _clients(cases: list[Case]) -> dict[str, RegistryClient]:
    """One for all, and more for the slow: a client has 64 connections, and here more than that are kept waiting."""
    registries: dict[str, dict[str, Any]] = defaultdict(dict)
    for case in cases:
        registries[_client(case)][case.host] = {"insecure": True, **case.login}
    return {name: RegistryClient(OciSettings(registries=known)) for name, known in registries.items()}


def _client(case: Case) -> str:
    return case.name if case.slow else ""


def _memory(field: str) -> int:
    """Bytes: VmRSS is what the process has in RAM now, VmHWM the most it ever had."""
    with open("/proc/self/status") as status:
        found = re.search(rf"{field}:\s+(\d+)", status.read())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    print(json.dumps(anyio.run(run, [Case(**row) for row in json.load(sys.stdin)])))
