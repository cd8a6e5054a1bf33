"""One running host for all tests of this folder: they only ask it, none of them breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.hosting import HttpHost, environment, http_host, install_plugin


@pytest.fixture(scope="session")
def host_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a host that finds the conformance plugin."""
    site = tmp_path_factory.mktemp("site") / "packages"
    install_plugin(site)
    return environment(site)


@pytest.fixture(scope="session")
def host(host_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpHost]:
    """A running `fuseboard http`."""
    with http_host(host_environment, tmp_path_factory.mktemp("host")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder for clients that keep files there."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder
