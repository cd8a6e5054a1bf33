"""The person at the terminal as the client of a call: sees its progress and answers its questions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from fuseboard.cli.console import Console, clean
from fuseboard.errors import ToolError

YES = ("y", "yes", "true", "on", "1")
NO = ("n", "no", "false", "off", "0")


class TerminalReach:
    """How a call from the command line reaches its caller.

    Args:
        console: where progress, questions and messages are shown.
        stdin_fd: the real standard input; questions are declined where it is no terminal.
    """

    asks_in_rounds = False

    def __init__(self, console: Console, stdin_fd: int) -> None:
        self._console = console
        self._stdin = stdin_fd
        self._answers = os.isatty(stdin_fd)
        self.wants_progress = console.shows_progress

    def can(self, capability: str) -> bool:
        """Questions to the user are always taken, and declined where nobody can answer."""
        return capability in ("elicitation.form", "elicitation.url")

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Show how far the call is."""
        share = f"{done:g}" if not total else f"{done:g}/{total:g} ({100 * done / total:.0f} %)"
        self._console.progress(f"{share} {message or ''}")

    async def log(self, level: str, data: Any, logger: str | None) -> None:
        """Show a message of the tool."""
        self._console.note(f"{logger or 'tool'}: {level}: {data}")

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the user.

        Raises:
            ToolError: it is no question for a user.
        """
        if method != "elicitation/create":
            raise ToolError(f"the command line cannot answer {method}")
        message = str(params.get("message", ""))
        if not self._answers:
            self._console.note(f"fuseboard: declined a question, as standard input is no terminal: {message}")
            return {"action": "decline"}
        self._console.note(message)
        try:
            if params.get("mode") == "url":
                return await self._ask_for_url(str(params.get("url", "")))
            return await self._ask_for_form(params.get("requestedSchema", {}))
        except EOFError:
            self._console.note("")
            return {"action": "cancel"}

    async def _ask_for_url(self, url: str) -> dict[str, Any]:
        self._console.note(url)
        answer = await self._line("Open this page and press Enter, or type n to decline: ")
        return {"action": "decline" if answer.lower() in NO else "accept"}

    async def _ask_for_form(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        fields = schema.get("properties", {})
        if not fields:
            answer = await self._line("Accept? [y/n] ")
            return {"action": "accept", "content": {}} if answer.lower() in YES else {"action": "decline"}
        self._console.note("(Ctrl-D cancels)")
        content = {}
        for name, field in fields.items():
            value = await self._field(name, field, required=name in schema.get("required", []))
            if value is not None:
                content[name] = value
        return {"action": "accept", "content": content}

    async def _field(self, name: str, field: Mapping[str, Any], *, required: bool) -> Any:
        """Ask for one field until the answer fits; None for one that is left out."""
        while True:
            text = await self._line(_question(name, field, required))
            if not text:
                if "default" in field or not required:
                    return field.get("default")
                self._console.note("an answer is needed")
                continue
            try:
                return _answer(text, field)
            except ValueError as error:
                self._console.note(str(error))

    async def _line(self, question: str) -> str:
        """Read one line. The terminal hands it over as a whole, so the loop is never blocked."""
        self._console.err.write(clean(question))
        self._console.err.flush()
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._stdin, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._stdin)
        line = os.read(self._stdin, 65536)
        if not line:
            raise EOFError
        return line.decode("utf-8", "replace").strip()


def _question(name: str, field: Mapping[str, Any], required: bool) -> str:
    text = str(field.get("title") or name)
    if field.get("description"):
        text += f" ({field['description']})"
    if choices := _choices(field):
        text += f" {'|'.join(choices)}"
    elif field.get("type") == "boolean":
        text += " y|n"
    if "default" in field:
        text += f" [{field['default']}]"
    elif not required:
        text += " [none]"
    return f"{text}: "


def _choices(field: Mapping[str, Any]) -> list[str]:
    part = field.get("items", {}) if field.get("type") == "array" else field
    titled = [*part.get("oneOf", []), *part.get("anyOf", [])]
    return [str(choice) for choice in part.get("enum", []) or [choice.get("const") for choice in titled]]


def _answer(text: str, field: Mapping[str, Any]) -> Any:
    """The answer as the field's type.

    Raises:
        ValueError: it is no answer to this field; says what is.
    """
    kind, choices = field.get("type"), _choices(field)
    if kind == "array":
        return [_one_of(part.strip(), choices) for part in text.split(",") if part.strip()]
    if kind == "boolean":
        if text.lower() not in (*YES, *NO):
            raise ValueError("answer y or n")
        return text.lower() in YES
    if kind in ("integer", "number"):
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            raise ValueError("answer with a number" if kind == "number" else "answer with a whole number") from None
    return _one_of(text, choices)


def _one_of(text: str, choices: list[str]) -> str:
    if choices and text not in choices:
        raise ValueError(f"answer with one of: {', '.join(choices)}")
    return text
