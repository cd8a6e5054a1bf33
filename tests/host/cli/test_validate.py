"""`fuseboard validate` grades plugins: what it finds, what it never does, and how it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fuseboard.grading.docstring import describes_result, parameters_in
from tests.host.cli.grading import GOOD, RANGE, found
from tests.host.cli.running import Cli
from tests.host.discovery.toys import install


def test_a_good_plugin_has_no_findings_and_is_measured(cli: Cli) -> None:
    install(cli.site, "good", GOOD, requires=RANGE)
    ran = cli("validate", "toy-good", "--strict", "--json")
    assert ran.code == 0, ran.out + ran.err
    [plugin] = ran.json.pop("plugins")
    assert plugin["findings"] == []
    assert (plugin["name"], plugin["distribution"], plugin["tools"], plugin["called"]) == ("good", "toy-good", 1, [])
    assert plugin["tokens"] > 20
    assert plugin["import_ms"] > 0


POOR = '''
from fuseboard import hookimpl
from pydantic import BaseModel, SecretStr, Field
from pydantic_settings import BaseSettings

print("imported")

class Inner(BaseModel):
    retries: int = 3

class PoorSettings(BaseSettings):
    api_token: str = Field(default="", description="Token of the backend.")
    token_url: str = Field(default="", description="Where tokens come from.")
    password: SecretStr = Field(default=SecretStr("swordfish"), description="Of the backend.")
    inner: Inner = Field(default=Inner(), description="More.")

@hookimpl
def settings():
    return PoorSettings

@hookimpl
def register_tools(register):
    register(silent)
    register(removeAll, read_only=False)
    register(delete_entry, read_only=True)
    register(both, read_only=True, destructive=True)
    register(raw, name="poor_raw", read_only=True, input_schema={
        "type": "object", "properties": {"a b": {"type": "string", "description": "x"}}, "oneOf": [{"type": "object"}]})
    register(again, read_only=True)
    register(long, name="a_name_that_goes_on_and_on_until_no_client_takes_it", read_only=True)

def silent(anything: object, name: str) -> str:
    return ""

def removeAll() -> dict[str, str]:
    """removeAll"""
    return {}

def delete_entry(key: str) -> str:
    """Look up an entry and return it.

    Args:
        key (str): which one.
        kee: a parameter that is gone.
    """
    return key

async def both(ctx) -> str:
    """Wait for a while and return nothing at all."""
    import time
    try:
        time.sleep(0)
    except BaseException:
        pass

def raw(ctx, arguments):
    """TODO: write what this one does and returns."""

def again() -> str:
    """Tell the time of the day and return it."""

def long() -> str:
    """Tell the time of the day and return it."""

@hookimpl
def register_prompts(register):
    register(ask)

def ask(topic: str) -> str:
    """Ask about a topic that is given."""
    return topic

@hookimpl
def instructions():
    return "Use the tools with care. " * 40
'''


def test_everything_that_can_be_read_of_a_plugin_is_found(cli: Cli) -> None:
    install(cli.site, "poor", POOR, summary="")
    ran = cli("validate", "poor", "--json")
    assert ran.code == 1, ran.out + ran.err
    assert "swordfish" not in ran.out
    both, schema = "tool poor_both", "tool poor_poor_raw, input schema"
    assert found(ran) == {
        ("description-missing", "tool poor_silent"): "error",
        ("annotation-contradiction", both): "error",
        ("secret-default", "setting password"): "error",
        ("summary-missing", "metadata"): "warning",
        ("host-not-required", "metadata"): "warning",
        ("output-printed", ""): "warning",
        ("health-missing", ""): "warning",
        ("instructions-long", "instructions"): "warning",
        ("name-style", "tool poor_removeAll"): "warning",
        ("name-twice", "tool poor_poor_raw"): "warning",
        ("name-long", "tool poor_a_name_that_goes_on_and_on_until_no_client_takes_it"): "warning",
        ("description-poor", "tool poor_removeAll"): "warning",
        ("description-placeholder", "tool poor_poor_raw"): "warning",
        ("description-same", "tool poor_a_name_that_goes_on_and_on_until_no_client_takes_it"): "warning",
        ("parameter-undescribed", "tool poor_silent, parameter anything"): "warning",
        ("parameter-untyped", "tool poor_silent, parameter anything"): "warning",
        ("parameter-undescribed", "tool poor_silent, parameter name"): "warning",
        ("parameter-unknown", "tool poor_delete_entry"): "warning",
        ("parameter-undescribed", "prompt poor_ask, argument topic"): "warning",
        ("result-undescribed", "tool poor_silent"): "warning",
        ("annotation-missing", "tool poor_silent"): "warning",
        ("annotation-missing", "tool poor_removeAll"): "warning",
        ("annotation-doubtful", "tool poor_delete_entry"): "warning",
        ("schema-choice-at-top", schema): "warning",
        ("schema-parameter-name", schema): "warning",
        ("blocking-call", both): "warning",
        ("cancel-swallowed", both): "warning",
        ("secret-plain", "setting api_token"): "warning",
        ("setting-undescribed", "setting inner"): "warning",
    }


BUSY = '''
import asyncio, time
from pathlib import Path
from typing import Annotated, Literal
from fuseboard import BackendError, hookimpl
from pydantic import BaseModel, Field

Key = Annotated[str, Field(description="Which one.")]
Example = Annotated[str, Field(description="Which one.", examples=["no"], max_length=1)]

OBJECT = {"type": "object"}

@hookimpl
def register_tools(register):
    register(fine, read_only=True)
    register(write, read_only=False, destructive=False)
    register(needs, read_only=True)
    register(lost, read_only=True)
    register(broken, read_only=True)
    register(refused, read_only=True)
    register(nothing, read_only=True, input_schema=OBJECT, output_schema={"required": ["a"], **OBJECT})
    register(talking, read_only=True)
    register(standing, read_only=True)
    register(stubborn, read_only=True, timeout=0.3)

async def fine(kind: Annotated[Literal["a", "b"], Field(description="Kind.")], key: Key = "") -> str:
    """Look up something and return it."""
    return key

async def write() -> str:
    """Write a file and return its name."""
    Path("written").touch()
    return "written"

async def needs(key: Key) -> str:
    """Look up something by its key and return it."""
    Path("written").touch()
    return key

async def lost() -> str:
    """Look up something and return it."""
    raise BackendError("nobody listens")

async def broken() -> str:
    """Look up something else and return it."""
    raise KeyError("hunter2")

async def refused(key: Example) -> str:
    """Look up a third thing and return it."""
    return key

async def nothing(ctx, arguments):
    """Look up a fourth thing and return it."""
    return {}

async def talking() -> str:
    """Look up a fifth thing and return it."""
    print("a line")
    return ""

async def standing() -> str:
    """Look up a sixth thing and return it."""
    for _ in range(12):  # of a machine that stands still it loses one part, and not the whole
        getattr(time, "sleep")(0.05)
    return ""

async def stubborn() -> str:
    """Look up a seventh thing and return it."""
    while True:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            if OBJECT is None:
                raise

@hookimpl
def register_health_checks(register):
    register(ill)
    register(raises)
    register(slow, timeout=0.2)

async def ill(ctx):
    return "no backend"

async def raises(ctx):
    raise ValueError("hunter2")

async def slow(ctx):
    await asyncio.sleep(30)
'''


def test_only_read_only_tools_are_called_and_only_when_asked(cli: Cli) -> None:
    install(cli.site, "busy", BUSY, requires=RANGE)
    quiet = cli("validate", "busy", "--json")
    assert quiet.json["plugins"][0]["called"] == []
    ran = cli("validate", "busy", "--call", "--json")
    assert ran.code == 1, ran.out + ran.err
    called = ran.json["plugins"][0]["called"]
    mays = ["fine", "lost", "broken", "refused", "nothing", "talking", "standing", "stubborn"]
    assert called == [f"busy_{name}" for name in mays]
    assert not Path(cli.home, "written").exists()
    assert "hunter2" not in ran.out
    told = found(ran)
    assert {place: told.pop((code, place)) for code, place in found(quiet)} == {
        "health check raises": "warning",
        "health check slow": "warning",
        "tool busy_lost": "warning",
    }
    # How long it really stood still is up to the machine.
    assert told.pop(("loop-blocked", "")) in ("warning", "error")
    assert told == {
        ("call-raises", "tool busy_broken"): "error",
        ("example-refused", "tool busy_refused"): "error",
        ("result-invalid", "tool busy_nothing"): "error",
        ("cancel-ignored", "tool busy_stubborn"): "error",
        ("stop-abandoned", "stage stop"): "error",
        ("call-slow", "tool busy_stubborn"): "warning",
        ("output-printed", ""): "warning",
    }
    [blocked] = [one["text"] for one in ran.json["plugins"][0]["findings"] if one["code"] == "loop-blocked"]
    assert "toy_busy.py" in blocked
    assert "in standing" in blocked


def test_a_plugin_that_does_not_come_up_fails_and_the_others_are_graded(cli: Cli) -> None:
    install(cli.site, "good", GOOD, requires=RANGE)
    install(cli.site, "ends", "import os\nos._exit(3)", requires=RANGE)
    install(cli.site, "broken", "import a_module_that_nobody_has", requires=RANGE)
    install(cli.site, "old", requires=["fuseboard>=99"])
    ran = cli("validate", "--json")
    assert ran.code == 1, ran.out + ran.err
    findings = {plugin["name"]: plugin["findings"] for plugin in ran.json["plugins"]}
    assert findings["good"] == []
    assert [one["code"] for one in findings["ends"]] == ["process-ended"]
    assert "exit code 3" in findings["ends"][0]["text"]
    assert [(one["code"], one["place"]) for one in findings["broken"]] == [("plugin-failed", "stage import")]
    assert "a_module_that_nobody_has" in findings["broken"][0]["text"]
    assert [one["code"] for one in findings["old"]] == ["plugin-incompatible"]
    assert {name: ran.json[name] for name in ("total", "successful", "failed", "errors", "warnings")} == {
        "total": 4,
        "successful": 1,
        "failed": 3,
        "errors": 3,
        "warnings": 0,
    }


def test_warnings_fail_a_plugin_only_when_strict(cli: Cli) -> None:
    install(cli.site, "noisy", "print('x')\n" + GOOD, requires=RANGE)
    kind = cli("validate", "noisy")
    assert kind.code == 0
    assert kind.out.startswith("warning: noisy: it printed 1 lines to standard output, such as 'x'; use logging")
    assert kind.out.endswith("[output-printed]\nplugins: 1 total, 1 successful, 0 failed, 0 errors, 1 warnings\n")
    strict = cli("validate", "noisy", "--strict", "--json")
    assert (strict.code, strict.json["failed"], strict.json["plugins"][0]["passed"]) == (1, 1, False)
    assert cli("validate", "noisy", "--strict", "--ignore", "output-printed").code == 0


def test_a_name_that_nobody_has_is_wrong_usage_and_a_blocked_plugin_is_passed_over(cli: Cli) -> None:
    install(cli.site, "good", GOOD, requires=RANGE)
    ran = cli("validate", "goood")
    assert (ran.code, ran.out) == (2, "")
    assert "no plugin and no distribution is called 'goood'; installed plugins: " in ran.err
    assert cli("validate", "-p", "no:good", "--json").json["total"] == 0


@pytest.mark.parametrize(
    ("docstring", "told"),
    [
        ("Look.\n\nArgs:\n    key: which one.\n    most (int): how many,\n        at most.\n\nReturns:\n    It.", True),
        (
            "Look.\n\nArgs:\n    - `key` (dict(str, int)): which.\n    **most**:\n        How many.\n\nReturns: it.",
            True,
        ),
        ("Look.\n\nParameters\n----------\nkey : str\n    Which.\nmost : int\n    Many.\n\nReturns\n-------\nIt", True),
        ("Look.\n\nParameters\n----------\nkey, most\n    Both.\n\nIt returns nothing.", True),
        ("Look.\n\n:param str key: which one.\n:param most: how many.\n:returns: it.", True),
        ("Look.\n\n@param key: which one.\n@param most: how many.\n@return: it.", True),
        ("Look. Args: none that matter.", False),
        ("Look.\n\nParameters\n----------\nkey : str\nmost\n", False),
    ],
)
def test_the_usual_forms_of_docstrings_are_understood(docstring: str, told: bool) -> None:
    assert sorted(name for name, text in parameters_in(docstring).items() if text) == (["key", "most"] if told else [])
    assert describes_result(docstring) is told


def test_the_hosts_own_tools_and_the_plugins_of_this_repository_pass(cli: Cli) -> None:
    ran = cli("validate", "fuseboard", "fuseboard-oci", "fuseboard-cloudru", "docker_mcp", "--json")
    assert ran.code == 0, json.dumps(errors(ran.json), indent=2)
    assert ran.json["total"] == 4


def errors(report: Any) -> list[Any]:
    return [(p["name"], one) for p in report["plugins"] for one in p["findings"] if one["severity"] == "error"]
