"""Ends in a syntax error (not in this file, which tools have to read)."""

compile("def broken(:", "broken.py", "exec")
