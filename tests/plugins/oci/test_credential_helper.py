"""Credential helpers: real programs that answer, refuse, hang, shout and leave children behind."""

from __future__ import annotations

import gc
import json
import os
import shlex
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest

from fuseboard_oci.login.credential_helper import Clock, CredentialHelpers, HelperAnswer
from tests.plugins.oci.helpers import PATIENCE, let_pass
from tests.plugins.oci.processes import assert_dead, is_listed, wait_for_pid, written

pytestmark = pytest.mark.anyio

SECRET = "hunter2-and-more"
ANSWER = json.dumps({"ServerURL": "ghcr.io", "Username": "alice", "Secret": SECRET})


LIMIT = 300.0
"""Seconds that a helper has: no busy machine uses them up, and `let_pass` makes them pass where they shall."""


@pytest.fixture(autouse=True)
def _a_killed_helper_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long to end what was killed; what is looked at here is that somebody waits for it."""
    monkeypatch.setattr("fuseboard_oci.login.credential_helper._PATIENCE_AFTER_KILL", PATIENCE)


def write_helper(folder: Path, script: str, name: str = "test") -> None:
    """Put a program of the shell, or of Python when it begins with `import`, into a folder."""
    program = folder / f"docker-credential-{name}"
    interpreter = sys.executable if script.startswith("import") else "/bin/sh"
    program.write_text(f"#!{interpreter}\n{script}\n")
    program.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}


def helpers_in(folder: Path, clock: Clock = time.monotonic) -> CredentialHelpers:
    """The helpers of a folder, with all the time that they need."""
    return CredentialHelpers(environment(folder), clock, time_limit=LIMIT)


async def ask(folder: Path, script: str) -> HelperAnswer:
    """What a new helper says of ghcr.io."""
    write_helper(folder, script)
    with anyio.fail_after(PATIENCE):
        return await helpers_in(folder).ask("test", "ghcr.io")


async def ask_in_vain(folder: Path, script: str, *files: str) -> HelperAnswer:
    """What is said of a helper that does not end. Its time is over once it has written these files."""
    write_helper(folder, script)
    answers: list[HelperAnswer] = []

    async def question() -> None:
        answers.append(await helpers_in(folder).ask("test", "ghcr.io"))

    with anyio.fail_after(LIMIT + PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(question)
            for name in files:
                await wait_for_pid(folder / name)
            let_pass(LIMIT)
    return answers[0]


async def test_a_helper_answers_with_a_user_and_a_password(tmp_path: Path) -> None:
    answer = await ask(tmp_path, f"printf %s {shlex.quote(ANSWER)}")
    assert answer.problem is None
    assert answer.found is not None
    assert answer.found.username == "alice"
    assert answer.found.password is not None
    assert answer.found.password.get_secret_value() == SECRET
    assert answer.found.identity_token is None


async def test_the_user_token_means_an_identity_token(tmp_path: Path) -> None:
    answer = await ask(tmp_path, """echo '{"Username": "<token>", "Secret": "refresh-me"}'""")
    assert answer.found is not None
    assert answer.found.identity_token is not None
    assert answer.found.identity_token.get_secret_value() == "refresh-me"
    assert answer.found.username is None
    assert answer.found.password is None


async def test_a_helper_reads_the_server_from_its_standard_input_and_nothing_else(tmp_path: Path) -> None:
    script = f'printf %s "$*" > {tmp_path}/arguments; cat > {tmp_path}/input; pwd > {tmp_path}/folder; exit 1'
    await ask(tmp_path, script)
    assert (tmp_path / "arguments").read_text() == "get"
    assert (tmp_path / "input").read_text() == "ghcr.io"
    assert (tmp_path / "folder").read_text() == "/\n"


async def test_a_helper_that_does_not_read_its_input_is_fine(tmp_path: Path) -> None:
    answer = await ask(tmp_path, f"exec 0<&-; printf %s {shlex.quote(ANSWER)}")
    assert answer.found is not None


async def test_credentials_not_found_is_no_problem(tmp_path: Path) -> None:
    answer = await ask(tmp_path, "echo credentials not found in native keychain; exit 1")
    assert answer == HelperAnswer()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (f"echo the key of {SECRET} is locked; echo {SECRET} >&2; exit 1", "docker-credential-test failed"),
        ("echo credentials not found; exit 2", "docker-credential-test failed"),
        (f"kill -9 $$; echo {SECRET}", "docker-credential-test failed"),
        (f"echo {SECRET}", "the answer of docker-credential-test is unusable: it is not JSON"),
        (f"""echo '["{SECRET}"]'""", "the answer of docker-credential-test is unusable: it is no JSON object"),
        (r"printf '\377\376'", "the answer of docker-credential-test is unusable: it is not JSON"),
        ("exit 0", "the answer of docker-credential-test is unusable: it is not JSON"),
        (f"""echo '{{"Secret": "{SECRET}"}}'""", "holds no usable Username and Secret"),
        (f"""echo '{{"Username": 7, "Secret": "{SECRET}"}}'""", "holds no usable Username and Secret"),
        ("""echo '{"Username": "alice", "Secret": ""}'""", "holds no usable Username and Secret"),
        ("""echo '{"Username": "alice", "Secret": "\\ud800"}'""", "holds no usable Username and Secret"),
        ("""echo '{"Username": "<token>", "Secret": "a b"}'""", "holds no usable Username and Secret"),
    ],
)
async def test_a_helper_that_fails_is_a_problem_without_a_word_of_what_it_said(
    tmp_path: Path, script: str, problem: str
) -> None:
    answer = await ask(tmp_path, script)
    assert answer.found is None
    assert answer.problem is not None
    assert answer.problem.endswith(problem)
    assert SECRET not in answer.problem


async def test_a_helper_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/pid; wait"
    answer = await ask_in_vain(tmp_path, script, "child", "pid")
    assert answer.problem == "docker-credential-test did not answer within 300 s"
    # Gone from the list of processes as well: it was waited for.
    assert not is_listed(await wait_for_pid(tmp_path / "pid"))
    await assert_dead(await wait_for_pid(tmp_path / "child"))


async def test_a_helper_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    answer = await ask_in_vain(tmp_path, f"trap '' TERM INT HUP; echo $$ > {tmp_path}/pid; sleep 600", "pid")
    assert answer.problem is not None
    assert not is_listed(await wait_for_pid(tmp_path / "pid"))


async def test_a_helper_that_closes_its_output_and_stays_is_killed(tmp_path: Path) -> None:
    script = f"printf %s {shlex.quote(ANSWER)}; exec 1>&-; echo $$ > {tmp_path}/pid; exec sleep 600"
    answer = await ask_in_vain(tmp_path, script, "pid")
    assert answer.problem == "docker-credential-test did not answer within 300 s"
    assert not is_listed(await wait_for_pid(tmp_path / "pid"))


@pytest.mark.parametrize("size", [64 * 2**10 + 1, 2**20])
async def test_a_helper_that_says_too_much_is_cut_off(tmp_path: Path, size: int) -> None:
    answer = await ask(tmp_path, f"import sys; sys.stdout.write('x' * {size})")
    assert answer.problem == "docker-credential-test answered more than 65536 bytes"


async def test_a_helper_that_never_stops_talking_is_killed_at_once(tmp_path: Path) -> None:
    answer = await ask(tmp_path, f"echo $$ > {tmp_path}/pid; exec yes {SECRET}")
    assert answer.problem == "docker-credential-test answered more than 65536 bytes"
    assert not is_listed(await wait_for_pid(tmp_path / "pid"))


async def test_an_answer_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    answer = await ask(tmp_path, f"import sys; sys.stdout.write('''{ANSWER}'''.ljust({64 * 2**10}))")
    assert answer.found is not None


async def test_a_child_that_keeps_the_output_open_does_not_delay_the_answer_and_is_killed(tmp_path: Path) -> None:
    answer = await ask(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; printf %s {shlex.quote(ANSWER)}")
    assert answer.found is not None, "neither the end of the child nor that of the time was waited for"
    await assert_dead(await wait_for_pid(tmp_path / "child"))


async def test_an_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    script = f"import sys\nfor letter in '''{ANSWER}''':\n    sys.stdout.write(letter)\n    sys.stdout.flush()"
    answer = await ask(tmp_path, script)
    assert answer.found is not None


async def test_a_cancelled_question_leaves_no_process(tmp_path: Path) -> None:
    write_helper(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 600")
    helpers = helpers_in(tmp_path)
    async with anyio.create_task_group() as group:
        group.start_soon(helpers.ask, "test", "ghcr.io")
        pid = await wait_for_pid(tmp_path / "pid")
        group.cancel_scope.cancel()
    assert not is_listed(pid)


@pytest.mark.parametrize(
    "name", ["../test", "a/b", "/bin/test", "", ".", "te st", "test\n", "test;id", "$(id)", "tést", "x" * 65, "te\0st"]
)
async def test_a_name_that_is_no_plain_name_runs_nothing_and_is_not_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "docker-credential-..").mkdir()
    write_helper(tmp_path, f"touch {tmp_path}/ran")
    answer = await CredentialHelpers(environment(tmp_path)).ask(name, "ghcr.io")
    assert answer.problem == "the name of its credential helper is not made of A-Z a-z 0-9 _ - only"
    assert not (tmp_path / "ran").exists()


async def test_a_helper_that_is_not_there_is_a_problem_that_does_not_repeat_its_name(tmp_path: Path) -> None:
    answer = await CredentialHelpers(environment(tmp_path)).ask(SECRET, "ghcr.io")
    assert answer.problem == "its credential helper is not in the PATH"


async def test_a_helper_is_looked_up_in_the_given_path_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_helper(tmp_path, f"printf %s {shlex.quote(ANSWER)}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for path in (
        {},
        {"PATH": ""},
        {"PATH": "/nowhere"},
        {"PATH": ":"},
        {"PATH": ".:"},
        {"PATH": f"../{tmp_path.name}"},
    ):
        answer = await CredentialHelpers(path).ask("test", "ghcr.io")
        assert answer.problem == "its credential helper is not in the PATH"
    assert (await CredentialHelpers({}).ask("test", "ghcr.io")).found is None
    there = CredentialHelpers({"PATH": str(tmp_path)}, time_limit=LIMIT)
    assert (await there.ask("test", "ghcr.io")).found is not None


async def test_a_program_that_cannot_be_started_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "docker-credential-test").write_text("#!/nowhere/at/all\n")
    (tmp_path / "docker-credential-test").chmod(0o755)
    answer = await CredentialHelpers({"PATH": str(tmp_path)}, time_limit=LIMIT).ask("test", "ghcr.io")
    assert answer.problem == "docker-credential-test cannot be started"


async def test_a_helper_gets_what_it_needs_of_the_environment_and_no_secrets(tmp_path: Path) -> None:
    write_helper(tmp_path, f"import json, os\njson.dump(dict(os.environ), open('{tmp_path}/environment', 'w'))")
    wanted = {
        "HOME": str(tmp_path),
        "USER": "me",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1/bus",
        "DOCKER_CONFIG": "/docker",
        "GNUPGHOME": "/gnupg",
        "AWS_PROFILE": "work",
    }
    unwanted = {
        "FUSEBOARD_OCI_REGISTRIES": SECRET,
        "CLOUD_RU_KEY_SECRET": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "HTTPS_PROXY": f"http://me:{SECRET}@proxy",
        "PYTHONPATH": "/evil",
        "PYTHONSTARTUP": "/evil",
        "LD_PRELOAD": "/evil.so",
    }
    path = {"PATH": f".:{tmp_path}::relative"}
    await CredentialHelpers({**wanted, **unwanted, **path}, time_limit=LIMIT).ask("test", "ghcr.io")
    # Python itself adds LC_CTYPE when it finds the C locale.
    got = json.loads((tmp_path / "environment").read_text())
    assert {name: value for name, value in got.items() if name != "LC_CTYPE"} == {**wanted, "PATH": str(tmp_path)}


async def test_two_questions_at_once_run_the_helper_once(tmp_path: Path) -> None:
    write_helper(tmp_path, f"echo run >> {tmp_path}/runs; printf %s {shlex.quote(ANSWER)}")
    helpers = helpers_in(tmp_path)
    answers: list[HelperAnswer] = []

    async def question(server: str) -> None:
        answers.append(await helpers.ask("test", server))

    async with anyio.create_task_group() as group:
        for server in ["ghcr.io"] * 5 + ["quay.io"] * 5:
            group.start_soon(question, server)
    assert len(answers) == 10
    assert all(answer.found for answer in answers)
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


async def test_at_most_four_helpers_run_at_once(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    script = (
        f"cd {tmp_path}/running; touch $$; ls | wc -l >> {tmp_path}/counts; "
        f"until [ -e {tmp_path}/go ]; do sleep 0.01; done; rm $$; exit 1"
    )
    write_helper(tmp_path, script)
    helpers = helpers_in(tmp_path)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(helpers.ask, "test", f"r{number}.io")
            while written(tmp_path / "counts").count("\n") < 4:
                await anyio.sleep(0.01)
            (tmp_path / "go").touch()
    counts = [int(count) for count in written(tmp_path / "counts").split()]
    assert len(counts) == 10
    assert max(counts) <= 4


async def test_only_so_many_answers_are_remembered(tmp_path: Path) -> None:
    helpers = CredentialHelpers(environment(tmp_path))
    for number in range(300):
        await helpers.ask("test", f"r{number}.io")
    assert len(helpers._slots) == 256


async def test_when_the_first_of_two_questions_is_cancelled_the_second_is_answered(tmp_path: Path) -> None:
    # The first run hangs, the second one answers.
    script = f"mkdir {tmp_path}/seen || exec printf %s {shlex.quote(ANSWER)}; echo $$ > {tmp_path}/pid; exec sleep 600"
    write_helper(tmp_path, script)
    helpers = helpers_in(tmp_path)
    answers: list[HelperAnswer] = []

    async def second() -> None:
        answers.append(await helpers.ask("test", "ghcr.io"))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as first:
                async with anyio.create_task_group() as inner:
                    inner.start_soon(helpers.ask, "test", "ghcr.io")
                    await wait_for_pid(tmp_path / "pid")
                    group.start_soon(second)
                    first.cancel()
    assert [answer.found is not None for answer in answers] == [True]


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        (f"printf %s {shlex.quote(ANSWER)}", 300.0),
        ("echo credentials not found in native keychain; exit 1", 300.0),
        ("exit 3", 30.0),
    ],
)
async def test_an_answer_is_remembered_five_minutes_and_a_failure_half_a_minute(
    tmp_path: Path, script: str, seconds: float
) -> None:
    now = 1000.0
    runs = tmp_path / "runs"
    write_helper(tmp_path, f"echo run >> {runs}; {script}")
    helpers = helpers_in(tmp_path, lambda: now)
    first = await helpers.ask("test", "ghcr.io")
    now += seconds - 0.1
    assert await helpers.ask("test", "ghcr.io") is first
    assert runs.read_text() == "run\n"
    now += 0.1
    assert await helpers.ask("test", "ghcr.io") == first
    assert runs.read_text() == "run\nrun\n"


async def test_nothing_shows_the_secret(tmp_path: Path) -> None:
    write_helper(tmp_path, f"printf %s {shlex.quote(ANSWER)}")
    helpers = helpers_in(tmp_path)
    answer = await helpers.ask("test", "ghcr.io")
    assert answer.found is not None
    shown = f"{answer!r} {answer} {answer.found!r} {helpers!r} {helpers._slots!r}"
    assert SECRET not in shown


async def test_runs_leave_no_open_file_and_no_thread(tmp_path: Path) -> None:
    scripts = (f"printf %s {shlex.quote(ANSWER)}", "exit 1", "exec sleep 600", "exec yes", "sleep 600 &")
    for number, script in enumerate(scripts):
        write_helper(tmp_path, script, f"test{number}")
    # The event loop and the pool of threads open theirs at the first run.
    await helpers_in(tmp_path).ask("test0", "ghcr.io")
    gc.collect()  # what other tests have left would be closed while we count
    before = len(os.listdir("/proc/self/fd"))
    # One of them is killed because its time is over, on a busy machine perhaps all: that leaves nothing either.
    helpers = CredentialHelpers(environment(tmp_path), time_limit=1.0)
    with anyio.fail_after(PATIENCE):
        for number in range(len(scripts)):
            await helpers.ask(f"test{number}", "ghcr.io")
        while any(thread.name.startswith("asyncio-waitpid") for thread in threading.enumerate()):
            await anyio.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before
