"""The bytes of the benchmarked requests in both protocol eras, and what a right answer to them is.

Imports the standard library only: the load generator must start fast and stay cheap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
ERAS = (MODERN, HANDSHAKE)
ECHO_TOOL = "bench_a_echo"
ECHO_TEXT = "a sentence of ordinary length, which the tool gives back as it came"
# Ids have one width, so that all requests of a scenario have one length and all right answers too.
FIRST_ID = 10_000_000
CLIENT = {"name": "bench", "version": "1"}


class WrongAnswer(Exception):
    """A server answered something else than it should: its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked, and in which era.

    Attributes:
        method: "tools/call" or "tools/list".
        era: a protocol revision of `ERAS`.
        tools: how many tools the plugins hold together.
    """

    method: str
    era: str
    tools: int

    def params(self) -> dict[str, Any]:
        """The request's parameters, with the envelope that the modern era wants."""
        called = self.method == "tools/call"
        params: dict[str, Any] = {"name": ECHO_TOOL, "arguments": {"text": ECHO_TEXT}} if called else {}
        if self.era == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": CLIENT,
            }
        return params

    def headers(self, session: str | None) -> dict[str, str]:
        """The HTTP headers that this request needs beside the usual ones."""
        headers = {"MCP-Protocol-Version": self.era}
        if self.era == MODERN:
            headers["Mcp-Method"] = self.method
            if self.method == "tools/call":
                headers["Mcp-Name"] = ECHO_TOOL
        elif session:
            headers["Mcp-Session-Id"] = session
        return headers

    def check(self, message: dict[str, Any]) -> None:
        """See that an answer is the wanted one.

        Raises:
            WrongAnswer: with the answer's beginning.
        """
        result = message.get("result", {})
        if self.method == "tools/call":
            texts = [part.get("text") for part in result.get("content", [])]
            right = not result.get("isError") and texts == [ECHO_TEXT]
        else:
            ours = [tool for tool in result.get("tools", []) if tool["name"].startswith("bench_")]
            right = len(ours) == self.tools and all(tool["inputSchema"]["required"] for tool in ours)
        if not right:
            raise WrongAnswer(f"{self.method} ({self.era}, {self.tools} tools): {json.dumps(message)[:400]}")


def request(method: str, params: dict[str, Any], number: int | None) -> bytes:
    """One JSON-RPC message; without a number it is a notification."""
    message: dict[str, Any] = {"jsonrpc": "2.0"} | ({} if number is None else {"id": number}) | {"method": method}
    return json.dumps(message | ({"params": params} if params else {}), separators=(",", ":")).encode()


def initialize() -> bytes:
    """The first message of the older era, number 1."""
    return request("initialize", {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": CLIENT}, 1)


def initialized() -> bytes:
    """The notification that ends the handshake."""
    return request("notifications/initialized", {}, None)


def post(port: int, body: bytes, headers: dict[str, str], verb: str = "POST") -> bytes:
    """An HTTP request for `/mcp` on a loopback port, connection kept open."""
    fixed = {
        "Host": f"127.0.0.1:{port}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    lines = [f"{verb} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in (fixed | headers).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its status, its head in lower case and its body, still in chunks if it came so."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value."""
        for line in self.head.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key == name.encode():
                return value.strip().decode()
        return None

    def message(self) -> dict[str, Any]:
        """The JSON-RPC answer in the body, plain or as the last event of a stream.

        Raises:
            WrongAnswer: the status is not 200.
        """
        if self.status != 200:
            raise WrongAnswer(f"status {self.status}: {self.body[:400]!r}")
        body = unchunked(self.body) if b"transfer-encoding: chunked" in self.head else self.body
        if b"text/event-stream" in self.head:
            body = [line[5:] for line in body.splitlines() if line.startswith(b"data:") and len(line) > 6][-1]
        message: dict[str, Any] = json.loads(body)
        return message


def unchunked(body: bytes) -> bytes:
    """A body without the frames of the chunked transfer coding."""
    parts: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]
