"""No test of this plugin touches the keyring of whoever runs it, nor does a process that it starts."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_system_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
