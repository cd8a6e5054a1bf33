"""A small MCP server on the standard streams, for tests: one file, standard library only, ready in about 30 ms.

    python -I -S toy_server.py [--name N] [--era legacy|modern] [--tools a,b] [faults]

It speaks every handshake revision, and 2026-07-28 as well with `--era modern`. Calls run at the same time.
The tools are listed in `TOOLS`, each with what it does. Everything ends by itself after ten minutes, faults included.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
LIFETIME = 600
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
NOISE = (b"this is no message", b"{'quoted': wrongly}", b"\xff\xfe\x00", b"", b"[1, 2]")
STUBBORN = "import signal, time; [signal.signal(number, signal.SIG_IGN) for number in (1, 2, 13, 15)]; time.sleep(600)"

TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float)}
TOOLS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    # name: (description, arguments with their types, "?" for an optional one, properties of the structured result)
    "echo": ("Say the text again.", {"text": "string"}, {}),
    "add": ("Add two numbers.", {"a": "integer", "b": "integer"}, {"sum": "integer"}),
    "fail": ("Answer with a tool error of this text.", {"text": "string"}, {}),
    "error": ("Answer with a JSON-RPC error of this code.", {"code": "integer"}, {}),
    "slow": ("Work so many seconds, with progress every 0.1 s.", {"seconds": "number"}, {}),
    "ask": ("Count one more, then ask the user for a name and greet it.", {"question": "string?"}, {}),
    "asked": ("How often `ask` counted, and calls were cancelled.", {}, {"asked": "integer", "cancelled": "integer"}),
    "sample": ("Let the client's model say something.", {}, {}),
    "picture": ("A picture of one pixel.", {}, {}),
    "big": ("A text of so many bytes.", {"bytes": "integer"}, {}),
    "env": ("The value of an environment variable; empty when it is not set.", {"name": "string"}, {"set": "boolean"}),
    "pid": ("The process id, and the one of the stubborn child or 0.", {}, {"pid": "integer", "child": "integer"}),
    "die": ("End the process in the middle of the call.", {"code": "integer?"}, {}),
    "hang": ("Never answer.", {}, {}),
    "noise": ("Write so many lines that are no messages to standard output.", {"lines": "integer?"}, {}),
    "flood": ("Write so many bytes to standard error.", {"bytes": "integer"}, {}),
    "change_tools": ("Add the tool `extra` and tell it to the client.", {}, {}),
    "extra": ("The tool that `change_tools` adds.", {}, {}),
}
BROKEN_TOOL = {"name": "broken", "description": "No schema.", "inputSchema": {"type": "none", "properties": 7}}
CAPABILITIES: JsonObject = {"tools": {"listChanged": True}, "prompts": {}}
CACHED: JsonObject = {"ttlMs": 0, "cacheScope": "private"}
GREET = {"name": "greet", "description": "Greet somebody.", "arguments": [{"name": "name", "required": True}]}
NAME_FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FLAGS = {
    "--broken-schema": "list one tool more, whose schema is none",
    "--hang-start": "answer nothing, ever",
    "--ignore-eof": "go on when standard input ends",
    "--ignore-term": "go on after SIGTERM, SIGINT and SIGHUP",
    "--spawn-child": "start a child that ignores everything but SIGKILL",
}


class Refused(Exception):
    """A JSON-RPC error: code and message."""


class Call:
    """A `tools/call` at work: its request, and whether it was cancelled."""

    def __init__(self, server: Server, request: JsonObject) -> None:
        self.server = server
        self.id = request["id"]
        self.params: JsonObject = request.get("params") or {}
        self.meta: JsonObject = self.params.get("_meta") or {}
        self.arguments: JsonObject = self.params.get("arguments") or {}
        self.modern = META + "protocolVersion" in self.meta
        self.cancelled = threading.Event()

    def progress(self, done: float, total: float) -> None:
        if "progressToken" in self.meta:
            params = {"progressToken": self.meta["progressToken"], "progress": done, "total": total}
            self.server.send({"method": "notifications/progress", "params": params | {"message": f"{done:g} s"}})

    def question(self, method: str, params: JsonObject, capability: str, before: Callable[[], None]) -> JsonObject:
        """Ask the client: by a request on the handshake revisions, by an unfinished result on 2026-07-28."""
        capabilities = self.meta.get(META + "clientCapabilities") if self.modern else self.server.capabilities
        if self.modern and (answers := self.params.get("inputResponses")):
            return {"result": answers.get("question", {})}
        before()
        if capability not in (capabilities or {}):
            return {"error": {"message": f"the client has no {capability}"}}
        if not self.modern:
            return self.server.ask(method, params, self)
        wanted = {"question": {"method": method, "params": params}}
        return {"unfinished": {"resultType": "input_required", "inputRequests": wanted, "requestState": str(self.id)}}


class Server:
    """The state of the process, and its one way to standard output."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.capabilities: JsonObject = {}
        self.asked = self.cancellations = self.child = 0
        self.extra = False
        self.calls: dict[Any, Call] = {}
        self.answers: dict[str, tuple[threading.Event, JsonObject]] = {}
        self.subscriptions: list[Any] = []
        self.lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self.lock:
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except OSError:
                os._exit(1)

    def send(self, message: JsonObject) -> None:
        self.write(json.dumps({"jsonrpc": "2.0"} | message, separators=(",", ":")).encode() + b"\n")

    def ask(self, method: str, params: JsonObject, call: Call) -> JsonObject:
        """Send a request to the client and wait for its answer, as long as the call is not cancelled."""
        number, answer, arrived = f"toy-{len(self.answers) + 1}", {}, threading.Event()  # type: ignore[var-annotated]
        self.answers[number] = (arrived, answer)
        self.send({"id": number, "method": method, "params": params})
        while not arrived.wait(0.05) and not call.cancelled.is_set():
            pass
        return answer or {"error": {"message": "the call was cancelled"}}

    def tools(self) -> list[JsonObject]:
        chosen = self.options.tools.split(",") if self.options.tools else [name for name in TOOLS if name != "extra"]
        listed = [_described(name) for name in TOOLS if name in chosen or (name == "extra" and self.extra)]
        return [*listed, BROKEN_TOOL] if self.options.broken_schema else listed


