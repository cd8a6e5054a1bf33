"""What holds for every test of this plugin."""

from __future__ import annotations

import hypothesis
import pytest

# What each example may take says nothing on a machine that is busy with other tests.
hypothesis.settings.register_profile("docker_mcp", deadline=None)
hypothesis.settings.load_profile("docker_mcp")


@pytest.fixture(autouse=True)
def _no_system_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the keyring of whoever runs it, nor does a process that it starts."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
