"""The key pair goes to the OCI plugin when the operator wants it and that plugin is there; each works alone."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import fuseboard_cloudru
from fuseboard.testing import PluginHost
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.oci_login import shared_with_oci
from fuseboard_cloudru.simulator import Simulator
from tests.plugins.cloudru.served import LONG, PATIENT

pytestmark = pytest.mark.anyio

SECRET = "hunter2-hunter2"
KEYS = {"key_id": "key-id", "secret": SECRET, "project_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}
HOST = "team.cr.cloud.ru"


def settings(**more: Any) -> CloudruSettings:
    return CloudruSettings.model_validate({**KEYS, "share_with_oci": True, **more})


def pair(host: str = HOST) -> tuple[str, str] | None:
    """The login that the OCI plugin would use, as it finds it."""
    shared_login = pytest.importorskip("fuseboard_oci.credentials").shared_login
    login = shared_login(host)
    return (login.username, login.password.get_secret_value()) if login else None


@pytest.fixture
def no_oci(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the OCI plugin was not installed: Python raises ImportError for a module that is None."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "fuseboard_oci"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fuseboard_oci", None)


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    yield
    credentials = sys.modules.get("fuseboard_oci.credentials")
    assert credentials is None or credentials._providers == {}


def test_the_oci_plugin_gets_the_key_pair_for_registries_below_the_domain_while_it_is_given() -> None:
    assert pair() is None
    with shared_with_oci(settings()) as note:
        assert pair() == ("key-id", SECRET)
        assert pair("cr.cloud.ru") is None
        assert pair("a.team.cr.cloud.ru") is None
        assert pair("cloud.ru") is None
    assert note == "the OCI plugin signs in to *.cr.cloud.ru with this key pair"
    assert pair() is None


def test_another_domain_of_the_registries_is_respected() -> None:
    with shared_with_oci(settings(registry_domain="cr.example.com")):
        assert pair("team.cr.example.com") == ("key-id", SECRET)
        assert pair() is None


def test_it_is_taken_back_also_when_the_plugin_breaks() -> None:
    with pytest.raises(RuntimeError), shared_with_oci(settings()):
        raise RuntimeError
    assert pair() is None


def test_without_the_setting_nothing_is_given_and_nothing_is_said() -> None:
    with shared_with_oci(settings(share_with_oci=False)) as note:
        assert (note, pair()) == ("", None)


def test_without_the_setting_the_oci_plugin_is_not_even_imported() -> None:
    """Each plugin is installed, loaded and left out by itself."""
    script = (
        "import sys\n"
        "from fuseboard_cloudru import CloudruSettings\n"
        "from fuseboard_cloudru.oci_login import shared_with_oci\n"
        "with shared_with_oci(CloudruSettings(share_with_oci=False)): pass\n"
        "print('fuseboard_oci' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LONG, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("missing", ["key_id", "secret"])
def test_half_a_key_pair_is_not_given(missing: str) -> None:
    with shared_with_oci(settings(**{missing: None})) as note:
        assert note == "the OCI plugin gets no login for *.cr.cloud.ru: the key pair is not set"
        assert pair() is None


@pytest.mark.usefixtures("no_oci")
def test_without_the_oci_plugin_the_note_and_the_log_say_so(caplog: pytest.LogCaptureFixture) -> None:
    with shared_with_oci(settings()) as note:
        assert note == "the OCI plugin gets no login for *.cr.cloud.ru: fuseboard-oci is not installed"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert note in caplog.text


@pytest.mark.usefixtures("no_oci")
def test_an_oci_plugin_that_breaks_at_import_breaks_nothing_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fuseboard_oci").mkdir()
    (tmp_path / "fuseboard_oci" / "__init__.py").write_text("raise RuntimeError('broken')")
    monkeypatch.delitem(sys.modules, "fuseboard_oci")
    monkeypatch.syspath_prepend(str(tmp_path))
    with shared_with_oci(settings()) as note:
        assert note == "the OCI plugin gets no login for *.cr.cloud.ru: it cannot be imported (RuntimeError)"


@pytest.mark.parametrize("domain", ["localhost", "cr.example.com:5000"])
def test_a_domain_that_is_no_pattern_is_a_note(domain: str) -> None:
    """A login for everything below a top level, or at a port, is more than the OCI plugin takes."""
    with shared_with_oci(settings(registry_domain=domain)) as note:
        assert note.startswith(f"the OCI plugin gets no login for *.{domain}: *.{domain} is too wide")


def test_a_second_account_for_the_same_domain_is_a_note_and_the_first_one_stays() -> None:
    with shared_with_oci(settings()), shared_with_oci(settings(key_id="another")) as note:
        assert "a login for *.cr.cloud.ru is provided already" in note
        assert pair() == ("key-id", SECRET)
    assert pair() is None


def test_neither_note_nor_log_shows_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with shared_with_oci(settings()) as note:
        assert SECRET not in note + caplog.text
    assert [record.levelno for record in caplog.records if "cloudru" in record.name] == [logging.INFO]


async def test_the_running_plugin_gives_its_key_pair_and_takes_it_back_when_it_stops() -> None:
    oci = pytest.importorskip("fuseboard_oci")
    with Simulator() as simulator:
        both = {"cloudru": fuseboard_cloudru, "oci": oci}
        with anyio.fail_after(LONG):
            async with PluginHost(both, name="cloudru", settings=plugin_settings(simulator), fuse=PATIENT) as host:
                assert pair() == (simulator.key_id, simulator.secret)
                [check] = (await host.host.health())["cloudru"]
    assert check.ok
    assert check.details["share_with_oci"] == "the OCI plugin signs in to *.cr.cloud.ru with this key pair"
    assert pair() is None


@pytest.mark.usefixtures("no_oci")
async def test_the_plugin_without_the_oci_plugin_is_well_and_says_in_its_health_what_is_not_shared() -> None:
    with Simulator() as simulator, anyio.fail_after(LONG):
        async with PluginHost(
            fuseboard_cloudru, name="cloudru", settings=plugin_settings(simulator), fuse=PATIENT
        ) as host:
            [check] = (await host.host.health())["cloudru"]
            found = await host.call_tool("cloudru_list_registries")
    assert check.ok
    assert "fuseboard-oci is not installed" in check.details["share_with_oci"]
    assert not found.is_error, found.content


def plugin_settings(simulator: Simulator) -> dict[str, Any]:
    return {
        "key_id": simulator.key_id,
        "secret": simulator.secret,
        "project_id": simulator.project_id,
        "iam_url": simulator.url,
        "api_url": simulator.url,
        "share_with_oci": True,
    }
