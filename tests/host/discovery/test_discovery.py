"""What is installed is found, judged by its metadata alone, and nothing that is broken raises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from importlib_metadata import version

from fuseboard import discovery
from fuseboard.discovery import Found, not_installed
from fuseboard.settings import FuseSettings, HostSettings
from tests.host.discovery.toys import install

ALL = HostSettings()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which installed distributions are found."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def discover(settings: HostSettings) -> list[Found]:
    """The toys that are found; the plugins of this repository are installed beside them."""
    return [plugin for plugin in discovery.discover(settings) if not plugin.distribution.startswith("fuseboard-")]


def only(found: list[Found]) -> Found:
    [plugin] = found
    return plugin


def test_a_plugin_is_found_with_what_its_metadata_says_and_is_not_imported(site: Path) -> None:
    install(site, "hello", "raise SystemExit", version="2.1", summary="Says hello.", requires=["click>=8"])
    plugin = only(discover(ALL))
    assert plugin == Found("hello", "toy_hello", "toy-hello", "2.1", "Says hello.", ("click>=8",), None)
    assert plugin.entry_point.group == "fuseboard.plugins"
    assert "toy_hello" not in sys.modules


def test_plugins_come_sorted_by_name(site: Path) -> None:
    for name in ("b", "c", "a"):
        install(site, name)
    assert [plugin.name for plugin in discover(ALL)] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["Hello", "9lives", "a-b", "a__b", "a" * 32, "fuseboard"])
def test_an_illegal_name_is_incompatible(site: Path, name: str) -> None:
    install(site, "toy", points={name: "toy_toy"})
    verdict = only(discover(ALL)).verdict
    assert verdict is not None
    assert verdict[0] == "incompatible"
    assert "name" in verdict[1]


@pytest.mark.parametrize("name", ["a", "a_b", "a9", "a" * 31])
def test_a_legal_name_is_a_candidate(site: Path, name: str) -> None:
    install(site, "toy", points={name: "toy_toy"})
    assert only(discover(ALL)).verdict is None


def test_one_name_in_two_distributions_makes_both_conflicted(site: Path) -> None:
    install(site, "hello", distribution="one")
    install(site, "hello", distribution="two", version="3.0")
    first, second = discover(ALL)
    assert first.verdict == ("conflicted", "two 3.0 brings a plugin of this name too; uninstall one of them")
    assert second.verdict == ("conflicted", "one 1.0 brings a plugin of this name too; uninstall one of them")


def test_a_distribution_that_shadows_another_of_the_same_name_is_no_conflict(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable checkout before site-packages: Python imports the first, so only the first is there."""
    install(site / "first", "hello", version="2.0")
    install(site / "second", "hello", version="1.0")
    for folder in ("first", "second", "first"):
        monkeypatch.syspath_prepend(site / folder)
    assert only(discover(ALL)).version == "2.0"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (HostSettings(block_plugins=["hello"]), "block_plugins names it"),
        (HostSettings(load_plugins=[]), "load_plugins does not name it"),
        (HostSettings(load_plugins=["other"]), "load_plugins does not name it"),
        (HostSettings(fuses={"hello": FuseSettings(enabled=False)}), "fuses.hello.enabled is false"),
    ],
)
def test_the_operator_can_block_a_plugin(site: Path, settings: HostSettings, reason: str) -> None:
    install(site, "hello", requires=["mcp<1"])
    assert only(discover(settings)).verdict == ("blocked", reason)


def test_a_load_list_loads_what_it_names(site: Path) -> None:
    install(site, "hello")
    assert only(discover(HostSettings(load_plugins=["hello"]))).verdict is None


@pytest.mark.parametrize("requirement", ["mcp<2", "MCP[cli] ~= 1.9", "fuseboard>=99; python_version > '3'"])
def test_a_requirement_on_the_host_or_the_sdk_that_is_not_met_is_incompatible(site: Path, requirement: str) -> None:
    install(site, "hello", requires=[requirement])
    verdict = only(discover(ALL)).verdict
    assert verdict is not None
    assert verdict[0] == "incompatible"
    assert verdict[1].lower().startswith(f"it needs {requirement[:3].lower()}")
    assert verdict[1].endswith(
        (f"is mcp {version('mcp')}", f"is MCP {version('mcp')}", f"fuseboard {version('fuseboard')}")
    )


@pytest.mark.parametrize(
    "requirement", ["mcp>=2,<3", "mcp<2; extra == 'old'", "mcpx<2", "fuseboard; python_version < '3'"]
)
def test_other_requirements_are_left_to_the_installer(site: Path, requirement: str) -> None:
    install(site, "hello", requires=[requirement])
    assert only(discover(ALL)).verdict is None


def test_a_requirement_that_cannot_be_read_is_incompatible(site: Path) -> None:
    install(site, "hello", requires=["mcp>=two"])
    verdict = only(discover(ALL)).verdict
    assert verdict is not None
    assert "requirement 'mcp>=two' cannot be read" in verdict[1]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00 no text", b"Nothing: here\n"])
def test_metadata_that_cannot_be_read_becomes_a_row(site: Path, content: bytes | None) -> None:
    metadata = install(site, "hello") / "METADATA"
    metadata.unlink()
    if content is not None:
        metadata.write_bytes(content)
    install(site, "other")
    hello, other = discover(ALL)
    assert hello.verdict == (
        "incompatible",
        "its METADATA is missing or cannot be read: install toy_hello again",
    )
    assert (hello.name, hello.distribution, hello.version) == ("hello", "toy_hello", "1.0")
    assert other.verdict is None


@pytest.mark.parametrize("content", [b"[fuseboard.plugins]\nhello\n", b"\xff[fuseboard.plugins]\n"])
def test_entry_points_that_cannot_be_read_become_a_row(site: Path, content: bytes) -> None:
    (install(site, "hello") / "entry_points.txt").write_bytes(content)
    install(site, "other")
    other, hello = discover(ALL)
    assert hello.name == "toy_hello"
    assert hello.verdict is not None
    assert hello.verdict[0] == "incompatible"
    assert "entry_points.txt" in hello.verdict[1]
    assert other.verdict is None


def test_control_characters_of_metadata_do_not_get_through(site: Path) -> None:
    install(site, "hello", summary="red \x1b[31m alert\x07")
    assert only(discover(ALL)).summary == "red [31m alert"


def test_distributions_without_plugins_are_passed_over(site: Path) -> None:
    info = install(site, "hello")
    (info / "entry_points.txt").write_text("[console_scripts]\nhello = toy_hello:main\n")
    assert discover(ALL) == []


def test_names_that_are_not_installed_are_reported(site: Path) -> None:
    install(site, "hello")
    settings = HostSettings(load_plugins=["hello", "helo"], block_plugins=["gone"], plugins={"hello": {}})
    assert not_installed(settings, discover(settings)) == [
        "load_plugins names helo, which is not installed; did you mean hello?",
        "block_plugins names gone, which is not installed; installed are: hello",
    ]
    assert not_installed(HostSettings(fuses={"a": FuseSettings()}), []) == [
        "fuses names a, which is not installed; no plugin is"
    ]
