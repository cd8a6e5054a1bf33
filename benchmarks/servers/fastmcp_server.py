"""Candidate (c): FastMCP, with three servers mounted into one. Runs in the benchmark's own environment."""

from __future__ import annotations

import sys

from fastmcp import FastMCP  # type: ignore[import-not-found]

from fuseboard_bench.tools import SECTIONS, functions_of

main = FastMCP("bench")
for section in SECTIONS:
    part = FastMCP(section)
    for function in functions_of(section):
        # The other candidates answer with plain text; without this FastMCP would send it a second time as data.
        part.tool(function, output_schema=None)
    main.mount(part, namespace=section)

if __name__ == "__main__":
    if sys.argv[1] == "http":
        import uvicorn

        app = main.http_app(path="/mcp")
        uvicorn.run(app, port=int(sys.argv[2]), http="h11", loop="asyncio", log_level="warning", access_log=False)
    else:
        main.run(transport="stdio", show_banner=False)
