"""The benchmarks of the Docker MCP plugin; `run_docker_mcp.py` is their command."""
