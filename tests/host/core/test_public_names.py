"""What a plugin author imports from `fuseboard`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fuseboard
from tests.host.core.toys import LONG


def test_the_list_of_public_names_is_sorted_and_each_is_there() -> None:
    assert fuseboard.__all__ == sorted(fuseboard.__all__)
    for name in fuseboard.__all__:
        assert getattr(fuseboard, name) is not None


def test_the_names_that_plugins_are_written_with_are_public() -> None:
    """Each is promised: taking one away breaks the plugins of others."""
    promised = (
        "BackendError Board Call CallMiddleware Caller Context HealthReport JsonSchema Prompt RegistrationError "
        "Resource Tool ToolError hookimpl"
    )
    assert set(promised.split()) <= set(fuseboard.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fuseboard' has no attribute 'Tol'"):
        _ = fuseboard.Tol


def test_importing_fuseboard_is_cheap() -> None:
    """A plugin's import is measured and has a deadline: the SDK, Starlette and the like must not count as its own."""
    heavy = ("mcp", "pydantic", "starlette", "uvicorn")
    code = f"import sys, fuseboard; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG, check=True)
    assert done.stdout.strip() == "[]"
