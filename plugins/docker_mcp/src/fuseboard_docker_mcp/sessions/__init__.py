"""Sessions with started servers: their processes and connections, kept alive, called, and ended for certain."""

from fuseboard_docker_mcp.sessions.pool import Pool
from fuseboard_docker_mcp.sessions.session import Prepare, Session

__all__ = ["Pool", "Prepare", "Session"]
