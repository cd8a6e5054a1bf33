"""The settings: where they come from, what they refuse, and that they show no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fuseboard_cloudru.config import CloudruSettings, Limits
from tests.plugins.cloudru.asking import KEY_ID, PROJECT, SECRET

WHOLE = {"key_id": KEY_ID, "secret": SECRET, "project_id": PROJECT}


def test_the_environment_fills_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "KEY_ID": f" {KEY_ID}\n",
        "SECRET": f"{SECRET} ",
        "PROJECT_ID": PROJECT,
        "IAM_URL": "http://127.0.0.1:1/iam/",
        "API_URL": "https://ar.example.com",
        "READ_ONLY": "true",
        "ROUTES": '{"update_registry": "PUT /v1/registries/{registry_id}"}',
        "LIMITS__READ_TIMEOUT": "3",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"CLOUD_RU_{name}", value)
    settings = CloudruSettings()
    assert settings.key_id == KEY_ID
    assert settings.secret is not None
    assert settings.secret.get_secret_value() == SECRET
    assert str(settings.project_id) == PROJECT
    assert settings.iam_url == "http://127.0.0.1:1/iam"
    assert settings.api_url == "https://ar.example.com"
    assert settings.read_only
    assert settings.limits == Limits(read_timeout=3)
    assert settings.routes == {"update_registry": "PUT /v1/registries/{registry_id}"}
    assert settings.missing() == []


def test_without_anything_the_real_service_would_be_asked_and_the_three_names_are_missing() -> None:
    settings = CloudruSettings()
    assert settings.missing() == ["CLOUD_RU_KEY_ID", "CLOUD_RU_SECRET", "CLOUD_RU_PROJECT_ID"]
    assert settings.api_url == "https://ar.api.cloud.ru"
    assert settings.token_url == "https://iam.api.cloud.ru/api/v1/auth/token"


@pytest.mark.parametrize("name", ["key_id", "secret", "project_id"])
def test_one_that_is_missing_is_named(name: str) -> None:
    assert CloudruSettings(**{**WHOLE, name: None}).missing() == [f"CLOUD_RU_{name.upper()}"]


@pytest.mark.parametrize("name", ["key_id", "secret"])
@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_one_is_missing(name: str, blank: str) -> None:
    assert CloudruSettings(**{**WHOLE, name: blank}).missing() == [f"CLOUD_RU_{name.upper()}"]


def test_each_token_door_has_its_own_address_unless_one_is_given() -> None:
    assert CloudruSettings(token_door="oauth").token_url == "https://auth.iam.cloud.ru/auth/system/openid/token"
    given = CloudruSettings(token_door="oauth", iam_url="https://iam.example.com")
    assert given.token_url == "https://iam.example.com/auth/system/openid/token"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:80", "http://localhost:1/x", "https://10.0.0.1"]
)
def test_plain_http_is_fine_where_nobody_can_listen(url: str) -> None:
    assert CloudruSettings(api_url=url).api_url == url


@pytest.mark.parametrize("name", ["api_url", "iam_url"])
@pytest.mark.parametrize(
    "url", ["http://ar.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.example.com"]
)
def test_plain_http_beyond_loopback_must_be_allowed(name: str, url: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is plain http"):
        CloudruSettings(**{name: url})
    assert getattr(CloudruSettings(insecure=True, **{name: url}), name) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ar.example.com",
        "ftp://ar.example.com",
        "https://",
        "https://user:password@ar.example.com",
        "https://ar.example.com?a=b",
        "https://ar.example.com#a",
        "https://ar.example.com/a b",
        "https://ar.example.com/\n",
        "https://ar.example.com/../x?",
        "https://AR.example.com",
    ],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a base URL"):
        CloudruSettings(api_url=url)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"key_id": "a\nb"}, "printable ASCII"),
        ({"secret": "s3cret\x00s3cret"}, "printable ASCII"),
        ({"secret": "s3cret\udce4"}, "printable ASCII"),
        ({"secret": "пароль-s3cret"}, "printable ASCII"),
        ({"project_id": "my-project"}, "UUID"),
        ({"registry_domain": "cr/cloud.ru"}, "host name"),
        ({"registry_domain": ".cloud.ru"}, "host name"),
        ({"routes": {"nothing": "GET /v1"}}, "there is no route 'nothing'"),
        ({"routes": {"update_registry": "GET v1"}}, "is no route here"),
        ({"token_door": "window"}, "'iam' or 'oauth'"),
        ({"limits": {"pages": 0}}, "greater than or equal to 1"),
        ({"limits": {"read_timeout": -1}}, "greater than 0"),
        ({"limits": {"page_size": 101}}, "less than or equal to 100"),
        ({"limits": {"patience": 1}}, "Extra inputs"),
        ({"keyid": "x"}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused_without_showing_a_secret(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        CloudruSettings(**given)
    assert "s3cret" not in str(caught.value)


def test_the_secret_is_shown_nowhere() -> None:
    settings = CloudruSettings(**WHOLE)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_every_setting_says_what_it_is_for() -> None:
    fields = {**CloudruSettings.model_fields, **Limits.model_fields}
    assert {name for name, info in fields.items() if not info.description} == set()


@pytest.mark.parametrize(("attempt", "least", "most"), [(0, 0.4, 0.6), (1, 0.8, 1.2), (3, 3.2, 4.8)])
def test_pauses_grow_and_vary(attempt: int, least: float, most: float) -> None:
    pauses = {Limits().pause(attempt) for _ in range(50)}
    assert least <= min(pauses) < max(pauses) <= most
