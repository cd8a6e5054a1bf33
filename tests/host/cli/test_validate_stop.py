"""`fuseboard validate` finds what a plugin does when it shall answer or end: it hangs, fails or leaves something."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from fuseboard.discovery import Found
from fuseboard.grading.apart import Grade, is_slow_here
from tests.host.cli.grading import GOOD, RANGE, graded
from tests.host.cli.running import Cli
from tests.host.discovery.toys import install

LIFE = """
import time
from contextlib import asynccontextmanager

@hookimpl
@asynccontextmanager
async def lifespan():
    yield
"""


def test_a_stop_that_hangs_or_raises_is_found(cli: Cli) -> None:
    hangs = graded(cli, "hangs", f"{GOOD}{LIFE}    time.sleep(30)\n", code=1)
    assert hangs == {("stop-abandoned", "stage stop"): "error"}
    raises = graded(cli, "raises", f"{GOOD}{LIFE}    raise ValueError('hunter2')\n", code=0)
    assert raises == {("stop-raises", "stage stop"): "warning"}


def test_what_only_the_clock_finds_is_a_finding_when_it_is_found_each_time(cli: Cli) -> None:
    mark = cli.home / "mark"
    once = f"import os, time\nfirst = not os.path.exists({str(mark)!r})\nopen({str(mark)!r}, 'a').close()\n"
    assert graded(cli, "imports", f"{once}time.sleep(1.1 if first else 0)\n{GOOD}", code=0) == {}
    mark.unlink()
    assert graded(cli, "stops", f"{once}{GOOD}{LIFE}    time.sleep(30 if first else 0)\n", code=0) == {}


@pytest.mark.parametrize(("seconds", "slow"), [(600, True), (0.001, False)])
def test_an_import_is_slow_when_it_takes_longer_than_that_of_the_host(seconds: float, slow: bool) -> None:
    grade = Grade(Found("toy", "", "toy", "1.0", "A toy."), [], {"import_ms": seconds * 1000})
    assert is_slow_here(grade) is slow


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")
def test_processes_that_a_plugin_leaves_running_are_found_and_their_arguments_are_not_shown(cli: Cli) -> None:
    leaves = "    import subprocess; subprocess.Popen(['sleep', '599.75'], start_new_session=True)\n"
    install(cli.site, "leaves", f"{GOOD}{LIFE}{leaves}", requires=RANGE)
    ran = cli("validate", "leaves", "--json")
    [plugin] = ran.json["plugins"]
    [finding] = plugin["findings"]
    said = re.fullmatch(r"it left 1 process running: sleep \(process (\d+)\)", finding["text"])
    assert said, finding
    os.kill(int(said[1]), signal.SIGKILL)
    assert (ran.code, finding["code"], finding["place"]) == (1, "processes-left", "stage stop")
    ended = leaves.replace("subprocess.Popen(", "child = subprocess.Popen(") + "    child.kill(); child.wait()\n"
    assert graded(cli, "ends", f"{GOOD}{LIFE}{ended}", code=0) == {}


def test_a_health_check_that_never_gives_the_loop_back_is_found_and_not_waited_for(cli: Cli) -> None:
    source = GOOD.replace("    return None", "    import threading; threading.Event().wait()")
    kinds = {code: severity for (code, _), severity in graded(cli, "stuck", source, code=1).items()}
    assert kinds["loop-blocked"] == "error"
    assert kinds["health-slow"] == "warning"
