"""What may be asked: ids, and the parameters of a list, checked before anything is sent."""

from __future__ import annotations

import re

from fuseboard_cloudru.errors import InvalidInput
from fuseboard_cloudru.models import LONGEST_TOKEN
from fuseboard_cloudru.text import clean

LARGEST_PAGE = 100
_LONGEST = LONGEST_TOKEN
# Ids are opaque: they are quoted into the path, so that whatever they hold stays inside of one segment.
_ID = re.compile(r"[!-~]{1,256}")


def checked_id(place: str, value: str) -> str:
    """Return the id of something.

    Args:
        place: how the argument is called, for the text.
        value: the id.

    Raises:
        InvalidInput: no id looks like this.
    """
    # Clients and servers take these two out of a path, however they are quoted (RFC 3986, section 5.2.4).
    if not _ID.fullmatch(value) or value in (".", ".."):
        raise InvalidInput(f"{place} is {clean(value, 80)!r}; an id has 1 to 256 printable ASCII characters, no space")
    return value


def page_query(page_size: int | None, page_token: str | None, **further: str | None) -> dict[str, str | int | None]:
    """Return the parameters for one page.

    Args:
        page_size: 1 to 100, None for what the service chooses.
        page_token: from the page before.
        further: other parameters, by the names of the API; empty ones are left out.

    Raises:
        InvalidInput: the page is too long, or a text cannot be sent.
    """
    if page_size is not None and not 1 <= page_size <= LARGEST_PAGE:
        raise InvalidInput(f"page_size is {page_size}; it must be 1 to {LARGEST_PAGE}")
    texts = {"pageToken": page_token, **further}
    for name, text in texts.items():
        if text is not None and (len(text) > _LONGEST or not text.isprintable()):
            raise InvalidInput(f"{name} must be at most {_LONGEST} printable characters on one line")
    return {"pageSize": page_size, **{name: text or None for name, text in texts.items()}}
