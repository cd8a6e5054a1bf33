"""The errors of the Cloud.ru plugin.

fuseboard.ToolError
└── CloudruError                 base: a `code` in front of a text for the model
    ├── NotConfigured            a key, a secret or a project is missing; the text names exactly which
    ├── InvalidInput             the question could not be asked; nothing was sent
    ├── NotConfirmed             a deletion that nobody confirmed; nothing was sent
    ├── KeyRefused               IAM does not take the key, or the registry not the token made of it
    ├── Denied                   the key is good and has no right to do this (403)
    ├── NotFound                 no such registry or operation (404)
    ├── Conflict                 the name is taken, or the state of things forbids it (409)
    ├── RateLimited              asked too often (429)
    ├── RejectedByService        the service understood and refuses (400 and the like), with the fields it complains of
    ├── BadAnswer                no JSON, an HTML page, too large, or not of the shape it should have
    ├── OutcomeUnknown           a write whose answer was lost, and whose effect could not be found out
    ├── OperationFailed          an operation ended with an error
    └── Unreachable              also a fuseboard.BackendError: no connection, no answer in time, or a server that fails
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fuseboard import BackendError, ToolError

if TYPE_CHECKING:
    from fuseboard_cloudru.models import Operation


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an exchange that failed; all of it is in the text of the error as well.

    Attributes:
        method: the HTTP method.
        route: the path with its ids, without the query.
        status: the HTTP status, None when there was no answer.
        words: what the service said about it, cleaned and cut; empty when it said nothing.
        request_id: what was sent as `X-Request-ID`, for a question to the provider.
        violations: (field, reason) of each argument that the service did not like.
        retry_after: seconds after which it wants to be asked again, None when it does not say.
    """

    method: str
    route: str
    status: int | None = None
    words: str = ""
    request_id: str = ""
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None


class CloudruError(ToolError):
    """Base of everything this plugin raises on purpose. Its text begins with `code`, which scripts may rely on.

    Args:
        text: one or two sentences for the model: what was wrong, where, what to do. Never a secret.
        facts: of the exchange, None when nothing was sent.

    Attributes:
        may_have_acted: whether it ended a write that may have had its effect all the same.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, text: str, facts: Facts | None = None) -> None:
        super().__init__(f"{self.code}: {text}")
        self.text = text
        self.facts = facts
        self.may_have_acted = False


class NotConfigured(CloudruError):
    """Something that every request needs is not set.

    Args:
        missing: the names of the environment variables.
    """

    code = "NOT_CONFIGURED"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; the operator sets them in the "
            "environment, in .env or in the section plugins.cloudru of fuseboard.yaml"
        )
        self.missing = tuple(missing)


class InvalidInput(CloudruError):
    """An argument that the service could not take; nothing was sent."""

    code = "INVALID_INPUT"


class NotConfirmed(CloudruError):
    """Something that cannot be undone was asked for, and the user did not agree; nothing was sent."""

    code = "NOT_CONFIRMED"


class KeyRefused(CloudruError):
    """The access key is wrong, ended or blocked."""

    code = "KEY_REFUSED"


class Denied(CloudruError):
    """The account has no right to do this in this project."""

    code = "DENIED"


class NotFound(CloudruError):
    """There is no such registry or operation."""

    code = "NOT_FOUND"


class Conflict(CloudruError):
    """What is there already forbids it."""

    code = "CONFLICT"


class RateLimited(CloudruError):
    """The service limits how often it may be asked."""

    code = "RATE_LIMITED"


class RejectedByService(CloudruError):
    """The service understood the request and does not take it."""

    code = "REJECTED"


class BadAnswer(CloudruError):
    """The answer cannot be used."""

    code = "BAD_ANSWER"


class OutcomeUnknown(CloudruError):
    """A write may have had its effect or not."""

    code = "OUTCOME_UNKNOWN"


class OperationFailed(CloudruError):
    """An operation of the service ended with an error.

    Args:
        operation: as the service showed it last, with its error.
    """

    code = "OPERATION_FAILED"

    def __init__(self, operation: Operation) -> None:
        status = operation.error.code if operation.error else 2
        words = f": {operation.error.message}" if operation.error and operation.error.message else ""
        what = " ".join(filter(None, (operation.description, operation.resource_name or operation.resource_id)))
        super().__init__(
            f"the operation {operation.id or ''} ({what or 'of an unnamed kind'}) ended with the code {status}{words}; "
            "see with get_registry what is left of it"
        )
        self.operation = operation


class Unreachable(CloudruError, BackendError):
    """No usable answer came: connection refused, time over, or a server error."""

    code = "UNREACHABLE"
