"""No secret reaches the log: those of settings by value, those of strangers by their surroundings."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from fuseboard.logs.secrets import hidden
from fuseboard.settings import HostSettings
from fuseboard.settings.secret_values import known_secrets, remember
from fuseboard.settings.token_line import new_token
from tests.host.logs.conftest import TOY
from tests.host.logs.reading import JsonHttpProcess, wait_for_call
from tests.host.transports.toys import Toybox

VAULT = """
import logging
from pydantic import SecretStr
from pydantic_settings import BaseSettings

class Vault(BaseSettings):
    passphrase: SecretStr
    api_token: str
    vault_url: str

class Refused(Exception):
    pass

async def leak(ctx: Context) -> str:
    \"\"\"Log everything and fail.\"\"\"
    vault = ctx.state
    logging.getLogger("vault").debug("headers %r", {"Authorization": "Bearer " + vault.api_token})
    logging.getLogger("vault").info("opening %s with %s", vault.vault_url, vault.passphrase.get_secret_value())
    print("it is", vault.passphrase.get_secret_value())
    local = vault.passphrase.get_secret_value()
    try:
        raise Refused(f"the backend refused {local!r}")
    except Refused as error:
        raise ValueError(b"and " + local.encode()) from error

@hookimpl
def settings():
    return Vault

from contextlib import asynccontextmanager

@hookimpl
@asynccontextmanager
async def lifespan(settings):
    yield settings
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_of_settings_are_in_no_line_of_a_whole_session_at_debug_level(toys: Toybox, form: str) -> None:
    (toys.folder / "toy.py").write_text(TOY.replace("(echo, run)", "(echo, run, leak)") + VAULT)
    passphrase, token, password = 'corr"ect\\horse\nbattery-staple', "0123-token-4567", "pa55word"
    key = "k" * 20 + "-state-key-" + "z" * 20
    toys.settings = {
        "FUSEBOARD_LOG__FORMAT": form,
        "FUSEBOARD_LOG__LEVEL": "debug",
        "FUSEBOARD_TOY_PASSPHRASE": passphrase,
        "FUSEBOARD_TOY_API_TOKEN": token,
        "FUSEBOARD_TOY_VAULT_URL": f"https://user:{password}@vault.example/?token=inurl77",
        "FUSEBOARD_REQUEST_STATE_KEYS": key,
        "PYTHONASYNCIODEBUG": "1",
    }
    with JsonHttpProcess(toys) as served:
        served.ready()
        bearer = {"authorization": "Bearer strangers-own-token"}
        served.modern("tools/list", headers=bearer)
        answer = served.modern("tools/call", name="toy_leak", arguments={}, headers=bearer)
        served.client.get("/nothing?access_token=strangers-own-token", headers=bearer)
        if form == "json":
            wait_for_call(served, "fault")
        served.end()
        log = served.errors()
    assert answer.json()["result"]["isError"]
    assert "the backend refused" in log
    assert "opening https://***@vault.example" in log
    for secret in (passphrase, token, password, key, "inurl77", "strangers-own-token", "ect\\\\horse", "battery"):
        assert secret not in log, secret


def test_the_secrets_of_settings_are_known_by_type_and_by_name() -> None:
    class Inner(BaseModel):
        door: SecretBytes = SecretBytes(b"by-bytes")
        many: list[SecretStr] = [SecretStr("in-a-list-1"), SecretStr("in-a-list-2")]

    class Outer(BaseModel):
        inner: Inner = Inner()
        password: str = "by-its-name"
        token_file: str = "/run/secrets/token"
        short: SecretStr = SecretStr("abc")

    remember(Outer())
    remember({"plugins": {"x": {"api_key": "in-a-mapping", "size": 12345678}}})
    remember(HostSettings(request_state_keys=["a-state-key-of-at-least-32-bytes-"]))
    expected = {"by-bytes", "in-a-list-1", "in-a-list-2", "by-its-name", "in-a-mapping"}
    assert expected | {"a-state-key-of-at-least-32-bytes-"} <= known_secrets()
    # A path is needed to understand a message, and to cut out three letters would shred the log.
    assert not {"/run/secrets/token", "abc", "12345678"} & known_secrets()


def test_a_known_secret_is_found_however_it_is_written() -> None:
    secret = 'quo"te\\d & пароль\nsecond line of it'
    remember({"password": secret})
    for form in (secret, repr(secret), quote(secret), quote(secret, safe=""), "… second line of it …"):
        shown = hidden(f"before {form} after")
        assert "***" in shown
        assert "second" not in shown
        assert "quo" not in shown


def test_a_long_secret_is_known_again_where_somebody_has_cut_it() -> None:
    remember({"token": "0123456789abcdefghijklmnopqrstuvwxyz"})
    assert hidden("it was 0123456789abcdefghij… of those") == "it was *** of those"
    assert hidden("it was 0123456789abcdefghijklmnopqrstuvwxyz.") == "it was ***."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("{'Authorization': 'Bearer abc', 'a': 1}", "{'Authorization': 'Bearer ***', 'a': 1}"),
        ("[(b'X-Api-Token', b'abc')]", "[(b'X-Api-Token', b'***')]"),
        ("with Basic dXNlcjpwYXNz", "with Basic ***"),
        ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
        ("GET /x?X-Amz-Signature=abc&sig=def", "GET /x?X-Amz-Signature=***&sig=***"),
        ("redis://:pass@host:6379/0", "redis://***@host:6379/0"),
        ('client_secret="two words"', 'client_secret="***"'),
        ("Set-Cookie: id=abc; HttpOnly", "Set-Cookie: ***"),
        ("sk-ant-api03-abcdefghijklmnopqrst hf_abcdefghijklmnopqrst", "*** ***"),
        ("the task-force-of-twenty-four-people fb_find_page", "the task-force-of-twenty-four-people fb_find_page"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----.", "***."),
        ("the secret gh.token was not mirrored", "the secret gh.token was not mirrored"),
        ("token: expired; key not found", "token: expired; key not found"),
    ],
)
def test_what_looks_like_a_secret_is_cut_out_and_plain_words_stay(text: str, shown: str) -> None:
    assert hidden(text) == shown


def test_a_token_of_the_hosts_own_is_cut_out_although_nobody_has_told_it() -> None:
    assert hidden(f"he sent {new_token()}, which is wrong") == "he sent ***, which is wrong"


@pytest.mark.parametrize("piece", ["x-", "a.", "eyJ-", "token='", "://a", "?a", "authorization", "bearer ", "private_"])
def test_no_text_takes_long_to_be_searched(piece: str) -> None:
    begun = time.process_time()
    hidden("token" + piece * (98_304 // len(piece)))
    assert time.process_time() - begun < 3
