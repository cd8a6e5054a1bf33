"""What a gateway and `docker run` say when a server cannot start."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_docker_mcp.errors import (
    CannotStart,
    DockerMcpError,
    ImageMissing,
    NameCollision,
    NoEngine,
    NotAllowed,
    NoToolkit,
    WrongConfiguration,
)
from fuseboard_docker_mcp.toolkit import explain_docker_run, explain_gateway

EOF = 'failed to connect: calling "initialize": EOF'
PING = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
UNKNOWN = "Warning: Secret 'labnotes.token' not found for server 'labnotes', setting T=<UNKNOWN>"


@pytest.mark.parametrize(
    ("said", "code", "expected", "words"),
    [
        (f"  > Can't start labnotes: {EOF}", None, CannotStart, "its container ended before it answered"),
        (f"{UNKNOWN}\n  > Can't start labnotes: {EOF}", None, CannotStart, "without the secret labnotes.token"),
        (f"  > Can't start labnotes: {PING}", None, NoEngine, "start it, or set DOCKER_HOST"),
        ("  > Can't start labnotes: unsafe remote MCP URL for labnotes", None, NotAllowed, "unsafe"),
        ('  > Can\'t start labnotes: bind mount "/etc" is blocked (sensitive system path)', None, NotAllowed, "/etc"),
        ("  > Can't start labnotes: docker: Error: No such image: lab/x:1", None, ImageMissing, "lab/x:1"),
        (
            f"  - warning: pulling docker image a:1: no such host> Images pulled in 1s\n> Can't start labnotes: {EOF}",
            0, ImageMissing, "the image a:1 of labnotes is not there: no such host",
        ),
        ('x: prompt name collision: server "a" and server "b" both expose "p"', 1, NameCollision, "both expose"),
        ("docker: unknown command: docker mcp", 1, NoToolkit, ""),
        ("reading config: parsing config file c.yaml: yaml: line 1: bad", 1, WrongConfiguration, "yaml: line 1: bad"),
        ("reading catalog: yaml: line 3: bad", 1, CannotStart, "reading catalog: yaml: line 3: bad"),
        ("profile nope not found", 1, CannotStart, "profile nope not found"),
        ("failed to create database client: file is not a database", 1, CannotStart, "file is not a database"),
        ('unknown transport "x", expected stdio', 1, CannotStart, "unknown transport"),
        ("unknown flag: --long-lived\n\nUsage:  docker mcp gateway", 125, CannotStart, "unknown flag: --long-lived"),
        ("- Reading configuration...\nsomething new\n> Stop watching", 1, CannotStart, "code 1: something new"),
        ("- Listing MCP tools...\n> 0 tools listed in 1.5ms\n> Initialized in 1s", None, CannotStart, "has no tool of"),
        ("", 137, CannotStart, "ended with code 137"),
    ],
)  # fmt: skip
def test_a_gateways_words_give_the_named_error(
    said: str, code: int | None, expected: type[DockerMcpError], words: str
) -> None:
    error = explain_gateway("labnotes")(said.split("\n"), code)
    assert type(error) is expected
    assert words in error.text


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (f"  > Can't start other: {EOF}", None),
        ("  > labnotes: (4 tools)\n> 4 tools listed in 1.5s\n> Start stdio server", None),
        ("! No credential helper found\n- Using credential helper: x", 0),
        (UNKNOWN, None),
        ("", None),
    ],
)
def test_where_nothing_is_wrong_nothing_is_explained(said: str, code: int | None) -> None:
    assert explain_gateway("labnotes")(said.split("\n"), code) is None


@pytest.mark.parametrize(
    ("said", "code", "expected", "words"),
    [
        (f"docker: {PING}\n\nRun 'docker run --help' for more information", 125, NoEngine, "set DOCKER_HOST"),
        ("docker: Error response from daemon: No such image: lab/x:1", 125, ImageMissing, "No such image: lab/x:1"),
        ("Unable to find image 'x:1' locally\ndocker: Error response from daemon: pull access denied", 125,
         ImageMissing, "pull it"),
        ("docker: Error response from daemon: invalid mount config: bind source path does not exist", 125, CannotStart,
         "was refused: Error response from daemon: invalid mount"),
        ("docker: Error response from daemon: exec: x: executable file not found in $PATH", 127, CannotStart, "$PATH"),
        ("Traceback (most recent):\nKeyError: 'TOKEN'", 1, CannotStart, "ended with code 1: KeyError: 'TOKEN'"),
        (f"my own: {PING}", 3, CannotStart, "code 3"),
        ("", 137, CannotStart, "perhaps the setting `memory` is too small"),
        ("", 2, CannotStart, "ended with code 2"),
    ],
)  # fmt: skip
def test_the_words_of_docker_run_give_the_named_error(
    said: str, code: int, expected: type[DockerMcpError], words: str
) -> None:
    error = explain_docker_run("lab/x:1")(said.split("\n"), code)
    assert type(error) is expected
    assert words in error.text


def test_a_container_that_ended_well_or_runs_needs_no_explanation() -> None:
    for code in (0, None):
        assert explain_docker_run("lab/x:1")(["server: listening"], code) is None


@given(
    st.lists(
        st.text(max_size=80) | st.sampled_from(["Can't start a: ", "reading config: ", "x collision: ", EOF, PING])
    ),
    st.none() | st.integers(-15, 255),
)
def test_any_words_give_an_error_of_one_printable_line_or_none(lines: list[str], code: int | None) -> None:
    for explain in (explain_gateway("a"), explain_docker_run("a:1")):
        error = explain(lines, code)
        assert error is None or (isinstance(error, DockerMcpError) and error.text.isprintable())
        assert error is not None or code in (None, 0)


def test_megabytes_of_hostile_words_are_read_in_a_moment() -> None:
    began = time.process_time()
    for piece in (
        "warning: pulling docker image x: ",
        "tool collision ",
        "Can't start a: ",
        "  Missing/invalid config: ",
    ):
        explain_gateway("a")([piece * 20_000] * 2000, 1)
        explain_docker_run("a:1")([piece * 20_000] * 2000, 125)
    assert time.process_time() - began < 10
