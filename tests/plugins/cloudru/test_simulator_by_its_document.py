"""The simulator does what its OpenAPI document says: schemathesis sends what it allows and what it forbids."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fuseboard_cloudru.simulator import Simulator, Switches
from fuseboard_cloudru.simulator.app import GUARDED, OPEN

LONGEST = 600
"""Seconds for one run on a machine that is busy with other tests; a free one needs a tenth."""

# Of the links between operations only those of the document: guessed ones take an operation's id for a project's.
CONFIG = """
[phases.fuzzing]
generation.max-examples = 10
[phases.stateful]
max-steps = 6
generation.max-examples = 15
inference.algorithms = []
"""
UNUSUAL = Switches(
    omit_defaults=False,
    int_enums=True,
    null_lists=True,
    opaque_ids=True,
    nested_errors=True,
    update_answers="registry",
    quarantine_route="own",
    legacy_routes=True,
)


def served_document(simulator: Simulator) -> dict[str, Any]:
    return httpx2.get(f"{simulator.url}/openapi.json", timeout=LONGEST).json()


def drive(simulator: Simulator, document: dict[str, Any], folder: Path, phases: str) -> tuple[int, str]:
    """Let schemathesis send what the document allows and forbids; its exit code and what it says."""
    schemas = document["components"]["schemas"]
    # Ids that exist, or nearly nothing would be found; and no page but the first, whose token is empty.
    here = [simulator.store.add(f"here-{number}") for number in range(4)]
    begun = [simulator.store.delete(registry).id for registry in here[2:]]
    schemas["ProjectId"]["enum"] = [simulator.project_id]
    schemas["RegistryId"]["enum"] = [registry.id for registry in here]
    schemas["OperationId"]["enum"] = [*begun, "unknown"]
    schemas["PageToken"]["enum"] = [""]
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    token = simulator.store.tokens.give(3600)
    command = [program, "run", "openapi.json", "--url", simulator.url, "-H", f"Authorization: Bearer {token}"]
    options = ["--phases", phases, "--seed", "1", "--generation-database", "none", "--no-color", "--warnings", "off"]
    # How hard it was to invent data says nothing of the simulator.
    options += ["--suppress-health-check", "all"]
    ended = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=LONGEST)
    return ended.returncode, ended.stdout + ended.stderr


def succeeded(simulator: Simulator, document: dict[str, Any]) -> set[str]:
    """The operations of the document that answered 200 at least once."""
    patterns = {path: re.compile(re.sub(r"{[^}]*}", "[^/]+", path)) for path in document["paths"]}
    answered = {(entry.method, entry.path) for entry in simulator.log if entry.status == 200}
    return {
        operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if any(method.upper() == sent and patterns[path].fullmatch(to) for sent, to in answered)
    }


def every_operation(document: dict[str, Any]) -> set[str]:
    return {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("switches", "phases"),
    [(Switches(), "coverage"), (Switches(), "fuzzing,stateful"), (UNUSUAL, "fuzzing,stateful")],
    ids=["every-keyword", "usual", "unusual"],
)
def test_what_the_document_allows_is_accepted_what_it_forbids_is_refused_and_answers_are_as_it_says(
    tmp_path: Path, switches: Switches, phases: str
) -> None:
    with Simulator(switches) as simulator:
        document = served_document(simulator)
        code, said = drive(simulator, document, tmp_path, phases)
    assert code == 0, said
    assert "No issues found" in said
    # It must have got past the doors, not only been refused at them; nobody guesses a key.
    assert every_operation(document) - succeeded(simulator, document) == {"GetToken", "GetTokenByForm"}


@pytest.mark.slow
def test_answers_that_are_not_as_the_document_says_are_found_out(tmp_path: Path) -> None:
    with Simulator(Switches(int_enums=True)) as simulator:
        document = served_document(simulator)
        simulator.change(int_enums=False)
        code, said = drive(simulator, document, tmp_path, "fuzzing")
    assert code == 1
    assert "Response violates schema" in said


@pytest.mark.parametrize("switches", [Switches(), UNUSUAL, Switches(quarantine_route="put_own")])
def test_the_document_has_every_route_and_no_other(switches: Switches) -> None:
    served = {
        (re.sub(r"{[^}]*}", "{}", path), method)
        for path, methods in (OPEN | GUARDED).items()
        for method in methods(switches)
        if path != "/openapi.json"
    }
    with Simulator(switches) as simulator:
        paths = served_document(simulator)["paths"].items()
    assert {(re.sub(r"{[^}]*}", "{}", path), method.upper()) for path, methods in paths for method in methods} == served
