"""What `make demo` prints: where it serves, what to paste into a client, and three calls to try."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from embedded import Embedded

CALLS = (
    (
        "Which architectures does the image {registry}/demo/multi:1.0 have?",
        "oci_get_details repository={registry}/demo/multi:1.0",
    ),
    (
        "Create the registry team-images, and wait until it is ready.",
        "cloudru_create_registry name=team-images wait=true",
    ),
    ("Which tools does the server notes have?", "docker_mcp_get_server_tools server=notes"),
)

TEXT = """\
fuseboard serves {url}
  oci         asks a registry in memory, {registry}
  cloudru     works on a simulated Cloud.ru, {simulator}
  docker_mcp  starts two small servers, clock and notes, instead of Docker

Cursor (~/.cursor/mcp.json), and every client that takes an address:
{by_address}

Claude Desktop (claude_desktop_config.json): it starts a demo of its own, also when this one has ended:
{by_command}

Three calls to try, as a question to the model or from another terminal:
{calls}

make tour calls every tool once. Ctrl-C ends the demo and removes what it wrote.
"""


def by_address(url: str) -> str:
    """The entry of a client that connects to an address."""
    return json.dumps({"mcpServers": {"fuseboard-demo": {"url": url}}}, indent=2)


def by_command() -> str:
    """The entry of a client that starts a command."""
    entry = {"command": sys.executable, "args": [str(Path(__file__).resolve().parent), "stdio"]}
    return json.dumps({"mcpServers": {"fuseboard-demo": entry}}, indent=2)


def calls(parts: Embedded) -> str:
    """Three questions, each with the command that answers it."""
    program = shlex.join([sys.executable, "-m", "fuseboard", "call", "--config", str(parts.config)])
    lines = []
    for question, call in CALLS:
        lines += [f"  {question}", f"    {program} {call}"]
    return "\n".join(lines).format(registry=parts.registry)


def text(parts: Embedded, url: str) -> str:
    """Everything."""
    return TEXT.format(
        url=url,
        registry=parts.registry,
        simulator=parts.simulator,
        by_address=by_address(url),
        by_command=by_command(),
        calls=calls(parts),
    )
