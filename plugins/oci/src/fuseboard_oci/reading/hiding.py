"""Which values of an image are shown: environments, labels and commands often hold secrets that nobody meant to tell.

A hidden value is None where it stands alone, and `HIDDEN` inside a longer text. All texts are cleaned first, because a
character that nobody sees inside `PASSWORD=` must not hide it from the rules. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fuseboard_oci.text import clean

HIDDEN = "(hidden)"
MAX_STEP = 160

# What base images set, and what says nothing about whoever runs them. Every other value of an environment is hidden.
_HARMLESS = frozenset(
    {
        "ASPNETCORE_HTTP_PORTS",
        "DEBIAN_FRONTEND",
        "DOTNET_RUNNING_IN_CONTAINER",
        "GOPATH",
        "GOROOT",
        "GOTOOLCHAIN",
        "HOME",
        "JAVA_HOME",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "NODE_ENV",
        "PATH",
        "PGDATA",
        "PORT",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "SHELL",
        "TERM",
        "TZ",
        "USER",
        "VERSION",
        "VIRTUAL_ENV",
    }
)
_SECRET = r"(?:pass|secret|token|key(?!word|server|ring|board)|credential|auth(?!ors?(?![a-z]))|[_-]pwd)"
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
# The lengths bound the work on hostile text; a name is looked for only where a word begins.
_NAME = rf"[\w.-]{{0,64}}?{_SECRET}[\w.-]{{0,64}}"
# Rather a word too many than the end of a password: everything up to the next space goes.
_VALUE = r"(?:(?:bearer|basic)\s)?(?:\"(?:[^\"\\]|\\.)*\"?\S*|'[^']*'?\S*|\S+)"
_PAIR_OF_A_SECRET = re.compile(rf"(?<![\w.-])({_NAME}(?:[\"']?=|[\"']\s?:\s?|:\s))\s?{_VALUE}", re.IGNORECASE)
_FLAG_OF_A_SECRET = re.compile(rf"(?<![\w.-])(-{_NAME}\s)(?!-){_VALUE}", re.IGNORECASE)
_FLAG = re.compile(rf"-{_NAME}", re.IGNORECASE)
# Passwords in URLs hold what they should not, such as / and @: the last @ of the word counts.
_USER_IN_URL = re.compile(r"://(?:[^\s/@:]*:\S*|[^\s/]*)@")

_ENVIRONMENT_STEP = re.compile(r"((?:/bin/sh -c )?(?:#\(nop\)\s{0,8})?(?:ENV|ARG)\s)(.*)")
_STEP_WITH_ARGUMENTS = re.compile(r"((?:RUN\s)?\|\d{1,4}\s)(.*?)(\s/\S{0,64}sh\s.*|$)")
# A value may hold spaces: it ends where the next name begins.
_PAIR = re.compile(r"(?<!\S)([A-Za-z_][\w.-]*)=(.*?)(?=\s[A-Za-z_][\w.-]*=|$)")


def env_value(name: str, value: str, *, show: bool) -> str | None:
    """The value of an environment variable, None unless it is harmless or `show` says to show all."""
    if show or not value:
        return clean(value)
    harmless = name in _HARMLESS or (name.endswith("_VERSION") and not _SECRET_NAME.search(name))
    return _without_secrets(clean(value)) if harmless else None


def label_value(name: str, value: str, *, show: bool) -> str | None:
    """The value of a label or annotation, None when its name says that it is a secret."""
    if show or not value:
        return clean(value)
    return None if _SECRET_NAME.search(name) else _without_secrets(clean(value))


def command(words: Iterable[str], *, show: bool) -> list[str]:
    """The words of a command; of a secret's flag, the value is hidden."""
    shown: list[str] = []
    flag = False
    for word in map(clean, words):
        hide = flag and not word.startswith("-")
        flag = _FLAG.fullmatch(word) is not None
        shown.append(word if show else HIDDEN if hide else _without_secrets(word))
    return shown


def step(text: str, *, show: bool) -> str:
    """A line of the history, cut at `MAX_STEP` characters; variables and build arguments in it are hidden like env."""
    line = clean(text, 4 * MAX_STEP)
    if not show:
        if setting := _ENVIRONMENT_STEP.fullmatch(line):
            line = setting[1] + _without_values(setting[2])
        elif run := _STEP_WITH_ARGUMENTS.fullmatch(line):
            line = run[1] + _without_values(run[2]) + run[3]
        line = _without_secrets(line)
    return clean(line, MAX_STEP)


def _without_values(pairs: str) -> str:
    """`A=1 B=2` or the older `A 1`, with all but the harmless values hidden."""
    if not _PAIR.match(pairs):
        name, space, value = pairs.partition(" ")
        return f"{name} {_one_value(name, value)}" if space else name
    return _PAIR.sub(lambda pair: f"{pair[1]}={_one_value(pair[1], pair[2])}", pairs)


def _one_value(name: str, value: str) -> str:
    shown = env_value(name, value, show=False)
    return HIDDEN if shown is None else shown


def _without_secrets(text: str) -> str:
    text = _USER_IN_URL.sub(f"://{HIDDEN}@", text)
    text = _PAIR_OF_A_SECRET.sub(rf"\g<1>{HIDDEN}", text)
    return _FLAG_OF_A_SECRET.sub(rf"\g<1>{HIDDEN}", text)
