"""The commands and the overlay of deploy/README.md that need neither an engine nor a cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fuseboard.settings import load_settings
from tests.deploy.edge import DEPLOY

PAGE = (DEPLOY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_secrets_that_the_page_makes_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (commands,) = (block for block in blocks("sh") if "openssl" in block)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("FUSEBOARD_REQUEST_STATE_KEYS_FILE", str(tmp_path / "secrets/request-state-keys"))
    monkeypatch.setenv("FUSEBOARD_AUTH__TOKENS_FILE", str(tmp_path / "secrets/tokens"))
    monkeypatch.chdir(tmp_path)
    settings = load_settings().settings
    assert len(settings.sealing_keys) == 1
    assert settings.auth.enabled
    # What was printed is not what is kept.
    token = done.stdout.decode().splitlines()[0]
    assert token not in (tmp_path / "secrets/tokens").read_text()


def test_the_files_that_the_commands_name_are_there() -> None:
    named = {word for block in blocks("sh") for word in re.findall(r"deploy/[\w./@*-]+", block)}
    assert len(named) >= 4
    for name in named:
        assert list(DEPLOY.parent.glob(name)), name


def test_the_overlay_of_the_page_changes_what_is_in_the_base() -> None:
    (overlay,) = (yaml.safe_load(block) for block in blocks("yaml"))
    base = DEPLOY / "kubernetes" / "base"
    kustomization = yaml.safe_load((base / "kustomization.yaml").read_text())
    assert [image["name"] for image in overlay["images"]] == [kustomization["images"][0]["newName"]]
    (generator,) = overlay["configMapGenerator"]
    assert generator["name"] == kustomization["configMapGenerator"][0]["name"]
    assert generator["namespace"] == kustomization["namespace"]
    ingress = yaml.safe_load((base / "ingress.yaml").read_text())
    (patch,) = overlay["patches"]
    assert patch["target"] == {"kind": ingress["kind"], "name": ingress["metadata"]["name"]}
    assert [at(ingress, change["path"]) for change in yaml.safe_load(patch["patch"])] == ["mcp.example.org"] * 2


def at(document: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        document = document[int(part) if isinstance(document, list) else part]
    return document
