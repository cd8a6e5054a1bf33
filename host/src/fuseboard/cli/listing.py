"""What `tools`, `prompts` and `resources` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fuseboard.cli.session import Session

if TYPE_CHECKING:
    from fuseboard.host import Host

Rows = Sequence[Sequence[object]]


def show_list(
    session: Session, as_json: bool, kinds: Sequence[str], heads: Sequence[str], cells: Callable[[dict[str, Any]], Any]
) -> int:
    """Load all plugins and list what they contribute.

    Args:
        session: this run.
        as_json: print the newest protocol revision's wire forms instead of a table.
        kinds: lists of the catalogue, shown as one.
        heads: of the table.
        cells: the cells of one item's row, from its wire form.
    """

    async def show(host: Host) -> int:
        from fuseboard.contributions.wire import CHECKED_REVISIONS

        await session.settle(host)
        seen = host.seen_by(host.access.local)
        items = [item for kind in kinds for item in seen.listed(kind, CHECKED_REVISIONS[-1])]
        if as_json:
            session.console.json(items)
        else:
            session.console.table(heads, [cells(item) for item in items])
        session.tell_of_the_missing(host)
        return 0

    return session.with_host(show)


def first_line(item: dict[str, Any]) -> str:
    """What an item says about itself, in a line."""
    text = str(item.get("description") or item.get("title") or "").strip()
    return text.splitlines()[0] if text else ""


def plugin_of(item: dict[str, Any]) -> str:
    """The plugin that owns a listed item."""
    return str(item.get("_meta", {}).get("fuseboard/plugin", ""))