def _described(name: str) -> JsonObject:
    """A tool in wire form."""
    words, arguments, results = TOOLS[name]
    tool: JsonObject = {"name": name, "description": words, "inputSchema": {"type": "object"}}
    tool["inputSchema"]["properties"] = {key: {"type": kind.rstrip("?")} for key, kind in arguments.items()}
    if required := [key for key, kind in arguments.items() if not kind.endswith("?")]:
        tool["inputSchema"]["required"] = required
    if results:
        properties = {key: {"type": kind} for key, kind in results.items()}
        tool["outputSchema"] = {"type": "object", "properties": properties, "required": list(results)}
    return tool


def _text(words: str, structured: JsonObject | None = None, *, error: bool = False) -> JsonObject:
    """A result of one text."""
    result: JsonObject = {"content": [{"type": "text", "text": words}], "isError": error}
    return result if structured is None else result | {"structuredContent": structured}


def _slow(call: Call) -> JsonObject:
    seconds, begin = float(call.arguments["seconds"]), time.monotonic()
    while (done := time.monotonic() - begin) < seconds and not call.cancelled.is_set():
        call.progress(round(done, 3), seconds)
        call.cancelled.wait(min(0.1, seconds - done))
    return _text(f"worked {seconds:g} s")


def _ask(call: Call) -> JsonObject:
    def count() -> None:
        call.server.asked += 1

    question = call.arguments.get("question", "What is your name?")
    params = {"mode": "form", "message": question, "requestedSchema": NAME_FORM}
    answer = call.question("elicitation/create", params, "elicitation", count)
    if "result" not in answer:
        return answer.get("unfinished") or _text(f"could not ask: {answer['error']['message']}", error=True)
    if answer["result"].get("action") != "accept":
        return _text(f"no name: {answer['result'].get('action')}")
    return _text(f"Hello, {answer['result']['content']['name']}!")


def _sample(call: Call) -> JsonObject:
    params = {"messages": [{"role": "user", "content": {"type": "text", "text": "Say a word."}}], "maxTokens": 10}
    answer = call.question("sampling/createMessage", params, "sampling", lambda: None)
    if "result" not in answer:
        return answer.get("unfinished") or _text(f"could not sample: {answer['error']['message']}", error=True)
    return _text(f"The model said: {answer['result']['content']['text']}")


