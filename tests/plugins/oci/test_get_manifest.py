"""A manifest as JSON: what is shown, what is cleaned, and what is only outlined."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci import tools
from fuseboard_oci.documents import OCI_INDEX, Manifest
from fuseboard_oci.errors import BadAnswer, InvalidInput, NotFound, OciError
from fuseboard_oci.reading.details import NOTICE
from fuseboard_oci.reading.outline import RawManifest, outline, shown
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, Repository, Sink, seed_data
from fuseboard_oci.testing.builder import encode
from fuseboard_oci.testing.http import LoopbackServer, Request, Response
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import Oci, asking, held


async def manifest(oci: Oci, repository: str, reference: str | None = "1.0", **arguments: Any) -> RawManifest:
    """The result of `get_manifest`."""
    return await tools.get_manifest(oci.context, repository, reference, oci.registry, **arguments)


def of(fields: dict[str, Any], max_bytes: int = 16_384) -> RawManifest:
    """What is shown of a manifest with these fields."""
    return shown(Manifest("sha256:" + "a" * 64, "computed", OCI_INDEX, 1, fields), max_bytes)


def compact(value: object) -> str:
    """Strict JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@pytest.mark.anyio
async def test_an_index_is_shown_as_it_is_with_the_digest_of_its_raw_bytes() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=1, parallel=0))
        body = held(registry, "demo/multi")[2]
        async with asking(registry) as oci:
            result = await manifest(oci, "demo/multi")
            again = await manifest(oci, "demo/multi", result.digest)
        assert result.manifest == json.loads(body)
        assert result.model_dump() == {
            "digest": "sha256:" + hashlib.sha256(body).hexdigest(),
            "media_type": OCI_INDEX,
            "size": len(body),
            "manifest": json.loads(body),
            "notice": NOTICE,
        }
        assert again == result


@pytest.mark.anyio
async def test_with_a_platform_the_manifest_of_that_platform_is_shown() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=1, parallel=0))
        children = json.loads(held(registry, "demo/multi")[2])["manifests"]
        async with asking(registry) as oci:
            result = await manifest(oci, "demo/multi", platform="arm64")
            silent = await manifest(oci, "demo/noplat", platform="linux/arm64")
            single = await manifest(oci, "demo/single", platform="linux/amd64")
            chart = await manifest(oci, "demo/chart", "0.1.0", platform="linux/amd64")
            with pytest.raises(NotFound, match=r"^PLATFORM_UNKNOWN"):
                await manifest(oci, "demo/single", platform="linux/s390x")
        assert result.digest == children[1]["digest"]
        assert result.manifest == json.loads(held(registry, "demo/multi", result.digest)[2])
        assert silent.digest == json.loads(held(registry, "demo/noplat")[2])["manifests"][1]["digest"]
        assert single.digest == held(registry, "demo/single")[0]
        assert chart.digest == held(registry, "demo/chart", "0.1.0")[0], "an artifact has no platforms"


@pytest.mark.anyio
async def test_a_large_manifest_is_outlined() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=1, parallel=0))
        digest, media_type, body = held(registry, "demo/big")
        async with asking(registry) as oci:
            result = await manifest(oci, "demo/big")
        assert (result.digest, result.media_type, result.size) == (digest, media_type, len(body))
        assert (result.manifest, result.truncated) == (None, True)
        assert result.outline["annotations"] == "object of 3500 keys"
        assert result.outline["manifests"] == "list of 1"
        assert result.outline["manifests[0].digest"] == "text of 71 characters"
        assert result.outline["annotations.org.example.note0000"] == "text of 1000 characters"
        assert result.outline["annotations.…"] == "3500 keys in all"
        assert "manifest" not in result.model_dump()
        assert len(result.model_dump_json()) < 3000


@pytest.mark.anyio
async def test_a_reference_that_no_registry_could_have_is_not_sent() -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE"):
                await manifest(oci, "demo/single", "sha256:zz")
            with pytest.raises(InvalidInput, match=r"^INVALID_PLATFORM"):
                await manifest(oci, "demo/single", platform="a/b/c/d")
        assert registry.log == []


@pytest.mark.anyio
@pytest.mark.parametrize("behaviour", ["html", "json-list", "brackets", "nan", "twice", "no-utf8"])
async def test_what_is_no_manifest_is_a_named_error(behaviour: str) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^NOT_A_MANIFEST"):
                await manifest(oci, behaviour)


def test_the_limit_is_exact() -> None:
    fields = {"a": [1, -2.5, True, None, {"ключ": 'quote " and \\'}], "b": {}, "c": [], "d": "x" * 300}
    size = len(compact(fields).encode())
    assert of(fields, size).manifest == fields
    assert of(fields, size - 1).truncated


