"""`fuseboard http`: both eras, the old transport, probes, plugins' routes and sessions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.sse import sse_client

from tests.host.faults.running import patience_of_the_client
from tests.host.transports.http_process import LEGACY_HELLO, MODERN_META, HttpProcess, legacy_call, modern_call
from tests.host.transports.toys import PATIENCE, TOY, Toybox

ROUTES = """
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route, Mount

async def tasks(request):
    return JSONResponse(sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks()))

async def broken(request):
    raise RuntimeError("password=hunter2")

async def leaves(request):
    raise SystemExit(3)

async def teapot(request):
    raise HTTPException(418, "I am a teapot")

async def mine(request):
    return PlainTextResponse("mine")

class Odd(Route):
    def matches(self, scope):
        raise RuntimeError("odd")

@hookimpl
def http_routes():
    own = ["/mcp", "/mcp/", "/sse", "/messages/", "/livez", "/healthz", "/readyz"]
    return [
        Odd("/odd", mine),
        Route("/tasks", tasks), Route("/broken", broken), Route("/leaves", leaves), Route("/teapot", teapot),
        *(Route(path, mine, methods=["GET", "POST", "PUT"]) for path in own),
        Mount("/mounted", routes=[Route("/inside", mine)]),
    ]
"""


@pytest.fixture
def toys(toys: Toybox) -> Toybox:
    """The toy, with routes."""
    (toys.folder / "toy.py").write_text(TOY + ROUTES)
    return toys


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    """One process for all tests that leave it as it was."""
    box = Toybox(tmp_path_factory.mktemp("served"))
    box.add("toy", TOY + ROUTES)
    with HttpProcess(box) as process:
        process.ready()
        yield process


@asynccontextmanager
async def connected(served: HttpProcess, mode: str) -> AsyncIterator[Client]:
    target: Any = sse_client(f"{served.origin}/sse") if mode == "sse" else f"{served.origin}/mcp"
    async with (
        patience_of_the_client(),
        Client(target, mode="auto" if mode == "sse" else mode, read_timeout_seconds=PATIENCE) as client,
    ):
        yield client


MODES = pytest.mark.parametrize("mode", ["legacy", "auto", "sse"])


@pytest.mark.anyio
async def test_clients_of_either_era_and_of_the_old_transport_list_and_call(served: HttpProcess) -> None:
    for mode in ("legacy", "auto", "sse"):
        async with connected(served, mode) as client:
            assert "toy_echo" in [tool.name for tool in (await client.list_tools()).tools]
            result = await client.call_tool("toy_echo", {"text": mode})
            assert result.content[0].text == mode  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_a_thousand_calls_at_once_are_all_answered(served: HttpProcess) -> None:
    for mode in ("legacy", "auto"):
        places = anyio.Semaphore(64)
        async with connected(served, mode) as client, anyio.create_task_group() as tasks:
            texts: list[str] = []

            async def call(client: Client, number: int, places: anyio.Semaphore, texts: list[str]) -> None:
                async with places:
                    result = await client.call_tool("toy_echo", {"text": str(number)})
                texts.append(result.content[0].text)  # type: ignore[union-attr]

            for number in range(1000):
                tasks.start_soon(call, client, number, places, texts)
        assert sorted(texts, key=int) == [str(number) for number in range(1000)]


@MODES
@pytest.mark.anyio
async def test_cancelling_a_call_stops_the_tool(served: HttpProcess, mode: str) -> None:
    async with connected(served, mode) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "toy_wait", {"name": mode})
        await anyio.to_thread.run_sync(served.toys.wait_for, f"{mode} begins")
        tasks.cancel_scope.cancel()
    served.toys.wait_for(f"{mode} was cancelled")


def tasks_of(served: HttpProcess) -> list[str]:
    """What runs on the host's loop, this request included.

    The library under the old transport's streams starts a task of its own with the first of them, and keeps it.
    """
    return [name for name in served.client.get("/tasks").json() if name != "_shutdown_watcher"]


def wait_for_tasks(expected: list[str], served: HttpProcess) -> None:
    """Wait until no others than these run on the host's loop."""
    end = time.monotonic() + PATIENCE
    # Some of the expected ones may have ended meanwhile: they were of a client that had only just left.
    while more := Counter(tasks_of(served)) - Counter(expected):
        assert time.monotonic() < end, more