def _noise(call: Call) -> JsonObject:
    for line in range(call.arguments.get("lines", 1)):
        call.server.write(NOISE[line % len(NOISE)] + b"\n")
    return _text("made noise")


def _flood(call: Call) -> JsonObject:
    sys.stderr.write(("x" * 63 + "\n") * (call.arguments["bytes"] // 64))
    sys.stderr.flush()
    return _text("flooded")


def _change_tools(call: Call) -> JsonObject:
    call.server.extra = True
    changed: JsonObject = {"method": "notifications/tools/list_changed"}
    if not call.modern:
        call.server.send(changed)
    for subscription in call.server.subscriptions:
        call.server.send(changed | {"params": {"_meta": {META + "subscriptionId": subscription}}})
    return _text("added extra")


def _env(call: Call) -> JsonObject:
    value = os.environ.get(call.arguments["name"])
    return _text(value or "", {"set": value is not None})


def _asked(call: Call) -> JsonObject:
    counted = {"asked": call.server.asked, "cancelled": call.server.cancellations}
    return _text(str(call.server.asked), counted)


def _add(call: Call) -> JsonObject:
    total = call.arguments["a"] + call.arguments["b"]
    return _text(str(total), {"sum": total})


DO: dict[str, Callable[[Call], JsonObject]] = {
    "echo": lambda call: _text(call.arguments["text"]),
    "fail": lambda call: _text(call.arguments["text"], error=True),
    "big": lambda call: _text("x" * call.arguments["bytes"]),
    "picture": lambda call: {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}], "isError": False},
    "pid": lambda call: _text(str(os.getpid()), {"pid": os.getpid(), "child": call.server.child}),
    "die": lambda call: os._exit(call.arguments.get("code", 1)),
    "hang": lambda call: _text(f"cancelled: {call.cancelled.wait()}"),
    "extra": lambda call: _text("extra"),
    "error": lambda call: _refuse(call.arguments["code"], "refused as wished")(call),
}
DO |= {"noise": _noise, "flood": _flood, "change_tools": _change_tools}
DO |= {"add": _add, "slow": _slow, "ask": _ask, "asked": _asked, "sample": _sample, "env": _env}
AT_ONCE = frozenset({"echo", "add", "fail", "error", "asked", "env", "pid", "die"})


def _wrong_arguments(call: Call, name: str) -> str:
    for key, kind in TOOLS[name][1].items():
        value = call.arguments.get(key)
        fits = isinstance(value, TYPES[kind.rstrip("?")]) and not isinstance(value, bool)
        if not fits and not (value is None and kind.endswith("?")):
            return f"{key} must be of type {kind.rstrip('?')}"
    return ""


def _run_tool(call: Call) -> JsonObject:
    name = str(call.params.get("name"))
    if name not in {tool["name"] for tool in call.server.tools()}:
        raise Refused(-32602, f'unknown tool "{name}"')
    if name not in DO or (wrong := _wrong_arguments(call, name)):
        return _text(f"invalid arguments: {wrong if name in DO else 'the schema is broken'}", error=True)
    return DO[name](call)


def _answer(call: Call, work: Callable[[Call], JsonObject]) -> None:
    """Do the work and send its answer, unless the call was cancelled meanwhile."""
    try:
        result = work(call)
        if call.modern:
            stamp = {META + "serverInfo": {"name": call.server.options.name, "version": "1.0"}}
            result = {"resultType": "complete"} | result | {"_meta": stamp}
        message: JsonObject = {"result": result}
    except Refused as refused:
        message = {"error": {"code": refused.args[0], "message": refused.args[1]}}
    with call.server.lock:
        call.server.calls.pop(call.id, None)
    if not call.cancelled.is_set():
        call.server.send({"id": call.id} | message)


def _initialize(call: Call) -> JsonObject:
    call.server.capabilities = call.params.get("capabilities") or {}
    wanted, name = call.params.get("protocolVersion"), call.server.options.name
    return {
        "protocolVersion": wanted if wanted in HANDSHAKE else HANDSHAKE[-1],
        "capabilities": CAPABILITIES | {"logging": {}},
        "serverInfo": {"name": name, "version": "1.0"},
        "instructions": f"I am {name}.",
    }


