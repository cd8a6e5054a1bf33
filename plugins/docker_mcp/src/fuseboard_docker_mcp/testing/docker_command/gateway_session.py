"""The gateway's side of its client: the handshake revisions only, every message passed on to the right container."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from .downstream import DEAD, Downstream, Ended
from .gateway_files import Wanted
from .state import JsonObject, State, warn

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
CHANGED: JsonObject = {"method": "notifications/tools/list_changed"}
CAPABILITIES: JsonObject = {
    "logging": {},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True},
    "tools": {"listChanged": True},
}


class Refused(Exception):
    """A JSON-RPC error for the client: code and message."""


class Served:
    """A server that started: what it has, and its container if one is kept."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.tools: list[JsonObject] = []
        self.prompts: list[JsonObject] = []
        self.kept: Downstream | None = None
        self.lock = threading.Lock()

    def list_from(self, downstream: Downstream) -> None:
        """Read tools and prompts; only those that the configuration leaves on."""
        allowed = self.wanted.tools
        tools = downstream.listed("tools")
        self.tools = [tool for tool in tools if allowed is None or tool["name"] in allowed]
        self.prompts = downstream.listed("prompts")


class Session:
    """One client over the standard streams.

    Args:
        kept: whether containers are kept between calls, also for entries that do not say so.
    """

    def __init__(self, state: State, *, kept: bool, verbose: bool) -> None:
        self.state = state
        self.served: list[Served] = []
        self._kept = kept
        self._verbose = verbose
        self._lock = threading.Lock()
        self._questions: dict[str, tuple[Downstream, Any]] = {}
        self._calls: dict[Any, tuple[Downstream, int]] = {}
        self._cancelled: set[Any] = set()
        self._tokens: dict[tuple[int, int], Any] = {}
        self._client: JsonObject = {}
        self._capabilities: JsonObject = {}

    def connect(self, wanted: Wanted) -> Downstream:
        """Start a container of a server and shake hands.

        Raises:
            Ended: when it ends instead.
        """
        arguments = wanted.docker_arguments()
        image = str((wanted.entry or {})["image"])
        at = arguments.index(image)
        command = f" and command [{' '.join(arguments[at + 1 :])}]" if arguments[at + 1 :] else ""
        warn(f"  - Running {image} with [{' '.join(arguments[:at])}]{command}\n")
        downstream = Downstream(wanted, self._unasked, verbose=self._verbose)
        downstream.open()
        return downstream

    def run(self) -> None:
        """Serve until the client ends the input."""
        for line in sys.stdin.buffer:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                self._receive(message)
        name = f"{self._client.get('name', '')}@{self._client.get('version', '')}"
        warn(f"- Client disconnected {name}, releasing containers\n> Stop watching for updates\n")
        for one in self.served:
            if one.kept is not None:
                one.kept.close()

    def _send(self, message: JsonObject) -> None:
        with self._lock:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0"} | message, separators=(",", ":")) + "\n")
            sys.stdout.flush()

    def _receive(self, message: JsonObject) -> None:
        method, number = message.get("method"), message.get("id")
        if method is None:
            downstream, asked = self._questions.pop(str(number), (None, None))
            if downstream is not None:
                downstream.send({key: message[key] for key in ("result", "error") if key in message} | {"id": asked})
        elif method == "notifications/cancelled":
            self._cancel((message.get("params") or {}).get("requestId"))
        elif number is not None and method == "initialize":
            self._initialize(message)
        elif number is not None:
            threading.Thread(target=self._answer, args=(message,), daemon=True).start()

    def _cancel(self, number: Any) -> None:
        """Cancel a call, or remember to: the one that is meant may not have reached its container yet."""
        self._cancelled.add(number)
        downstream, at = self._calls.get(number, (None, 0))
        if downstream is not None:
            downstream.abandon(at)

    def _initialize(self, message: JsonObject) -> None:
        params = message.get("params") or {}
        self._client, self._capabilities = params.get("clientInfo") or {}, params.get("capabilities") or {}
        revisions = REVISIONS[:3] if self.state.dialect == "A" else REVISIONS
        wanted = params.get("protocolVersion")
        if self.state.fault("early-notification", []):
            self._send(CHANGED)
        result = {
            "capabilities": CAPABILITIES,
            "protocolVersion": wanted if wanted in revisions else "2025-06-18",
            "serverInfo": {"name": "Docker AI MCP Gateway", "version": "2.0.1"},
        }
        self._send({"id": message["id"], "result": result})
        warn(f"- Client initialized {self._client.get('name', '')}@{self._client.get('version', '')} \n")

    def _answer(self, message: JsonObject) -> None:
        try:
            answer = self._answered(message["method"], message.get("params") or {}, message["id"])
        except Refused as refused:
            answer = {"error": {"code": refused.args[0], "message": refused.args[1]}}
        except Ended:
            answer = {"error": {"code": 0, "message": DEAD}}
            if State(self.state.folder).fault("closed-as-result", []):
                answer = {"result": {"content": [{"type": "text", "text": DEAD}], "isError": True}}
        self._calls.pop(message["id"], None)
        if answer:
            self._send({"id": message["id"]} | answer)

    def _answered(self, method: str, params: JsonObject, number: Any) -> JsonObject:
        if method in ("tools/list", "prompts/list"):
            kind = method.partition("/")[0]
            found = [item for one in self.served for item in (one.tools if kind == "tools" else one.prompts)]
            return {"result": {kind: found}}
        if method == "tools/call":
            return self._passed_on("tools", "tool", method, params, number)
        if method == "prompts/get":
            return self._passed_on("prompts", "prompt", method, params, number)
        simple: JsonObject = {"resources/list": {"resources": []}, "ping": {}, "logging/setLevel": {}}
        simple["resources/templates/list"] = {"resourceTemplates": []}
        if method not in simple:
            raise Refused(0, f'JSON RPC method not found: "{method}"')
        return {"result": simple[method]}

    def _passed_on(self, kind: str, one_of: str, method: str, params: JsonObject, number: Any) -> JsonObject:
        name = params.get("name")
        owner = next((one for one in self.served if any(item["name"] == name for item in getattr(one, kind))), None)
        if owner is None:
            raise Refused(-32602, f'unknown {one_of} "{name}"')
        warn("  - Scanning tool call arguments for secrets...\n  > No secret found in arguments.\n")
        keeps = self._kept or (owner.wanted.entry or {}).get("longLived", False)
        downstream = self._kept_container(owner) if keeps else self.connect(owner.wanted)
        at = downstream.begin()
        self._calls[number] = (downstream, at)
        meta = dict(params.get("_meta") or {})
        if "progressToken" in meta:
            self._tokens[id(downstream), at] = meta["progressToken"]
            meta["progressToken"] = at
        passed_on = params | ({"_meta": meta} if meta else {})
        answer = {} if number in self._cancelled else downstream.request(method, passed_on, at)
        if not keeps:
            downstream.close()
        return {key: answer[key] for key in ("result", "error") if key in answer}

    def _kept_container(self, owner: Served) -> Downstream:
        """The container of a server that is kept for the whole session; it is never started twice."""
        with owner.lock:
            if owner.kept is None:
                owner.kept = self.connect(owner.wanted)
            return owner.kept

    def _unasked(self, downstream: Downstream, message: JsonObject) -> None:
        """Pass on what a container sends by itself; of requests, only elicitation."""
        method, params, number = message["method"], dict(message.get("params") or {}), message.get("id")
        if method == "elicitation/create" and "elicitation" in self._capabilities:
            question = f"gateway-{len(self._questions) + 1}-{id(message)}"
            self._questions[question] = (downstream, number)
            self._send({"id": question, "method": method, "params": params})
        elif number is not None:
            downstream.send({"id": number, "error": {"code": -32601, "message": f'"{method}" is not supported'}})
        elif method == "notifications/progress":
            token = self._tokens.get((id(downstream), params.get("progressToken", 0)))
            if token is not None:
                self._send({"method": method, "params": params | {"progressToken": token}})
        elif method == "notifications/tools/list_changed":
            threading.Thread(target=self._list_again, args=(downstream,), daemon=True).start()
        elif method == "notifications/message":
            self._send({"method": method, "params": params})

    def _list_again(self, downstream: Downstream) -> None:
        for one in self.served:
            if one.kept is downstream:
                try:
                    one.list_from(downstream)
                except Ended:
                    return
                self._send(CHANGED)
