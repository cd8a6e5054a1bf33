"""Gives this account's key pair to the OCI plugin, where that is installed, so that it can read the registries' images.

Docker signs in to `<registry>.cr.cloud.ru` with the key pair itself, and not with a token of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fuseboard_cloudru.config import CloudruSettings

logger = logging.getLogger(__name__)


@contextmanager
def shared_with_oci(settings: CloudruSettings) -> Iterator[str]:
    """Give the key pair for `*.<registry_domain>` to the OCI plugin while the block runs, when the operator wants it.

    Nothing of this can fail the plugin: what stands in the way is a note.

    Yields:
        What came of it, as one sentence for the health check; empty when the setting `share_with_oci` is off.
    """
    if not settings.share_with_oci:
        yield ""
        return
    note, withdraw = _share(settings)
    logger.log(logging.INFO if withdraw else logging.WARNING, "%s", note)
    try:
        yield note
    finally:
        if withdraw is not None:
            withdraw()


def _share(settings: CloudruSettings) -> tuple[str, Callable[[], None] | None]:
    """The note, and what takes the key pair away again; None when it was not given."""
    pattern = f"*.{settings.registry_domain}"
    key_id, secret = settings.key_id, settings.secret
    if key_id is None or secret is None:
        return f"the OCI plugin gets no login for {pattern}: the key pair is not set", None
    try:
        # Only here: without that plugin this one works alone.
        from fuseboard_oci.credentials import provide
    except ImportError:
        return f"the OCI plugin gets no login for {pattern}: fuseboard-oci is not installed", None
    except Exception as error:
        # Whatever is wrong with the other plugin, it is not wrong with this one.
        return f"the OCI plugin gets no login for {pattern}: it cannot be imported ({type(error).__name__})", None
    try:
        withdraw = provide(pattern, lambda: (key_id, secret))
    except ValueError as error:
        return f"the OCI plugin gets no login for {pattern}: {error}", None
    return f"the OCI plugin signs in to {pattern} with this key pair", withdraw