def _discover(call: Call) -> JsonObject:
    if call.server.options.era != "modern":
        raise Refused(-32601, "Method not found")
    instructions = f"I am {call.server.options.name}."
    return CACHED | {"supportedVersions": [MODERN], "capabilities": CAPABILITIES, "instructions": instructions}


def _get_prompt(call: Call) -> JsonObject:
    if call.params.get("name") != "greet" or "name" not in call.arguments:
        raise Refused(-32602, "there is one prompt, greet, and it wants a name")
    words = {"type": "text", "text": f"Greet {call.arguments['name']} warmly."}
    return {"description": GREET["description"], "messages": [{"role": "user", "content": words}]}


ANSWERS: dict[str, Callable[[Call], JsonObject]] = {
    "initialize": _initialize,
    "server/discover": _discover,
    "ping": lambda call: {},
    "logging/setLevel": lambda call: {},
    "tools/list": lambda call: {"tools": call.server.tools()} | (CACHED if call.modern else {}),
    "prompts/list": lambda call: {"prompts": [GREET]} | (CACHED if call.modern else {}),
    "prompts/get": _get_prompt,
}


def _refuse(code: int, words: str) -> Callable[[Call], JsonObject]:
    def refuse(call: Call) -> JsonObject:
        raise Refused(code, words)

    return refuse


def _handle(server: Server, message: JsonObject) -> None:
    """One message of the client: a request, an answer, or a notification."""
    method, number = message.get("method"), message.get("id")
    if method is None and number in server.answers:
        arrived, kept = server.answers[str(number)]
        kept.update(message)
        arrived.set()
    elif method == "notifications/cancelled":
        _cancel(server, (message.get("params") or {}).get("requestId"))
    elif method is not None and number is not None:
        _request(server, Call(server, message), method)


def _request(server: Server, call: Call, method: str) -> None:
    era = server.options.era
    if call.modern and method != "server/discover" and (era, call.meta[META + "protocolVersion"]) != ("modern", MODERN):
        return _answer(call, _refuse(-32022, "Unsupported protocol version"))
    if method == "subscriptions/listen" and call.modern:
        server.subscriptions.append(call.id)
        params = {"_meta": {META + "subscriptionId": call.id}, "notifications": call.params.get("notifications", {})}
        return server.send({"method": "notifications/subscriptions/acknowledged", "params": params})
    if method != "tools/call":
        return _answer(call, ANSWERS.get(method, _refuse(-32601, "Method not found")))
    server.calls[call.id] = call
    if call.params.get("name") in AT_ONCE:
        return _answer(call, _run_tool)
    threading.Thread(target=_answer, args=(call, _run_tool), daemon=True).start()
    return None


def _cancel(server: Server, number: Any) -> None:
    if number in server.subscriptions:
        server.subscriptions.remove(number)
    with server.lock:
        call = server.calls.pop(number, None)
    if call is not None:
        server.cancellations += 1
        call.cancelled.set()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A small MCP server for tests.")
    parser.add_argument("--name", default="toy", help="what it calls itself")
    parser.add_argument("--era", choices=("legacy", "modern"), default="legacy", help="modern: 2026-07-28 too")
    parser.add_argument("--legacy-only", action="store_const", const="legacy", dest="era", help="as --era legacy")
    parser.add_argument("--tools", default="", help="only these tools, with commas between")
    parser.add_argument("--start-delay", type=float, default=0, help="seconds before the first message is read")
    parser.add_argument("--fail-start", metavar="TEXT", help="say this on standard error and exit with 1")
    for flag, words in FLAGS.items():
        parser.add_argument(flag, action="store_true", help=words)
    return parser.parse_args()


def main() -> None:
    """Serve until standard input ends."""
    options = _options()
    signal.alarm(LIFETIME)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if options.ignore_term else signal.SIG_DFL)
    server = Server(options)
    if options.spawn_child:
        server.child = subprocess.Popen([sys.executable, "-I", "-S", "-c", STUBBORN]).pid
    time.sleep(options.start_delay)
    if options.fail_start is not None:
        sys.exit(options.fail_start)
    for line in sys.stdin.buffer:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and not options.hang_start:
            _handle(server, message)
    while options.ignore_eof:
        time.sleep(1)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
