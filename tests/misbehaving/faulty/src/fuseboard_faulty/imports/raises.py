"""Raises, with a secret in its words."""

from fuseboard_faulty.journal import secret

raise RuntimeError(f"cannot connect with password={secret()}")
