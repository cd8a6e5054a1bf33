"""What the service says no with: google.rpc.Status, and its mapping to HTTP (google.rpc.Code)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """The codes of google.rpc.Code that the service uses."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.INTERNAL: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
    Code.FAILED_PRECONDITION: 400,
    Code.UNKNOWN: 500,
}
"""Of two codes with the same status the usual one comes first."""


class Refused(Exception):
    """The service refuses a request.

    Args:
        code: why.
        message: the service's words.
        violations: for each wrong field its name and what is wrong, for the detail `google.rpc.BadRequest`.
        status: the HTTP status where it is not that of the code.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        violations: dict[str, str] | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.violations = violations or {}
        self.status = status or HTTP_STATUS[code]
        self.headers = headers or {}

    def as_message(self) -> dict[str, Any]:
        """The google.rpc.Status."""
        details = []
        if self.violations:
            fields = [{"field": name, "description": text} for name, text in self.violations.items()]
            details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields})
        return {"code": int(self.code), "message": self.message, "details": details}


def invalid(field: str, text: str) -> Refused:
    """A refusal of one field of a request."""
    return Refused(Code.INVALID_ARGUMENT, "Invalid argument", {field: text})


def not_found(what: str, name: str) -> Refused:
    """A refusal of something that does not exist, as far as the caller may know."""
    return Refused(Code.NOT_FOUND, f"{what} {name} not found")
