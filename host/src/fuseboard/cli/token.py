"""`fuseboard token`: bearer tokens for HTTP clients."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fuseboard.cli.options import Command, Group, as_json
from fuseboard.cli.session import Session

if TYPE_CHECKING:
    from fuseboard.settings.token_line import TokenLine


@click.group("token", cls=Group, short_help="Make bearer tokens for HTTP clients.")
def command() -> None:
    """Make bearer tokens for HTTP clients."""


@command.command("new", cls=Command)
@click.argument("name")
@click.option("--role", "roles", metavar="ROLE", multiple=True, help="A role of access.roles. Can be given again.")
@click.option("--days", type=click.IntRange(1, 36500), metavar="DAYS", help="Accept it for so many days from now.")
@click.option("--file", "file", metavar="FILE", help="Add the line to FILE instead of auth.tokens_file.")
@as_json
@click.pass_obj
def new(session: Session, name: str, roles: Sequence[str], days: int | None, file: str | None, as_json: bool) -> int:
    """Make a token for NAME and print it, once: only its hash is kept.

    The hash goes, as a line, into the file of auth.tokens_file; without one the line is printed too, for auth.tokens.

    JSON: {"name": text, "token": text, "line": text, "file": text or null}
    """
    from fuseboard.settings.token_line import digest_of, new_token

    line = _line(name, roles, days)
    path = Path(file) if file is not None else session.load().settings.auth.tokens_file
    token = new_token()
    line = _with_digest(line, digest_of(token))
    if path is not None:
        _add(path, line)
    if as_json:
        kept = str(path) if path is not None else None
        session.console.json({"name": name, "token": token, "line": str(line), "file": kept})
        return 0
    session.console.text(token)
    if path is None:
        session.console.text(str(line))
    where = f"its hash is in {path}" if path is not None else "the second line goes into auth.tokens"
    session.console.note(f"fuseboard: this is the token of {name}; it is not shown again, {where}")
    return 0


def _line(name: str, roles: Sequence[str], days: int | None) -> TokenLine:
    from datetime import UTC, datetime, timedelta

    from fuseboard.settings.token_line import NAME, ROLE, TokenLine

    if NAME.fullmatch(name) is None:
        raise click.UsageError(f"{name[:80]!r} is no name for a token; use letters, digits and . _ @ -, at most 64")
    for role in roles:
        if ROLE.fullmatch(role) is None:
            raise click.UsageError(f"{role[:80]!r} is no role; it must not have spaces, commas or +")
    until = (datetime.now(UTC) + timedelta(days=days)).date() if days is not None else None
    return TokenLine(name, b"", tuple(dict.fromkeys(roles)), until)


def _with_digest(line: TokenLine, digest: bytes) -> TokenLine:
    from dataclasses import replace

    return replace(line, digest=digest)


def _add(path: Path, line: TokenLine) -> None:
    """Add a line to the file, which is replaced as a whole: a host that reads it meanwhile finds one or the other.

    Raises:
        SettingsError: the file cannot be read or written, or has that name already.
    """
    from fuseboard.errors import SettingsError
    from fuseboard.settings.secret_lines import text_of, why
    from fuseboard.settings.token_line import parsed_file, refuse_twice

    try:
        real = path.resolve()
        if real.is_symlink():
            raise ValueError("it is a link that leads to itself")  # which `resolve` says by itself before Python 3.13
        with _alone_in(real.parent):
            text = text_of(real) if real.exists() else ""
            refuse_twice([*parsed_file(text), line])
            if text and not text.endswith("\n"):
                text += "\n"
            _replace(real, f"{text}{line}\n")
    except (OSError, ValueError, RuntimeError) as error:  # the last one comes from links that lead to themselves
        raise SettingsError(f"{path}: {why(error)}; nothing was changed and no token was made") from None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else add to a file of this folder meanwhile: one of the two lines would be lost."""
    if sys.platform == "win32":
        yield  # it cannot lock a folder
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    import tempfile

    before = path.stat() if path.exists() else None
    descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if before is not None and sys.platform != "win32":
            # An operator who is root adds to the file of a service, which has to read it afterwards.
            os.chown(written, before.st_uid, before.st_gid)
        os.chmod(written, before.st_mode & 0o777 if before is not None else 0o600)
        os.replace(written, path)
    except BaseException:
        os.unlink(written)
        raise
