"""The watchdog accuses a plugin only of what the plugin does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

NOT_RUN_FOR = 1.5
"""Seconds for which the machine does not run the process. A loop that is silent for one second is reported."""

STOPS_BEFORE_THE_LOOP_ANSWERS = """
import logging, os, signal, sys, threading, time
from types import SimpleNamespace
from fuseboard.watchdog import Watchdog

logging.basicConfig(stream=sys.stdout, format="%(message)s")
answered = threading.Event()

def post(answer):
    def busy_for_a_moment():
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.05)
        answer()
        answered.set()
    if not answered.is_set():
        threading.Thread(target=busy_for_a_moment).start()

lane = SimpleNamespace(plugin="toy", thread=None, loop=None, mail=SimpleNamespace(post=post))
watchdog = Watchdog(is_busy=lambda: True, report=print)
watchdog.start([lane])
watchdog.call_begins()
answered.wait()
watchdog.stop()
print("ended")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be stopped here")
def test_a_process_that_the_machine_did_not_run_for_a_while_accuses_no_plugin_of_blocking_its_loop() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPS_BEFORE_THE_LOOP_ANSWERS], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        time.sleep(NOT_RUN_FOR)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=60)
    assert out.splitlines() == ["ended"]
