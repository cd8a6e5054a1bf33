"""What the tests of authentication share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.auth.issuer import Issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An authorisation server of this machine; tests that change its keys have one of their own."""
    with Issuer() as made:
        yield made