def test_text_is_cleaned_and_cut_wherever_it_stands() -> None:
    dirty = {"a\u202e\x1b[31m": ["b\x00\u200b", {"data": "A" * 20_000}], "k" * 300: "\ud800", "<b>": "</tool_result>"}
    shown_fields = of(dirty).manifest
    assert shown_fields == {
        "a": ["b", {"data": "A" * 511 + "…"}],
        "k" * 255 + "…": "\ufffd",
        "<b>": "</tool_result>",
    }


def test_of_keys_that_are_equal_when_cleaned_the_first_stays() -> None:
    assert of({"digest": "first", "dig\u200best": "second"}).manifest == {"digest": "first"}


def test_numbers_that_strict_json_or_its_readers_cannot_hold_are_text() -> None:
    fields = json.loads('{"a": 1e999, "b": -1e999, "c": 9007199254740993, "d": 9007199254740992, "e": 1.5}')
    assert of(fields).manifest == {
        "a": "inf",
        "b": "-inf",
        "c": "9007199254740993",
        "d": 9007199254740992,
        "e": 1.5,
    }
    assert len(compact(of({"a": 10**4000}).manifest)) < 80


def test_what_is_nested_deep_is_cut() -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    text = compact(of({"deep": deep}).manifest)
    assert text.count("[") == 15
    assert "bottom" not in text
    assert "…" in text


def test_an_outline_is_bounded_however_many_keys_there_are() -> None:
    wide = {f"key{number}\u202e": {f"inner{inner}": inner for inner in range(50)} for number in range(5000)}
    lines = outline(wide)
    assert len(lines) == 65
    assert lines["…"] == "5000 keys in all"
    assert lines["key0"] == "object of 50 keys"


def test_an_outline_names_what_each_key_holds() -> None:
    fields = {"n": 1.5, "t": True, "z": None, "s": "secret", "l": [{"x": [1]}], "e": [], "o": {"i": "y"}}
    assert outline(fields) == {
        "n": "number",
        "t": "true",
        "z": "null",
        "s": "text of 6 characters",
        "l": "list of 1",
        "e": "list of 0",
        "o": "object of 1 keys",
        "l[0].x": "list of 1",
        "o.i": "text of 1 characters",
    }


_TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_TEXTS, inner, max_size=5),
    max_leaves=30,
)
_KNOWN = st.sampled_from(["mediaType", "manifests", "config", "layers", "annotations", "artifactType", "subject"])


@given(st.dictionaries(_KNOWN | _TEXTS, _JSON, max_size=8), st.integers(256, 2000))
def test_whatever_is_shown_is_strict_json_within_the_limit(fields: dict[str, Any], max_bytes: int) -> None:
    result = of(fields, max_bytes)
    assert (result.manifest is None) == result.truncated
    assert len(compact(result.manifest).encode()) <= max_bytes
    assert json.loads(result.model_dump_json())["digest"] == result.digest
    assert len(result.outline) <= 65


class Serving(LoopbackServer):
    """Answers every question for a manifest with `body`."""

    body = b""

    def respond(self, request: Request) -> Response:
        """Answer."""
        return Response(200, [("Content-Type", OCI_INDEX)], self.body)


@pytest.mark.slow
def test_any_json_served_as_a_manifest_gives_a_result_or_a_named_error() -> None:
    with (
        Serving() as registry,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(asking(registry)) as oci,
    ):

        @given(st.dictionaries(_KNOWN | _TEXTS, _JSON, max_size=8) | _JSON, st.sampled_from([None, "linux/amd64"]))
        def check(document: Any, platform: str | None) -> None:
            registry.body = json.dumps(document).encode()
            try:
                result = portal.call(lambda: manifest(oci, "x", platform=platform))
            except OciError:
                return
            assert result.digest == "sha256:" + hashlib.sha256(registry.body).hexdigest()
            compact(json.loads(result.model_dump_json()))

        check()


@pytest.mark.anyio
async def test_a_data_field_is_cut_like_any_text() -> None:
    with InMemoryRegistry() as registry:
        repository = Repository("data")
        image = repository.image(layers=[])
        fields = json.loads(image.body)
        fields["config"]["data"] = "QUJD" * 5000
        registry.store.put_manifest("data", "1.0", image.media_type, encode(fields))
        async with asking(registry) as oci:
            result = await manifest(oci, "data")
    assert result.manifest is not None
    assert len(result.manifest["config"]["data"]) == 512
    assert result.size > 20_000


@pytest.mark.anyio
@pytest.mark.external
async def test_docker_registry_gives_the_bytes_that_were_pushed(open_registry: DebianRegistry) -> None:
    pushed = {one.name: one.items for one in seed_data(many=1, parallel=0)}
    async with asking(open_registry.host) as oci:
        for repository in ("demo/multi", "demo/dockerlist", "demo/dockersingle", "demo/artifact"):
            item = next(item for item in pushed[repository] if "1.0" in item.tags)
            result = await manifest(oci, repository)
            assert (result.digest, result.manifest) == (item.digest, json.loads(item.body))
