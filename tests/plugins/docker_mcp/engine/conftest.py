"""The Docker engine that these tests share: on a private socket, with one image that they make themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.debian import ENGINE, Unpacked, fetched
from tests.plugins.docker_mcp.engine.image import IMAGE, import_options, root_filesystem
from tests.plugins.docker_mcp.engine.private_engine import CannotRun, PrivateEngine

# What `ways/engine.py` asks of the engine, so that a machine that cannot do it is known before the first test.
_TRIAL = ("--rm", "--init", "--security-opt", "no-new-privileges", "--cpus", "0.5", "--memory", "256m")


@pytest.fixture(scope="session")
def engine_programs() -> Unpacked:
    """The unpacked programs. Tests are skipped without root, or with FUSEBOARD_SKIP_ENGINE=1."""
    if os.environ.get("FUSEBOARD_SKIP_ENGINE") == "1":
        pytest.skip("NOT TESTED with a real Docker engine: FUSEBOARD_SKIP_ENGINE=1")
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED with a real Docker engine: starting one needs root")
    return fetched(*ENGINE)


@pytest.fixture(scope="session")
def toy_image() -> bytes:
    """The root file system of the image, for `docker import`."""
    return root_filesystem(Path(str(resources.files("fuseboard_docker_mcp.testing") / "toy_server.py")))


@pytest.fixture(scope="session")
def engine(engine_programs: Unpacked, toy_image: bytes) -> Iterator[PrivateEngine]:
    """A running engine with the image `IMAGE`. Where none can run, the tests are skipped, and the summary says why."""
    yield from _with_image(PrivateEngine(engine_programs), toy_image)


@pytest.fixture(scope="session")
def slow_engine(engine_programs: Unpacked, toy_image: bytes) -> Iterator[PrivateEngine]:
    """One that copies the whole image for each container, so that there is time to disturb it meanwhile."""
    yield from _with_image(PrivateEngine(engine_programs, driver="vfs"), toy_image)


@pytest.fixture
def mortal_engine(engine_programs: Unpacked, toy_image: bytes) -> Iterator[PrivateEngine]:
    """One of the test's own, which it may stop and start."""
    yield from _with_image(PrivateEngine(engine_programs), toy_image)


def _with_image(new: PrivateEngine, image: bytes) -> Iterator[PrivateEngine]:
    with new as private:
        try:
            private.start()
            private.docker("import", *import_options(), "-", IMAGE, stdin=image)
            private.docker("run", *_TRIAL, IMAGE)
        except CannotRun as error:
            pytest.skip(f"NOT TESTED with a real Docker engine: none runs on this machine: {error}")
        yield private
