"""`fuseboard new-plugin` writes a distribution that is complete as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.host.cli.running import Cli

ROOT = Path(__file__).resolve().parents[3]
LONGEST_RUN = 1500


def run(*command: str, folder: Path, **variables: str) -> str:
    """Run a program to its end and give what it printed; it must end well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel(source: Path, into: Path) -> Path:
    """Build the wheel of a distribution with the build backend of this environment."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into), folder=source)
    [built] = into.glob("*.whl")
    return built


def test_the_new_plugin_is_built_installed_and_graded_without_a_finding(cli: Cli) -> None:
    ran = cli("new-plugin", "star_chart")
    assert ran.code == 0, ran.err
    assert ran.out.endswith("  cd fuseboard-star-chart\n  make test\n")
    built = wheel(cli.home / "fuseboard-star-chart", cli.home / "wheels")
    run(sys.executable, "-m", "zipfile", "-e", str(built), str(cli.site), folder=cli.home)
    load = {"FUSEBOARD_LOAD_PLUGINS": "star_chart"}
    graded = cli("validate", "fuseboard-star-chart", "--strict", "--call", "--json", **load)
    assert graded.code == 0, graded.out + graded.err
    [plugin] = graded.json["plugins"]
    assert plugin["findings"] == []
    assert plugin["called"] == ["star_chart_search"]
    called = cli("call", "star_chart_search", "words=fuse", **load)
    assert "Keeps one fault from darkening the house." in called.out
    findings = cli("check", "--strict", "--json", **load).json["findings"]
    # An import during which the machine stood still takes long.
    assert [one for one in findings if not one["text"].startswith("its import takes ")] == []


def test_the_example_of_the_tutorial_is_built_installed_and_graded_without_a_finding(cli: Cli) -> None:
    built = wheel(ROOT / "examples" / "hello_plugin", cli.home / "wheels")
    run(sys.executable, "-m", "zipfile", "-e", str(built), str(cli.site), folder=cli.home)
    load = {"FUSEBOARD_LOAD_PLUGINS": "hello"}
    graded = cli("validate", "fuseboard-hello", "--strict", "--call", "--json", **load)
    assert graded.code == 0, graded.out + graded.err
    [plugin] = graded.json["plugins"]
    assert plugin["findings"] == []


@pytest.mark.slow
def test_make_test_of_the_new_plugin_passes_unchanged_in_an_environment_of_its_own(cli: Cli) -> None:
    """The host comes from this checkout; everything else from the index, in the versions of the lock."""
    host = wheel(ROOT / "host", cli.home / "wheels")
    pins = re.findall(
        r"^\S+==\S+(?: ;.*?)?(?= \\)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(pins) > 40
    cli.write("constraints.txt", "\n".join([f"fuseboard @ {host.as_uri()}", *pins, ""]))
    assert cli("new-plugin", "star_chart").code == 0
    told = run(
        "make",
        f"PYTHON={sys.executable}",
        "test",
        folder=cli.home / "fuseboard-star-chart",
        PIP_CONSTRAINT=str(cli.home / "constraints.txt"),
    )
    assert "7 passed" in told
    assert "plugins: 1 total, 1 successful, 0 failed, 0 errors, 0 warnings" in told


@pytest.mark.slow
def test_the_new_plugin_is_typed_strictly(cli: Cli) -> None:
    assert cli("new-plugin", "star_chart").code == 0
    folder = cli.home / "fuseboard-star-chart"
    told = run(sys.executable, "-m", "mypy", "--cache-dir", str(cli.home / "cache"), "src", folder=folder)
    assert "no issues found in 5 source files" in told


@pytest.mark.parametrize("name", ["a", "abcdefghij_klmnopqrst_uvwxyz123"])
def test_the_new_plugin_keeps_the_rules_that_it_brings_however_long_its_name_is(cli: Cli, name: str) -> None:
    assert cli("new-plugin", name, "--into", "made").code == 0
    folder = cli.home / "made"
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", folder=folder)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".", folder=folder)


def test_the_new_plugin_says_what_it_needs_and_its_ci_may_do_nothing_but_read(cli: Cli) -> None:
    assert cli("new-plugin", "star_chart").code == 0
    folder = cli.home / "fuseboard-star-chart"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "fuseboard-star-chart"
    assert project["entry-points"]["fuseboard.plugins"] == {"star_chart": "fuseboard_star_chart"}
    assert project["dependencies"][0] == "fuseboard>=0.1,<0.2"
    assert project["license"] == "Apache-2.0"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    flow = yaml.safe_load((folder / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert flow["permissions"] == {}
    [job] = flow["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if re.search(r"\{\{\w", text)]


def test_the_licence_is_chosen_and_names_its_holder(cli: Cli) -> None:
    assert cli("new-plugin", "one", "--license", "MIT", "--author", "Ada Lovelace").code == 0
    assert re.search(r"Copyright \(c\) 2\d{3} Ada Lovelace\n", (cli.home / "fuseboard-one" / "LICENSE").read_text())
    assert cli("new-plugin", "two", "--license", "none").code == 0
    assert "The authors of fuseboard-two. All rights reserved." in (cli.home / "fuseboard-two" / "LICENSE").read_text()
    project = tomllib.loads((cli.home / "fuseboard-two" / "pyproject.toml").read_text())["project"]
    assert project["license"] == "LicenseRef-Proprietary"
    ran = cli("new-plugin", "three", "--author", 'Ada "the first"')
    assert (ran.code, (cli.home / "fuseboard-three").exists()) == (2, False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Weather-Map", "try weather_map"),
        ("fuseboard-weather", "try weather"),
        ("two__lines", "try two_lines"),
        ("open_", "try open"),
        ("1st", "try st"),
        ("fuseboard", "is the host's own name"),
        ("plugins", "plugins is a command of fuseboard"),
        ("x" * 32, "at most 31"),
        ("../x", "try x"),
        ("", "is no name for a plugin"),
        ("oci", "plugin oci is installed already, by fuseboard-oci"),
    ],
)
def test_a_name_that_the_host_would_not_serve_is_refused_and_a_better_one_offered(
    cli: Cli, name: str, said: str
) -> None:
    ran = cli("new-plugin", name)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert [path.name for path in cli.home.iterdir()] == ["site"]


def test_nothing_is_overwritten_and_what_cannot_be_finished_leaves_nothing(cli: Cli) -> None:
    full, half = cli.home / "full", cli.home / "half"
    full.mkdir()
    (full / "README.md").write_text("mine", encoding="utf-8")
    ran = cli("new-plugin", "one", "--into", "full")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "fuseboard: full holds README.md; nothing is overwritten: name an empty folder with --into\n"
    assert [path.name for path in full.iterdir()] == ["README.md"]
    # A folder that only holds a repository is empty enough.
    (half / ".git").mkdir(parents=True)
    assert cli("new-plugin", "one", "--into", "half").code == 0
    ran = cli("new-plugin", "one", "--into", "full/README.md/deeper")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "fuseboard: full/README.md/deeper: Not a directory; name another folder with --into\n"
    assert (full / "README.md").read_text(encoding="utf-8") == "mine"
