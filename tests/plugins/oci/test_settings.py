"""The plugin's settings: what is refused, in which words, and that no secret is among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from fuseboard_oci.config import OciSettings, RegistrySettings
from fuseboard_oci.login.credentials import configured_login
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Wire
from tests.plugins.oci.token_server import write_certificate, write_key


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io:443", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("docker.io", "registry-1.docker.io"),
        ("corp:5000", "corp:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("*.Example.com", "*.example.com"),
        ("*.docker.io", "*.docker.io"),
    ],
)
def test_a_registry_has_one_spelling(name: str, known: str) -> None:
    assert list(OciSettings.model_validate({"registries": {name: {}}}).registries) == [known]


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "*.",
        "*.com",
        "*.localhost",
        "*.example.com:5000",
        "*.*.example.com",
        "*example.com",
        "a.*.com",
        "*.[::1]",
        "*.-x.com",
        "*.example..com",
        "*.exämple.com",
        "*.example.com/x",
        "*.https://a.b",
        "ghcr.io/x",
        "u:p@ghcr.io",
    ],
)
def test_a_pattern_that_is_too_wide_or_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"registries\n"):
        OciSettings.model_validate({"registries": {name: {}}})


def test_a_pattern_cannot_be_insecure() -> None:
    with pytest.raises(ValidationError, match="is a pattern and cannot be insecure; name the registry itself"):
        OciSettings.model_validate({"registries": {"*.example.com": {"insecure": True}}})


@pytest.mark.parametrize("names", [("ghcr.io", "GHCR.io"), ("docker.io", "index.docker.io"), ("*.a.b", "*.A.b")])
def test_a_registry_is_named_once(names: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match="named twice, in two spellings"):
        OciSettings.model_validate({"registries": {key: {} for key in names}})


@pytest.mark.parametrize("field", ["realm_hosts", "redirect_hosts"])
def test_further_hosts_are_named_in_full(field: str) -> None:
    known = RegistrySettings.model_validate({field: ["AUTH.example.com:443", "store:9000"]})
    assert getattr(known, field) == {"auth.example.com", "store:9000"}
    for wrong in ("*.example.com", "https://auth.example.com/token", "auth.example.com/x", ""):
        with pytest.raises(ValidationError):
            RegistrySettings.model_validate({field: [wrong]})


@pytest.mark.parametrize(
    "known",
    [
        {"username": "a", "password": "hunter2", "identity_token": "hunter2"},
        {"password": "hunter2"},
        {"username": "a", "pasword": "hunter2"},
        {"username": "a", "password": ["hunter2"]},
        {"username": "a", "password": "hunter2", "insecure": "perhaps"},
        {"username": "a", "password": "hunter2\ud800"},
        {"username": "hunter2\ud800", "password": "b"},
        {"identity_token": "hunter2\ud800"},
        {"identity_token": "hunter2", "password": "hunter2"},
    ],
)
@pytest.mark.parametrize("name", ["ghcr.io", "*.com", "ghcr.io/"])
def test_settings_that_are_refused_show_no_secret(known: dict[str, Any], name: str) -> None:
    """A slip of the operator ends up in the log of the host."""
    with pytest.raises(ValidationError) as caught:
        OciSettings.model_validate({"registries": {name: known}})
    assert "hunter2" not in str(caught.value) + repr(caught.value)
    with pytest.raises(ValidationError) as caught:
        RegistrySettings.model_validate(known)
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_a_password_that_no_request_could_carry_is_refused_at_the_start() -> None:
    """Bytes of an environment variable that are no UTF-8 arrive as lone surrogates."""
    with pytest.raises(ValidationError, match="is no proper text"):
        RegistrySettings.model_validate({"username": "a", "password": "caf\udce9"})
    login = configured_login(RegistrySettings.model_validate({"username": "ä", "password": "€"}))
    assert login is not None
    assert login.basic() == "Basic w6Q64oKs"


def test_the_helpers_of_docker_need_dockers_files() -> None:
    with pytest.raises(ValidationError, match="credential_helpers needs docker_config"):
        OciSettings.model_validate({"credential_helpers": True})


@pytest.mark.anyio
async def test_a_ca_bundle_is_for_the_registry_that_names_it_and_its_hosts(tmp_path: Path) -> None:
    """httpx2 has no public way to ask which transport a URL gets; the mounts that it keeps are what is tested."""
    write_certificate(write_key(tmp_path / "key"), tmp_path / "ca.pem")
    bundle = str(tmp_path / "ca.pem")
    settings = OciSettings.model_validate(
        {
            "registries": {
                "*.example.com": {"ca_bundle": bundle},
                "a.example.com": {},
                "corp:5000": {"ca_bundle": bundle, "realm_hosts": ["auth.corp"], "redirect_hosts": ["store.corp:9000"]},
                "auth.corp": {},
            }
        }
    )
    async with Wire(settings, HostPolicy(settings)) as wire:
        client = wire._client

        def has_own(url: str) -> bool:
            return client._transport_for_url(httpx2.URL(url)) is not client._transport

        for url in (
            "https://team.example.com/",
            "https://corp:5000/",
            "https://auth.corp/",
            "https://store.corp:9000/",
        ):
            assert has_own(url), url
        for url in ("https://a.example.com/", "https://example.com/", "https://corp/", "https://store.corp/"):
            assert not has_own(url), url
        assert not has_own("https://ghcr.io/")
