"""The round trip against the real service, with your keys, in a throw-away registry. Off unless you ask for it:

    export CLOUD_RU_KEY_ID=... CLOUD_RU_SECRET=... CLOUD_RU_PROJECT_ID=...
    FUSEBOARD_CLOUDRU_LIVE=1 .venv/bin/python -m pytest tests/plugins/cloudru/test_live.py

It prints what it learned. `test_live_trip.py` proves this file against the simulator.
"""

from __future__ import annotations

import os
import secrets

import anyio
import pytest

from tests.plugins.cloudru.live_round import round_trip

pytestmark = pytest.mark.anyio

# Read now: before each test the environment is cleared of everything that fuseboard reads.
KEYS = ("CLOUD_RU_KEY_ID", "CLOUD_RU_SECRET", "CLOUD_RU_PROJECT_ID")
GIVEN = {name: value for name, value in os.environ.items() if name.startswith(("CLOUD_RU_", "FUSEBOARD_OCI_"))}
WANTED = os.environ.get("FUSEBOARD_CLOUDRU_LIVE") == "1"
PAUSE = float(os.environ.get("FUSEBOARD_CLOUDRU_LIVE_PAUSE", "3"))
MISSING = [name for name in KEYS if not GIVEN.get(name)]
# Two updates, a creation and a deletion, each of which may take minutes.
LONGEST_TRIP = 1500


@pytest.mark.skipif(not WANTED, reason="asks the real service: set FUSEBOARD_CLOUDRU_LIVE=1 and the three keys")
@pytest.mark.skipif(WANTED and bool(MISSING), reason=f"FUSEBOARD_CLOUDRU_LIVE is set, but not {', '.join(MISSING)}")
async def test_a_registry_lives_from_its_creation_to_its_deletion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in {"CLOUD_RU_SHARE_WITH_OCI": "true", **GIVEN}.items():
        monkeypatch.setenv(variable, value)

    def say(line: str) -> None:
        shown = line.replace(GIVEN["CLOUD_RU_SECRET"], "***")
        with capsys.disabled():
            print(shown, flush=True)

    name = f"fuseboard-live-{secrets.token_hex(4)}"
    with anyio.fail_after(LONGEST_TRIP):
        failures = await round_trip(name, say, pause=PAUSE)
    assert failures == []
