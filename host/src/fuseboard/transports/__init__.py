"""The ways in for MCP clients: standard input and output, and HTTP. The guard keeps plugins off the wire."""
