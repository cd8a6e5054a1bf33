"""Takes over the log at import, as scripts do: everything that is logged goes to standard output, which is logged."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_faulty.journal import fine

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar

logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, force=True)
logging.getLogger(__name__).warning("the log is mine")
warnings.simplefilter("error")


@hookimpl
def register_tools(register: ToolRegistrar) -> None:
    """A tool without fault."""
    register(fine)
