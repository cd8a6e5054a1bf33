"""Which plugins a caller may hear about: those of which it sees something, or might if they were up."""

from __future__ import annotations

from collections.abc import Iterable

from fuseboard.access import Rights
from fuseboard.catalogue import Catalogue
from fuseboard.ledger import UP, Row
from fuseboard.naming import prefix_of
from fuseboard.settings import HostSettings


def known_rows(rows: Iterable[Row], seen: Catalogue, rights: Rights | None, settings: HostSettings) -> list[Row]:
    """Filter the ledger for one caller.

    Args:
        rows: the ledger's.
        seen: what the caller sees of the catalogue.
        rights: the caller's; None where nothing binds but the rules for everybody.
        settings: the plugins' prefixes.
    """
    if rights is None:
        return list(rows)
    entries = (*seen.tools.values(), *seen.prompts.values(), *seen.resources.values(), *seen.templates)
    owners = {entry.plugin for entry in entries}
    return [row for row in rows if row.name in owners or _might_see(row, rights, settings)]


def _might_see(row: Row, rights: Rights, settings: HostSettings) -> bool:
    prefix = prefix_of(row.name, settings.fuse(row.name).prefix)
    return row.state not in UP and (rights.reaches(prefix) or rights.reaches(f"{row.name}:"))
