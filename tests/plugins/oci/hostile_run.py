"""The tools against hostile registries, in a process of its own, so that its memory is theirs alone.

`python -m tests.plugins.oci.hostile_run` reads a JSON list of `Case` from its standard input, asks them side by side
with the limits that users have, and prints one JSON object: `growth` in bytes and `cases`. Everything else that a user
could ever see (logs at their finest, tracebacks, results) goes to standard error, where the test looks for secrets.
"""

from __future__ import annotations

import gc
import inspect
import json
import logging
import re
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Literal

import anyio
from pydantic import BaseModel, SecretStr

from fuseboard import Caller, Context
from fuseboard_oci import tools
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import OciError

Pace = Literal["slow", "many", "alone"]

# How many questions are asked at once. What may cost memory is asked alone, because the limit is about one question.
_AT_ONCE: dict[Pace, int] = {"alone": 1, "many": 16, "slow": 1000}

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
    "list_tags": [{"username": "alice", "password": SecretStr("hunter2-inline")}],
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
        pace: "slow" when it takes its time, "alone" when it may cost memory, else "many".
    """

    name: str
    host: str
    login: dict[str, str]
    tools: tuple[str, ...]
    pace: Pace


Question = tuple[Case, str, dict[str, Any]]


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


def questions(case: Case) -> list[Question]:
    """The tools of a case with their arguments, some of them in several ways.

    Raises:
        KeyError: a tool requires an argument that has no value in `REQUIRED`.
    """
    found: list[Question] = []
    for name in case.tools:
        parameters = inspect.signature(getattr(tools, name)).parameters
        values = {**REQUIRED, "registry": case.host}
        missing = {key for key, one in parameters.items() if one.default is one.empty} - {*values, "ctx"}
        if missing:
            raise KeyError(f"give hostile_run.REQUIRED a value for {sorted(missing)} of {name}")
        plain = {key: value for key, value in values.items() if key in parameters}
        found.append((case, name, plain))
        for more in MORE.get(name, []):
            if "images" in more:
                found.append((case, name, {"images": [text.format(registry=case.host) for text in more["images"]]}))
            else:
                found.append((case, name, {**plain, **more}))
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
    """Ask everything of everybody: the slow ones in the background, before it what may cost memory, then the rest."""
    outcomes: list[Outcome] = []

    async def work(waiting: Iterator[Question]) -> None:
        for case, tool, arguments in waiting:
            if case.pace == "alone":
                gc.collect()  # what the question before has left for later is not of this one
            outcomes.append(await ask(clients[_client(case)], case, tool, arguments))

    async def ask_all(pace: Pace) -> None:
        asked = [question for case in cases if case.pace == pace for question in questions(case)]
        waiting = iter(asked)
        async with anyio.create_task_group() as group:
            for _ in range(min(_AT_ONCE[pace], len(asked))):
                group.start_soon(work, waiting)

    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(client) for name, client in _clients(cases).items()}
        gc.freeze()  # what is there already need not be looked through each time
        before = _memory("VmRSS")
        async with anyio.create_task_group() as group:
            group.start_soon(ask_all, "slow")
            await ask_all("alone")
            await ask_all("many")
        growth = _memory("VmHWM") - before
    return {"growth": growth, "cases": [asdict(outcome) for outcome in outcomes]}


def _clients(cases: list[Case]) -> dict[str, RegistryClient]:
    """One for all, and more for the slow: a client has 64 connections, and here more than that are kept waiting."""
    registries: dict[str, dict[str, Any]] = defaultdict(dict)
    for case in cases:
        registries[_client(case)][case.host] = {"insecure": True, **case.login}
    return {name: RegistryClient(OciSettings(registries=known)) for name, known in registries.items()}


def _client(case: Case) -> str:
    return case.name if case.pace == "slow" else ""


def _memory(field: str) -> int:
    """Bytes: VmRSS is what the process has in RAM now, VmHWM the most it ever had."""
    with open("/proc/self/status") as status:
        found = re.search(rf"{field}:\s+(\d+)", status.read())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    print(json.dumps(anyio.run(run, [Case(**row) for row in json.load(sys.stdin)])))
