"""What a behaviour of the hostile registry can see, and the good answers that it spoils."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fuseboard_oci.documents import OCI_MANIFEST
from fuseboard_oci.testing.builder import Item
from fuseboard_oci.testing.http import Raw, Request, Response


@dataclass(frozen=True, slots=True)
class Scene:
    """One request to the hostile registry.

    Attributes:
        request: what was asked.
        url: of the registry.
        sink: URL of the internal service that nobody should reach.
        item: a good manifest.
        number: how many requests the registry has had, this one included.
        stopping: set when the registry ends.
    """

    request: Request
    url: str
    sink: str
    item: Item
    number: int
    stopping: threading.Event

    def manifest(self, *headers: tuple[str, str]) -> Response:
        """The good manifest with these headers in place of the good ones; one with an empty value is left out."""
        given = {name.lower() for name, _ in headers}
        good = [("Content-Type", OCI_MANIFEST)]
        kept = [header for header in good if header[0].lower() not in given]
        return Response(200, [header for header in (*kept, *headers) if header[1]], self.item.body)

    def wants_token(self, realm: str, *before: str) -> Response:
        """Demand a token of `realm`, or give the manifest when one came.

        Args:
            realm: URL.
            before: values of further `WWW-Authenticate` headers, sent first.
        """
        if self.request.headers.get("authorization", "").startswith("Bearer"):
            return self.manifest()
        challenge = f'Bearer realm="{realm}",service="a, b",scope="repository:x:pull,push"'
        return Response(401, [("WWW-Authenticate", text) for text in (*before, challenge)])

    def drip(self, pieces: bytes = b" ") -> Iterator[bytes]:
        """One byte per second out of `pieces`, over and over, until the server stops."""
        while True:
            for byte in pieces:
                if self.stopping.wait(1):
                    return
                yield bytes([byte])


Behaviour = Callable[[Scene], Response | Raw]


def endless(chunk: bytes) -> Iterator[bytes]:
    """The same bytes for ever; the server ends it when it stops or nobody listens."""
    while True:
        yield chunk
