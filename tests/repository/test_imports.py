"""Who may import whom: the doors between the rooms of the host. Imports for type checkers alone do not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repository.sources import ROOT, Import, files, imports_of, module_name, shipped_modules

HOST = ROOT / "host" / "src" / "fuseboard"
# Where the SDK's language is spoken: the server, what can be registered, the ways in, what plugin authors test with.
SDK_SPEAKERS = ("mcp_server", "contributions", "transports", "testing")
# What may be imported anywhere: the error that a tool may raise to answer with a protocol error.
SDK_ERROR = "mcp.shared.exceptions"
# What a plugin may import of the host; the registrars only for type checkers.
PUBLIC = ("fuseboard", "fuseboard.testing")
# What one plugin may import of another one: its public door, and only at the moment of use, for each works alone.
DOORS = ("fuseboard_oci.credentials",)


def happening(path: Path) -> list[Import]:
    """The imports of a file that do happen, at once or later."""
    return [found for found in imports_of(path) if not found.typing_only]


def host_modules() -> dict[str, Path]:
    return {module_name(path): path for path in files(HOST, ".py")}


def offenders(module: str, *forbidden: str) -> list[str]:
    """What a module of the host, or one inside a package of that name, imports although it must not."""
    return [
        f"{name} imports {found.module}"
        for name, path in host_modules().items()
        if name == f"fuseboard.{module}" or name.startswith(f"fuseboard.{module}.")
        for found in happening(path)
        if any(found.is_within(package) for package in forbidden)
    ]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("discovery", ["mcp", "mcp_types", "fuseboard.catalogue", "fuseboard.dispatcher"]),
        ("ledger", ["mcp", "mcp_types", "fuseboard.catalogue", "fuseboard.dispatcher"]),
        ("catalogue", ["fuseboard.dispatcher", "fuseboard.host"]),
        ("contributions", ["fuseboard.catalogue", "fuseboard.dispatcher", "fuseboard.host"]),
        ("dispatcher", ["fuseboard.host"]),
        ("host", ["mcp.server"]),
    ],
)
def test_imports_follow_the_arrows_of_the_architecture_backwards(module: str, forbidden: list[str]) -> None:
    assert offenders(module, *forbidden) == []


@pytest.mark.parametrize("module", ["discovery", "ledger", "catalogue", "contributions", "dispatcher", "host", "fuse"])
def test_nothing_inside_the_house_knows_a_surface(module: str) -> None:
    surfaces = ("fuseboard.transports", "fuseboard.mcp_server", "fuseboard.cli", "starlette", "uvicorn", "click")
    assert offenders(module, *surfaces) == []


def test_the_sdks_servers_and_types_stay_in_the_modules_that_speak_for_them() -> None:
    speakers = tuple(f"fuseboard.{name}" for name in SDK_SPEAKERS)
    found = [
        f"{name} imports {sdk.module}"
        for name, path in host_modules().items()
        if not name.startswith(speakers)
        for sdk in happening(path)
        if (sdk.is_within("mcp") or sdk.is_within("mcp_types")) and not sdk.is_within(SDK_ERROR)
    ]
    assert found == []


def test_stdio_never_reaches_the_http_transport() -> None:
    """Not even through a third module: every module that loads with it is followed."""
    modules = host_modules()
    waiting, reached = ["fuseboard.transports.stdio"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in modules:
            continue
        reached.add(name)
        for found in happening(modules[name]):
            if not found.lazy:
                waiting += [found.module, found.module.rpartition(".")[0]]
    assert "fuseboard.transports.stdio" in reached
    assert "fuseboard.transports.http" not in reached


def test_a_plugin_imports_the_public_names_of_the_host_and_of_other_plugins_only_their_doors() -> None:
    found = []
    for path in shipped_modules():
        package = module_name(path).partition(".")[0]
        if package == "fuseboard":
            continue
        for other in happening(path):
            owner, _, _ = other.module.rpartition(".")
            if other.lazy and owner in DOORS:
                continue
            if other.module.startswith("fuseboard") and not other.is_within(package) and owner not in PUBLIC:
                found.append(f"{module_name(path)} imports {other.module}")
    assert found == []
