"""The files of deploy/, read by the tools that know their forms; each of these is also shown a mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from fuseboard.settings import HostSettings, load_settings
from tests.debian import fetched
from tests.deploy.edge import DEPLOY

DOCKERFILE = DEPLOY / "Dockerfile"
BASE = DEPLOY / "kubernetes" / "base"
UNIT = DEPLOY / "systemd" / "fuseboard@.service"
PROGRAMS = Path(sys.executable).parent
KUBERNETES = "1.34"


LONGEST = 300  # seconds


def ran(*command: str | Path, stdin: str = "") -> tuple[int, str]:
    """Status and all that was said."""
    done = subprocess.run(
        list(map(str, command)), input=stdin, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    return done.returncode, done.stdout + done.stderr


def hadolint(text: str) -> tuple[int, str]:
    return ran(PROGRAMS / "hadolint", "-", stdin=text)


def test_hadolint_finds_nothing_in_the_dockerfile_and_something_in_a_bad_one() -> None:
    assert hadolint(DOCKERFILE.read_text()) == (0, "")
    status, said = hadolint(DOCKERFILE.read_text() + "FROM debian:latest\nRUN cd /tmp && sudo pip install x\n")
    assert status == 1
    assert {"DL3003", "DL3004", "DL3007"} <= set(re.findall(r"DL\d+", said))


def test_the_image_has_a_pinned_base_no_root_and_no_shell_in_its_commands() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert [line for line in lines if line.startswith("FROM")] == ["FROM ${BASE} AS build", "FROM ${BASE}"]
    assert any(re.fullmatch(r"ARG BASE=\S+:\S+@sha256:[0-9a-f]{64}", line) for line in lines)
    assert "USER 10001:10001" in lines
    assert "latest" not in DOCKERFILE.read_text()
    for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        (line,) = (line for line in lines if line.startswith(word))
        assert json.loads(line[line.index("[") :])[0] in ("fuseboard", "http")


@pytest.mark.parametrize(
    ("plugins", "passed"), [([], None), (["PLUGINS=oci"], "oci"), (["PLUGINS="], "")], ids=["default", "one", "none"]
)
def test_make_hands_on_the_choice_of_plugins_also_that_of_none(plugins: list[str], passed: str | None) -> None:
    command = ["make", "--dry-run", "--directory", str(DEPLOY.parent), "docker-build", *plugins]
    environment = {name: value for name, value in os.environ.items() if name != "PLUGINS"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=True).stdout
    assert ("PLUGINS=" in said) == (passed is not None)
    assert passed is None or f'--build-arg PLUGINS="{passed}" ' in said


def test_nothing_of_a_checkout_but_the_sources_and_the_lock_gets_into_the_image() -> None:
    lines = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    copied = set(re.findall(r"^COPY (?!--)(\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied == {"requirements.lock", "host", "plugins"}


def compose_problems(path: Path) -> tuple[int, str]:
    return ran(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)


def test_the_compose_file_has_the_form_of_one_and_a_misspelt_key_is_found(tmp_path: Path) -> None:
    status, said = compose_problems(DEPLOY / "compose.yaml")
    assert status == 0, said
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("healthcheck:", "healtcheck:"))
    status, said = compose_problems(wrong)
    assert status == 1
    assert "healtcheck" in said


def test_every_container_of_compose_is_locked_down_and_its_files_are_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert "version" not in compose
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["healthcheck"]["test"][0] == "CMD"
    host = compose["services"]["host"]
    # A fixed name or a fixed port would forbid a second replica.
    assert not {"container_name", "ports"} & host.keys()
    assert host["image"] == f"fuseboard:{version('fuseboard')}"
    assert "@sha256:" in compose["services"]["nginx"]["image"]
    mounted = [volume.split(":")[0] for volume in compose["services"]["nginx"]["volumes"]]
    assert [path for path in mounted if not (DEPLOY / path).exists()] == ["./tls"]  # made by the operator


def test_the_settings_in_the_files_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("k" * 32)
    tokens = tmp_path / "tokens"
    tokens.write_text("")
    found = dict(variables())
    assert {"FUSEBOARD_REQUEST_STATE_KEYS_FILE", "FUSEBOARD_AUTH__TOKENS_FILE"} < found.keys()
    for name, value in found.items():
        at = {"FUSEBOARD_REQUEST_STATE_KEYS_FILE": str(keys), "FUSEBOARD_AUTH__TOKENS_FILE": str(tokens)}
        monkeypatch.setenv(name, at.get(name, value))
    monkeypatch.chdir(tmp_path)
    loaded = load_settings()
    for name in found:
        path = tuple(name.removeprefix("FUSEBOARD_").lower().split("__"))
        # An unknown name would only be warned of, and be nobody's source.
        assert loaded.source(path) == f"environment {name}"
        assert path[0] in HostSettings.model_fields


def variables() -> Iterator[tuple[str, str]]:
    """Every setting that a file of deploy/ gives to the host."""
    for file in ("Dockerfile", "compose.yaml", "fuseboard.env.example", "systemd/fuseboard@.service"):
        for line in (DEPLOY / file).read_text().splitlines():
            if found := re.match(r"[ #]*(?:Environment=)?(FUSEBOARD_\w+)[=:] ?([^\s\\]+)", line):
                yield found[1], found[2]
    for kind in resources_of(BASE.glob("*.yaml")):
        if kind["kind"] == "Deployment":
            for variable in kind["spec"]["template"]["spec"]["containers"][0]["env"]:
                yield variable["name"], variable["value"]
        for generator in kind.get("configMapGenerator", []):
            yield from (literal.split("=", 1) for literal in generator["literals"])


def resources_of(paths: Iterator[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from yaml.safe_load_all(path.read_text())


@pytest.fixture(scope="module")
def kustomized() -> str:
    """What `kubectl kustomize` makes of the base; Debian's is the oldest that anybody has."""
    program = fetched("kubernetes-client").program("kubectl")
    status, said = ran(program.path, "kustomize", BASE)
    assert status == 0, said
    return said


