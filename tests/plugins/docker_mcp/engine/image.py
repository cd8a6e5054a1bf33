"""An image of the toy server, which nobody has to pull: the interpreter of the tests, and what the server imports."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

IMAGE = "fuseboard/toy:1"
SERVER = "/app/toy_server.py"
_LIBRARY = re.compile(r"(/\S+) \(0x")
# Its help makes the server import all that it ever does, and no more.
_LIST_IMPORTED = """
import contextlib, io, runpy, sys
sys.argv[:] = [sys.argv[1], "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    runpy.run_path(sys.argv[0], run_name="__main__")
for module in list(sys.modules.values()):
    print(getattr(module, "__file__", None), getattr(module, "__cached__", None), sep="\\n")
"""


def root_filesystem(server: Path) -> bytes:
    """A tar archive for `docker import`. Every file but the server stands where it is on this machine."""
    interpreter = str(Path(sys.executable).resolve())
    imported = _lines(interpreter, "-I", "-S", "-c", _LIST_IMPORTED, str(server))
    libraries = _LIBRARY.findall("\n".join(_lines("ldd", interpreter)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for name in sorted({interpreter, *libraries, *imported}):
            if Path(name).is_file():
                archive.add(name)
        archive.add(server, arcname=SERVER)
        for name in ("tmp", "proc", "dev", "sys", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
    return buffer.getvalue()


def import_options() -> list[str]:
    """The options of `docker import` that make the toy server what the image runs."""
    command = [str(Path(sys.executable).resolve()), "-I", "-S", SERVER]
    quoted = ", ".join(f'"{part}"' for part in command)
    return ["--change", f"ENTRYPOINT [{quoted}]"]


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
