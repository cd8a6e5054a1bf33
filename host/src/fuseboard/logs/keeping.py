"""Keeping the host's log on, whatever a plugin does to `logging`."""

from __future__ import annotations

import logging

OWN = "fuseboard"


def keep() -> None:
    """Switch the host's loggers on again: a plugin may have disabled all that existed (`logging.config`)."""
    if logging.root.manager.disable:
        logging.disable(logging.NOTSET)
    for name, known in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] == OWN and isinstance(known, logging.Logger):
            known.disabled = False
