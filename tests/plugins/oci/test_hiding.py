"""Which values of an image are shown and which are hidden."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.reading.hiding import HIDDEN, command, env_value, label_value, step


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("PATH", True),
        ("LANG", True),
        ("NODE_VERSION", True),
        ("VERSION", True),
        ("SECRET_VERSION", False),
        ("DATABASE_URL", False),
        ("path", False),
        ("GREETING", False),
    ],
)
def test_of_an_environment_only_harmless_names_show_their_value(name: str, shown: bool) -> None:
    assert env_value(name, "some value", show=False) == ("some value" if shown else None)
    assert env_value(name, "some value", show=True) == "some value"
    assert env_value(name, "", show=False) == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("org.opencontainers.image.authors", True),
        ("org.opencontainers.image.version", True),
        ("author", True),
        ("io.artifacts.keywords", True),
        ("build.api-key", False),
        ("registry.auth", False),
        ("Authorization", False),
        ("DB_PASS", False),
        ("credentials", False),
    ],
)
def test_labels_show_their_value_unless_they_are_named_like_a_secret(name: str, shown: bool) -> None:
    assert label_value(name, "some value", show=False) == ("some value" if shown else None)
    assert label_value(name, "some value", show=True) == "some value"


@pytest.mark.parametrize(
    "text",
    ["https://me:secret@host/x", "https://secret@host", "db://u:secret@secret@host/db", "db://u:secret/secret@host"],
)
def test_who_logs_in_by_a_url_is_hidden_wherever_it_stands(text: str) -> None:
    for shown in (
        env_value("PATH", text, show=False),
        label_value("url", text, show=False),
        command(["fetch", text], show=False)[1],
        step(f"RUN fetch {text}", show=False),
    ):
        assert shown is not None
        assert "secret" not in shown
        assert f"://{HIDDEN}@" in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("ENV A=1 PATH=/usr/bin:/bin B=two words", f"ENV A={HIDDEN} PATH=/usr/bin:/bin B={HIDDEN}"),
        ("ENV A one two", f"ENV A {HIDDEN}"),
        ("ENV NGINX_VERSION 1.29", "ENV NGINX_VERSION 1.29"),
        ("ARG A", "ARG A"),
        ("/bin/sh -c #(nop)  ENV A=1", f"/bin/sh -c #(nop)  ENV A={HIDDEN}"),
        ("|1 A=b c /bin/bash -o pipefail -c make B=2", f"|1 A={HIDDEN} /bin/bash -o pipefail -c make B=2"),
        ("|1 A=b cmd /S /C make", f"|1 A={HIDDEN}"),
        ("RUN make PREFIX=/usr TOKEN=abc all", f"RUN make PREFIX=/usr TOKEN={HIDDEN} all"),
        ("RUN login --password abc -u me", f"RUN login --password {HIDDEN} -u me"),
        ("RUN login --password-stdin -u me", "RUN login --password-stdin -u me"),
        ("RUN PASSWORD='a b c' login", f"RUN PASSWORD={HIDDEN} login"),
        ('RUN TOKEN="a\\"b c"d login', f"RUN TOKEN={HIDDEN} login"),
        ("RUN curl -H X-Auth-Token: abc host", f"RUN curl -H X-Auth-Token: {HIDDEN} host"),
        ("RUN curl -H 'Authorization: Bearer abc' host", f"RUN curl -H 'Authorization: {HIDDEN} host"),
        ("RUN docker pull ghcr.io/org/auth:1.0", "RUN docker pull ghcr.io/org/auth:1.0"),
        ("RUN --mount=type=secret,id=token make", "RUN --mount=type=secret,id=token make"),
        ("COPY --chown=1:1 . /app # buildkit", "COPY --chown=1:1 . /app # buildkit"),
        ('CMD ["nginx" "-g" "daemon off;"]', 'CMD ["nginx" "-g" "daemon off;"]'),
    ],
)
def test_a_step_hides_variables_arguments_and_what_is_named_like_a_secret(line: str, shown: str) -> None:
    assert step(line, show=False) == shown
    assert step(line, show=True) == line


def test_a_command_hides_the_word_behind_a_flag_that_is_named_like_a_secret() -> None:
    words = ["serve", "--token", "abc", "--fast", "--api-key=abc", "--password", "--quiet"]
    assert command(words, show=False) == [
        "serve",
        "--token",
        HIDDEN,
        "--fast",
        f"--api-key={HIDDEN}",
        "--password",
        "--quiet",
    ]
    assert command(words, show=True) == words


words = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=4, max_size=40)


@given(st.sampled_from(["DATABASE", "GREETING", "x.y", "_A1"]), words)
def test_no_value_of_a_variable_is_seen_in_the_history(name: str, value: str) -> None:
    assert step(f"ENV {name}={value}", show=False) == f"ENV {name}={HIDDEN}"
    assert step(f"ENV A=b {name}={value} C=d", show=False) == f"ENV A={HIDDEN} {name}={HIDDEN} C={HIDDEN}"
    assert step(f"|1 {name}={value} /bin/sh -c make", show=False) == f"|1 {name}={HIDDEN} /bin/sh -c make"


HOSTILE = [
    "a",
    "-",
    "pass",
    "a=",
    " ",
    "://",
    "://:",
    " a",
    'a=" ',
    " /sh",
    "--pass ",
    "'\"=",
    'pass="',
    "token'",
    '\\"',
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("start", ["", "ENV ", "|1 ", 'TOKEN="'])
def test_hostile_text_costs_little_time(start: str, text: str) -> None:
    line = start + text * 20_000
    begin = time.process_time()
    for _ in range(5):
        step(line, show=False)
        label_value("a", line, show=False)
        command([line], show=False)
    assert time.process_time() - begin < 5, "seconds of work; what grows with the square takes many more"


@given(st.text(st.characters(), max_size=300))
def test_what_is_shown_is_short_and_printable(text: str) -> None:
    shown = [step(text, show=False), *command([text], show=False), label_value("a", text, show=False) or ""]
    for line in shown:
        assert line.encode("utf-8").decode("utf-8") == line
        assert not set(line) & set("\x1b\n\u202e")
    assert len(shown[0]) <= 160
