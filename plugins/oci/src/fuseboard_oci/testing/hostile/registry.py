"""A registry that misbehaves, by the name of the repository, and a sink for whatever it lures away."""

from __future__ import annotations

from fuseboard_oci.testing.builder import Repository
from fuseboard_oci.testing.hostile.bodies import BODIES
from fuseboard_oci.testing.hostile.lists import LISTS
from fuseboard_oci.testing.hostile.logins import LOGINS, TOKENS
from fuseboard_oci.testing.hostile.manifests import MANIFESTS
from fuseboard_oci.testing.hostile.redirects import REDIRECTS
from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.hostile.statuses import STATUSES
from fuseboard_oci.testing.http import LoopbackServer, Raw, Request, Response
from fuseboard_oci.testing.registry import InMemoryRegistry

BEHAVIOURS: dict[str, Behaviour] = {**REDIRECTS, **LOGINS, **MANIFESTS, **BODIES, **STATUSES, **LISTS}
"""All behaviours, by the name of the repository that shows them."""


class Sink(LoopbackServer):
    """An internal service that nobody should reach; `log` tells whether somebody did."""

    def respond(self, request: Request) -> Response:
        """Answer everything with something worth stealing."""
        return Response(200, [("Content-Type", "application/json")], b'{"token": "internal", "tags": ["internal"]}')


class HostileRegistry(InMemoryRegistry):
    """Behaves by the first part of the repository's name; `BEHAVIOURS` lists them. A context manager.

    What was seeded under other names is served well.

    Args:
        sink: where redirects, links and realms point to.
        always: the behaviour of every path, also of `/v2/` and of the catalogue; None for the repository's.
        only: with `always`, a part of the paths at which it misbehaves, such as `/blobs/`; elsewhere all is well.

    Attributes:
        item: the manifest that a behaviour serves where a good one is expected.
    """

    def __init__(self, sink: Sink, *, always: str | None = None, only: str = "") -> None:
        super().__init__()
        self._sink = sink
        self._always = always
        self._only = only
        self.item = Repository("x").image(layers=[])

    def respond(self, request: Request) -> Response | Raw:
        """Misbehave, or not."""
        scene = Scene(request, self.url, self._sink.url, self.item, len(self.log), self.stopping)
        if request.path.startswith("/token"):
            return TOKENS[request.path.removeprefix("/token").lstrip("-")](scene)
        if self._always is not None:
            behaviour = BEHAVIOURS[self._always] if self._only in request.path else None
        else:
            behaviour = BEHAVIOURS.get(request.path.removeprefix("/v2/").partition("/")[0])
        return behaviour(scene) if behaviour else super().respond(request)
