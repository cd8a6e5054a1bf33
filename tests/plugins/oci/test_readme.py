"""The calls of the plugin's README, as a new user copies them, against a registry that holds what they ask for."""

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

import fuseboard_oci
from fuseboard_oci import tools
from fuseboard_oci.testing import InMemoryRegistry, Repository
from fuseboard_oci.testing.builder import encode, point_to
from fuseboard_oci.testing.seeds import layer
from tests.plugins.oci.helpers import PATIENCE

README = (Path(__file__).parents[3] / "plugins" / "oci" / "README.md").read_text(encoding="utf-8")
CALLS = re.findall(r"^fuseboard call (.+)$", README, re.MULTILINE)
# Each of these has a test of its own below.
QUESTIONS = ("get_details repository=alpine:3.22", "compare_images", "current=3.21", "list_referrers")


def _alpine() -> Repository:
    """Two versions with two platforms each; the newer one is signed."""
    alpine = Repository("library/alpine")
    for version in ("3.21", "3.22"):
        rows = []
        for architecture in ("amd64", "arm64"):
            settings = {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/bin", f"ALPINE_VERSION={version}"]}
            image = alpine.image(architecture=architecture, config=settings, layers=[layer(version + architecture)])
            rows.append(point_to(image, platform={"os": "linux", "architecture": architecture}))
        index = alpine.index(rows)
        alpine.tag(index, version)
    signature = "application/vnd.dev.sigstore.bundle.v0.3+json"
    alpine.artifact(signature, encode({"signed": True}), subject=point_to(index))
    return alpine


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A registry on loopback under the names of the README, and the settings that allow it."""
    with InMemoryRegistry() as registry:
        registry.seed([_alpine()])
        file = tmp_path_factory.mktemp("readme") / "fuseboard.yaml"
        file.write_text(json.dumps({"plugins": {"oci": {"registries": {registry.host: {"insecure": True}}}}}))
        yield {
            **os.environ,
            "FUSEBOARD_CONFIG": str(file),
            "FUSEBOARD_LOAD_PLUGINS": "oci",
            "REGISTRY": registry.host,
        }


def _answer(call: str, environment: dict[str, str]) -> dict[str, Any]:
    host = environment["REGISTRY"]
    call = call.replace("docker.io", host).replace("registry.corp:5000", host).replace("team/", "library/")
    call = re.sub(r"\balpine\b", f"{host}/library/alpine", call)
    # With a registry of its own, a repository is only its path.
    call = call.replace(f"registry={host} repository={host}/", f"registry={host} repository=")
    command = [sys.executable, "-m", "fuseboard", "call", *shlex.split(call)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: Any = json.loads(done.stdout.splitlines()[0])
    return found if isinstance(found, dict) else {"result": found}


def _call(words: str) -> str:
    assert words in QUESTIONS
    return next(call for call in CALLS if words in call)


def test_which_architectures_does_it_have(environment: dict[str, str]) -> None:
    assert _answer(_call("get_details repository=alpine:3.22"), environment)["architectures"] == ["amd64", "arm64"]


def test_what_changed_between_two_tags(environment: dict[str, str]) -> None:
    changed = _answer(_call("compare_images"), environment)
    assert changed["env"]["changed"] == {"ALPINE_VERSION": {"from": "3.21", "to": "3.22"}}
    assert (changed["layers"]["added"], changed["layers"]["removed"]) == (1, 1)


def test_is_there_a_newer_version(environment: dict[str, str]) -> None:
    found = _answer(_call("current=3.21"), environment)
    assert (found["newest"], found["update_available"]) == ("3.22", True)


def test_is_it_signed(environment: dict[str, str]) -> None:
    found = _answer(_call("list_referrers"), environment)
    assert (found["signed"], found["verified"]) == ("present", False)


@pytest.mark.parametrize("call", [call for call in CALLS if call not in map(_call, QUESTIONS)])
def test_every_other_call_of_the_readme_works(call: str, environment: dict[str, str]) -> None:
    assert _answer(call, environment)


def test_the_readme_shows_every_tool_prompt_and_setting() -> None:
    for name in tools.__all__:
        assert f"`oci_{name}`" in README
    for name in ("registries", *fuseboard_oci.OciSettings.model_fields):
        assert re.search(rf"`{name}[`.]", README), name
