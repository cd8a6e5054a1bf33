"""An in-memory registry: the OCI distribution protocol for pull and push, with switches for how real ones differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from fuseboard_oci.testing.answers import LinkForm, Pages, as_json, error
from fuseboard_oci.testing.blobs import Blobs
from fuseboard_oci.testing.builder import Repository
from fuseboard_oci.testing.doorman import AuthMode, Doorman, TokenField
from fuseboard_oci.testing.http import LoopbackServer, Raw, Request, Response
from fuseboard_oci.testing.manifests import Manifests, Meter
from fuseboard_oci.testing.pusher import load
from fuseboard_oci.testing.store import Held, Store

_NAME = r"(?P<name>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
_ROUTES = (
    ("base", re.compile(r"/v2/")),
    ("catalog", re.compile(r"/v2/_catalog")),
    ("tags", re.compile(rf"/v2/{_NAME}/tags/list")),
    ("manifest", re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)")),
    ("referrers", re.compile(rf"/v2/{_NAME}/referrers/(?P<reference>[^/]+)")),
    ("upload", re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<reference>[^/]*)")),
    ("blob", re.compile(rf"/v2/{_NAME}/blobs/(?P<reference>[^/]+)")),
)


class InMemoryRegistry(LoopbackServer):
    """A registry on a loopback port. A context manager.

    Args:
        auth: nobody signs in; everybody by Basic; or by tokens of its own `/token` (anonymous may pull, but not
            `private/*`).
        users: passwords by user name; everybody in it may do everything. `alice` with `secret` when left out.
        refresh_tokens: user names by identity token, which `POST /token` exchanges.
        token_fields: what the answer of `/token` holds; cloud registries send `access_token` and no lifetime.
        post_token: whether `POST /token` exists; if not it answers 404.
        catalog: whether `/v2/_catalog` exists; if not it answers 404.
        referrers: whether the referrers API exists.
        link: how the next page of a list is linked.
        digest_header: whether a manifest comes with `Docker-Content-Digest`.
        etag: whether a manifest comes with `Etag` and `If-None-Match` is answered with 304.
        max_n: largest page of a list.
        ignore_n: whether `n` and `last` of the tags list are ignored, as distribution 2.8 does.
        rate: manifests that may be read before a 429, None for any number; HEAD is free.
        strict_types: whether a push of an unknown media type is refused.
        tags_by_digest: whether a list of tags also says which digest has which, as Google's registries do.
        unknown_is_empty: whether an unknown repository answers an empty list of tags instead of 404.
        null_tags: whether an empty list of tags is written as null.
        delay: seconds that every answer waits.
        port: where it listens; 0 takes a free one.

    Attributes:
        store: what the registry holds.
        doorman: who may enter.
    """

    def __init__(
        self,
        *,
        auth: AuthMode = "none",
        users: Mapping[str, str] | None = None,
        refresh_tokens: Mapping[str, str] | None = None,
        token_fields: Collection[TokenField] = ("token", "expires_in"),
        post_token: bool = True,
        catalog: bool = True,
        referrers: bool = True,
        link: LinkForm = "rfc",
        digest_header: bool = True,
        etag: bool = True,
        max_n: int = 1000,
        ignore_n: bool = False,
        rate: int | None = None,
        strict_types: bool = False,
        tags_by_digest: bool = False,
        unknown_is_empty: bool = False,
        null_tags: bool = False,
        delay: float = 0.0,
        port: int = 0,
    ) -> None:
        super().__init__(delay=delay, port=port)
        self.store = Store()
        self.doorman = Doorman(
            auth,
            self.url,
            users={"alice": "secret"} if users is None else users,
            refresh_tokens=refresh_tokens or {},
            token_fields=token_fields,
            post_token=post_token,
        )
        self._pages = Pages(self.url, link, max_n)
        self._blobs = Blobs(self.store)
        self._manifests = Manifests(
            self.store,
            Meter(rate),
            self._pages,
            digest_header=digest_header,
            etag=etag,
            strict_types=strict_types,
            referrers=referrers,
        )
        self._has_catalog = catalog
        self._has_referrers = referrers
        self._ignore_n = ignore_n
        self._tags_by_digest = tags_by_digest
        self._unknown_is_empty = unknown_is_empty
        self._null_tags = null_tags

    def seed(self, repositories: Iterable[Repository]) -> None:
        """Put repositories in without a request; where there is no referrers API, with the tags that replace it."""
        load(repositories, self.store, referrers=self._has_referrers)

    def respond(self, request: Request) -> Response | Raw:
        """Answer a request of the distribution protocol, or one for a token."""
        if request.path == "/token":
            return self.doorman.token(request)
        for kind, pattern in _ROUTES:
            if match := pattern.fullmatch(request.path):
                parts = match.groupdict()
                name, reference = parts.get("name") or "", parts.get("reference") or ""
                refusal = self.doorman.refusal(request, name, catalog=kind == "catalog")
                return refusal or self._route(kind, request, name, reference)
        return error(404, "NOT_FOUND", "no such route")

    def _route(self, kind: str, request: Request, name: str, reference: str) -> Response:
        match kind:
            case "base":
                return Response(200, [("Docker-Distribution-API-Version", "registry/2.0")], b"{}")
            case "catalog":
                return self._catalog(request)
            case "tags":
                return self._tags(request, name)
            case "manifest":
                return self._manifests.manifest(request, name, reference)
            case "referrers":
                return self._manifests.referrers(request, name, reference)
            case "upload":
                return self._blobs.upload(request, name, reference)
            case _:
                return self._blobs.blob(request, name, reference)

    def _catalog(self, request: Request) -> Response:
        if not self._has_catalog:
            return error(404, "NOT_FOUND", "no catalogue here")
        names, headers = self._pages.cut(request, self.store.names(), str)
        return as_json(200, {"repositories": names}, headers)

    def _tags(self, request: Request, name: str) -> Response:
        held = self.store.get(name)
        if held is None and not self._unknown_is_empty:
            return error(404, "NAME_UNKNOWN", "repository name not known to registry")
        held = held or Held()
        if self._ignore_n:
            return as_json(200, {"name": name, "tags": list(held.tags), **self._extra(held, held.tags)})
        page, headers = self._pages.cut(request, sorted(held.tags), str)
        tags = page or (None if self._null_tags else [])
        return as_json(200, {"name": name, "tags": tags, **self._extra(held, page)}, headers)

    def _extra(self, held: Held, tags: Iterable[str]) -> dict[str, object]:
        """What Google's registries add to a list of tags: the manifests, with the tags that each of them has."""
        if not self._tags_by_digest:
            return {}
        by_digest: dict[str, list[str]] = {}
        for tag in tags:
            by_digest.setdefault(held.tags[tag], []).append(tag)
        rows = {
            digest: {
                "imageSizeBytes": str(len(held.manifests[digest][1])),
                "mediaType": held.manifests[digest][0],
                "tag": names,
                "timeCreatedMs": "0",
                "timeUploadedMs": "0",
            }
            for digest, names in by_digest.items()
        }
        return {"manifest": rows, "child": []}
