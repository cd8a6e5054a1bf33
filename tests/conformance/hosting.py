"""The real host with the plugin of this folder: where it is installed, how it is started and stopped."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.host.transports.toys import UNTIL_LOADED, set_constants

PLUGIN = Path(__file__).parent / "plugin"
COMMAND = [sys.executable, "-m", "fuseboard"]
START_SECONDS = 60
STOP_SECONDS = 60

# The suite calls its fixtures by their bare names, so the plugin is served without a prefix.
SETTINGS = 'fuses: {conformance: {prefix: "", required: true}}\n'


@dataclass(frozen=True, slots=True)
class HttpHost:
    """A running `fuseboard http`.

    Attributes:
        port: the loopback port.
        log: the file with its standard error.
    """

    port: int
    log: Path

    def url(self, path: str) -> str:
        """The suite insists on `localhost` for its check of DNS rebinding."""
        return f"http://localhost:{self.port}{path}"


def install_plugin(site: Path) -> None:
    """Lay the plugin out as pip would, in a folder of its own: no other test shall find it.

    Args:
        site: a new folder, for `PYTHONPATH`.
    """
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    shutil.copytree(PLUGIN / "src", site, ignore=shutil.ignore_patterns("__pycache__"))
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    head = {"Metadata-Version": "2.1", "Name": project["name"], "Version": project["version"]}
    metadata.joinpath("METADATA").write_text("".join(f"{key}: {value}\n" for key, value in head.items()))
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in points.items()) for group, points in groups]
    metadata.joinpath("entry_points.txt").write_text("\n".join(lines))


def environment(site: Path) -> dict[str, str]:
    """What a child process gets: the plugin, its settings, and nothing of the developer's own fuseboard."""
    settings = site / "fuseboard.yaml"
    settings.write_text(SETTINGS)
    set_constants(site, UNTIL_LOADED)  # the clients list once, and do not come back when the plugin is there
    own = {name: value for name, value in os.environ.items() if not name.startswith("FUSEBOARD_")}
    return own | {
        "FUSEBOARD_CONFIG": str(settings),
        "FUSEBOARD_LOAD_PLUGINS": "conformance",
        "PYTHONPATH": str(site),
    }


@contextmanager
def http_host(env: dict[str, str], folder: Path) -> Iterator[HttpHost]:
    """Run `fuseboard http` until the block ends.

    Args:
        env: see `environment`.
        folder: becomes the working directory and gets the log.

    Raises:
        RuntimeError: it did not become ready; the text is the end of its log.
    """
    file = folder / "host.log"
    with file.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "http", "--port", "0"], cwd=folder, env=env, stdin=subprocess.DEVNULL, stderr=log
        )
        try:
            yield _ready(file, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _ready(log: Path, process: subprocess.Popen[bytes]) -> HttpHost:
    """The host, as soon as it has said where it listens and is ready."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if serving := re.search(r"serving http://.*:(\d+)/mcp$", log.read_text(errors="replace"), re.MULTILINE):
            host = HttpHost(int(serving[1]), log)
            try:
                with urllib.request.urlopen(host.url("/readyz"), timeout=START_SECONDS):
                    return host
            except (urllib.error.URLError, OSError):
                pass
        wait_for_exit(process, 0.05)
    said = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"fuseboard http is not ready (exit status {process.poll()}); it said:\n{said}")


def wait_for_exit(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit status if the process ends within `seconds`, else None."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
