"""A small MCP server on standard input and output: `python -I -S stdio_server.py FILE` serves the module FILE.

The standard library alone. It speaks the revisions that begin with `initialize`. A module gives `NAME`, `TITLE`,
`INSTRUCTIONS`, `TOOLS` (wire form), `PROMPTS` (wire form), `call(name, arguments, ask)`, which returns a JSON object or
raises `ValueError` for the model, and `prompt(name, arguments)`, which returns the text for the user's turn.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

VERSION = "0.1.0"
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MOST_BYTES = 4 * 2**20
MOST_CALLS = 32
LAST_SECONDS = 2.0
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603

Object = dict[str, Any]
Ask = Callable[[str, Object], Object | None]
"""`(message, JSON Schema of the form) -> the client's answer`, None where the client cannot ask its user."""


class Refused(Exception):
    """A request that is answered with a JSON-RPC error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Cancelled(Exception):
    """The client no longer wants the answer."""


class Request:
    """One request at work, or waiting for its user.

    Args:
        number: its id.
    """

    def __init__(self, number: str | int) -> None:
        self.number = number
        self.cancelled = threading.Event()
        self.answers: queue.SimpleQueue[Object | None] = queue.SimpleQueue()

    def cancel(self) -> None:
        """End a wait for the user's answer, and the request with it."""
        self.cancelled.set()
        self.answers.put(None)


