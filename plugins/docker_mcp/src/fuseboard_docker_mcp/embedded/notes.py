"""A few notes: what `stdio_server.py` serves under the name notes. The standard library alone.

They are kept in memory, or in the file that the environment variable `NOTES_FILE` names, which two servers may share.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

NAME = "notes"
TITLE = "Notes"
DESCRIPTION = "Short notes to write down, list, search and delete."
INSTRUCTIONS = "Write down with `add_note` what the user wants to find again; `search_notes` finds it."
MOST_NOTES = 1000
MOST_BYTES = 32 * 2**20

_NOTE: Object = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}, "written": {"type": "string"}},
    "required": ["id", "text", "written"],
}
_NOTES: Object = {
    "type": "object",
    "properties": {"notes": {"type": "array", "items": _NOTE}},
    "required": ["notes"],
}
_READS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
_WRITES = {"readOnlyHint": False, "idempotentHint": False, "openWorldHint": False}


def _takes(**properties: Object) -> Object:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TOOLS: list[Object] = [
    {
        "name": "add_note",
        "title": "Add a note",
        "description": "Write down a note.",
        "inputSchema": _takes(text={"type": "string", "minLength": 1, "maxLength": 20_000}),
        "outputSchema": _NOTE,
        "annotations": {**_WRITES, "destructiveHint": False},
    },
    {
        "name": "list_notes",
        "title": "List the notes",
        "description": "List all notes, the oldest first.",
        "inputSchema": _takes(),
        "outputSchema": _NOTES,
        "annotations": _READS,
    },
    {
        "name": "search_notes",
        "title": "Search the notes",
        "description": "Find the notes that hold every word, in any letter case.",
        "inputSchema": _takes(words={"type": "string", "minLength": 1, "maxLength": 200}),
        "outputSchema": _NOTES,
        "annotations": _READS,
    },
    {
        "name": "delete_note",
        "title": "Delete a note",
        "description": "Delete a note for good. The user is asked first, where the client can ask.",
        "inputSchema": _takes(id={"type": "string", "minLength": 1, "maxLength": 20, "description": "as listed"}),
        "outputSchema": {
            "type": "object",
            "properties": {"deleted": {"type": "boolean"}, "id": {"type": "string"}},
            "required": ["deleted", "id"],
        },
        "annotations": {**_WRITES, "destructiveHint": True},
    },
]
PROMPTS: list[Object] = [
    {
        "name": "summarize_notes",
        "title": "Summarize the notes",
        "description": "Ask for a summary of all notes.",
        "arguments": [{"name": "about", "description": "only what concerns this", "required": False}],
    }
]

_memory: list[Object] = []
_changing = threading.Lock()


def call(name: str, arguments: Object, ask: Callable[[str, Object], Object | None]) -> Object:
    """Call a tool.

    Raises:
        ValueError: there is no such note, no room, or the file cannot be used; the text is for the model.
    """
    if name == "add_note":
        return _add(arguments["text"])
    if name == "delete_note":
        return _delete(arguments["id"], ask)
    words = arguments.get("words", "").casefold().split()
    return {"notes": [note for note in _all() if all(word in note["text"].casefold() for word in words)]}


def prompt(name: str, arguments: Object) -> str:
    """The text of the prompt.

    Raises:
        ValueError: an argument is unknown or no text.
    """
    about = arguments.get("about", "")
    if set(arguments) - {"about"} or not isinstance(about, str):
        raise ValueError("the only argument is `about`, a text")
    written = "\n".join(f"- {note['text']}" for note in _all()) or "(there are none)"
    wish = f" Only what concerns {about[:200]} matters." if about else ""
    return f"Summarize these notes in a few sentences.{wish}\n\n{written}"


def _add(text: str) -> Object:
    with _notes() as notes:
        if len(notes) >= MOST_NOTES:
            raise ValueError(f"{MOST_NOTES} notes are there already; delete some first")
        number = max((int(note["id"]) for note in notes), default=0) + 1
        written = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"id": str(number), "text": text, "written": written}
        notes.append(note)
    return note


def _delete(number: str, ask: Callable[[str, Object], Object | None]) -> Object:
    text = _found(number, _all())["text"]
    form = {
        "type": "object",
        "properties": {
            "delete": {"type": "boolean", "title": "Delete it", "description": "It cannot be brought back."}
        },
        "required": ["delete"],
    }
    answer = ask(f"Delete note {number}: {text[:200]!r}?", form)
    # A client that cannot ask has shown its user the call itself: it says that it destroys.
    agreed = answer is None or (
        answer.get("action") == "accept" and (answer.get("content") or {}).get("delete") is True
    )
    if agreed:
        with _notes() as notes:
            notes.remove(_found(number, notes))
    return {"deleted": agreed, "id": number}


def _found(number: str, notes: list[Object]) -> Object:
    for note in notes:
        if note["id"] == number:
            return note
    raise ValueError(f"there is no note {number!r}; list_notes shows those there are")


def _all() -> list[Object]:
    with _changing:
        path = os.environ.get("NOTES_FILE")
        return _read(path) if path else list(_memory)


@contextmanager
def _notes() -> Iterator[list[Object]]:
    """The notes, to change in place; no other thread or server changes them meanwhile."""
    path = os.environ.get("NOTES_FILE")
    with _changing:
        if not path:
            yield _memory
            return
        try:
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ValueError(f"the notes cannot be kept in {path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            notes = _read(path)
            yield notes
            _write(path, notes)
        finally:
            os.close(lock)


def _read(path: str) -> list[Object]:
    try:
        with open(path, "rb") as file:
            notes = json.loads(file.read(MOST_BYTES))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ValueError(f"the notes in {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        notes = None
    if isinstance(notes, list) and all(map(_is_note, notes)):
        return notes
    raise ValueError(f"{path} holds no notes; it was left as it is, mend it or move it away")


def _is_note(note: Any) -> bool:
    if not isinstance(note, dict) or not all(isinstance(note.get(key), str) for key in ("id", "text", "written")):
        return False
    number: str = note["id"]
    return number.isascii() and number.isdigit() and len(number) <= 9


def _write(path: str, notes: list[Object]) -> None:
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".notes.", dir=os.path.dirname(path) or ".")  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(notes, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise ValueError(f"the notes cannot be kept in {path}: {error.strerror}") from None
