"""`fuseboard doctor` names what keeps a client from seeing fuseboard, and what to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.host.cli.clients_home import FILES, at_home, client_file, run_here
from tests.host.cli.running import COMMAND, Cli
from tests.host.discovery.toys import install

ABOUT_THIS_MACHINE = ("to answer; fuseboard plugins shows", "is temporary and may vanish")

# A server of a few lines, to be told what it does wrong.
ANSWERS = """\
import json, sys, time
def answer(number, **result):
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        answer(message["id"], serverInfo={"name": "small", "version": "1"})
    elif message["method"] == "tools/list":
        more = "cursor" not in message["params"]
        answer(message["id"], tools=[{"name": "a" if more else "b"}], **({"nextCursor": "2"} if more else {}))
    elif "id" in message:
        answer(message["id"])
"""
# Seconds that a test waits for in full, and in which even a busy machine starts a program of a few lines.
LONG_ENOUGH_TO_START = "8"
HANG = "import threading; threading.Event().wait()"


def program(folder: Path, source: str, interpreter: str = sys.executable) -> Path:
    """An executable called fuseboard that does something else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fuseboard"
    path.write_text(f"#!{interpreter}\n{dedent(source)}", encoding="utf-8")
    path.chmod(0o755)
    return path


def findings(report: Any) -> list[str]:
    """All findings but those about this machine: that it is slow, and that the tests run in a temporary folder."""
    texts = [text for client in report["clients"] for text in client["findings"]]
    return [text for text in texts if not any(part in text for part in ABOUT_THIS_MACHINE)]


def servers(section: str = "mcpServers", **entries: dict[str, Any]) -> str:
    return json.dumps({section: entries})


def test_a_client_that_sees_everything_is_fine(cli: Cli) -> None:
    install(cli.site, "toy")
    at_home(cli)
    path = client_file(cli, "claude-desktop", FILES["claude-desktop"])
    assert cli("install", "claude-desktop").code == 0
    # The toy is not where plugins are installed, and a client hands no PYTHONPATH down.
    written = json.loads(path.read_text(encoding="utf-8"))
    written["mcpServers"]["fuseboard"]["env"]["PYTHONPATH"] = str(cli.site)
    path.write_text(json.dumps(written), encoding="utf-8")
    report = cli("doctor", "claude-desktop", "--json", "--timeout", "300").json
    assert findings(report) == []
    [client] = report["clients"]
    [entry] = client["entries"]
    assert (entry["server"], entry["tools"]) == ("fuseboard", ["fuseboard_status", "toy_greet"])
    assert entry["seconds"] > 0
    assert {row["name"]: row["state"] for row in entry["plugins"]}["toy"] == "active"
    assert client["files"] == [str(path)]


def test_plugins_that_are_ill_are_named_with_their_reasons(cli: Cli) -> None:
    install(cli.site, "broken", "import a_module_that_nobody_has")
    install(cli.site, "noisy", "import os\nos.write(1, b'banner')\nprint('hello')\nfrom fuseboard import hookimpl\n"
            "@hookimpl\ndef instructions():\n    return 'Be kind.'")  # fmt: skip
    at_home(cli)
    variables = {"PYTHONPATH": str(cli.site), "FUSEBOARD_LOAD_PLUGINS": "broken,noisy", "FUSEBOARD_CONFIG": "/no/file"}
    entry = {"command": COMMAND[0], "args": COMMAND[1:], "env": variables}
    client_file(cli, "cursor", servers(board=entry))
    ran = cli("doctor", "cursor", "--timeout", "300")
    assert ran.code == 1
    assert "board: its settings file /no/file is not there (FUSEBOARD_CONFIG)" in ran.out
    assert "--config" not in ran.out
    assert "it ended with exit code 2 before it answered initialize; it said: fuseboard: environment " in ran.out
    del variables["FUSEBOARD_CONFIG"]
    client_file(cli, "cursor", servers(board=entry))
    ran = cli("doctor", "cursor", "--timeout", "300")
    assert ran.code == 1
    assert "board: plugin broken is failed at import: ModuleNotFoundError" in ran.out
    assert "banner" not in ran.out
    assert "plugin noisy" not in ran.out


