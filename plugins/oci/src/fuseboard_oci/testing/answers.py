"""What the parts of the in-memory registry share: the forms of its answers, and lists that come in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar
from urllib.parse import quote

from fuseboard_oci.testing.http import Request, Response

Headers = list[tuple[str, str]]
LinkForm = Literal["rfc", "unquoted", "absolute", "none"]
T = TypeVar("T")


class Pages:
    """Cuts lists into pages, each with a link to the next.

    Args:
        url: of the registry, for absolute links.
        link: how the next page is linked.
        max_n: largest page.
    """

    def __init__(self, url: str, link: LinkForm, max_n: int) -> None:
        self._url = url
        self._link = link
        self._max_n = max_n

    def cut(self, request: Request, items: Sequence[T], key: Callable[[T], str]) -> tuple[Sequence[T], Headers]:
        """The page that the parameters `n` and `last` ask for, and the header that leads to the one after it.

        Args:
            request: also says which other parameters the link keeps.
            items: sorted by their keys.
            key: the name of an item, for `last`.
        """
        asked = request.query.get("n", "")
        size = min(int(asked) if asked.isdigit() else self._max_n, self._max_n)
        rest = [item for item in items if key(item) > request.query.get("last", "")]
        page = rest[:size]
        if len(page) == len(rest) or not page or self._link == "none":
            return page, []
        kept = {name: value for name, value in request.query.items() if name not in ("n", "last")}
        query = {**kept, "last": key(page[-1]), "n": str(size)}
        target = f"{request.path}?" + "&".join(f"{name}={quote(value, safe='/:')}" for name, value in query.items())
        target = f"{self._url}{target}" if self._link == "absolute" else target
        relation = "next" if self._link == "unquoted" else '"next"'
        return page, [("Link", f"<{target}>; rel={relation}")]


def as_json(status: int, value: object, headers: Headers | None = None) -> Response:
    """An answer in JSON."""
    return Response(status, [("Content-Type", "application/json"), *(headers or [])], json.dumps(value).encode())


def error(status: int, code: str, message: str) -> Response:
    """An error in the form of the distribution protocol."""
    return as_json(status, {"errors": [{"code": code, "message": message}]})
