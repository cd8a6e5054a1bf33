"""A toy plugin with something to guard, the roles that guard it, and a real process that serves both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fuseboard.settings.token_line import TokenLine, digest_of
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox

VAULT = '''
from fuseboard import Prompt, Tool, hookimpl
from starlette.responses import JSONResponse
from starlette.routing import Route

async def look() -> str:
    """Look."""
    return "gold"

async def write(text: str = "") -> str:
    """Write."""
    return "written"

async def wipe() -> str:
    """Wipe."""
    return "wiped"

async def ask_wipe(ctx) -> str:
    """Look, and try to wipe in the name of whoever calls."""
    try:
        await ctx.board.call("vault_wipe", {})
        return "wiped"
    except Exception as error:
        return f"refused: {error}"

async def names(ctx) -> list[str]:
    """What this caller may see."""
    return [*ctx.catalogue.tools]

async def grow(ctx) -> str:
    """Add a tool that only reads and one that destroys."""
    async def peek() -> str:
        """Peek."""
        return "peeked"
    ctx.board.replace("extra", tools=[Tool.of(wipe, name="burn", destructive=True)])
    return "grown"

def hello(who: str) -> str:
    """Greet."""
    return f"hello {who}"

def goodbye(who: str) -> str:
    """Leave."""
    return f"goodbye {who}"

def secret() -> str:
    """Secret."""
    return "treasure"

def public() -> str:
    """Public."""
    return "shop"

def file(name: str) -> str:
    """A file."""
    return f"file {name}"

async def complete_name(ctx, value, given):
    return ["alpha", "beta"]

@hookimpl
def instructions() -> str:
    return "The vault keeps gold."

@hookimpl
def register_tools(register):
    register(look, read_only=True, aliases=["peer"])
    register(write, destructive=False)
    register(wipe, aliases=["erase"])
    register(ask_wipe, read_only=True)
    register(names, read_only=True)
    register(grow, destructive=False)

@hookimpl
def register_prompts(register):
    register(hello, complete={"who": complete_name})
    register(goodbye, complete={"who": complete_name})

@hookimpl
def register_resources(register):
    register("vault://public", public)
    register("vault://secret", secret)
    register("vault://files/{name}", file, complete={"name": complete_name})

@hookimpl
def http_routes(board):
    async def wiped(request):
        try:
            return JSONResponse(await board.call("vault_wipe", {}))
        except Exception as error:
            return JSONResponse({"refused": str(error)})
    return [Route("/vault/wipe", wiped)]
'''

ROLES: dict[str, Any] = {
    "reader": {
        "allow": ["vault_*", "vault:*"],
        "deny": ["vault_goodbye", "vault://secret", "vault://files/secret*"],
        "read_only": True,
    },
    "editor": {"allow": ["vault_*", "fuseboard_status"], "destructive": False},
    "admin": {"allow": ["*"]},
    "empty": {},
}

TOKENS = {name: f"fb_{name}_{'0123456789abcdef' * 3}" for name in ("reader", "editor", "admin", "nobody", "stale")}

TOOLS = {
    "reader": ["vault_ask_wipe", "vault_look", "vault_names"],
    "editor": ["fuseboard_status", "vault_ask_wipe", "vault_grow", "vault_look", "vault_names", "vault_write"],
    "admin": [
        "fuseboard_status",
        "vault_ask_wipe",
        "vault_grow",
        "vault_look",
        "vault_names",
        "vault_wipe",
        "vault_write",
    ],
    "nobody": [],
}
PROMPTS = {
    "reader": ["vault_hello"],
    "editor": ["vault_goodbye", "vault_hello"],
    "admin": ["vault_goodbye", "vault_hello"],
    "nobody": [],
}
RESOURCES = {
    "reader": ["vault://public"],
    "editor": [],
    "admin": ["fuseboard://plugins", "vault://public", "vault://secret"],
    "nobody": [],
}


def token_lines() -> list[str]:
    """The tokens as they are kept: `nobody` has no role, that of `stale` has expired."""
    from datetime import date

    return [
        str(
            TokenLine(
                name,
                digest_of(token),
                () if name == "nobody" else ("admin",) if name == "stale" else (name,),
                date(2020, 1, 1) if name == "stale" else None,
            )
        )
        for name, token in TOKENS.items()
    ]


def vault(folder: Path, auth: dict[str, Any] | None = None, **access: Any) -> Toybox:
    """A folder with the plugin and a configuration.

    Args:
        folder: an empty one.
        auth: that section.
        access: more of the section `access`, whose roles are `ROLES`.
    """
    box = Toybox(folder)
    box.add("vault", VAULT)
    config = folder / "fuseboard.yaml"
    config.write_text(json.dumps({"auth": auth or {}, "access": {"roles": ROLES, **access}}))
    box.settings["FUSEBOARD_CONFIG"] = str(config)
    return box


@contextmanager
def serving(box: Toybox, *options: str) -> Iterator[HttpProcess]:
    """A process that knows the tokens, once the plugin is up: from then on nobody's lists change by themselves."""
    with HttpProcess(box, *options) as process:
        process.ready(headers=bearer(TOKENS["admin"]))
        yield process


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"authorization": f"Bearer {token}"}
