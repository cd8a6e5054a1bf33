"""What an operator can set about the log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from fuseboard.settings.fields import Strict


class LogSettings(Strict):
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="lowest level that is logged; a call is logged at info, one that failed at warning",
    )
    format: Literal["text", "json"] = Field(
        default="text", description="`text` for people, or `json`: one JSON object per line, for machines"
    )
    file: Path | None = Field(
        default=None,
        description="a file that gets the same lines, for one process; at 10 MB it becomes `<file>.1`, and five such "
        "files are kept",
    )
