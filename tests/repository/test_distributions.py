"""The distributions fit together: one version, one lock that binds everything that is installed."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository.sources import DISTRIBUTIONS, ROOT, files, imports_of

PYTHONS = ["3.11", "3.12", "3.13"]
# Released together with their owner, in the version that it pins.
BUNDLED = {"mcp-types": "mcp", "pydantic-core": "pydantic"}
# Loaded by pytest, which is there then.
TEST_HELPERS = ("testing_fixtures.py",)


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def locked() -> dict[str, Requirement]:
    """The pinned requirements of the lock, by name."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if re.match(r"\w", line)]
    return {canonicalize_name(pin.name): pin for pin in pins}


def declared() -> list[str]:
    """Everything that the distributions and the dependency groups ask for, except one another."""
    groups = toml(ROOT / "pyproject.toml")["dependency-groups"].values()
    wanted = [line for group in groups for line in group if isinstance(line, str)]
    for distribution in DISTRIBUTIONS:
        metadata = toml(distribution / "pyproject.toml")
        wanted += metadata["project"]["dependencies"] + metadata["build-system"]["requires"]
    return [line for line in wanted if not line.startswith("fuseboard")]


def test_every_distribution_has_the_same_version() -> None:
    paths = [ROOT / "pyproject.toml", *(distribution / "pyproject.toml" for distribution in DISTRIBUTIONS)]
    versions = {path.parent.name: toml(path)["project"]["version"] for path in paths}
    assert len(set(versions.values())) == 1, versions
    version = versions["host"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wheels = re.findall(r"-(\d[\w.]*)-py3-none-any\.whl", (ROOT / "tox.ini").read_text(encoding="utf-8"))
    assert set(wheels) == {version}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS[1:], ids=lambda path: path.name)
def test_a_plugin_carries_one_name_everywhere_and_asks_for_this_host(distribution: Path) -> None:
    project = toml(distribution / "pyproject.toml")["project"]
    name = distribution.name.removesuffix("_plugin")
    assert project["name"] == f"fuseboard-{name.replace('_', '-')}"
    assert project["entry-points"]["fuseboard.plugins"] == {name: f"fuseboard_{name}"}
    assert (distribution / "src" / f"fuseboard_{name}" / "py.typed").exists()
    [host] = [Requirement(line) for line in project["dependencies"] if Requirement(line).name == "fuseboard"]
    assert host.specifier.contains(project["version"])


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda path: path.name)
def test_a_distribution_asks_for_everything_that_it_imports(distribution: Path) -> None:
    """What another requirement happens to bring today may be gone tomorrow."""
    project = toml(distribution / "pyproject.toml")["project"]
    asked = {canonicalize_name(Requirement(line).name) for line in [project["name"], *project["dependencies"]]}
    asked |= {bundled for bundled, owner in BUNDLED.items() if owner in asked}
    brought_by = packages_distributions()
    imports = [
        found
        for path in files(distribution / "src", ".py")
        for found in imports_of(path)
        if path.name not in TEST_HELPERS
    ]
    imported = {found.module.partition(".")[0] for found in imports}
    # What an extra brings may be missing, so it is imported at the moment of use.
    extras = {Requirement(line).name for group in project.get("optional-dependencies", {}).values() for line in group}
    optional = {name.replace("-", "_") for name in extras}
    assert [found.module for found in imports if not found.lazy and found.module.partition(".")[0] in optional] == []
    imported -= optional
    foreign = imported - set(sys.stdlib_module_names) - {path.name for path in (distribution / "src").iterdir()}
    missing = {name for name in foreign if not {canonicalize_name(by) for by in brought_by.get(name, [name])} & asked}
    assert missing == set()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda path: path.name)
def test_a_distribution_brings_its_licence_and_runs_on_every_python_that_is_tested(distribution: Path) -> None:
    metadata = toml(distribution / "pyproject.toml")
    assert (distribution / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert metadata["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert metadata["build-system"] == toml(ROOT / "host" / "pyproject.toml")["build-system"]


def test_the_lock_pins_everything_with_hashes_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\w)", text)[1:]
    assert len(blocks) > 40
    assert [block for block in blocks if "--hash=sha256:" not in block or "==" not in block] == []
    assert "://" not in text
    assert "--index" not in text
    assert "fuseboard" not in text


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_everything_that_is_asked_for_on_every_python(python: str) -> None:
    """A requirement that is missing here would be installed unpinned: run `make lock` after changing one."""
    pins = locked()
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    for line in declared():
        wanted = Requirement(line)
        pin = pins.get(canonicalize_name(wanted.name))
        assert pin is not None, f"{line} is not in requirements.lock: make lock"
        [version] = [specifier.version for specifier in pin.specifier]
        assert wanted.specifier.contains(version), f"{line} forbids the locked {version}: make lock"
        assert pin.marker is None or pin.marker.evaluate(environment)
