"""Every command and every settings file on these pages works, from the top of the page to its end.

The commands of a page run in one empty folder with an empty home. A block `yaml` becomes its fuseboard.yaml, a block
`env` its .env; a block `text` says what the command before it answers, with … for what differs. A command that serves
runs until the page ends. `# exit code 1` behind a command says that it fails. What installs something, or is a word of
make, is compared by its names, and proven in tests/packaging and tests/demo.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuseboard.settings import HttpSettings
from tests.docs.pages import ROOT, blocks, text_of
from tests.ports import free_port

PAGES = ("docs/quick-start.md", "docs/security.md", "docs/troubleshooting.md", "docs/deploy.md")
INSTALLERS = ("pip install", "pip uninstall", "uv tool install", "pipx install", "pipx inject")
EXIT_CODE = re.compile(r"# exit code (\d)")
LONGEST = 300  # seconds
OURS = {
    tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"]
    for path in (ROOT / "host" / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml"))
}
pytestmark = pytest.mark.slow


class Sandbox:
    """An empty folder with an empty home, where commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self.said = ""
        self._serving: list[subprocess.Popen[str]] = []
        home = folder / "home"
        self.folder.mkdir()
        home.mkdir()
        # Not where this checkout may lie: `doctor` says of a program in a temporary folder that it will vanish.
        temporary = folder / "tmp"
        temporary.mkdir()
        self._environment = {
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
            "FUSEBOARD_HTTP__PORT": str(free_port()),
            # The pages speak of a host with this plugin; cloudru would ask for its keys.
            "FUSEBOARD_LOAD_PLUGINS": "oci",
        }

    def run(self, line: str) -> None:
        """Run a line of a page; it must end as the page says."""
        if line.split(" #")[0].split()[:2] == ["fuseboard", "http"] and not EXIT_CODE.search(line):
            self._serve(line)
            return
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST,
            check=False,
        )
        self.said = done.stdout + done.stderr
        expected = EXIT_CODE.search(line)
        wanted = int(expected[1]) if expected else 0
        assert done.returncode == wanted or _is_only_slow(self.said), f"{line}\n{self.said}"
        assert "Traceback" not in self.said, f"{line}\n{self.said}"

    def _serve(self, line: str) -> None:
        # What a page serves to others is served to this machine alone; that others are refused needs no listening.
        process = subprocess.Popen(
            shlex.split(line.replace("0.0.0.0", "127.0.0.1"), comments=True),
            cwd=self.folder,
            env={**self._environment, "FUSEBOARD_HTTP__HOST": "127.0.0.1"},
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._serving.append(process)
        watchdog = threading.Timer(LONGEST, process.kill)
        watchdog.start()
        self.said = ""
        assert process.stderr is not None
        while "serving http" not in self.said:
            read = process.stderr.readline()
            assert read, f"{line}\n{self.said}"
            self.said += read
        watchdog.cancel()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Until every plugin is there; a page may ask for the health next."""
        probe = f"http://127.0.0.1:{self._environment['FUSEBOARD_HTTP__PORT']}/readyz"
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(probe, timeout=LONGEST):
                return
            time.sleep(0.05)

    def close(self) -> None:
        """End what still serves."""
        for process in self._serving:
            process.terminate()
            process.communicate(timeout=LONGEST)


def _is_only_slow(said: str) -> bool:
    """Whether `doctor` complains of nothing but this machine, on which everything takes long to start."""
    wrong = [line for line in said.splitlines() if line.startswith("  wrong: ")]
    return wrong != [] and all(" s to answer; fuseboard plugins shows " in line for line in wrong)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path)
    with contextlib.closing(sandbox):
        yield sandbox


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works_in_its_order(page: str, sandbox: Sandbox) -> None:
    for block in blocks(text_of(page)):
        match block.language:
            case "sh":
                for line in block.text.replace("\\\n", " ").splitlines():
                    if not _is_only_compared(line):
                        sandbox.run(line)
            case "yaml":
                (sandbox.folder / "fuseboard.yaml").write_text(block.text, encoding="utf-8")
                sandbox.run("fuseboard config show")
            case "env":
                (sandbox.folder / ".env").write_text(block.text, encoding="utf-8")
            case "text":
                for line in block.text.splitlines():
                    pattern = ".*".join(re.escape(part) for part in line.split("…"))
                    assert re.search(pattern, sandbox.said), f"{line}\nis not in\n{sandbox.said}"
            case language:
                assert language == "json", f"{page} has a block that nothing runs: {block}"


def _is_only_compared(line: str) -> bool:
    if line.startswith("make "):
        return True  # test_pages.py knows the words
    if line.startswith(INSTALLERS):
        names = {word for word in shlex.split(line, comments=True) if word.startswith("fuseboard")}
        assert names <= OURS, line
        return True
    return False


def test_an_entry_to_paste_has_the_form_that_install_writes(sandbox: Sandbox) -> None:
    by_command, by_address = (json.loads(one.text) for one in blocks(text_of(PAGES[0])) if one.language == "json")
    sandbox.run("fuseboard install claude-desktop --file written.json")
    written = json.loads((sandbox.folder / "written.json").read_text(encoding="utf-8"))
    assert by_command.keys() == written.keys() == by_address.keys()
    shown, entry = (one["mcpServers"]["fuseboard"] for one in (by_command, written))
    assert shown.keys() <= entry.keys()
    assert Path(shown["command"]).is_absolute()
    assert Path(entry["command"]).is_absolute()
    settings = HttpSettings()
    assert by_address["mcpServers"]["fuseboard"] == {"url": f"http://{settings.host}:{settings.port}/mcp"}


@pytest.mark.parametrize("page", [*PAGES, "README.md"])
def test_a_page_of_commands_names_no_language_that_nobody_checks(page: str) -> None:
    known = {"sh", "yaml", "env", "text", "json", "python", "toml"}
    assert {block.language for block in blocks(text_of(page))} <= known