def test_a_client_that_vanishes_leaves_no_task_behind(served: HttpProcess) -> None:
    before = tasks_of(served)

    call = served.open_stream("POST", "/mcp", modern_call("toy_wait", name="left"), until=b"")
    served.toys.wait_for("left begins")
    listen = {"method": "subscriptions/listen", "params": {"_meta": MODERN_META, "notifications": {}}}
    streams = [call, served.open_stream("POST", "/mcp", listen, until=b"acknowledged")]
    streams.append(served.open_stream("GET", "/sse", until=b"session_id"))
    path = streams[-1].first.partition(b"data: ")[2].split()[0].decode()
    for message in (*LEGACY_HELLO, {"id": 2, **legacy_call("toy_wait", name="left on sse")}):
        assert served.client.post(path, json={"jsonrpc": "2.0", **message}).status_code == 202
    served.toys.wait_for("left on sse begins")
    assert Counter(tasks_of(served)) - Counter(before)

    for stream in streams:
        stream.close()
    wait_for_tasks(before, served)
    served.toys.wait_for("left was cancelled", "left on sse was cancelled")


def test_a_session_of_the_older_revisions_outlives_its_connections_and_leaves_nothing_when_it_is_deleted(
    served: HttpProcess,
) -> None:
    before = tasks_of(served)
    session = {"mcp-session-id": served.open_session().headers["mcp-session-id"]}
    stream = served.open_stream("GET", "/mcp", headers=session)
    call = served.open_stream("POST", "/mcp", legacy_call("toy_wait", name="kept"), headers=session)
    served.toys.wait_for("kept begins")
    stream.close()
    call.close()
    assert "kept was cancelled" not in served.toys.journal()
    assert served.client.delete("/mcp", headers=session).status_code == 200
    served.toys.wait_for("kept was cancelled")
    wait_for_tasks(before, served)
    assert served.client.delete("/mcp", headers=session).status_code == 404


def test_a_client_that_vanishes_in_the_middle_of_a_body_is_no_error(served: HttpProcess) -> None:
    before = tasks_of(served)
    for head in (
        "content-type: application/json\r\nmcp-protocol-version: 2026-07-28",
        "content-type: application/json",
    ):
        request = f"POST /mcp HTTP/1.1\r\nhost: localhost:{served.port}\r\n{head}\r\ncontent-length: 99\r\n\r\nsome"
        served.raw(request.encode(), seconds=0.2)
    wait_for_tasks(before, served)
    assert "ClientDisconnect" not in served.errors()


# --- probes ---------------------------------------------------------------------------------------------------------


def test_the_probes_tell_alive_from_ready(toys: Toybox) -> None:
    toys.add("broken", "raise RuntimeError('no')")
    go_on = toys.folder / "go on"
    toys.add("slow", f"import os, time\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.02)\n" + TOY)
    toys.settings |= {"FUSEBOARD_FUSES__SLOW__REQUIRED": "true", "FUSEBOARD_FUSES__SLOW__IMPORT_TIMEOUT": "300"}
    with HttpProcess(toys) as served:
        early = served.client.get("/readyz")
        assert served.client.get("/livez").status_code == served.client.get("/healthz").status_code == 200
        go_on.touch()
        served.ready()
        late = served.client.get("/readyz")
    assert (early.status_code, early.json()["ready"]) == (503, False)
    assert (late.status_code, late.json()["ready"]) == (200, True)
    states = {plugin["name"]: plugin for plugin in late.json()["plugins"]}
    assert states["slow"]["state"] == "active"
    assert (states["broken"]["state"], states["broken"]["stage"]) == ("failed", "import")
    assert "RuntimeError" in states["broken"]["reason"]


CHECKED = """
@hookimpl
def register_health_checks(register):
    register(backend, timeout=60)

async def backend(ctx):
    return None if not os.path.exists(os.environ["TOY_JOURNAL"] + ".ill") else "the backend is gone"
"""


def test_a_required_plugin_whose_backend_is_gone_makes_the_host_not_ready_until_it_is_back(toys: Toybox) -> None:
    toys.add("checked", TOY + CHECKED)
    toys.settings["FUSEBOARD_FUSES__CHECKED__REQUIRED"] = "true"
    ill = toys.folder / "journal.ill"
    with HttpProcess(toys) as served:
        served.ready()
        served.wait_for_status("/readyz", 200)
        ill.touch()
        served.wait_for_status("/readyz", 503)
        plugin = next(one for one in served.client.get("/readyz").json()["plugins"] if one["name"] == "checked")
        assert plugin["checks"][0]["message"] == "the backend is gone"
        ill.unlink()
        served.wait_for_status("/readyz", 200)


