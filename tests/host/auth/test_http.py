"""What authentication does to HTTP: answers, headers, probes, sessions, streams, and what is never in a log."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.auth.issuer import RESOURCE, Issuer
from tests.host.auth.vault import TOKENS, bearer, serving, token_lines, vault
from tests.host.transports.http_process import BOTH, MODERN_META, HttpProcess
from tests.host.transports.toys import PATIENCE, Toybox
from tests.ports import deserted_port


@pytest.fixture(scope="module")
def served(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    """One process for all tests here; it writes all that it can into its log."""
    auth = {"tokens": token_lines(), "issuer": issuer.url, "resource": RESOURCE, "required_scopes": ["reader"]}
    box = vault(tmp_path_factory.mktemp("http"), {**auth, "leeway": 0})
    box.settings["FUSEBOARD_LOG__LEVEL"] = "debug"
    with serving(box) as process:
        yield process


def listed(served: HttpProcess, token: str) -> list[str]:
    answer = served.modern("tools/list", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return sorted(tool["name"] for tool in answer.json()["result"]["tools"])


def test_the_metadata_says_where_tokens_come_from_and_the_refusal_says_where_the_metadata_is(
    served: HttpProcess, issuer: Issuer
) -> None:
    refused = served.modern("tools/list")
    place = "https://board.example/.well-known/oauth-protected-resource/mcp"
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert f'resource_metadata="{place}"' in refused.headers["www-authenticate"]
    metadata = served.client.get("/.well-known/oauth-protected-resource/mcp").json()
    assert metadata["resource"] == RESOURCE
    assert metadata["authorization_servers"] == [issuer.url]
    assert metadata["scopes_supported"] == ["reader"]
    assert metadata["bearer_methods_supported"] == ["header"]


def test_a_missing_scope_is_403_and_the_operators_own_tokens_need_none(served: HttpProcess, issuer: Issuer) -> None:
    refused = served.modern("tools/list", headers=bearer(issuer.token(scope="other")))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert listed(served, issuer.token(scope="reader"))
    assert listed(served, TOKENS["editor"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "https://other.example"},
        {"iss": "https://evil.example"},
        {"exp": -5},
        {"nbf": 600},
        {"kid": "nine", "key": "one"},
        {"algorithm": "RS512"},
    ],
    ids=str,
)
def test_a_wrong_access_token_is_401(served: HttpProcess, issuer: Issuer, wrong: dict[str, Any]) -> None:
    """Times are in seconds from now."""
    if "key" in wrong:
        wrong = {**wrong, "key": issuer.keys[wrong["key"]]}
    wrong = {name: int(time.time()) + value if name in ("exp", "nbf") else value for name, value in wrong.items()}
    assert served.modern("tools/list", headers=bearer(issuer.token(**wrong))).status_code == 401


def test_a_clock_that_is_a_little_wrong_lets_an_expired_token_in(issuer: Issuer, tmp_path: Path) -> None:
    auth = {"issuer": issuer.url, "resource": RESOURCE, "leeway": 300}
    with HttpProcess(vault(tmp_path, auth)) as process:
        for seconds, status in ((-150, 200), (-310, 401)):
            token = issuer.token(exp=int(time.time()) + seconds)
            assert process.modern("tools/list", headers=bearer(token)).status_code == status


def test_a_token_belongs_into_one_header(served: HttpProcess) -> None:
    token = TOKENS["admin"]
    for query in (f"access_token={token}", f"ACCESS_TOKEN={token}", f"x={token}"):
        for headers in ({}, bearer(token)):
            answer = served.client.post(f"/mcp?{query}", headers=headers)
            assert answer.status_code == 400
            assert token not in answer.text
    twice = b"Authorization: Bearer x\r\n" * 2
    assert b" 400 " in served.raw(b"GET /sse HTTP/1.1\r\nHost: localhost:%d\r\n%s\r\n" % (served.port, twice))
    for scheme in ("Basic", "Token", ""):
        answer = served.modern("tools/list", headers={"authorization": f"{scheme} {token}".strip()})
        assert answer.status_code == 401
    assert served.modern("tools/list", headers={"authorization": f"bearer {token}"}).status_code == 200


def test_probes_are_open_and_give_reasons_only_to_those_who_are_let_in(served: HttpProcess) -> None:
    assert served.client.get("/livez").json() == served.client.get("/healthz").json() == {"alive": True}
    for headers in ({}, bearer("fb_wrong")):
        assert served.client.get("/readyz", headers=headers).json() == {"ready": True}
    plugins = served.client.get("/readyz", headers=bearer(TOKENS["admin"])).json()["plugins"]
    assert "vault" in [plugin["name"] for plugin in plugins]
    assert served.client.get("/readyz", headers=bearer(TOKENS["nobody"])).json()["plugins"] == []


def legacy(served: HttpProcess, method: str, token: str, session: str, **params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}
    headers = {"accept": BOTH, "mcp-session-id": session, **bearer(token)}
    return served.client.post("/mcp", json=message, headers=headers)


def open_session(served: HttpProcess, token: str) -> str:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peer", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    answer = served.client.post("/mcp", json=message, headers={"accept": BOTH, **bearer(token)})
    assert answer.status_code == 200, answer.text
    session = str(answer.headers["mcp-session-id"])
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    served.client.post("/mcp", json=ready, headers={"accept": BOTH, "mcp-session-id": session, **bearer(token)})
    return session


def test_a_session_belongs_to_the_credential_that_opened_it(served: HttpProcess, issuer: Issuer) -> None:
    session = open_session(served, TOKENS["reader"])
    assert legacy(served, "tools/list", TOKENS["reader"], session).status_code == 200
    for other in (TOKENS["admin"], TOKENS["nobody"], issuer.token(sub="reader")):
        assert legacy(served, "tools/list", other, session).status_code == 404
    theirs = open_session(served, issuer.token(sub="ada"))
    assert legacy(served, "tools/list", issuer.token(sub="ada"), theirs).status_code == 200, "a refreshed token"
    assert legacy(served, "tools/list", issuer.token(sub="eve"), theirs).status_code == 404


def test_the_rights_in_a_session_are_those_of_each_messages_own_token(served: HttpProcess, issuer: Issuer) -> None:
    """One who lost a role keeps the session and not the role."""
    session = open_session(served, issuer.token(scope="reader admin"))
    wide = legacy(served, "tools/call", issuer.token(scope="reader admin"), session, name="vault_wipe", arguments={})
    narrow = legacy(served, "tools/call", issuer.token(scope="reader"), session, name="vault_wipe", arguments={})
    assert '"wiped"' in wide.text
    assert "-32602" in narrow.text


def test_an_sse_connection_takes_messages_of_its_own_credential_only(served: HttpProcess) -> None:
    stream = served.open_stream("GET", "/sse", headers=bearer(TOKENS["reader"]), until=b"session_id=")
    while b"\r\n\r\n" not in stream.first.partition(b"session_id=")[2]:
        stream.first += stream._connection.recv(4096)
    place = "/messages/?session_id=" + stream.first.partition(b"session_id=")[2].split()[0].decode()
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert served.client.post(place, json=message, headers=bearer(TOKENS["reader"])).status_code == 202
    assert served.client.post(place, json=message, headers=bearer(TOKENS["admin"])).status_code == 404
    assert served.client.post(place, json=message).status_code == 401


def opened_sse(served: HttpProcess, headers: dict[str, str], until: bytes = b"session_id=") -> Any:
    return served.open_stream("GET", "/sse", headers=headers, until=until)


def opened_listen(served: HttpProcess, headers: dict[str, str], until: bytes = b"acknowledged") -> Any:
    wanted = {"_meta": MODERN_META, "notifications": {"toolsListChanged": True}}
    message = {"method": "subscriptions/listen", "params": wanted}
    return served.open_stream("POST", "/mcp", message, headers=headers, until=until)


@pytest.mark.parametrize("opened", [opened_sse, opened_listen])
def test_a_stream_ends_when_its_token_does(
    served: HttpProcess, issuer: Issuer, opened: Callable[[HttpProcess, dict[str, str], bytes], Any]
) -> None:
    for seconds in (3, 10, 30, 100):  # on a slow machine the shortest may end before there is a stream
        stream = opened(served, bearer(issuer.token(exp=int(time.time()) + seconds)), b"\r\n\r\n")
        received = stream.first
        while not received.endswith(b"0\r\n\r\n") and b" 401 " not in received:  # the connection may be used again
            more = stream._connection.recv(4096)
            assert more
            received += more
        if b" 200 " in received:
            return
    pytest.fail("no token lives long enough for a stream")


def opened_session(served: HttpProcess, headers: dict[str, str]) -> Any:
    session = open_session(served, headers["authorization"].removeprefix("Bearer "))
    return served.open_stream("GET", "/mcp", headers={**headers, "mcp-session-id": session})


def has_ended(stream: Any) -> bool:
    """Whether the last chunk of an answer is there; before it may come what the stream is for: lists that changed."""
    stream._connection.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while received := stream._connection.recv(4096):
            if received.endswith(b"0\r\n\r\n"):
                break
        return True
    return False


def test_streams_end_when_their_token_is_taken_back_and_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("\n".join(token_lines()))
    with serving(vault(tmp_path, {"tokens_file": str(file)})) as process:
        kept = opened_listen(process, bearer(TOKENS["editor"]))
        ended = [opened(process, bearer(TOKENS["admin"])) for opened in (opened_sse, opened_listen, opened_session)]
        fewer = tmp_path / "fewer"
        fewer.write_text("\n".join(line for line in token_lines() if not line.startswith("admin:")))
        fewer.replace(file)  # at once: half a file would take back more
        for stream in ended:
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                received += stream._connection.recv(4096)
                assert received
        assert not has_ended(kept)


def test_a_token_that_has_expired_does_not_fill_the_log(tmp_path: Path) -> None:
    box = vault(tmp_path, {"tokens": token_lines()})
    box.settings["FUSEBOARD_LOG__LEVEL"] = "info"
    with HttpProcess(box) as process:
        begun = time.monotonic()
        for _ in range(20):
            assert process.modern("tools/list", headers=bearer(TOKENS["stale"])).status_code == 401
        said = process.errors().count("it is that of stale, and its last day was 2020-01-01")
        assert 1 <= said <= 1 + time.monotonic() - begun


def test_a_stream_is_not_opened_by_a_method_that_could_not_show_it(served: HttpProcess) -> None:
    refused = served.client.head("/sse", headers=bearer(TOKENS["admin"]))
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("role", ["reader", "editor", "admin"])
def test_a_change_is_told_to_those_who_see_it_alone(issuer: Issuer, tmp_path: Path, role: str) -> None:
    """`grow` adds a tool that destroys: nobody but an administrator sees it, or hears of it."""
    with serving(vault(tmp_path, {"tokens": token_lines()})) as process:
        stream = opened_listen(process, bearer(TOKENS[role]))
        told = opened_listen(process, bearer(TOKENS["admin"]))
        grown = process.modern("tools/call", name="vault_grow", arguments={}, headers=bearer(TOKENS["admin"]))
        assert "grown" in grown.text
        while b"tools/list_changed" not in told.first:
            told.first += told._connection.recv(4096)
        assert "extra_burn" in listed(process, TOKENS["admin"])
        process.end()
        assert (b"tools/list_changed" in stream.first + stream.rest()) is (role == "admin")


def test_no_token_is_in_any_line_of_the_log(served: HttpProcess, issuer: Issuer) -> None:
    tokens = [TOKENS["admin"], "fb_not-known-to-anybody", issuer.token(), issuer.token(aud="x"), issuer.token(exp=1)]
    for token in tokens:
        served.modern("tools/call", name="vault_look", arguments={}, headers=bearer(token))
        served.client.get(f"/mcp?access_token={token}", headers=bearer(token))
        served.client.get("/readyz", headers=bearer(token))
        served.client.get(f"/vault/{token}")
    log = served.errors()
    assert "a bearer token was refused" in log, "the operator learns why, in words"
    for token in tokens[:1] + tokens[2:]:
        assert token.rpartition(".")[2][-20:] not in log.replace(f"/vault/{token}", "")


def test_while_the_issuer_cannot_be_reached_its_tokens_are_503_and_the_operators_own_work(tmp_path: Path) -> None:
    gone = Issuer()
    with deserted_port() as port:
        gone.url = f"http://127.0.0.1:{port}/realm"
        check_without_issuer(gone, vault(tmp_path, {"tokens": token_lines(), "issuer": gone.url, "resource": RESOURCE}))


def check_without_issuer(gone: Issuer, box: Toybox) -> None:
    with serving(box) as process:
        refused = process.modern("tools/list", headers=bearer(gone.token()))
        assert refused.status_code == 503
        assert "issuer" in json.loads(refused.text)["error"]["message"]
        assert process.client.get("/readyz", headers=bearer(gone.token())).json().keys() == {"ready"}
        assert listed(process, TOKENS["admin"])


def test_with_roles_and_without_authentication_clients_have_the_anonymous_roles(tmp_path: Path) -> None:
    with HttpProcess(vault(tmp_path, anonymous_roles=["reader"])) as process:
        end = time.monotonic() + PATIENCE
        while not (tools := process.modern("tools/list").json()["result"]["tools"]):
            assert time.monotonic() < end
        assert sorted(tool["name"] for tool in tools) == ["vault_ask_wipe", "vault_look", "vault_names"]
        assert "refused" in process.client.get("/vault/wipe").json()


def test_with_authentication_and_without_roles_everybody_who_is_let_in_has_all_rights(tmp_path: Path) -> None:
    box = vault(tmp_path, {"tokens": token_lines()})
    (tmp_path / "fuseboard.yaml").write_text(json.dumps({"auth": {"tokens": token_lines()}}))
    with serving(box) as process:
        assert process.modern("tools/list").status_code == 401
        assert "vault_wipe" in listed(process, TOKENS["nobody"])
