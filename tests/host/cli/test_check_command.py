"""`fuseboard check` finds what an operator wants to know before production."""

from __future__ import annotations

from tests.host.cli.running import Cli
from tests.host.discovery.toys import GREETER, install

DOUBTFUL = """
import time
from fuseboard import HealthReport, hookimpl
from starlette.routing import Route

print("hello from the import")
time.sleep(1.05)

@hookimpl
def register_tools(register):
    register(undescribed)

def undescribed() -> str:
    return ""

@hookimpl
def register_health_checks(register):
    register(ill, name="backend")
    register(unwell, name="cache", critical=False)

async def ill(ctx):
    return "no socket"

async def unwell(ctx):
    return HealthReport(ok=False, message="cold")

@hookimpl
def http_routes():
    return [Route("/toy", lambda request: None)]

@hookimpl
def call_middleware():
    async def layer(call, call_next):
        return await call_next(call)
    return [layer]
"""


# Said of any plugin when the machine stands still for a second while it is imported.
ABOUT_THIS_MACHINE = ": its import takes "


def texts(cli: Cli, *words: str, code: int, **variables: str) -> dict[str, str]:
    """The findings, `{text: level}`."""
    ran = cli("check", "--json", *words, **variables)
    assert ran.code == code, ran.out + ran.err
    found = ran.json
    levels = [finding["level"] for finding in found["findings"]]
    assert (levels.count("error"), levels.count("warning")) == (found["errors"], found["warnings"])
    return {f"{finding['plugin'] or '-'}: {finding['text']}": finding["level"] for finding in found["findings"]}


def test_a_healthy_house_has_no_findings(cli: Cli) -> None:
    install(cli.site, "hello")
    ran = cli("check", "--strict")
    found = ran.out.splitlines()[:-1]
    assert [line for line in found if ABOUT_THIS_MACHINE not in line] == [], ran.out + ran.err
    assert ran.code == (1 if found else 0), ran.out + ran.err
    assert ran.out.endswith(f"0 errors, {len(found)} warnings\n")


def test_everything_doubtful_of_a_plugin_is_found(cli: Cli) -> None:
    install(cli.site, "toy", DOUBTFUL)
    install(cli.site, "broken", "import a_module_that_nobody_has")
    found = texts(cli, code=1)
    for start, level in {
        "broken: failed at import: ModuleNotFoundError": "error",
        "toy: degraded at health: backend: no socket": "error",
        "toy: health check backend: no socket": "error",
        "toy: health check cache: cold": "warning",
        "toy: its import takes ": "warning",
        "toy: it prints to standard output (1 lines, such as 'hello from the import')": "warning",
        "toy: it brings 1 routes": "warning",
        "toy: it brings 1 middleware": "warning",
        "toy: tool toy_undescribed has no description": "warning",
    }.items():
        assert [found[text] for text in found if text.startswith(start)] == [level], (start, found)


def test_a_plugin_that_is_called_like_a_command_is_told_that_it_can_have_none(cli: Cli) -> None:
    install(cli.site, "health", GREETER)
    found = texts(cli, code=0)
    assert found["health: fuseboard health is a command of the host, so it can have none itself"] == "warning"


def test_clashes_and_doubtful_settings_are_found(cli: Cli) -> None:
    install(cli.site, "one", GREETER)
    install(cli.site, "two", GREETER)
    cli.write(
        "fuseboard.yaml",
        "http: {host: 0.0.0.0}\n"
        "fuses: {one: {prefix: ''}, two: {prefix: '', loop: shared}, gone: {required: true}}\n"
        "block_plugins: [toy]\n",
    )
    found = texts(cli, code=1, FUSEBOARD_HTPP__PORT="1", FUSEBOARD_ONE_OWN="1")
    assert found["gone: it is required and not installed"] == "error"
    assert [level for text, level in found.items() if "tool greet is claimed by one and two" in text] == ["error"]
    assert [level for text, level in found.items() if "http.host is 0.0.0.0" in text] == ["error"]
    assert [level for text, level in found.items() if "two: it runs on the host's own loop" in text] == ["warning"]
    assert [level for text, level in found.items() if "block_plugins names toy" in text] == ["warning"]
    assert [level for text, level in found.items() if "FUSEBOARD_HTPP__PORT sets nothing" in text] == ["warning"]
    assert not [text for text in found if "FUSEBOARD_ONE_OWN" in text]


def test_warnings_count_only_when_strict(cli: Cli) -> None:
    install(cli.site, "noisy", "print('x')\n" + GREETER)
    found = texts(cli, code=0)
    assert [level for text, level in found.items() if ABOUT_THIS_MACHINE not in text] == ["warning"]
    texts(cli, "--strict", code=1)
