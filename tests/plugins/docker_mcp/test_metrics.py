"""Metrics: counters, gauges and times in one place, bounded, safe between threads, and readable from outside."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from mcp_types import TextResourceContents

from fuseboard_docker_mcp import metrics
from fuseboard_docker_mcp.metrics import BOUNDS, MOST_SERIES, Metrics
from tests.plugins.docker_mcp.hosted import hosted, result_of, started


def test_counters_add_up_by_their_labels() -> None:
    counted = Metrics()
    counted.count("starts", server="a")
    counted.count("starts", 2, server="a")
    counted.count("starts", server="b")
    assert counted.value("starts", server="a") == 3
    assert counted.value("starts") == 4
    assert counted.value("stops") == 0


def test_a_gauge_says_what_is_now() -> None:
    counted = Metrics()
    counted.gauge("active_servers", 3)
    counted.gauge("active_servers", 1)
    assert counted.value("active_servers") == 1
    assert counted.snapshot()["gauges"] == {"active_servers": 1}


def test_times_are_sorted_into_classes_that_grow() -> None:
    counted = Metrics()
    for seconds in (0.0005, 0.001, 0.3, 100.0):
        counted.observe("call_seconds", seconds, server="a", outcome="ok")
    [series] = counted.snapshot()["times"]["call_seconds"]
    assert series["labels"] == {"server": "a", "outcome": "ok"}
    assert (series["count"], series["total"], series["longest"]) == (4, 100.3015, 100.0)
    classes = {one["at_most"]: one["count"] for one in series["classes"]}
    assert (classes[0.001], classes[0.5], classes[60.0], classes["inf"]) == (2, 3, 3, 4)
    assert list(classes) == [*BOUNDS, "inf"]


def test_names_that_never_end_do_not_fill_the_memory() -> None:
    counted = Metrics()
    for number in range(MOST_SERIES + 100):
        counted.count("starts", server=f"server-{number}")
    series = counted.snapshot()["counters"]["starts"]
    assert len(series) == MOST_SERIES + 1
    assert counted.value("starts") == MOST_SERIES + 100
    assert counted.value("starts", server="other") == 100


def test_threads_lose_no_count() -> None:
    counted = Metrics()

    def work() -> None:
        for _ in range(2000):
            counted.count("starts", server="a")
            counted.observe("call_seconds", 0.01, server="a")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.value("starts") == 8000
    assert counted.snapshot()["times"]["call_seconds"][0]["count"] == 8000


def test_a_snapshot_is_json_and_does_not_change_afterwards() -> None:
    counted = Metrics()
    counted.count("starts", server="a")
    before = counted.snapshot()
    counted.count("starts", server="a")
    assert json.loads(json.dumps(before)) == before
    assert before["counters"]["starts"] == [{"labels": {"server": "a"}, "value": 1}]


def test_the_snapshot_of_the_module_is_that_of_the_life_which_began_last() -> None:
    first = metrics.begin()
    first.count("starts")
    second = metrics.begin()
    second.count("stops")
    assert set(metrics.snapshot()["counters"]) == {"stops"}


@pytest.mark.anyio
async def test_what_the_plugin_does_is_counted_and_can_be_read_as_a_resource(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        await host.call_tool("docker_mcp_call_tool", {"tool_name": "echo", "arguments": {"text": "a"}})
        await host.call_tool("toy_fail", {"text": "no"})
        await result_of(host, "stop_servers", servers=["toy"])
        await result_of(host, "get_server_tools", server="toy")
        [content] = (await host.read_resource("docker-mcp://metrics")).contents
        outside = metrics.snapshot()
    assert isinstance(content, TextResourceContents)
    read = json.loads(content.text)
    assert read["counters"] == outside["counters"]
    counters = {name: series[0]["value"] for name, series in read["counters"].items()}
    assert counters["starts"] == 1
    assert counters["stops"] == 1
    outcomes = {series["labels"]["outcome"]: series["count"] for series in read["times"]["call_seconds"]}
    assert outcomes == {"ok": 1, "error": 1}
    assert read["gauges"] == {"active_servers": 0, "active_tools": 0}
    assert {"labels": {"cache": "tools"}, "value": 1} in read["counters"]["cache_hits"]
