"""The stand-in for Docker's command line: standard library only (and PyYAML where a file is YAML), run as a program.

It knows nothing of the plugin that is tried on it. `fuseboard_docker_mcp.testing.StandIn` makes the folder it lives in.
"""
