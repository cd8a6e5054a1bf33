"""Reading a message that a client sent, by the rules of the proto3 JSON mapping."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import Any, TypeVar

from fuseboard_cloudru.simulator.refusal import Code, Refused, invalid

E = TypeVar("E", bound=IntEnum)
_INT32 = range(-(2**31), 2**31)


class Fields:
    """The fields of one message. A parser of proto3 JSON takes both spellings of a name, and null for a default.

    Args:
        message: the JSON object.
        path: where it is inside the request, for messages about it.
    """

    def __init__(self, message: dict[str, Any], path: str = "") -> None:
        self._message = message
        self._path = path

    @classmethod
    def of_body(cls, body: bytes) -> Fields:
        """The message in the body of a request; an empty body is an empty message.

        Raises:
            Refused: the body is no JSON object.
        """
        try:
            message = json.loads(body) if body.strip() else {}
        except (ValueError, RecursionError) as error:
            raise Refused(Code.INVALID_ARGUMENT, "the body is no JSON") from error
        if not isinstance(message, dict):
            raise Refused(Code.INVALID_ARGUMENT, "the body is no JSON object")
        return cls(message)

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._value(name) is not None

    def text(self, name: str) -> str:
        """A string."""
        value = self._value(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "must be a string")
        return value or ""

    def flag(self, name: str) -> bool:
        """A bool."""
        value = self._value(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "must be true or false")
        return value or False

    def number(self, name: str) -> int:
        """An int32, which may be written as a string or with a zero fraction."""
        value = self._value(name)
        if value is None:
            return 0
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,11}", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value not in _INT32:
            raise self._wrong(name, "must be an integer of 32 bits")
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """An enum, by name or by number."""
        value = self._value(name)
        if value is None:
            return kind(0)
        if isinstance(value, str) and value in kind.__members__:
            return kind[value]
        if isinstance(value, int) and not isinstance(value, bool) and value in set(kind):
            return kind(value)
        raise self._wrong(name, f"must be one of {', '.join(kind.__members__)}")

    def message(self, name: str) -> Fields | None:
        """A message, None when it is not set."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "must be an object")
        return Fields(value, f"{self._path}{name}.")

    def _value(self, name: str) -> Any:
        snake = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
        return self._message.get(name, self._message.get(snake))

    def _wrong(self, name: str, text: str) -> Refused:
        return invalid(f"{self._path}{name}", text)
