"""A server that abuses the protocol in one way: `python -I -S hostile_server.py WAY`. Standard library only.

It has the tools `echo`, and `abuse`, which does what the way says and then answers.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

WAY = sys.argv[1]
MANY = 5_000
DEEP = 100_000
LOCK = threading.Lock()


def write(data: bytes) -> None:
    """Write bytes as they are."""
    with LOCK:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def send(message: dict[str, Any]) -> None:
    """Send a message."""
    write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def tools() -> list[dict[str, Any]]:
    """The two tools; and some that nobody can use, where the way says so."""
    schema: dict[str, Any] = {"type": "object"}
    listed: list[Any] = [{"name": name, "description": name, "inputSchema": schema} for name in ("echo", "abuse")]
    if WAY == "odd tools":
        control = "bad\x00\x1b[31m\nname"
        listed += [{"name": name, "inputSchema": schema} for name in (control, "n" * 5000, "", "echo", "\u202eohce")]
        listed += [None, 7, [], {}, {"name": 5}, {"name": "no_schema"}, {"name": "text", "inputSchema": "text"}]
        deep: Any = {}
        for _ in range(60):
            deep = {"properties": {"a": deep}}
        listed.append({"name": "deep", "inputSchema": {"type": "object", **deep}})
    if WAY == "many tools":
        listed += [{"name": f"tool{number}", "inputSchema": schema} for number in range(5_000)]
    return listed


def page(params: dict[str, Any]) -> dict[str, Any]:
    """A list that never ends, where the way says so."""
    if WAY == "endless pages":
        return {"tools": tools(), "nextCursor": str(int(params.get("cursor") or 0) + 1)}
    return {"tools": tools()}


def flood(token: Any) -> None:
    """Send far too many of one kind, where the way says so."""
    params: dict[str, Any] = {"progressToken": token, "progress": 1}
    floods: dict[str, dict[str, Any]] = {
        "list_changed flood": {"method": "notifications/tools/list_changed"},
        "log flood": {"method": "notifications/message", "params": {"level": "info", "data": "x" * 200}},
        "progress flood": {"method": "notifications/progress", "params": params},
        "answer flood": {"id": 999_999, "result": {}},
        "unknown flood": {"method": "notifications/no/such/thing", "params": {}},
    }
    if WAY in floods:
        for _ in range(MANY):
            send(floods[WAY])
    elif WAY == "question flood":
        for count in range(MANY // 5):
            send({"id": f"q{count}", "method": "roots/list", "params": {}})
    elif WAY == "deep nesting":
        write(b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}\n")
        write(b"[" * DEEP + b"\n")


def abuse(number: Any, token: Any) -> None:
    """Do it, and answer."""
    flood(token)
    if WAY == "closed output":
        os.close(1)
        time.sleep(600)
    done = b'"result":{"content":[{"type":"text","text":"done"}]}'
    odd = {
        "half a character": b'"result":{"content":[{"type":"text","text":"\\ud800"}]}',
        "odd numbers": b'"result":{"content":[],"structuredContent":{"a":NaN,"b":1e999}}',
        "no result": b'"result":{"content":"text","isError":"perhaps"}',
        "odd error": b'"error":{"code":1%030d,"message":null,"data":["\\u001b[2J"]}' % 0,
    }
    for _ in range(3 if WAY == "answered twice" else 1):
        write(b'{"jsonrpc":"2.0","id":%s,%s}\n' % (json.dumps(number).encode(), odd.get(WAY, done)))


def answer(message: dict[str, Any]) -> None:
    """Answer one request."""
    method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
    if number is None or method is None:
        return
    if method == "initialize":
        version = "9999-99-99" if WAY == "odd version" else params["protocolVersion"]
        about = {"protocolVersion": version, "serverInfo": {"name": "hostile", "version": "1"}}
        send({"id": number, "result": {**about, "capabilities": {"tools": {"listChanged": True}}}})
    elif method == "tools/list":
        send({"id": number, "result": page(params)})
    elif method == "tools/call" and params["name"] == "abuse":
        abuse(number, (params.get("_meta") or {}).get("progressToken"))
    elif method == "tools/call":
        send({"id": number, "result": {"content": [{"type": "text", "text": "echo"}]}})
    else:
        send({"id": number, "error": {"code": -32601, "message": "Method not found"}})


def main() -> None:
    """Serve until the input ends. A call that floods must not keep the answers to its questions unread."""
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message.get("method") == "tools/call":
            threading.Thread(target=answer, args=(message,), daemon=True).start()
        else:
            answer(message)


if __name__ == "__main__":
    main()