class StdioServer:
    """Serves one module to one client.

    Args:
        module: what is served.
        reader: messages, one a line.
        writer: answers.
    """

    def __init__(self, module: Any, reader: BinaryIO, writer: BinaryIO) -> None:
        self._module = module
        self._reader = reader
        self._writer = writer
        self._writing = threading.Lock()
        self._changing = threading.Lock()
        self._revision = ""
        self._can_ask = False
        self._working: dict[str | int, Request] = {}
        self._asked: dict[str, Request] = {}
        self._questions = 0
        self._threads: list[threading.Thread] = []

    def serve(self) -> None:
        """Answer until the client closes the stream."""
        while line := self._reader.readline(MOST_BYTES + 1):
            if len(line) > MOST_BYTES:
                self._skip_line(line)
                self._send(_error(None, PARSE_ERROR, f"a message is longer than {MOST_BYTES} bytes"))
            elif line.strip():
                self._take(line)
        self._finish()

    def _finish(self) -> None:
        """Give what is at work a moment to answer; nobody is left who could answer a question."""
        for request in list(self._asked.values()):
            request.cancel()
        until = time.monotonic() + LAST_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def _skip_line(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._reader.readline(MOST_BYTES)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._send(_error(None, PARSE_ERROR, "a line is no JSON"))
            return
        if isinstance(message, list) and self._revision == "2025-03-26":
            self._take_batch(message)
        else:
            self._take_message(message, self._send)

    def _take_batch(self, messages: list[Any]) -> None:
        """Only one revision knows them: the answers come as one array, without the silence of notifications."""
        if not messages:
            self._send(_error(None, INVALID_REQUEST, "a batch is empty"))
            return

        def work() -> None:
            answers: list[Object] = []
            for message in messages:
                self._take_message(message, answers.append, wait=True)
            if answers:
                self._write(json.dumps(answers))

        self._start(work)

    def _take_message(self, message: Any, send: Callable[[Object], None], *, wait: bool = False) -> None:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            send(_error(None, INVALID_REQUEST, "a message is no JSON-RPC 2.0 object"))
            return
        number, method = message.get("id"), message.get("method")
        if method is None and ("result" in message or "error" in message):
            self._take_answer(message)
        elif not isinstance(method, str) or ("id" in message and not _is_id(number)):
            send(_error(number if _is_id(number) else None, INVALID_REQUEST, "method or id is of the wrong kind"))
        elif "id" not in message:
            self._take_notification(method, message.get("params"))
        else:
            self._take_request(number, method, message.get("params", {}), send, wait=wait)

    def _take_answer(self, message: Object) -> None:
        number = message.get("id")
        request = self._asked.pop(number, None) if isinstance(number, str) else None
        if request is not None:
            result = message.get("result")
            request.answers.put(result if isinstance(result, dict) else {})

    def _take_notification(self, method: str, params: Any) -> None:
        if method == "notifications/cancelled" and isinstance(params, dict):
            number = params.get("requestId")
            if isinstance(number, str | int) and (request := self._working.get(number)):
                request.cancel()

    def _take_request(
        self, number: Any, method: str, params: Any, send: Callable[[Object], None], *, wait: bool
    ) -> None:
        if number in self._working:
            send(_error(number, INVALID_REQUEST, "a request with this id is still at work"))
            return
        if method == "tools/call" and len(self._working) >= MOST_CALLS:
            send(_error(number, INTERNAL_ERROR, f"{MOST_CALLS} calls are at work already"))
            return
        request = Request(number)
        self._working[number] = request

        def work() -> None:
            answer = self._answer(request, method, params)
            self._working.pop(number, None)
            if not request.cancelled.is_set():
                send(answer)

        # Only a tool may wait for its user, and the answer comes through the thread that reads.
        if method == "tools/call" and not wait:
            self._start(work)
        else:
            work()

    def _answer(self, request: Request, method: str, params: Any) -> Object:
        try:
            if not isinstance(params, dict):
                raise Refused(INVALID_PARAMS, "params must be an object")
            return {"jsonrpc": "2.0", "id": request.number, "result": self._result(request, method, params)}
        except Refused as error:
            return _error(request.number, error.code, str(error))
        except Cancelled:
            return {}
        # What went wrong inside is nothing for the client.
        except Exception as error:
            sys.stderr.write(f"{method} failed: {type(error).__name__}: {error}\n")
            return _error(request.number, INTERNAL_ERROR, f"{method} failed inside the server")

    def _result(self, request: Request, method: str, params: Object) -> Object:
        if method == "ping":
            return {}
        if method == "initialize":
            return self._initialize(params)
        methods = {"tools/list": self._list_tools, "prompts/list": self._list_prompts, "prompts/get": self._get_prompt}
        if method != "tools/call" and method not in methods:
            raise Refused(METHOD_NOT_FOUND, f"this server has no method {method[:100]!r}")
        if not self._revision:
            raise Refused(INVALID_REQUEST, "initialize comes first")
        return self._call_tool(request, params) if method == "tools/call" else methods[method](params)

    def _initialize(self, params: Object) -> Object:
        if self._revision:
            raise Refused(INVALID_REQUEST, "this session is initialized already")
        wanted, capabilities = params.get("protocolVersion"), params.get("capabilities")
        if not isinstance(wanted, str) or not isinstance(capabilities, dict):
            raise Refused(INVALID_PARAMS, "protocolVersion must be text and capabilities an object")
        asking = capabilities.get("elicitation")
        # An empty object is how the first revision with it says that forms are shown.
        self._can_ask = isinstance(asking, dict) and (not asking or "form" in asking)
        self._revision = wanted if wanted in REVISIONS else REVISIONS[-1]
        offered: Object = {"tools": {"listChanged": False}}
        if self._module.PROMPTS:
            offered["prompts"] = {"listChanged": False}
        return {
            "protocolVersion": self._revision,
            "capabilities": offered,
            "serverInfo": {"name": self._module.NAME, "title": self._module.TITLE, "version": VERSION},
            "instructions": self._module.INSTRUCTIONS,
        }

    def _list_tools(self, params: Object) -> Object:
        _refuse_cursor(params)
        return {"tools": self._module.TOOLS}

    def _list_prompts(self, params: Object) -> Object:
        _refuse_cursor(params)
        return {"prompts": self._module.PROMPTS}

    def _get_prompt(self, params: Object) -> Object:
        found = _named(self._module.PROMPTS, "prompt", params)
        try:
            text = self._module.prompt(found["name"], _arguments(params))
        except ValueError as error:
            raise Refused(INVALID_PARAMS, str(error)) from None
        message = {"role": "user", "content": {"type": "text", "text": text}}
        return {"description": found["description"], "messages": [message]}

    def _call_tool(self, request: Request, params: Object) -> Object:
        tool = _named(self._module.TOOLS, "tool", params)
        arguments = _arguments(params)
        try:
            _check_arguments(tool["inputSchema"], arguments)
            result = self._module.call(tool["name"], arguments, lambda text, form: self._ask(request, text, form))
        except ValueError as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        text = json.dumps(result, ensure_ascii=False)
        return {"content": [{"type": "text", "text": text}], "structuredContent": result, "isError": False}

    def _ask(self, request: Request, text: str, form: Object) -> Object | None:
        if not self._can_ask:
            return None
        with self._changing:
            self._questions += 1
            number = f"ask-{self._questions}"
        self._asked[number] = request
        params = {"message": text, "requestedSchema": form}
        self._send({"jsonrpc": "2.0", "id": number, "method": "elicitation/create", "params": params})
        answer = request.answers.get()
        self._asked.pop(number, None)
        if request.cancelled.is_set():
            params = {"requestId": number, "reason": "the call was cancelled"}
            self._send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
            raise Cancelled
        return answer

    def _start(self, work: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _send(self, message: Object) -> None:
        # Only ASCII goes out, so no lone surrogate of a client's can break the stream.
        self._write(json.dumps(message))

    def _write(self, text: str) -> None:
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._writer.write(text.encode() + b"\n")
            self._writer.flush()


def _is_id(number: Any) -> bool:
    return isinstance(number, str | int) and not isinstance(number, bool)


def _error(number: Any, code: int, text: str) -> Object:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}


def _refuse_cursor(params: Object) -> None:
    if params.get("cursor") is not None:
        raise Refused(INVALID_PARAMS, "there is one page only: this server never gave out a cursor")


def _named(items: list[Object], what: str, params: Object) -> Object:
    for item in items:
        if item["name"] == params.get("name"):
            return item
    raise Refused(INVALID_PARAMS, f"unknown {what} {str(params.get('name'))[:100]!r}")


def _arguments(params: Object) -> Object:
    arguments = params.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise Refused(INVALID_PARAMS, "arguments must be an object")
    return arguments or {}


def _check_arguments(schema: Object, arguments: Object) -> None:
    """Check what the schemas here use: known names, required ones, and text of a bounded length."""
    known = schema["properties"]
    for name in [name for name in schema.get("required", ()) if name not in arguments]:
        raise ValueError(f"the argument {name} is missing")
    for name, value in arguments.items():
        if name not in known:
            raise ValueError(f"unknown argument {name[:100]!r}; known: {', '.join(known) or 'none'}")
        if not isinstance(value, str) or not known[name].get("minLength", 0) <= len(value) <= known[name]["maxLength"]:
            raise ValueError(f"{name} must be text of at most {known[name]['maxLength']} characters, and not empty")


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("served", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Serve the module that the command line names, on streams that nothing else can print to."""
    module = _load(sys.argv[1])
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt):
        StdioServer(module, reader, writer).serve()
    # Whatever is still at work after that has nobody to give its answer to.
    os._exit(0)


if __name__ == "__main__":
    main()
