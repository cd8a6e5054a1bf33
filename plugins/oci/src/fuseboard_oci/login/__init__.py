"""Signing in: challenges, tokens, and where credentials come from."""