@pytest.mark.parametrize(
    ("client", "content", "said"),
    [
        ("claude-desktop", None, "Claude Desktop has no file here; run: fuseboard install claude-desktop"),
        ("claude-desktop", "{}", "has no entry; run: fuseboard install claude-desktop"),
        ("claude-desktop", FILES["claude-desktop"], "has no entry; run: fuseboard install claude-desktop"),
        ("cursor", '{"mcpServers": {},,}', "line 1, column 19: expecting property name"),
        ("claude-code", "{\n// mine\n}", "line 2, column 1: a comment, which this client does not read; Claude Code"),
        ("claude-desktop", "\ufeff{}", "begins with a byte order mark, which Claude Desktop takes for broken"),
        ("vscode", "[]", "must be an object in braces"),
        ("vscode", servers("mcpServers", a={"command": "fuseboard"}), "a stands in mcpServers, where VS Code does not"),
        ("cursor", servers("servers", a={"command": "fuseboard"}), "a stands in servers, where Cursor does not look"),
        ("cursor", '{"mcpServers": 3}', "mcpServers must be an object in braces"),
        ("cursor", servers(fuseboard={"command": "npx"}), "fuseboard does not start fuseboard; see the entry"),
        ("cursor", '{"mcpServers": {"a": {}, "a": {}}}', "mcpServers.a stands there twice, and only the last one"),
        ("cursor", servers(a={"command": "/gone/bin/fuseboard"}), "/gone/bin/fuseboard is not there (below /): was"),
        ("cursor", servers(a={"command": "fuseboard", "env": {"PATH": ""}}), "fuseboard is not found on PATH"),
        ("cursor", servers(a={"command": f"/{'x' * 300}/fuseboard"}), "/fuseboard is not there (below /): was"),
        ("cursor", servers(a={"command": "/\0/fuseboard"}), "/fuseboard is not there (below /): was"),
        ("cursor", servers(a={"command": "/x/fuseboard", "args": "-v"}), "its args must be a list of texts"),
        ("cursor", servers(a={"command": "fuseboard", "env": {"A": 1}}), "the values of its env must be texts"),
        ("vscode", servers("servers", a={"command": "fuseboard", "type": "http"}), "its type must be \"stdio\", not"),
        ("cursor", servers(a={"command": "/x/fuseboard", "disabled": True}), 'it is switched off ("disabled": true)'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_or_an_entry_is_said(cli: Cli, client: str, content: str | None, said: str) -> None:
    at_home(cli)
    client_file(cli, client, content)
    ran = run_here(cli, "doctor", client)
    assert ran.code == 1
    assert said in ran.out
    assert ran.err == ""


def test_a_program_that_cannot_run_is_told_before_it_is_started(cli: Cli) -> None:
    at_home(cli)
    moved = program(cli.home / "moved", "", interpreter="/gone/venv/bin/python")
    plain = program(cli.home / "plain", "")
    plain.chmod(0o644)
    client_file(cli, "cursor", servers(moved={"command": str(moved)}, plain={"command": str(plain)}))
    out = run_here(cli, "doctor", "cursor").out
    assert f"moved: its command {moved} needs /gone/venv/bin/python, which is not there" in out
    assert f"plain: its command {plain} is not executable; run: fuseboard install cursor" in out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.exit('oh')", "it ended with exit code 1 before it answered initialize; it said: oh"),
        (f"import sys\n{HANG}", "it did not answer initialize within 2 s; it said nothing on standard error"),
        ("print('Welcome!')\n" + ANSWERS, "it prints to standard output what is no protocol, such as 'Welcome!'"),
        (f"import os, sys\nsys.stdin.readline()\nos.close(1)\n{HANG}", "it closed its standard output before"),
        ("print('[1]\\n{')\n" + ANSWERS, "such as '[1]'"),
        ("print('[' * 100_000)\n" + ANSWERS, "such as '[[["),
        ("import os\nos.kill(os.getpid(), 9)", "it was ended by signal 9 before it answered initialize"),
        ("while True: print('more')", "it did not answer initialize within 2 s"),
        (ANSWERS.replace('"result": result', '"error": {"message": "too old"}'), "it refused initialize: too old"),
        (ANSWERS.replace('"result": result', '"result": []'), "its answer to initialize is none"),
        (ANSWERS.replace('{"name": "a" if more else "b"}', "3"), "its answer to tools/list holds no list of tools"),
    ],
)  # fmt: skip
def test_a_start_that_fails_is_told_with_what_the_program_said(cli: Cli, source: str, said: str) -> None:
    at_home(cli)
    command = program(cli.home / "bin", source)
    client_file(cli, "cursor", servers(fuseboard={"command": str(command)}))
    # What answers at all answers at once; on a machine that does much else, Python alone takes seconds to start.
    seconds = "2" if "within 2 s" in said else "300"
    ran = run_here(cli, "doctor", "cursor", "--timeout", seconds)
    assert ran.code == 1
    assert said in ran.out


def test_a_server_that_never_reads_does_not_hold_up_the_one_that_asks(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseboard.desktop_clients.trial.STOP_SECONDS", 0.2)
    at_home(cli)
    # It answers what was not asked yet, with a place to go on from that fills any pipe.
    source = f"""\
        import json
        for number, result in (1, {{}}), (2, {{"tools": [], "nextCursor": "x" * 1_000_000}}):
            print(json.dumps({{"jsonrpc": "2.0", "id": number, "result": result}}), flush=True)
        {HANG}
        """
    command = program(cli.home / "bin", source)
    client_file(cli, "cursor", servers(fuseboard={"command": str(command)}))
    ran = run_here(cli, "doctor", "cursor", "--timeout", LONG_ENOUGH_TO_START)
    told = f"it did not answer tools/list within {LONG_ENOUGH_TO_START} s" in ran.out
    assert (ran.code, told) == (1, True), ran.out


def test_a_server_that_ended_is_told_although_what_it_started_keeps_its_output(cli: Cli) -> None:
    at_home(cli)
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    source = f"import subprocess, sys\nsubprocess.Popen({sleeper})\nsys.exit(3)"
    client_file(cli, "cursor", servers(fuseboard={"command": str(program(cli.home / "bin", source))}))
    ran = run_here(cli, "doctor", "cursor", "--timeout", LONG_ENOUGH_TO_START)
    assert "it ended with exit code 3 before it answered initialize" in ran.out, ran.out


def test_rows_that_no_ledger_has_are_passed_over(cli: Cli) -> None:
    at_home(cli)
    rows = [{"name": "a", "state": "failed", "health": 5}, {"name": "b", "state": "failed", "health": [None]}, 3]
    told = json.dumps({"plugins": [*rows, {"name": "c", "state": "failed", "reason": "it is old"}]})
    source = ANSWERS.replace('answer(message["id"])', f'answer(message["id"], contents=[{{"text": {told!r}}}])')
    client_file(cli, "cursor", servers(fuseboard={"command": str(program(cli.home / "bin", source))}))
    report = run_here(cli, "doctor", "cursor", "--json").json
    assert [text.partition("plugin ")[2] for text in findings(report)] == ["c is failed: it is old"]


def test_two_entries_with_the_same_tools_are_told_and_every_page_of_a_list_is_read(cli: Cli) -> None:
    at_home(cli)
    command = program(cli.home / "bin", ANSWERS)
    client_file(cli, "cursor", servers(one={"command": str(command)}, other={"command": "npx"}))
    (cli.home / ".cursor").mkdir()
    (cli.home / ".cursor" / "mcp.json").write_text(servers(two={"command": str(command)}), encoding="utf-8")
    report = run_here(cli, "doctor", "cursor", "--json", "--project").json
    assert [entry["tools"] for entry in report["clients"][0]["entries"]] == [["a", "b"], ["a", "b"]]
    [finding] = findings(report)
    assert f"two and one ({client_file(cli, 'cursor')}) offer the same 2 tools (a, b); keep one" in finding


def test_what_came_with_a_project_is_started_only_when_that_is_said(cli: Cli) -> None:
    at_home(cli)
    command = program(cli.home / "bin", f"open({str(cli.home / 'ran')!r}, 'a').close()\n{ANSWERS}")
    cli.write(".mcp.json", servers(theirs={"command": str(command)}))
    ran = run_here(cli, "doctor", "claude-code")
    assert "theirs in " in ran.out
    assert "not started, since it is a project's; --project starts it" in ran.out
    assert not (cli.home / "ran").exists()
    client_file(cli, "claude-code", servers(mine={"command": str(command)}))
    twice = run_here(cli, "doctor", "claude-code")
    assert twice.code == 1
    assert "theirs and mine (" in twice.out
    assert "start the same program; keep one" in twice.out
    assert "theirs in " in run_here(cli, "doctor", "claude-code", "--project").out
    assert "not started" not in run_here(cli, "doctor", "claude-code", "--project").out


SHOW = """\
    import json, os, sys
    names = ("A", "B", "C", "HOME", "FUSEBOARD_ACCESS__READ_ONLY")
    print(json.dumps([os.environ.get(name) for name in names]), os.getcwd(), *sys.argv[1:], sep="\\n", file=sys.stderr)
    """


def handed_over(cli: Cli, client: str, entry: dict[str, Any]) -> list[Any]:
    """What a program that shows its environment gets from a client: three variables, its folder, its arguments."""
    program(cli.home / "bin", SHOW)
    client_file(cli, client, servers("servers" if client == "vscode" else "mcpServers", fuseboard=entry))
    [found] = run_here(cli, "doctor", client, "--json").json["clients"]
    variables, folder, *args = found["entries"][0]["stderr"]
    first, second, third, home, leaked = json.loads(variables)
    assert (home, leaked) == (cli.variables["HOME"], None)
    return [first, second, third, folder, *args]


def test_a_server_is_started_as_its_client_starts_it(cli: Cli) -> None:
    at_home(cli)
    cli.variables |= {"FUSEBOARD_ACCESS__READ_ONLY": "true", "KEY": "k", "PLACE": str(cli.home)}
    here, command = str(cli.home), str(cli.home / "bin" / "fuseboard")
    plain = {"command": command, "env": {"A": "${KEY}"}}
    assert handed_over(cli, "claude-desktop", plain) == ["${KEY}", None, None, os.sep]
    shell = {"command": "${PLACE}/bin/fuseboard", "args": ["${KEY}"], "env": {"A": "${KEY}", "B": "${NOBODY:-else}"}}
    assert handed_over(cli, "claude-code", shell) == ["k", "else", None, here, "k"]
    (cli.home / "home" / "kept.env").write_text("A=file\nB='of ${KEY}'\n", encoding="utf-8")
    editor = {"command": "${userHome}/../bin/fuseboard", "envFile": "~/kept.env", "env": {"A": "${env:KEY}"}}
    assert handed_over(cli, "cursor", editor) == ["k", "of ${KEY}", None, here]
    moved = {"command": command, "cwd": "${workspaceFolder}/bin", "envFile": "${userHome}/kept.env"}
    assert handed_over(cli, "vscode", moved) == ["file", "of ${KEY}", None, str(cli.home / "bin")]


@pytest.mark.parametrize(
    ("client", "entry", "said"),
    [
        ("claude-desktop", {"env": {"A": "${HOME}"}}, "Claude Desktop puts nothing in for the ${...} of its env A"),
        ("claude-desktop", {"cwd": "/"}, "Claude Desktop documents no cwd, and may pass it over; use env"),
        ("claude-code", {"env": {"A": "${NOBODY}"}}, "${NOBODY} is not set here; set NOBODY where Claude Code is"),
        ("claude-code", {"envFile": "x"}, "Claude Code documents no envFile"),
        ("cursor", {"args": ["${env:NOBODY}"]}, "${env:NOBODY} is not set here"),
        ("cursor", {"env": {"A": "${input:key}"}}, "Cursor puts nothing in for the ${...} of its env A; write"),
        ("cursor", {"envFile": "pipe"}, "its envFile pipe is not there; mend the path"),
        ("cursor", {"envFile": "~nobody-at-all/x"}, "its envFile ~nobody-at-all/x is not there"),
        ("cursor", {"envFile": "\0"}, "is not there; mend the path"),
        ("cursor", {"envFile": "latin"}, "its envFile latin cannot be read (it is not UTF-8)"),
        ("vscode", {"envFile": 3}, "its envFile must be a text"),
        ("vscode", {"cwd": "nowhere"}, "its cwd nowhere is no folder; mend the path"),
        ("vscode", {"env": {"A": "${input:token}"}}, "${input:token} is asked for, and inputs of the file has nothing"),
    ],
)
def test_what_a_client_does_not_fill_in_or_find_is_said(
    cli: Cli, client: str, entry: dict[str, Any], said: str
) -> None:
    at_home(cli)
    os.mkfifo(cli.home / "pipe")
    (cli.home / "latin").write_bytes(b"A=\xe9\n")
    command = program(cli.home / "bin", ANSWERS)
    section = "servers" if client == "vscode" else "mcpServers"
    client_file(cli, client, servers(section, fuseboard={"command": str(command), **entry}))
    ran = run_here(cli, "doctor", client)
    assert ran.code == 1
    assert said in ran.out
    assert "${HOME}" not in ran.out  # of a client that fills in nothing: it may be a part of a password


def test_an_entry_that_needs_an_answer_of_the_clients_user_is_not_started(cli: Cli) -> None:
    at_home(cli)
    command = program(cli.home / "bin", f"open({str(cli.home / 'ran')!r}, 'a').close()\n{ANSWERS}")
    entry = {"command": str(command), "env": {"TOKEN": "${input:key}"}}
    asks = {"inputs": [{"type": "promptString", "id": "key"}], "servers": {"fuseboard": entry}}
    client_file(cli, "vscode", json.dumps(asks))
    ran = run_here(cli, "doctor", "vscode")
    assert "not started, since only VS Code has a value for ${input:key}" in ran.out
    assert (ran.code, (cli.home / "ran").exists()) == (0, False)
    [client] = run_here(cli, "doctor", "vscode", "--json").json["clients"]
    assert client["entries"][0]["asked"] == ["${input:key}"]


def test_claude_code_is_asked_for_the_servers_of_this_folder_and_for_those_switched_off(cli: Cli) -> None:
    at_home(cli)
    command = program(cli.home / "bin", ANSWERS)
    project = {"mcpServers": {"mine": {"command": str(command)}}, "disabledMcpjsonServers": ["fuseboard", "other"]}
    client_file(cli, "claude-code", json.dumps({"projects": {str(cli.home): project, "/x": {}}}))
    report = run_here(cli, "doctor", "claude-code", "--json").json
    assert [entry["name"] for entry in report["clients"][0]["entries"]] == ["mine"]
    assert [
        "fuseboard is switched off for this folder (disabledMcpjsonServers)" in text for text in findings(report)
    ] == [True]


def test_without_a_name_all_clients_that_are_used_are_looked_at_and_one_entry_is_enough(cli: Cli) -> None:
    at_home(cli)
    nothing = run_here(cli, "doctor")
    assert nothing.code == 1
    assert "VS Code has no file here; run: fuseboard install vscode" in nothing.out
    command = program(cli.home / "bin", ANSWERS)
    client_file(cli, "vscode", FILES["vscode"])
    client_file(cli, "cursor", servers(fuseboard={"command": str(command)}))
    ran = run_here(cli, "doctor")
    assert "VS Code: without fuseboard\n" in ran.out
    assert "Claude" not in ran.out
    assert "Cursor: " in ran.out
    assert findings(run_here(cli, "doctor", "--json").json) == []


def test_a_file_at_another_place_is_looked_at_when_it_is_named(cli: Cli) -> None:
    at_home(cli)
    cli.write("profile.json", '{"servers": {}}')
    ran = run_here(cli, "doctor", "vscode", "--file", "profile.json")
    assert "profile.json has no entry; run: fuseboard install vscode" in ran.out
    wrong = cli("doctor", "--file", "profile.json")
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)
    assert "--file needs CLIENT" in wrong.err
