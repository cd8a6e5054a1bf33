"""`X-Request-ID` and `X-Process-Time` on every answer over HTTP, and the id in the log and in the tool."""

from __future__ import annotations

import re

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client

from tests.host.logs.reading import JsonHttpProcess, wait_for_call
from tests.host.transports.http_process import BOTH
from tests.host.transports.toys import PATIENCE, Toybox

GIVEN = "from-the-proxy:1/2=3+4@5.6_7"


def seconds_of(answer: httpx2.Response) -> float:
    assert re.fullmatch(r"\d+\.\d{6}", answer.headers["x-process-time"])
    return float(answer.headers["x-process-time"])


def test_the_headers_are_on_every_answer_also_on_errors_and_streams(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with JsonHttpProcess(toys) as served:
        served.ready()
        client = served.client
        session = served.open_session()
        opened = {"accept": BOTH, "mcp-session-id": session.headers["mcp-session-id"]}
        answers = {
            200: [served.modern("tools/list"), session, client.get("/readyz"), client.get("/livez")],
            404: [client.get("/nothing")],
            405: [client.post("/sse")],
            413: [client.post("/mcp", content=b"x" * 5_000_000)],
            421: [client.get("/readyz", headers={"host": "evil.example"})],
            403: [client.get("/readyz", headers={"origin": "http://evil.example"})],
        }
        for path in ("/sse", "/mcp"):
            with client.stream("GET", path, headers=opened) as stream:
                answers[200].append(stream)
                assert stream.headers["content-type"].startswith("text/event-stream")
        ids = []
        for status, found in answers.items():
            for answer in found:
                assert answer.status_code == status
                assert 0 < seconds_of(answer) < 20
                assert len(answer.headers.get_list("x-request-id")) == 1
                ids.append(answer.headers["x-request-id"])
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{16}", made) for made in ids)


def test_the_id_of_the_client_is_in_the_answer_in_the_tool_and_in_the_log_in_both_eras(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with JsonHttpProcess(toys) as served:
        served.ready()
        sent = {"x-request-id": GIVEN}
        modern = served.modern("tools/call", name="toy_echo", arguments={"text": "hi"}, headers=sent)
        assert wait_for_call(served, "ok")["request_id"] == GIVEN
        session = served.open_session().headers["mcp-session-id"]
        legacy = served.client.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "toy_run", "arguments": {}}},
            headers={"accept": BOTH, "mcp-session-id": session, "x-request-id": "second"},
        )
        wrong = wait_for_call(served, "invalid_arguments")
    assert modern.headers["x-request-id"] == GIVEN
    assert modern.json()["result"]["content"][0]["text"] == f"hi {GIVEN}"
    assert legacy.headers["x-request-id"] == "second"
    assert (wrong["request_id"], wrong["level"], wrong["tool"]) == ("second", "warning", "toy_run")


def test_an_id_that_is_not_sane_or_given_twice_is_replaced(toys: Toybox) -> None:
    odd = ["", "two words", "x" * 129, "a\tb", 'quo"te', "é"]
    given = [[(b"x-request-id", value.encode("latin-1"))] for value in odd]
    given.append([(b"x-request-id", b"one"), (b"x-request-id", b"two")])
    with JsonHttpProcess(toys) as served:
        answers = [served.client.get("/livez", headers=headers) for headers in given]
    assert all(re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"]) for answer in answers)


@pytest.mark.anyio
async def test_the_id_reaches_the_tool_and_the_log_over_the_old_transport_too(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with JsonHttpProcess(toys) as served:
        served.ready()
        with anyio.fail_after(PATIENCE):
            transport = sse_client(f"{served.origin}/sse", headers={"x-request-id": GIVEN}, timeout=PATIENCE)
            async with Client(transport, mode="auto") as client:
                result = await client.call_tool("toy_echo", {"text": "hi"})
        done = wait_for_call(served, "ok")
    assert result.content[0].text == f"hi {GIVEN}"  # type: ignore[union-attr]
    assert (done["request_id"], done["surface"]) == (GIVEN, "sse")
