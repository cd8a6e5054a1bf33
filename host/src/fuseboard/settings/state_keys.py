"""The secrets that seal questions to the user, as a setting and as a mounted file."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from fuseboard.settings.secret_lines import lines_of, text_of, why

SHORTEST_KEY = 32


def long_enough(key: SecretStr) -> SecretStr:
    """Refuse a key that could be guessed.

    Raises:
        ValueError: it has too few bytes.
    """
    if len(key.get_secret_value().encode()) < SHORTEST_KEY:
        raise ValueError(f"must have at least {SHORTEST_KEY} bytes")
    return key


def keys_in(path: Path | None) -> tuple[SecretStr, ...]:
    """The keys of a file, one a line.

    Args:
        path: of the file; None has no keys.

    Raises:
        ValueError: it cannot be read, has no key, or one that is too short. Never shows a key.
    """
    if path is None:
        return ()
    try:
        keys = {number: SecretStr(line) for number, line in lines_of(text_of(path)).items()}
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {why(error)}") from None
    if not keys:
        raise ValueError("has no key; write one a line, as openssl rand -base64 32 prints it")
    for number, key in keys.items():
        if len(key.get_secret_value().encode()) < SHORTEST_KEY:
            raise ValueError(f"the key in line {number} must have at least {SHORTEST_KEY} bytes")
    return tuple(keys.values())


def readable(path: Path | None) -> Path | None:
    """Refuse a file without good keys at start, and not at the first question.

    Raises:
        ValueError: see `keys_in`.
    """
    keys_in(path)
    return path
