"""The command line as a whole: options, errors, exit codes, listings, settings and the commands of plugins."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest
import yaml

from tests.host.cli.running import COMMAND, LONGEST_RUN, Cli
from tests.host.discovery.toys import GREETER, install

MORE = '''
from fuseboard import hookimpl

@hookimpl
def register_prompts(register):
    register(introduce)

def introduce(name: str, how: str = "well") -> str:
    """Introduce somebody.

    At length.
    """
    return name

@hookimpl
def register_resources(register):
    register("toy://all", everything, mime_type="text/plain")
    register("toy://one/{name}", single)

def everything() -> str:
    """All toys."""
    return ""

def single(name: str) -> str:
    """One toy."""
    return name

@hookimpl
def register_commands(cli):
    import click

    @cli.command()
    @click.option("--name", default="you")
    def hello(name):
        """Say hello."""
        print(f"hello {name}")
        click.echo("and bye")

    @cli.command()
    def fail():
        raise RuntimeError("secret")

    @cli.command()
    @click.option("-p", "--port", type=int)
    def serve(port):
        click.echo(port)

    @cli.command()
    def leave():
        raise SystemExit(5)
'''


def test_help_and_version_need_no_settings_and_reach_the_real_output(cli: Cli) -> None:
    cli.write("fuseboard.yaml", "{")
    ran = cli("--help")
    assert ran.code == 0
    assert ran.err == ""
    for name in ("stdio", "http", "plugins", "tools", "prompts", "resources", "call", "check", "config"):
        assert f"\n  {name} " in ran.out
    assert cli("tools", "-h").out.startswith("Usage: fuseboard tools")
    assert cli("--version").out == cli("plugins", "--version").out
    assert cli("--version").out.startswith("fuseboard ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["stdio"],
        ["http"],
        ["plugins"],
        ["tools"],
        ["prompts"],
        ["resources"],
        ["call", "x"],
        ["check"],
        ["config", "show"],
        ["toy", "hello"],
    ],
)
def test_wrong_settings_end_every_command_with_two_and_at_most_four_lines(cli: Cli, words: list[str]) -> None:
    cli.write("fuseboard.yaml", "".join(f"wrong{number}: 1\n" for number in range(9)))
    ran = cli(*words)
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("fuseboard: ") for line in lines)
    assert lines[0].startswith("fuseboard: wrong0 (fuseboard.yaml:1): no such setting")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["toolz"], "no such command 'toolz'; did you mean tools?"),
        (["nonsense"], "no such command 'nonsense'; no plugin has this name either"),
        (["--wrong"], "No such option"),
        (["tools", "--jsn"], "--json"),
        (["-p", "toy"], "write no:NAME to block a plugin"),
        (["config"], "see fuseboard config --help"),
        (["http", "--port", "x"], "see fuseboard http --help"),
    ],
)
def test_a_usage_error_is_one_line(cli: Cli, words: list[str], said: str) -> None:
    ran = cli(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_shared_options_stand_before_or_after_the_command(cli: Cli) -> None:
    install(cli.site, "one")
    install(cli.site, "two")
    cli.write("other.yaml", "fuses: {one: {prefix: uno_}}\n")
    ran = cli("-p", "no:two", "--config", "other.yaml", "tools", "--json")
    after = cli("tools", "--json", "-p", "no:two", "--config", "other.yaml")
    assert ran.out == after.out
    names = [tool["name"] for tool in ran.json]
    assert "uno_greet" in names
    assert "two_greet" not in names
    assert cli("-p", "no:one", "tools", "-p", "no:two").out.count("_greet") == 0


def test_listings_show_what_a_client_is_offered(cli: Cli) -> None:
    install(cli.site, "hello")
    install(cli.site, "toy", MORE)
    install(cli.site, "broken", "import a_module_that_nobody_has")
    tools = cli("tools")
    assert tools.code == 0
    [line] = [line for line in tools.out.splitlines() if line.startswith("hello_greet")]
    assert line.split(maxsplit=4) == ["hello_greet", "hello", "name", "[times]", "Greet somebody."]
    assert "fuseboard: without broken: failed at import: ModuleNotFoundError" in tools.err
    prompts = cli("prompts")
    assert "toy_introduce  toy     name [how]  Introduce somebody.\n" in prompts.out
    resources = cli("resources", "--json").json
    assert {item.get("uri") or item["uriTemplate"] for item in resources} >= {"toy://all", "toy://one/{name}"}


def test_hook_register_commands_brings_commands_that_print_to_the_real_output(cli: Cli) -> None:
    install(cli.site, "toy", "print('noise')\n" + MORE, summary="Toys.")
    ran = cli("toy", "hello", "--name", "Ada")
    assert (ran.code, ran.out) == (0, "hello Ada\nand bye\n")
    assert "Toys." in cli("toy", "--help").out
    failed = cli("toy", "fail")
    assert failed.code == 1
    said = failed.err.splitlines()[-1]
    assert said.startswith("fuseboard: toy: call: RuntimeError at ")
    assert "secret" not in said
    assert cli("toy", "leave").code == 5
    assert cli("toy", "serve", "-p", "7").out == "7\n"
    assert cli("toy", "serve", "--help").out.startswith("Usage: fuseboard toy serve")
    assert cli("toy").err == "fuseboard: Missing command; see fuseboard toy --help\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (GREETER, "toy: registration: the plugin brings no commands"),
        ("raise SystemExit(3)", "toy: import: called sys.exit(3)"),
        ("import threading; threading.Event().wait()", "toy: import: did not end within 0.5 s"),
    ],
)
def test_a_plugin_without_working_commands_is_told(cli: Cli, source: str, said: str) -> None:
    install(cli.site, "toy", source)
    ran = cli("toy", "hello", FUSEBOARD_FUSES__TOY__IMPORT_TIMEOUT="0.5" if "wait" in source else "10")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"fuseboard: {said}\n"
    assert cli("-p", "no:toy", "toy", "hello").err == "fuseboard: toy: blocked: block_plugins names it\n"


def test_settings_are_shown_with_their_sources_and_without_secrets(cli: Cli) -> None:
    cli.write("fuseboard.yaml", "plugins: {toy: {password: hunter22, url: 'https://a:hunter22@b'}}\n")
    ran = cli("config", "show", FUSEBOARD_HTTP__PORT="9")
    assert ran.code == 0
    lines = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines()}
    assert lines["http.port"] == ["9", "environment", "FUSEBOARD_HTTP__PORT"]
    assert lines["plugins.toy.password"] == ['"***"', "fuseboard.yaml:1"]
    assert "hunter22" not in ran.out
    shown = cli("config", "show", "--json", "-p", "no:toy").json
    assert shown["file"] == "fuseboard.yaml"
    assert {"name": "block_plugins", "value": ["toy"], "source": "command line"} in shown["settings"]


def test_the_schema_accepts_a_right_file_and_refuses_a_wrong_one(cli: Cli) -> None:
    schema = cli("config", "schema").json
    right = (
        "load_plugins: [a]\nhttp: {port: 1, allowed_hosts: 'a,b'}\nfuses: {a: {max_calls: 1}}\nplugins: {a: {b: 1}}\n"
    )
    jsonschema.validate(yaml.safe_load(right), schema)
    for wrong in ("htp: {}", "http: {port: x}", "fuses: {a: {max_cals: 1}}"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(wrong), schema)


def test_a_reader_that_leaves_early_is_no_error_message(cli: Cli) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(COMMAND)} config schema | head -c 1"],
        cwd=cli.home,
        env=cli.environment,
        capture_output=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    assert done.stdout == b"{"
    assert done.stderr == b""


@pytest.mark.parametrize("words", [[], ["stdio"], ["-p", "no:hello"]])
def test_no_command_serves_on_standard_input_and_output(cli: Cli, words: list[str]) -> None:
    install(cli.site, "hello")
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    ran = cli(*words, stdin=json.dumps(hello).encode() + b"\n")
    assert ran.code == 0, ran.err
    [answer] = ran.out.splitlines()
    assert json.loads(answer)["result"]["serverInfo"]["name"] == "fuseboard"


def test_http_serves_until_it_is_told_to_stop(cli: Cli) -> None:
    process = subprocess.Popen(
        [*COMMAND, "http", "--port", "0", "--host", "127.0.0.1"],
        cwd=cli.home,
        env=cli.environment,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with process.stderr:
        lines = iter(process.stderr.readline, b"")
        assert any(b"serving http://127.0.0.1:" in line for line in lines)
        process.terminate()
        assert process.wait(LONGEST_RUN) == 0
        process.stderr.read()


def test_an_address_that_cannot_be_listened_on_is_one_line(cli: Cli) -> None:
    ran = cli("http", "--host", "no.such.host.invalid", "--insecure-no-auth")
    assert ran.code == 2
    assert ran.err.startswith("fuseboard: cannot listen on 'no.such.host.invalid'")
