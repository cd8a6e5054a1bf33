"""The two READMEs: equal in both languages, their tables current, and every call works as a new user copies it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fuseboard_cloudru import tools
from fuseboard_cloudru.simulator import Simulator
from fuseboard_cloudru.simulator.records import Operation
from tests.plugins.cloudru.readme_tables import FILES, FOLDER, written

pytestmark = pytest.mark.slow

TEXTS = {file: (FOLDER / file).read_text(encoding="utf-8") for file in FILES}
README = TEXTS["README.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLS = re.findall(r"^fuseboard call (cloudru_\w+.*)$", README, re.MULTILINE)
REGISTRY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OPERATION = "0d5f6c1e-2b7a-4c39-9e51-7a8f0c2d4b60"
LONGEST = 180  # seconds for a command on a busy machine


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def fuseboard(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuseboard", *arguments]
    environment = {**os.environ, "FUSEBOARD_LOAD_PLUGINS": "cloudru", **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )


def test_every_tool_has_a_call_that_can_be_copied() -> None:
    assert {call.split()[0] for call in CALLS} == {f"cloudru_{name}" for name in tools.__all__}


@pytest.mark.parametrize("call", list(dict.fromkeys(CALLS)), ids=lambda call: shlex.split(call)[0][8:])
def test_every_call_of_the_readme_works(call: str, simulator: Simulator, tmp_path: Path) -> None:
    """The ids are those of the reader's own registry, which is what the page says."""
    mine = simulator.store.add("my-registry" if "create_registry" not in call else "another")
    operation = simulator.store.update(mine, {"is_public": True})
    assert isinstance(operation, Operation)
    call = call.replace(REGISTRY, mine.id).replace(OPERATION, operation.id)
    done = fuseboard("call", *shlex.split(call), folder=tmp_path, **simulator.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    found: Any = json.loads(done.stdout.splitlines()[0])
    assert found
    assert "found" not in found or found["found"]
    for rows in ("operations", "registries"):
        assert rows not in found or found[rows]
    if "wait=true" in call:
        assert found["done"]
    assert simulator.secret not in done.stdout + done.stderr


def test_it_can_be_tried_without_an_account_as_the_page_says(tmp_path: Path) -> None:
    """Only the port is another one: two readers may try it on one machine."""
    first, second = (text.strip() for text in README.split("## Without an account")[1].split("```")[1:4:2])
    assert first == "fuseboard cloudru simulate | tee .env"
    command = [sys.executable, "-m", "fuseboard", "cloudru", "simulate", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            lines = [running.stdout.readline() for _ in range(5)]
            assert [line.partition("=")[0] for line in lines] == list(Simulator().environment())
            (tmp_path / ".env").write_text("".join(lines), encoding="utf-8")
            for line in second.splitlines():
                done = fuseboard(*shlex.split(line)[1:], folder=tmp_path)
                assert done.returncode == 0, done.stdout + done.stderr
                assert "my-registry" in done.stdout
        finally:
            running.terminate()


@pytest.mark.parametrize("file", FILES)
def test_the_tables_are_current(file: str) -> None:
    assert TEXTS[file] == written(file), "run .venv/bin/python -m tests.plugins.cloudru.readme_tables"


def test_both_languages_show_the_same_blocks_tools_and_headings() -> None:
    def without_comments(text: str) -> str:
        return re.sub(r"# .*", "", text)

    english, russian = TEXTS["README.md"], TEXTS["README.ru.md"]
    for one, other in zip(BLOCK.findall(english), BLOCK.findall(russian), strict=True):
        assert without_comments(one[1]) == without_comments(other[1])
    for pattern in (r"^(#+) ", r"^\| (`[^`]+`) \|", r"^(\*) ", r"`(cloudru://[^`]+)`", r"\]\((?!README)([^)]+)\)"):
        assert re.findall(pattern, english, re.MULTILINE) == re.findall(pattern, russian, re.MULTILINE), pattern


@pytest.mark.parametrize("file", FILES)
def test_the_snippet_for_claude_desktop_names_variables_that_are_read(file: str) -> None:
    [snippet] = [text for language, text in BLOCK.findall(TEXTS[file]) if language == "json"]
    server = json.loads(snippet)["mcpServers"]["cloudru"]
    assert server["command"].endswith("/fuseboard")
    assert [name for name in server["env"] if f"`{name}`" not in TEXTS[file]] == []


def test_the_snippet_for_claude_desktop_only_reads(simulator: Simulator, tmp_path: Path) -> None:
    only = {"CLOUD_RU_READ_ONLY": "true", **simulator.environment()}
    done = fuseboard("tools", "--json", folder=tmp_path, **only)
    names = {tool["name"] for tool in json.loads(done.stdout)}
    assert "cloudru_list_registries" in names
    assert "cloudru_delete_registry" not in names


@pytest.mark.parametrize("file", FILES)
def test_the_settings_of_the_page_are_accepted(file: str, simulator: Simulator, tmp_path: Path) -> None:
    for language, text in BLOCK.findall(TEXTS[file]):
        if language == "yaml":
            (tmp_path / "fuseboard.yaml").write_text(text, encoding="utf-8")
            done = fuseboard("plugins", "--json", folder=tmp_path, **simulator.environment())
            [row] = [one for one in json.loads(done.stdout)["plugins"] if one["name"] == "cloudru"]
            # A machine that stood still meanwhile is blamed on the plugin's loop, which says nothing of the settings.
            stood_still = row["state"] == "degraded" and row["reason"].startswith("blocks its event loop")
            assert row["state"] == "active" or stood_still, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES)
def test_a_link_leads_to_a_file(file: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[file])
    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.parametrize("file", FILES)
def test_the_example_for_tests_runs(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = [text for language, text in BLOCK.findall(TEXTS[file]) if language == "python"]
    exec(example, {})
    assert "CLOUD_RU_API_URL" in capsys.readouterr().out
