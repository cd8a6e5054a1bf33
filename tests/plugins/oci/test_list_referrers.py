"""Signatures, bills of materials and attestations of an image: where they are looked for, and what is said of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci import tools
from fuseboard_oci.documents import OCI_INDEX, digest_of
from fuseboard_oci.errors import BadAnswer, LoginFailed, NotFound, OciError
from fuseboard_oci.reading.referrers import MAX_ENTRIES, Referrers
from fuseboard_oci.testing import InMemoryRegistry, Repository, seed_data
from fuseboard_oci.testing.builder import encode, point_to
from fuseboard_oci.testing.http import Request, Response
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, PATIENCE, Oci, asking, held

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"
SPDX = "application/spdx+json"
SIGNATURE = {"mediaType": "x", "digest": digest_of(b"signature"), "size": 1, "artifactType": BUNDLE}


class Scripted(InMemoryRegistry):
    """A registry that answers some requests in a way of its own.

    Args:
        answer: the answer to a request, None where the registry itself shall answer.
    """

    def __init__(self, answer: Callable[[Request], Response | None], *, referrers: bool = True) -> None:
        super().__init__(referrers=referrers)
        self._answer = answer

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        return self._answer(request) or super().respond(request)


async def referrers(oci: Oci, repository: str, reference: str | None = "1.0", **arguments: Any) -> Referrers:
    """The result of `list_referrers`."""
    return await tools.list_referrers(oci.context, repository, reference, oci.registry, **arguments)


def seeded(registry: InMemoryRegistry) -> InMemoryRegistry:
    """Put the test data in."""
    registry.seed(seed_data(many=1, parallel=0))
    return registry


def answering_referrers(body: bytes, *headers: tuple[str, str]) -> Callable[[Request], Response | None]:
    """What to give `Scripted` so that every list of referrers is this."""

    def answer(request: Request) -> Response | None:
        return Response(200, [("Content-Type", OCI_INDEX), *headers], body) if "/referrers/" in request.path else None

    return answer


def types(result: Referrers) -> dict[str, list[str | None]]:
    """The artifact types in a result, by what they count as."""
    groups = ("signatures", "sboms", "attestations", "other")
    found = {name: sorted(str(row.artifact_type) for row in getattr(result, name)) for name in groups}
    return {name: list(rows) for name, rows in found.items() if rows}


@pytest.mark.case(38)
@pytest.mark.anyio
@pytest.mark.parametrize("auth", ["none", "basic", "token"])
async def test_the_referrers_of_a_signed_image_are_found_by_the_api(auth: Literal["none", "basic", "token"]) -> None:
    with seeded(InMemoryRegistry(auth=auth)) as registry:
        async with asking(registry, **ALICE) as oci:
            result = await referrers(oci, "demo/signed")
        assert types(result) == {"signatures": [NOTATION, BUNDLE], "sboms": [SPDX]}
        assert (result.source, result.signed, result.verified) == ("api", "present", False)
        assert result.subject == held(registry, "demo/signed")[0]
        assert all(row.size and row.subject is None for row in result.signatures)
        assert not any(".sig" in entry.path for entry in registry.log), "a signature was found, so no old tag is asked"


@pytest.mark.case(38)
@pytest.mark.anyio
@pytest.mark.parametrize("repository", ["demo/signed", "demo/signedindex"])
async def test_without_the_api_they_are_found_by_the_tag_that_stands_in_for_it(repository: str) -> None:
    with seeded(InMemoryRegistry(referrers=False)) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, repository)
        assert types(result) == {"signatures": [NOTATION, BUNDLE], "sboms": [SPDX]}
        assert (result.source, result.signed) == ("tag", "present")


@pytest.mark.case(38)
@pytest.mark.anyio
@pytest.mark.parametrize(("has_api", "source"), [(True, "api"), (False, "none")])
async def test_an_image_that_nothing_refers_to_is_not_signed(has_api: bool, source: str) -> None:
    with seeded(InMemoryRegistry(referrers=has_api)) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
        assert result.model_dump() == {
            "subject": held(registry, "demo/single")[0],
            "source": source,
            "signed": "absent",
            "verified": False,
        }
        # Reading a manifest is counted by some registries; looking for the old tags must not be.
        asked = [entry.method for entry in registry.log if "/manifests/sha256-" in entry.path]
        assert asked == ["HEAD"] * 3 if has_api else ["GET", "HEAD", "HEAD", "HEAD"]


@pytest.mark.case(38)
@pytest.mark.anyio
async def test_a_filter_lists_one_type_and_leaves_signed_as_it_is() -> None:
    with seeded(InMemoryRegistry()) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/signed", artifact_type=SPDX)
            nothing = await referrers(oci, "demo/signed", artifact_type="application/vnd.example")
    assert types(result) == {"sboms": [SPDX]}
    assert types(nothing) == {}
    assert result.signed == nothing.signed == "present"


@pytest.mark.anyio
@pytest.mark.parametrize(("has_api", "source"), [(True, "api"), (False, "tag")])
async def test_a_signature_of_older_cosign_is_found_by_its_tag(has_api: bool, source: str) -> None:
    with InMemoryRegistry(referrers=has_api) as registry:
        repository = Repository("old")
        image = repository.image(layers=[])
        signature = repository.artifact("application/vnd.example", b"signature")
        repository.artifact(SPDX, b"of a newer tool", subject=point_to(image))
        tag = image.digest.replace(":", "-") + ".sig"
        repository.tag(image, "1.0")
        repository.tag(signature, tag)
        registry.seed([repository])
        async with asking(registry) as oci:
            result = await referrers(oci, "old")
        assert [(row.digest, row.tag) for row in result.signatures] == [(signature.digest, tag)]
        assert len(result.sboms) == 1
        assert (result.source, result.signed) == (source, "present")


@pytest.mark.anyio
async def test_an_old_tag_is_read_where_the_registry_names_no_digest() -> None:
    with seeded(InMemoryRegistry(referrers=False, digest_header=False)) as registry:
        tag = held(registry, "demo/signed")[0].replace(":", "-")
        registry.store.delete_manifest("demo/signed", tag)
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/signed")
        assert [row.digest for row in result.signatures] == [held(registry, "demo/signed", f"{tag}.sig")[0]]


@pytest.mark.anyio
async def test_the_old_tags_are_asked_for_at_once() -> None:
    meeting = threading.Barrier(3)

    def wait_for_the_others(request: Request) -> Response | None:
        if request.method == "HEAD" and "/manifests/sha256-" in request.path:
            meeting.wait(60)
        return None

    with seeded(Scripted(wait_for_the_others)) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                result = await referrers(oci, "demo/single")
    assert result.signed == "absent", "and not unknown: no request waited in vain"


@pytest.mark.anyio
async def test_an_old_tag_that_cannot_be_asked_for_is_a_warning_and_no_claim() -> None:
    def fail(request: Request) -> Response | None:
        return Response(500) if request.path.endswith((".sig", ".att")) else None

    with seeded(Scripted(fail)) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
    assert result.signed == "unknown"
    assert len(result.warnings) == 2
    assert all("HTTP_ERROR" in warning for warning in result.warnings)


@pytest.mark.anyio
async def test_a_stand_in_tag_that_is_no_index_is_a_warning_and_no_claim() -> None:
    with seeded(InMemoryRegistry(referrers=False)) as registry:
        digest, media_type, body = held(registry, "demo/single")
        registry.store.put_manifest("demo/single", digest.replace(":", "-"), media_type, body)
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
    assert result.signed == "unknown"
    assert result.warnings == [f"tag {digest.replace(':', '-')} is no index of referrers"]


@pytest.mark.anyio
@pytest.mark.parametrize(("has_api", "source"), [(True, "api"), (False, "none")])
async def test_the_attestations_in_an_index_count_whatever_the_registry_lists(has_api: bool, source: str) -> None:
    with seeded(InMemoryRegistry(referrers=has_api)) as registry:
        children = json.loads(held(registry, "demo/multi")[2])["manifests"]
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/multi")
            chosen = await referrers(oci, "demo/multi", platform="arm64")
    assert [row.subject for row in result.attestations] == [children[0]["digest"], children[1]["digest"]]
    assert (result.source, result.signed) == (source, "absent")
    assert [row.subject for row in chosen.attestations] == [children[1]["digest"]]
    assert chosen.platform_subject == children[1]["digest"]


@pytest.mark.anyio
async def test_with_a_platform_its_own_manifest_is_a_subject_too() -> None:
    with InMemoryRegistry() as registry:
        repository = Repository("both")
        image = repository.image(layers=[])
        index = repository.index([point_to(image, platform={"os": "linux", "architecture": "amd64"})])
        repository.artifact(BUNDLE, b"of the image", subject=point_to(image))
        repository.artifact(SPDX, b"of the index", subject=point_to(index))
        repository.tag(index, "1.0")
        registry.seed([repository])
        async with asking(registry) as oci:
            whole = await referrers(oci, "both")
            both = await referrers(oci, "both", platform="linux/amd64")
            with pytest.raises(NotFound, match=r"^PLATFORM_UNKNOWN"):
                await referrers(oci, "both", platform="linux/s390x")
    assert (types(whole), whole.signed) == ({"sboms": [SPDX]}, "absent")
    assert (types(both), both.signed) == ({"signatures": [BUNDLE], "sboms": [SPDX]}, "present")
    assert (both.signatures[0].subject, both.sboms[0].subject) == (image.digest, index.digest)
    assert (both.subject, both.platform_subject) == (index.digest, image.digest)


@pytest.mark.anyio
async def test_the_tag_for_a_sha512_digest_is_cut_as_the_specification_says() -> None:
    with InMemoryRegistry(referrers=False) as registry:
        image = Repository("long").image(layers=[])
        digest = digest_of(image.body, "sha512")
        index = encode({"mediaType": OCI_INDEX, "manifests": [SIGNATURE]})
        registry.store.put_manifest("long", digest, image.media_type, image.body)
        registry.store.put_manifest("long", f"sha512-{digest[7:71]}", OCI_INDEX, index)
        async with asking(registry) as oci:
            result = await referrers(oci, "long", digest)
    assert (result.subject, result.source, result.signed) == (digest, "tag", "present")


@pytest.mark.anyio
async def test_rows_of_wrong_types_are_left_out_and_the_rest_is_cleaned() -> None:
    odd: list[Any] = [None, 7, "text", [], {}, {"digest": "sha256:short"}, {"digest": {"x": 1}}]
    odd.append({"digest": digest_of(b"1"), "size": -5, "artifactType": ["x"], "annotations": [1]})
    dirty = {"org.opencontainers.image.created": "2026\u202e\x1b[31m" + "9" * 200}
    odd.append({"digest": digest_of(b"2"), "size": True, "artifactType": "a\x00b\u200b" * 100, "annotations": dirty})
    answer = answering_referrers(encode({"manifests": odd}))
    with seeded(Scripted(answer)) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
    rows = [row.model_dump() for row in result.other]
    assert rows == [
        {"digest": digest_of(b"1")},
        {"digest": digest_of(b"2"), "artifact_type": ("ab" * 100)[:127] + "…", "created": "2026" + "9" * 59 + "…"},
    ]


@pytest.mark.anyio
async def test_of_ten_thousand_rows_the_signature_at_the_end_is_shown_and_the_rest_is_cut() -> None:
    rows = [{"digest": digest_of(str(number).encode()), "size": 1} for number in range(10_000)]
    answer = answering_referrers(encode({"manifests": [*rows, rows[0], SIGNATURE]}))
    with seeded(Scripted(answer)) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
    assert [row.digest for row in result.signatures] == [SIGNATURE["digest"]]
    assert len(result.other) == MAX_ENTRIES - 1
    assert result.omitted == 10_001 - MAX_ENTRIES


@pytest.mark.anyio
async def test_pages_of_referrers_that_link_in_a_circle_are_an_error() -> None:
    answer = answering_referrers(encode({"manifests": [SIGNATURE]}), ("Link", '<?page=2>; rel="next"'))
    with seeded(Scripted(answer)) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^PAGINATION_LOOP"):
                await referrers(oci, "demo/single")


@pytest.mark.anyio
async def test_pages_of_referrers_without_an_end_are_not_read_for_ever() -> None:
    pages = 0

    def endless(request: Request) -> Response | None:
        nonlocal pages
        pages += "/referrers/" in request.path
        row = {"digest": digest_of(str(pages).encode()), "size": 1}
        return answering_referrers(encode({"manifests": [row]}), ("Link", f'<?page={pages}>; rel="next"'))(request)

    with seeded(Scripted(endless)) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE), suppress(BadAnswer):
                await referrers(oci, "demo/single")
    assert 1 < pages <= 200


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"<html>", b'{"manifests": null}', b"[" * 200_000, b"[]", b""])
async def test_an_answer_that_is_no_index_means_that_there_is_no_api(body: bytes) -> None:
    with seeded(Scripted(answering_referrers(body))) as registry:
        async with asking(registry) as oci:
            result = await referrers(oci, "demo/single")
    assert (result.source, result.signed) == ("none", "absent")


@pytest.mark.anyio
async def test_an_error_of_the_api_is_the_error_of_the_call() -> None:
    def deny(request: Request) -> Response | None:
        return Response(403) if "/referrers/" in request.path else None

    with seeded(Scripted(deny)) as registry:
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match=r"^DENIED"):
                await referrers(oci, "demo/single")
            with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
                await referrers(oci, "demo/single", "9.9")


_DIGESTS = st.sampled_from([digest_of(str(number).encode()) for number in range(3)])
_TEXTS = st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS | _DIGESTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_ROWS = st.fixed_dictionaries(
    {"digest": _DIGESTS | _JSON},
    optional={"size": _JSON, "artifactType": st.sampled_from([BUNDLE, SPDX]) | _JSON, "annotations": _JSON},
)
_LISTS = st.fixed_dictionaries({}, optional={"manifests": st.lists(_ROWS | _JSON, max_size=6) | _JSON, "x": _JSON})


@pytest.mark.slow
def test_any_json_served_as_referrers_gives_a_result_or_a_named_error() -> None:
    served: list[bytes] = [b""]

    def answer(request: Request) -> Response | None:
        return answering_referrers(served[0])(request)

    with (
        seeded(Scripted(answer)) as registry,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(asking(registry)) as oci,
    ):

        @given(_LISTS | _JSON)
        def check(document: Any) -> None:
            served[0] = json.dumps(document).encode()
            try:
                result = portal.call(referrers, oci, "demo/single")
            except OciError:
                return
            json.loads(result.model_dump_json())

        check()


@pytest.mark.case(38)
@pytest.mark.anyio
@pytest.mark.external
async def test_on_docker_registry_the_stand_in_tag_is_found(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        for repository in ("demo/signed", "demo/signedindex"):
            result = await referrers(oci, repository)
            assert types(result) == {"signatures": [NOTATION, BUNDLE], "sboms": [SPDX]}
            assert (result.source, result.signed) == ("tag", "present")
        assert len((await referrers(oci, "demo/multi")).attestations) == 2


@pytest.mark.case(38)
@pytest.mark.anyio
@pytest.mark.external
@pytest.mark.parametrize("name", ["open_registry", "basic_registry", "token_registry"])
async def test_on_docker_registry_an_unsigned_image_is_unsigned(name: str, request: pytest.FixtureRequest) -> None:
    registry: DebianRegistry = request.getfixturevalue(name)
    realm = {"realm_hosts": [request.getfixturevalue("token_server").host]} if name == "token_registry" else {}
    async with asking(registry.host, **ALICE, **realm) as oci:
        result = await referrers(oci, "demo/single")
    assert (result.source, result.signed, result.warnings) == ("none", "absent", [])
