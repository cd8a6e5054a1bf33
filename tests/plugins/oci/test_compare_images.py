"""What changed between two images or artifacts."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.documents import OCI_ARTIFACT, OCI_MANIFEST
from fuseboard_oci.errors import BadAnswer, NotFound, OciError
from fuseboard_oci.reading.image_config import NOTICE
from fuseboard_oci.testing import InMemoryRegistry, Item, Repository, seed_data
from fuseboard_oci.testing.builder import encode
from fuseboard_oci.testing.seeds import layer
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import asking, held
from tests.plugins.oci.image_calls import compare

pytestmark = pytest.mark.anyio


AMD64 = {"os": "linux", "architecture": "amd64"}


async def compare_configs(old: dict[str, Any], new: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """The comparison of two images without layers; `history` is taken out of the settings."""
    repository = Repository("an/image")
    for tag, config in (("a", old), ("b", new)):
        settings = {name: value for name, value in config.items() if name != "history"}
        document = {**AMD64, "config": settings, "history": config.get("history")}
        repository.tag(repository.image(layers=[], raw_config=encode(document)), tag)
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            return await compare(oci, "an/image", "a", "b", **arguments)


async def compare_items(repository: Repository, a: Item, b: Item, **arguments: Any) -> dict[str, Any]:
    """The comparison of two manifests of a repository."""
    repository.tag(a, "a")
    repository.tag(b, "b")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            return await compare(oci, repository.name, "a", "b", **arguments)


async def test_two_versions_differ_in_layers_settings_and_size() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/app", "1.0.0", "1.1.0")
        layers = [json.loads(held(registry, "demo/app", tag)[2])["layers"] for tag in ("1.0.0", "1.1.0")]
        old, new = (sum(one["size"] for one in rows) for rows in layers)
        assert found == {
            "same_digest": False,
            "digest": {"from": held(registry, "demo/app", "1.0.0")[0], "to": held(registry, "demo/app", "1.1.0")[0]},
            "kind": "image",
            "platform": "linux/amd64",
            "same_image": False,
            "layers": {"common": 1, "added": 2, "removed": 1, "size_delta": new - old},
            "env": {"added": {"C": None}, "changed": {"B": None}},
            "labels": {"removed": ["drop"], "changed": {"v": {"from": "1.0.0", "to": "1.1.0"}}},
            "cmd": {"from": ["serve"], "to": ["serve", "--fast"]},
            "hidden": 2,
            "notice": NOTICE,
        }
        assert len(registry.log) == 4


async def test_show_values_shows_what_the_environment_was_and_is() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/app", "1.0.0", "1.1.0", show_values=True)
        assert found["env"] == {"added": {"C": "4"}, "changed": {"B": {"from": "2", "to": "3"}}}
        assert "hidden" not in found


async def test_two_names_of_the_same_image_need_no_further_request() -> None:
    repository = Repository("an/image")
    repository.tag(repository.image(layers=[]), "1", "latest")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        digest = held(registry, "an/image", "1")[0]
        async with asking(registry) as oci:
            found = await compare(oci, "an/image", "1", "latest")
        assert found == {"same_digest": True, "digest": {"from": digest, "to": digest}, "kind": "image"}
        assert len(registry.log) == 2


async def test_a_base_image_is_told_once_and_not_again_among_the_annotations() -> None:
    name, digest = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
    repository = Repository("an/image")
    old = repository.image(layers=[], annotations={name: "alpine:3.21", digest: "sha256:" + "1" * 64, "x": "1"})
    new = repository.image(layers=[], config={"Labels": {name: "alpine:3.22"}}, annotations={"x": "2"})
    found = await compare_items(repository, old, new)
    assert found["base"] == {
        "from": {"name": "alpine:3.21", "digest": "sha256:" + "1" * 64},
        "to": {"name": "alpine:3.22"},
    }
    assert found["annotations"] == {"changed": {"x": {"from": "1", "to": "2"}}}
    assert "labels" not in found


async def test_every_setting_that_changed_is_told() -> None:
    old = {
        "User": "root",
        "WorkingDir": "/a",
        "StopSignal": "SIGTERM",
        "Volumes": {"/data": {}, "/old": {}},
        "Entrypoint": ["/run", "--password", "abc123"],
        "Healthcheck": {"Test": ["CMD", "true"]},
        "Env": ["TZ=UTC", "GONE=x"],
    }
    new = {
        "User": "1000",
        "WorkingDir": "/b",
        "StopSignal": "SIGQUIT",
        "Volumes": {"/data": {}, "/new": {}},
        "Entrypoint": ["/run", "--password", "xyz789"],
        "Env": ["TZ=Europe/Berlin"],
    }
    found = await compare_configs(old, new)
    assert {name: found[name] for name in found.keys() - {"digest", "layers", "notice"}} == {
        "same_digest": False,
        "kind": "image",
        "platform": "linux/amd64",
        "same_image": False,
        "user": {"from": "root", "to": "1000"},
        "workdir": {"from": "/a", "to": "/b"},
        "stop_signal": {"from": "SIGTERM", "to": "SIGQUIT"},
        "volumes": {"added": ["/new"], "removed": ["/old"]},
        "entrypoint": {"from": ["/run", "--password", "(hidden)"], "to": ["/run", "--password", "(hidden)"]},
        "healthcheck": {"from": ["CMD", "true"], "to": None},
        "env": {"removed": ["GONE"], "changed": {"TZ": {"from": "UTC", "to": "Europe/Berlin"}}},
        "hidden": 2,
    }


async def test_the_time_of_creation_is_told_when_it_changed() -> None:
    repository = Repository("an/image")
    old, new = (
        repository.image(layers=[], raw_config=encode({**AMD64, "created": f"2026-01-0{day}T00:00:00Z"}))
        for day in (1, 2)
    )
    found = await compare_items(repository, old, new)
    assert found["created"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


async def test_steps_of_the_history_that_only_the_newer_has_are_told_without_secrets() -> None:
    base = [{"created_by": "ADD rootfs"}, {"created_by": "RUN make"}]
    added = [{"created_by": "RUN make"}, {"created_by": "ENV TOKEN=abc123"}, {"created_by": "RUN " + "x" * 300}]
    found = await compare_configs({"history": base}, {"history": [*base, *added]})
    assert found["history_added"][:2] == ["RUN make", "ENV TOKEN=(hidden)"]
    assert len(found["history_added"][2]) == 160
    many = [{"created_by": f"RUN {number}"} for number in range(30)]
    found = await compare_configs({"history": []}, {"history": many})
    assert found["history_added"] == [f"RUN {number}" for number in range(10, 30)]
    assert found["omitted"] == {"history": 10}


async def test_a_value_that_differs_behind_the_cut_is_named_without_its_value() -> None:
    found = await compare_configs({"Labels": {"a": "x" * 1000}}, {"Labels": {"a": "x" * 999 + "y"}})
    assert found["labels"] == {"changed": {"a": None}}


async def test_many_differences_are_cut_and_counted() -> None:
    labels = {f"label{number:03}": "x" * 20_000 for number in range(100)}
    ports = {f"{number}/tcp": {} for number in range(100)}
    found = await compare_configs({}, {"Labels": labels, "ExposedPorts": ports})
    assert (len(found["labels"]["added"]), len(found["ports"]["added"])) == (64, 64)
    assert found["omitted"] == {"labels": 36, "ports": 36}
    assert {len(value) for value in found["labels"]["added"].values()} == {160}


async def test_what_is_too_much_to_compare_is_said() -> None:
    found = await compare_configs({"Env": [f"A{number}=1" for number in range(1500)]}, {"Cmd": 7})
    assert found["warnings"] == ["a: not compared: 500 of env", "b: left out, because of another form: Cmd"]


async def test_layers_that_come_twice_count_twice() -> None:
    repository = Repository("an/image")
    one, two = layer("one"), layer("two")
    found = await compare_items(
        repository, repository.image(layers=[one, one, two]), repository.image(layers=[one, two, two, two])
    )
    assert found["layers"] == {"common": 2, "added": 2, "removed": 1, "size_delta": 2 * len(two) - len(one)}


async def test_damaged_layers_are_left_out_and_told() -> None:
    repository = Repository("an/image")
    good = repository.image(layers=[layer("one")])
    fields = json.loads(good.body)
    fields["layers"] = [None, {"digest": "sha256:" + "1" * 64, "size": "x"}]
    found = await compare_items(repository, good, Item(OCI_MANIFEST, encode(fields)))
    assert found["layers"] == {"common": 0, "added": 1, "removed": 1}
    assert found["warnings"] == ["b: 1 damaged entries of its layers were not compared"]


async def test_artifacts_are_compared_by_layers_and_annotations() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        old = {"mediaType": OCI_ARTIFACT, "artifactType": "a/b", "blobs": [], "annotations": {"x": "1"}}
        new = {**old, "artifactType": "a/c", "annotations": {"x": "2", "a.token": "abc"}}
        for tag, fields in (("a", old), ("b", new)):
            registry.store.put_manifest("an/artifact", tag, OCI_ARTIFACT, encode(fields))
        async with asking(registry) as oci:
            found = await compare(oci, "an/artifact", "a", "b")
            other = await compare(oci, "demo/chart", "0.1.0", "1.0", repository_b="demo/artifact")
        assert (found["kind"], found["layers"]["common"]) == ("artifact", 0)
        assert found["annotations"] == {"added": {"a.token": None}, "changed": {"x": {"from": "1", "to": "2"}}}
        assert found["warnings"] == ["the types differ: a/b and a/c"]
        assert (other["layers"]["added"], other["layers"]["removed"]) == (1, 1)


async def test_an_image_is_not_compared_with_an_artifact() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^NOT_AN_IMAGE: only one of the two is an image: .*helm"):
                await compare(oci, "demo/chart", "0.1.0", "1.0", repository_b="demo/single")


texts = st.text(st.characters(), max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
inner_settings = st.fixed_dictionaries(
    {},
    optional={
        "Env": anything | st.lists(texts),
        "Labels": anything | st.dictionaries(texts, anything),
        "Cmd": anything | st.lists(texts),
        "ExposedPorts": anything,
        "User": anything,
    },
)
documents = st.fixed_dictionaries(
    {}, optional={"config": anything | inner_settings, "history": anything, "os": anything, "architecture": anything}
)


@pytest.mark.slow
def test_any_two_configs_give_a_comparison_or_an_error_of_ours() -> None:
    with (
        InMemoryRegistry() as registry,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(asking(registry)) as oci,
    ):

        @given(documents, documents, st.booleans())
        def check(old: Any, new: Any, show: bool) -> None:
            repository = Repository("an/image")
            for tag, document in (("a", old), ("b", new)):
                repository.tag(repository.image(layers=[], raw_config=json.dumps(document).encode()), tag)
            registry.seed([repository])
            try:
                found = portal.call(partial(compare, oci, "an/image", "a", "b", show_values=show))
            except OciError:
                return
            assert found["same_digest"] is (json.dumps(old) == json.dumps(new))

        check()


@pytest.mark.external
async def test_debians_registry_gives_the_same_comparison(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        found = await compare(oci, "demo/app", "1.0.0", "1.1.0")
        assert {name: found["layers"][name] for name in ("common", "added", "removed")} == {
            "common": 1,
            "added": 2,
            "removed": 1,
        }
        assert (found["labels"]["removed"], found["cmd"]["to"]) == (["drop"], ["serve", "--fast"])
        across = await compare(oci, "demo/multi", "1.0", repository_b="demo/single")
        assert across["platforms"]["removed"] == ["linux/arm64", "linux/arm/v7", "linux/s390x"]
        with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
            await compare(oci, "demo/app", "1.0.0", "9.9")
