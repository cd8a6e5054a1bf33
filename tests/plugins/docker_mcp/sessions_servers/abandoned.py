"""A host that is abandoned: it starts servers, says which, and then ends without leaving its pool.

python abandoned.py WAY SWEPT; WAY is "exit", or "wait" to be killed. The guardian writes the label to SWEPT.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.models import Launch, StdioLaunch
from fuseboard_docker_mcp.sessions import Pool
from fuseboard_docker_mcp.testing import toy_server

STUBBORN = ("--ignore-eof", "--ignore-term", "--spawn-child")


@asynccontextmanager
async def stubborn() -> AsyncIterator[Launch]:
    """A server that nothing but SIGKILL ends, and that a container belongs to."""
    argv = (sys.executable, "-I", "-S", str(Path(toy_server.__file__)), *STUBBORN)
    yield StdioLaunch(argv, dict(os.environ), label="fuseboard.session=abandoned")


async def main() -> None:
    """Start two servers, say so, and end."""
    sweep = ("/bin/sh", "-c", 'echo "$1" >> "$2"', "sh", "{label}", sys.argv[2])
    async with Pool(
        DockerMcpSettings(), changed=lambda session: None, metrics=Metrics(), sweep_command=sweep
    ) as servers:
        for name in ("one", "two"):
            await servers.start(name, stubborn)
        os.write(1, b"started\n")
        if sys.argv[1] == "exit":
            os._exit(3)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main())
