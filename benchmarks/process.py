"""Server processes: started, watched from outside, stopped. Linux only."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from candidates import RUN_FOLDER, Candidate


def resident_mib(pid: int) -> float:
    """The memory of a process that is in RAM, shared pages included, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def cores() -> tuple[int | None, int | None]:
    """A core for the servers and one for the loader; None twice if there is only one."""
    if len(available := sorted(os.sched_getaffinity(0))) < 2:
        return None, None
    return available[0], available[1]


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One candidate that serves HTTP.

    Attributes:
        pid: of its process.
        port: where it listens.
    """

    def __init__(self, candidate: Candidate, tools: int) -> None:
        self.candidate = candidate
        self.port = free_port()
        self.log = RUN_FOLDER / f"{candidate.key}-{tools}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                candidate.http(self.port),
                env=candidate.environment(tools),
                cwd=RUN_FOLDER,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        if (core := cores()[0]) is not None:
            os.sched_setaffinity(self.pid, {core})

    def wait_until_it_listens(self, seconds: float = 20.0) -> None:
        """Return once it accepts connections.

        Raises:
            RuntimeError: it ended or did not listen in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.candidate.title} does not serve:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it, by force after a while."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def serving(candidates: list[Candidate], tools: int) -> Iterator[list[Server]]:
    """All candidates at once, each on a port of its own, ended at exit."""
    servers: list[Server] = []
    try:
        for candidate in candidates:
            servers.append(Server(candidate, tools))
        for server in servers:
            server.wait_until_it_listens()
        yield servers
    finally:
        for server in servers:
            server.stop()
