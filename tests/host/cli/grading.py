"""What the tests of `fuseboard validate` share: a good plugin, and the findings about another one."""

from __future__ import annotations

from tests.host.cli.running import Cli, Ran
from tests.host.discovery.toys import install

RANGE = ["fuseboard>=0.1,<0.2"]

GOOD = '''
from typing import Annotated
from fuseboard import hookimpl
from pydantic import Field

@hookimpl
def register_tools(register):
    register(greet, read_only=True)

def greet(name: Annotated[str, Field(description="Whom to greet.")]) -> str:
    """Greet somebody by name and return the greeting."""
    return f"hello {name}"

@hookimpl
def register_health_checks(register):
    register(well)

async def well(ctx):
    return None
'''


def found(ran: Ran) -> dict[tuple[str, str], str]:
    """The findings of the only plugin: `{(code, place): severity}`."""
    [plugin] = ran.json["plugins"]
    return {(one["code"], one["place"]): one["severity"] for one in plugin["findings"]}


def graded(cli: Cli, name: str, source: str, *words: str, code: int) -> dict[tuple[str, str], str]:
    """Install a plugin, grade it and give its findings."""
    install(cli.site, name, source, requires=RANGE)
    ran = cli("validate", name, "--json", *words)
    assert ran.code == code, ran.out + ran.err
    return found(ran)