def test_a_required_plugin_that_is_not_there_makes_the_host_not_ready(toys: Toybox) -> None:
    toys.settings["FUSEBOARD_FUSES__ABSENT__REQUIRED"] = "true"
    with HttpProcess(toys) as served:
        served.ready()
        answer = served.client.get("/readyz")
    assert answer.status_code == 503
    assert next(one for one in answer.json()["plugins"] if one["name"] == "absent")["state"] == "failed"


# --- routes that plugins add ------------------------------------------------------------------------------------------


def test_a_plugin_s_route_that_fails_answers_500_without_its_text(served: HttpProcess) -> None:
    for path in ("/broken", "/leaves"):
        answer = served.client.get(path)
        assert answer.status_code == 500
        assert "the log has it under the reference" in answer.json()["error"]["message"]
        assert "hunter2" not in answer.text
    assert "RuntimeError: password=***" in served.errors()
    assert served.client.get("/livez").status_code == 200


def test_a_plugin_s_routes_are_served_and_cannot_take_the_host_s_own_paths(served: HttpProcess) -> None:
    assert served.client.get("/mounted/inside").text == "mine"
    answer = served.client.get("/teapot")
    assert (answer.status_code, answer.json()["error"]["message"]) == (418, "I am a teapot")
    for method in ("GET", "POST", "PUT", "DELETE"):
        for path in ("/mcp", "/mcp/", "/sse", "/messages/", "/livez", "/healthz", "/readyz"):
            with served.client.stream(method, path) as own:
                assert own.headers.get("content-length") != "4", (method, path)


def test_what_is_not_there_is_answered_in_json(served: HttpProcess) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/livez", 405), ("POST", "/tasks", 405)):
        answer = served.client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]


def test_mcp_is_served_with_a_slash_at_the_end_too(served: HttpProcess) -> None:
    assert served.open_session().status_code == 200
    served.client.base_url = f"{served.origin}/mcp/"
    assert served.client.post("", json={}, headers={"accept": "*/*"}).status_code == 400


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_no_more_sessions_are_opened_than_allowed_and_a_closed_one_makes_room(toys: Toybox) -> None:
    toys.settings["FUSEBOARD_HTTP__MAX_SESSIONS"] = "2"
    with HttpProcess(toys) as served:
        first, second, third = (served.open_session() for _ in range(3))
        assert [first.status_code, second.status_code, third.status_code] == [200, 200, 503]
        assert served.modern("tools/list").status_code == 200  # needs no session
        served.client.delete("/mcp", headers={"mcp-session-id": first.headers["mcp-session-id"]})
        end = time.monotonic() + PATIENCE
        while (again := served.open_session().status_code) != 200:
            assert (again, time.monotonic() < end) == (503, True)

        streams = [served.open_stream("GET", "/sse") for _ in range(2)]
        assert served.client.get("/sse").status_code == 503
        for stream in streams:
            stream.close()


def test_a_thousand_sessions_opened_and_dropped_leave_memory_where_it_was(toys: Toybox) -> None:
    """Every other one is closed by the client, the rest is left to the idle timeout."""
    toys.settings["FUSEBOARD_HTTP__SESSION_IDLE_TIMEOUT"] = "0.5"
    with HttpProcess(toys) as served:
        served.ready()
        before = tasks_of(served)
        sizes: list[int] = []
        # What waits for the collector comes and goes; what leaks is there at every look. How many sessions there are at
        # a time depends on the machine, and so does the most that is needed: a leak grows on and on, this does not.
        while len(sizes) < 6 or (grown := min(sizes[-3:]) - min(sizes[-6:-3])) >= 2 * 1024:
            assert len(sizes) < 20, f"it still grows, by {grown} KiB: {sizes}"
            for number in range(500):
                session = served.open_session().headers["mcp-session-id"]
                if number % 2:
                    served.client.delete("/mcp", headers={"mcp-session-id": session})
            wait_for_tasks(before, served)
            sizes.append(served.resident())
