"""The shipped nginx site, read and run by Debian's nginx."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
import pytest

from tests.deploy.edge import DEPLOY, LONGEST, Nginx, exchanged
from tests.deploy.toy import TOY
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox
from tests.ports import deserted_port

pytestmark = pytest.mark.external


def test_nginx_accepts_the_shipped_site_and_refuses_a_misspelt_one(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", [8001, 8002])
    status, said = nginx.check()
    assert status == 0
    assert "warn" not in said
    nginx.write("site/fuseboard.conf", nginx.read("site/fuseboard.conf").replace("proxy_buffering", "proxy_bufering"))
    status, said = nginx.check()
    assert status == 1
    assert 'unknown directive "proxy_bufering"' in said


def test_the_replicas_of_compose_differ_only_in_where_they_are(tmp_path: Path) -> None:
    # Debian's nginx cannot ask for names again, which takes 1.27.3: what only that needs is left out here.
    compose = exchanged(
        (DEPLOY / "compose" / "replicas.conf").read_text(),
        {r"^ +zone .*\n": "", r"host:8000 resolve": "127.0.0.1:8000"},
    )
    nginx = Nginx(tmp_path / "nginx", [8001, 8002])
    nginx.write("site/replicas.conf", compose)
    assert nginx.check()[0] == 0

    def directives(name: str) -> list[str]:
        lines = (DEPLOY / name / "replicas.conf").read_text().splitlines()
        return [line for line in lines if line and not re.match(r"#| *#| +(server|zone) |resolver ", line)]

    assert directives("compose") == directives("nginx")


def test_plain_http_is_redirected_with_its_method_and_probes_are_not_for_strangers(tmp_path: Path) -> None:
    box = Toybox(tmp_path)
    box.add("toy", TOY)
    with (
        HttpProcess(box) as replica,
        deserted_port() as nobody,
        Nginx(tmp_path / "nginx", [replica.port, nobody]) as nginx,
    ):
        answer = httpx2.post(f"http://localhost:{nginx.plain}/mcp?a=b", timeout=LONGEST)
        assert (answer.status_code, answer.headers["location"]) == (308, "https://localhost/mcp?a=b")
        stranger = httpx2.get(f"http://localhost:{nginx.plain}/mcp", headers={"host": "evil.example"}, timeout=LONGEST)
        assert stranger.headers["location"] == "https://localhost/mcp"
        with httpx2.Client(base_url=nginx.origin, verify=nginx.trust, timeout=LONGEST) as client:
            assert client.get("/readyz").status_code == 404
            refused = client.post("/mcp", content=b"x" * (4 * 1024 * 1024 + 1))
            assert (refused.status_code, refused.json()["error"]["code"]) == (413, -32600)
            answer = client.get("/nothing/here")
            # The host serves the name with nginx's port only when it is allowed to.
            assert answer.status_code == 421
            assert f"'localhost:{nginx.port}'" in answer.text
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_client_is_told_in_its_own_protocol_that_no_replica_is_there(tmp_path: Path) -> None:
    with (
        deserted_port() as left,
        deserted_port() as right,
        Nginx(tmp_path / "nginx", [left, right]) as nginx,
    ):
        answer = httpx2.post(f"{nginx.origin}/mcp", verify=nginx.trust, json={}, timeout=LONGEST)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/json")
    error = json.loads(answer.content)["error"]
    assert error == {"code": -32603, "message": "No replica answered; the call may or may not have run"}
