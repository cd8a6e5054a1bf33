"""The errors of the OCI plugin.

fuseboard.ToolError
└── OciError            base: `code` from a fixed list, and a text for the model
    ├── InvalidInput    a registry, repository, reference, platform or version that no registry could have
    ├── Blocked         the plugin will not go there: an address, scheme, redirect, link or token realm
    ├── BadAnswer       the registry's answer is too large, is damaged or contradicts itself
    ├── LoginFailed     a login is needed, was refused, or gives no right to pull
    ├── NotFound        no such repository, tag or digest
    ├── RateLimited     the registry asks to come back later
    └── Unreachable     no connection, no answer in time, or an answer that only says that the server failed

All of them are `ToolError`, none is a `BackendError`: the registry comes out of the question, so that one dead registry
says nothing about the next, and must not blow the fuse of all.
"""

from __future__ import annotations

from typing import Literal

from fuseboard import ToolError

Code = Literal[
    "INVALID_REGISTRY",
    "INVALID_REPOSITORY",
    "INVALID_REFERENCE",
    "INVALID_PLATFORM",
    "INVALID_ARGUMENT",
    "INVALID_PATTERN",
    "INVALID_VERSION",
    "BLOCKED_ADDRESS",
    "BLOCKED_SCHEME",
    "BLOCKED_REDIRECT",
    "BLOCKED_LINK",
    "BLOCKED_REALM",
    "BAD_REALM",
    "TOO_MANY_REDIRECTS",
    "TOO_LARGE",
    "BAD_ENCODING",
    "TIMEOUT",
    "DIGEST_MISMATCH",
    "MEDIA_TYPE_MISMATCH",
    "NOT_A_MANIFEST",
    "NOT_AN_IMAGE",
    "NOT_A_TAG_LIST",
    "BAD_LINK",
    "PAGINATION_LOOP",
    "TOKEN_FAILED",
    "UNAUTHORIZED",
    "DENIED",
    "NAME_UNKNOWN",
    "MANIFEST_UNKNOWN",
    "PLATFORM_UNKNOWN",
    "NOT_FOUND",
    "TOOMANYREQUESTS",
    "HTTP_ERROR",
]


class OciError(ToolError):
    """Base of everything this plugin raises on purpose.

    Args:
        code: what kind of error, from a fixed list that scripts may rely on.
        text: one or two sentences for the model: what was wrong, where, what to do. Never a secret.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code: Code = code
        self.text = text


class InvalidInput(OciError):
    """The question itself is malformed; nothing was sent."""


class Blocked(OciError):
    """The plugin's rules forbid this address, scheme, redirect, link or realm."""


class BadAnswer(OciError):
    """The registry answered something that cannot be trusted or used."""


class LoginFailed(OciError):
    """No credentials, wrong credentials, or no right to pull."""


class NotFound(OciError):
    """The repository, tag, digest or platform is not there."""


class RateLimited(OciError):
    """The registry limits how often it may be asked."""


class Unreachable(OciError):
    """No usable answer came: connection refused, time over, or a server error."""
