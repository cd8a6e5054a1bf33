"""A Docker engine in namespaces of its own: when its first process dies, the kernel removes all the rest."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from tests.debian import Unpacked

# What an engine keeps outside its folders (/run/containerd, /run/docker, /opt/containerd) goes where nobody else sees
# it. The programs are put where the two new file systems cannot hide them.
_SCRIPT = """
set -e
mount -t tmpfs tmpfs /run
mkdir /run/programs
mount --bind "$0" /run/programs
mount -t tmpfs tmpfs /opt
exec docker-init -- dockerd "$@"
"""
_INSIDE = "/run/programs/usr/bin:/run/programs/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# A pull must end at once and reach nobody: nothing listens on this port.
_NOWHERE = "http://127.0.0.1:9"
_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE = 60.0  # seconds


class CannotRun(Exception):
    """No engine runs on this machine. `str()` says why."""


class PrivateEngine:
    """dockerd, containerd and everything that they start, behind one unix socket.

    A context manager around `start`: leaving it ends all processes, removes all files, and asserts that none is left.

    Args:
        programs: Debian's packages of the engine, from `debian.fetch`.
        driver: how it keeps images: "overlay2", or "vfs", which copies; empty takes the first that runs.

    Attributes:
        folder: of everything that it keeps.
        driver: how it keeps images, once it runs.
        command: path of the docker command line.
    """

    def __init__(self, programs: Unpacked, driver: str = "") -> None:
        self._programs = programs
        # The path of a unix socket may have 108 bytes, and pytest's folders may be long.
        self.folder = Path(tempfile.mkdtemp(prefix="fuseboard-engine-", dir="/tmp"))
        self._cgroup = f"fuseboard-{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._namespace = ""
        self.driver = driver
        self.command = str(programs.program("docker").path)

    @property
    def socket(self) -> str:
        """`unix:///...`, the value of DOCKER_HOST."""
        return f"unix://{self.folder / 'docker.sock'}"

    def docker(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run the command line against this engine and return its standard output.

        Raises:
            CannotRun: it did not succeed, with what it said, or did not end.
        """
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "DOCKER_HOST": self.socket}
        try:
            done = subprocess.run(
                [self.command, *arguments], input=stdin, env=environment, capture_output=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            raise CannotRun(f"docker {arguments[0]} did not end within 120 s") from None
        if done.returncode:
            raise CannotRun(f"docker {arguments[0]} failed: {_last_line(done.stderr)}")
        return done.stdout.decode()

    def containers(self) -> list[str]:
        """Every container that this engine has, running or not: `id state name`."""
        return self.docker("ps", "--all", "--format", "{{.ID}} {{.State}} {{.Names}}").splitlines()

    def clients(self) -> list[int]:
        """The process ids of `docker run` against this engine."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")[:2]
                mine = self.socket.encode() in (entry / "environ").read_bytes()
                if mine and command == [self.command.encode(), b"run"]:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def layers(self) -> int:
        """How many file systems of images and containers there are: the first thing of a container that is made."""
        return sum(1 for _ in (self.folder / "data" / self.driver).glob("dir/*" if self.driver == "vfs" else "*"))

    def created(self) -> int:
        """How many containers this engine has ever made since it was started, those that are gone included."""
        now = str(time.time())
        listed = self.docker(
            "events", "--since", "0", "--until", now, "--filter", "event=create", "--format", "{{.ID}}"
        )
        return len(listed.splitlines())

    def start(self) -> None:
        """Start it, with what an earlier start left in its folder.

        Raises:
            CannotRun: with the reason of unshare or of dockerd.
        """
        if os.geteuid() != 0:
            raise CannotRun("an engine needs root")
        reasons: dict[str, str] = {}
        for driver in [self.driver] if self.driver else ["overlay2", "vfs"]:
            self._start(driver)
            if self._answers():
                self.driver = driver
                return
            reasons.setdefault(_last_line((self.folder / "log").read_bytes()), driver)
            self.stop()
        raise CannotRun("; ".join(f"{driver}: {reason}" for reason, driver in reasons.items()))

    def stop(self) -> None:
        """End it and all its containers at once, as a crash would. Its images stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE)
            self._process = None
        assert _becomes_true(lambda: not self.processes()), f"the engine left {self.processes()}"
        (self.folder / "docker.sock").unlink(missing_ok=True)

    def processes(self) -> list[str]:
        """What runs in its process namespace, and in the control groups of its containers: `pid name`."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                mine = os.readlink(entry / "ns/pid") == self._namespace
                # A container has a process namespace of its own.
                if mine or f"/{self._cgroup}/" in (entry / "cgroup").read_text():
                    found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
            except OSError:
                continue
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder)
            for group in self._cgroups():
                assert _becomes_true(partial(_is_removed, group)), f"the engine left {group}"
        mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(self.folder) in line]
        assert not mounts, f"the engine left mounts: {mounts}"
        assert not self._cgroups(), f"the engine left control groups: {self._cgroups()}"

    def _start(self, driver: str) -> None:
        (self.folder / "daemon.json").write_text(f'{{"deprecated-key-path": "{self.folder / "key.json"}"}}')
        options = [f"--host={self.socket}", f"--config-file={self.folder / 'daemon.json'}"]
        options += [f"--data-root={self.folder / 'data'}", "--exec-root=/run/docker", "--pidfile=/run/docker.pid"]
        options += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        options += [f"--cgroup-parent=/{self._cgroup}", "--exec-opt=native.cgroupdriver=cgroupfs"]
        # Should this process be killed, its death ends unshare, and that one ends the rest.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
        command += ["--mount-proc", "--propagation", "private", "sh", "-c", _SCRIPT, str(self._programs.folder)]
        environment = {"PATH": _INSIDE, "HOME": str(self.folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE}
        libraries = self._programs.program("dockerd").environment.get("LD_LIBRARY_PATH", "")
        if libraries:
            environment["LD_LIBRARY_PATH"] = libraries.replace(str(self._programs.folder), "/run/programs")
        # unshare, mount and sh are found where every Debian has them: the folders of the programs come later.
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *options, f"--storage-driver={driver}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        """Whether it answers in time; as soon as it ended it does not."""
        process = self._process
        assert process is not None

        def answers() -> bool:
            if process.poll() is not None:
                return True
            try:
                self.docker("version")
            except CannotRun:
                return False
            return True

        if not _becomes_true(answers) or process.poll() is not None:
            return False
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self._namespace = os.readlink(f"/proc/{children[0]}/ns/pid")
        return True

    def _cgroups(self) -> list[Path]:
        return [folder for folder in (_CGROUPS / self._cgroup, *_CGROUPS.glob(f"*/{self._cgroup}")) if folder.is_dir()]


def _is_removed(group: Path) -> bool:
    """Remove a control group. The kernel calls one busy for a moment after its last process has ended."""
    try:
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()
    except OSError:
        return False
    return True


def _becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"
