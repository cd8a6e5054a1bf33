"""Plugins that do everything wrong, one entry point per misbehaviour; `pyproject.toml` is the list of them."""