def kubernetes_problems(folder: Path, text: str) -> tuple[int, str]:
    file = folder / "all.yaml"
    file.write_text(text)
    status, said = ran(PROGRAMS / "kubernetes-validate", "-k", KUBERNETES, "--strict", file)
    # Of a kind that it does not know it says so, and passes it.
    return status or int("find schema" in said), said


@pytest.mark.external
def test_kubernetes_knows_every_field_of_the_base_and_a_misspelt_one_is_found(kustomized: str, tmp_path: Path) -> None:
    status, said = kubernetes_problems(tmp_path, kustomized)
    assert status == 0, said
    for right, wrong in (
        ("readinessProbe:", "readynessProbe:"),
        ("maxReplicas: 10", "maxReplicas: ten"),
        ("kind: Ingress", "kind: Egress"),
    ):
        assert kubernetes_problems(tmp_path, kustomized.replace(right, wrong, 1))[0] == 1, wrong


@pytest.mark.external
def test_the_pods_are_locked_down_probed_and_counted_by_the_autoscaler_alone(kustomized: str) -> None:
    kinds = {each["kind"]: each for each in yaml.safe_load_all(kustomized)}
    assert len(kinds) == 9
    deployment = kinds["Deployment"]["spec"]
    assert "replicas" not in deployment
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert container["image"] == f"registry.example.org/fuseboard:{version('fuseboard')}"
    # What the labels of the pods are must be what everything else looks for.
    labels = deployment["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == labels
    for kind, selector in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        assert kinds[kind]["spec"][selector]["matchLabels"] == labels
    assert kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == kinds["Deployment"]["metadata"]["name"]
    # Secrets are made by hand: none is in a file.
    assert "Secret" not in kinds


def systemd(folder: Path, unit: str, *words: str) -> tuple[int, str]:
    """`systemd-analyze` on the unit, as if it were installed where its program is."""
    file = folder / "fuseboard@8001.service"
    file.write_text(unit.replace("/opt/fuseboard/bin/fuseboard", str(PROGRAMS / "fuseboard")))
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NOT TESTED: systemd-analyze is a part of systemd, which this machine lacks")
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_COLORS": "0"}
    done = subprocess.run(
        [program, *words, str(file)], env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.external
def test_systemd_accepts_the_unit_and_refuses_a_misspelt_one(tmp_path: Path) -> None:
    unit = UNIT.read_text()
    assert systemd(tmp_path, unit, "verify") == (0, "")
    _, said = systemd(tmp_path, unit.replace("ProtectSystem=", "ProtectSytem="), "verify")
    assert "ProtectSytem" in said


@pytest.mark.external
def test_systemd_finds_the_unit_well_hardened(tmp_path: Path) -> None:
    unit = UNIT.read_text()
    assert systemd(tmp_path, unit, "security", "--offline=true", "--threshold=15", "--no-pager")[0] == 0
    loose = re.sub(r"^(Protect|Restrict|Private|System|Capab|DynamicUser).*\n", "", unit, flags=re.MULTILINE)
    assert systemd(tmp_path, loose, "security", "--offline=true", "--threshold=15", "--no-pager")[0] == 1
