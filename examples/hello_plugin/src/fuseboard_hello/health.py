"""The health of the plugin."""

from __future__ import annotations

from fuseboard import Context
from fuseboard_hello.phrases import PhraseBook


async def language_is_known(ctx: Context[PhraseBook]) -> str | None:
    """Nothing when all is well, else the reason."""
    book = ctx.state
    if book.language in book.languages:
        return None
    return f"nobody here speaks {book.language!r}; set FUSEBOARD_HELLO_LANGUAGE to one of {', '.join(book.languages)}"
