"""What the tests of the simulator share: a client of its HTTP that knows nothing of the plugin's own one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from fuseboard_cloudru.simulator import Simulator

LONG = 30.0  # seconds; only what is broken takes so long


def token_of(simulator: Simulator) -> str:
    """A token, from the first of the two doors."""
    body = {"keyId": simulator.key_id, "secret": simulator.secret}
    return str(httpx2.post(f"{simulator.url}/api/v1/auth/token", json=body, timeout=LONG).json()["access_token"])


@contextmanager
def talking_to(simulator: Simulator) -> Iterator[httpx2.Client]:
    """A client with a token, which waits long."""
    headers = {"Authorization": f"Bearer {token_of(simulator)}"}
    with httpx2.Client(base_url=simulator.url, headers=headers, timeout=LONG) as client:
        yield client


def created(client: httpx2.Client, simulator: Simulator, name: str, **fields: Any) -> dict[str, Any]:
    """Create a registry; the operation."""
    answer = client.post("/v1/registries", json={"projectId": simulator.project_id, "name": name, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(client: httpx2.Client, simulator: Simulator, **query: Any) -> list[str]:
    """The names of one page of registries."""
    answer = client.get("/v1/registries", params={"projectId": simulator.project_id, **query})
    assert answer.status_code == 200, answer.text
    return [registry["name"] for registry in answer.json().get("registries") or []]


def refusal(answer: httpx2.Response) -> tuple[int, int, str]:
    """The status, the code and the words of a refusal; those of a detail where there is one."""
    status = answer.json()
    fields = [field for detail in status.get("details", ()) for field in detail["fieldViolations"]]
    words = "; ".join(f"{field.get('field', '')}: {field['description']}" for field in fields)
    return answer.status_code, status["code"], words or status["message"]
