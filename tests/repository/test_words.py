"""The words of the Makefile: all are listed, all can be run, and the settings file that one writes is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuseboard.cli.env_example import env_example, installed_settings
from fuseboard.settings import load_settings
from fuseboard.settings.show import shown_settings
from tests.repository.sources import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)
# What people type who have worked with the projects that the plugins come from.
INHERITED = [
    *("install", "run", "test", "test-unit", "test-integration", "test-cov", "lint", "format", "check"),
    *("env-check", "env-example", "health", "docker-build", "docker-run", "compose-up", "compose-down", "compose-logs"),
]
EXAMPLE = ROOT / ".env.example"
ASSIGNMENT = re.compile(r"^#([A-Z_]+)=(.*)$", re.MULTILINE)
# Nothing is made ready: the environment that runs the tests is the one that is asked.
READY = [part for stamp in (".uv", ".runtime", ".develop") for part in ("-o", f".venv/{stamp}")]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-C", str(ROOT), *READY, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)


def test_help_lists_every_word_once_with_what_it_does() -> None:
    listed = re.findall(r"^make ([a-z-]+) +\S", make("help").stdout, re.MULTILINE)
    assert listed == TARGETS
    assert len(set(TARGETS)) == len(TARGETS)
    [phony] = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(phony.replace("\\", " ").split()) == sorted(TARGETS)


def test_the_words_that_people_know_are_there() -> None:
    assert [word for word in INHERITED if word not in TARGETS] == []


@pytest.mark.parametrize("word", TARGETS)
def test_a_word_says_what_it_would_run_and_names_files_that_exist(word: str) -> None:
    done = make("--dry-run", word)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    named = re.findall(r"(?:^| )((?:deploy|examples|benchmarks|tests)/[\w./-]*\w)", done.stdout, re.MULTILINE)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_of_the_environment_is_current() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == env_example(installed_settings()), "run make env-example"


def test_every_setting_of_the_host_that_has_a_name_of_its_own_stands_in_the_example_once() -> None:
    names = [name for name, _ in ASSIGNMENT.findall(EXAMPLE.read_text(encoding="utf-8"))]
    assert len(names) == len(set(names))
    wanted = {f"FUSEBOARD_{row.name.replace('.', '__').upper()}" for row in shown_settings(load_settings())}
    assert {name for name in wanted - set(names) if not name.endswith(("__ROLES", "FUSES", "PLUGINS"))} == set()


def test_a_copy_of_the_example_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert {row.source for row in shown_settings(load_settings())} == {"default"}


def test_each_default_of_the_example_can_be_taken_as_it_stands(tmp_path: Path) -> None:
    """Without the #, every line that has a value is accepted, by the host and by the plugins."""
    given = dict(ASSIGNMENT.findall(EXAMPLE.read_text(encoding="utf-8")))
    lines = [f"{name}={value}" for name, value in given.items() if value]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "fuseboard", "check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    missing = "CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"
    assert [line for line in errors if missing not in line] == []


@pytest.mark.skipif((ROOT / ".env").exists(), reason="there is a .env, and nothing may be missing")
def test_env_check_says_what_is_missing() -> None:
    done = make("env-check")
    assert done.returncode != 0
    assert "CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set" in done.stdout
    assert "Traceback" not in done.stderr


def test_health_says_that_nobody_serves() -> None:
    done = make("health", "PORT=1")
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
