"""The plugin's door for other plugins: logins that they hold, used for as long as they provide them.

The operator's settings win over what is provided here, and a login that came with a call wins over both. Whatever is
provided allows a login and nothing else: who may be asked, and at which address, stays with the settings.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydantic import SecretStr

from fuseboard_oci.config import keys_for, parsed_host, registry_key
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.login.found import from_pair

logger = logging.getLogger(__name__)

Source = Callable[[], tuple[str, SecretStr] | None]
"""Gives the username and the password of this moment, None when there is no login now."""

Withdraw = Callable[[], None]
"""Takes a login away again. A second time does nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Provided:
    # Whoever holds a source may hold its secret in it, so that it is kept out of sight as well.
    source: Source = field(repr=False)
    realm_hosts: frozenset[str]


# One for the process: each plugin lives on a thread of its own, and no object of this plugin reaches another.
_providers: dict[str, _Provided] = {}
_lock = threading.Lock()


def provide(pattern: str, source: Source, *, realm_hosts: Iterable[str] = ()) -> Withdraw:
    """Let the OCI plugin sign in to registries with a login of yours. From any thread, also before that plugin starts.

    Args:
        pattern: `host`, `host:port`, or `*.example.com` for every host with one more label.
        source: called on the OCI plugin's thread whenever a login is looked up, so it must answer at once: it returns
            what it holds and asks nobody. When it raises, there is no login.
        realm_hosts: further public `host[:port]` that may receive the login to make a token; https only.

    Returns:
        A function that takes the login away again. Call it when your plugin stops.

    Raises:
        ValueError: the pattern or a host is malformed or too wide, or somebody provides a login for this pattern
            already. Neither of the two could be told that the other one's login is used, so the first one stays.
    """
    key = registry_key(pattern)
    mine = _Provided(source, frozenset(map(parsed_host, realm_hosts)))
    with _lock:
        if key in _providers:
            raise ValueError(f"a login for {key} is provided already; withdraw it first")
        _providers[key] = mine

    def withdraw() -> None:
        with _lock:
            # Whatever is provided for the pattern by then may be somebody else's.
            if _providers.get(key) is mine:
                del _providers[key]

    return withdraw


def shared_login(registry: str) -> Login | None:
    """The login that another plugin provides for a parsed registry: for its own name, else for its pattern.

    This end of the door is for the OCI plugin itself.
    """
    for key in keys_for(registry):
        with _lock:
            provided = _providers.get(key)
        # Not under the lock: a source is foreign code, and may itself provide or withdraw.
        login = _ask(key, provided) if provided is not None else None
        if login is not None:
            return login
    return None


def _ask(key: str, provided: _Provided) -> Login | None:
    try:
        pair = provided.source()
        if pair is None:
            return None
        username, password = pair
        found = from_pair(username, password.get_secret_value())
    except Exception as error:
        # Only its kind: the text of an error may quote what the source holds.
        logger.warning("the login that is provided for %s cannot be had: %s", key, type(error).__name__)
        return None
    if found is None:
        logger.warning("the login that is provided for %s is unusable", key)
        return None
    return Login(
        found.username or "",
        found.password,
        found.identity_token,
        origin="shared",
        realm_hosts=provided.realm_hosts,
    )
