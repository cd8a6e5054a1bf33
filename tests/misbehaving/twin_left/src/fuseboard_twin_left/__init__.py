"""One of two plugins called `twin`. Neither may be imported, so importing it leaves a trace."""

import os
from pathlib import Path

with Path(os.environ["FAULTY_JOURNAL"]).open("a", encoding="utf-8") as journal:
    journal.write("twin_left is imported\n")
