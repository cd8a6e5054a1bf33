"""Configs that are damaged, too large, hostile or no configs at all."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.documents import OCI_CONFIG, OCI_MANIFEST
from fuseboard_oci.errors import BadAnswer, OciError
from fuseboard_oci.reading.image_config import NOTICE
from fuseboard_oci.testing import InMemoryRegistry, Repository, seed_data
from fuseboard_oci.testing.builder import encode
from tests.plugins.oci.helpers import PATIENCE, asking, held
from tests.plugins.oci.image_calls import config_of, get_config

pytestmark = pytest.mark.anyio


async def test_fields_of_another_type_are_left_out_and_named() -> None:
    document = {
        "os": "linux",
        "architecture": "amd64",
        "created": 7,
        "history": {"created_by": "x"},
        "config": {
            "Env": {"A": "1"},
            "Labels": ["a"],
            "Cmd": 5,
            "Entrypoint": {"a": "b"},
            "ExposedPorts": ["80/tcp"],
            "Volumes": "x",
            "User": 0,
            "WorkingDir": ["/"],
            "StopSignal": 9,
            "Healthcheck": {"Test": 5, "Interval": "often"},
        },
    }
    config = await config_of(encode(document), history=True)
    assert config.keys() == {"platform", "digest", "warnings"}
    assert config["warnings"] == [
        "left out, because of another form: created, User, WorkingDir, StopSignal, Entrypoint, Cmd, Env, Labels, "
        "ExposedPorts, Volumes, Test, history"
    ]


async def test_entries_of_another_type_are_left_out_and_counted() -> None:
    document = {
        "config": {
            "Env": ["A=1", None, 7],
            "Labels": {"a": "b", "c": 1, "d": None},
            "Cmd": ["x", ["y"]],
            "Healthcheck": {"Test": ["NONE"], "Interval": True, "Timeout": -1, "Retries": 10**30},
        },
        "history": [{"created_by": "RUN"}, {"created_by": 5}, "x"],
    }
    config = await config_of(encode(document), history=True)
    assert config["omitted"] == {"env": 2, "labels": 2, "cmd": 1, "history": 2}
    assert config["healthcheck"] == {"test": ["NONE"]}
    assert config["history"] == [{"created_by": "RUN"}]
    assert "platform" not in config
    assert config["warnings"][0].endswith("names no platform")


@pytest.mark.parametrize("document", [b'{"config": null}', b'{"config": []}', b"{}"])
async def test_a_config_that_sets_nothing_is_still_an_answer(document: bytes) -> None:
    config = await config_of(document)
    assert config.keys() == {"digest", "warnings"}


@pytest.mark.case(39)
async def test_hostile_labels_are_cleaned_cut_and_announced() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            config = await get_config(oci, "demo/labels")
        assert config["labels"]["escape"] == "red and done"
        assert config["labels"]["bidi"] == "abcgnp.exe"
        assert config["labels"]["ключ"] == "не ASCII"
        assert len(config["labels"]["long"]) == 512
        assert config["notice"] == NOTICE
        assert json.dumps(config, ensure_ascii=False).encode("utf-8")


@pytest.mark.case(39)
async def test_invisible_characters_and_lone_surrogates_neither_pass_nor_hide_a_secret() -> None:
    document = (
        b'{"config": {"Labels": {"pass\\u200bword": "abc123", "x\\ud800": "\\udfff"}, "Cmd": ["TOK\\u2060EN=abc123"]}}'
    )
    config = await config_of(document)
    assert config["labels"] == {"password": None, "x\ufffd": "\ufffd"}
    assert config["cmd"] == ["TOKEN=(hidden)"]


async def test_names_that_look_the_same_become_one_and_the_other_is_counted() -> None:
    config = await config_of({"Labels": {"a": "1", "a\u200b": "2"}})
    assert (config["labels"], config["omitted"]) == ({"a": "2"}, {"labels": 1})


async def test_forty_thousand_variables_are_cut_and_counted() -> None:
    words = b",".join(b'"A%d="' % number for number in range(40_000))
    with anyio.fail_after(PATIENCE):
        config = await config_of(b'{"config": {"Env": [' + words + b"]}}")
    assert len(config["env"]) == 64
    assert config["omitted"]["env"] == 40_000 - 64


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html>", "it is not JSON"),
        (b"[1]", "it is no JSON object"),
        (b'{"config": ' + b"[" * 20_000, "nested too deep"),
        (b'{"config": ' * 20_000, "nested too deep"),
        (b'{"config": {"Env": [' + b'"A=1",' * 120_000 + b'""]}}', "too many parts"),
        (b'{"created": NaN}', "it contains NaN"),
    ],
)
async def test_a_config_that_is_no_json_object_makes_no_image(document: bytes, reason: str) -> None:
    with pytest.raises(BadAnswer, match=rf"^NOT_AN_IMAGE: .*{reason}"):
        await config_of(document)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (None, r"^NOT_AN_IMAGE: .* names no config"),
        ({"mediaType": OCI_CONFIG, "digest": "sha256:" + "0" * 64, "size": 5}, r"^NOT_FOUND"),
        ({"mediaType": OCI_CONFIG, "digest": "sha256:" + "0" * 64, "size": 10**12}, r"^TOO_LARGE"),
    ],
)
async def test_a_config_that_cannot_be_had_is_an_error(config: object, error: str) -> None:
    with InMemoryRegistry() as registry:
        fields = {"mediaType": OCI_MANIFEST, "config": config, "layers": []}
        registry.store.put_manifest("an/image", "1.0", OCI_MANIFEST, encode(fields))
        async with asking(registry) as oci:
            for platform in (None, "linux/amd64"):
                with pytest.raises(OciError, match=error):
                    await get_config(oci, "an/image", platform=platform)


KEYS = ["config", "history", "created", "os", "architecture", "variant", "os.version", "rootfs"]
INNER = ["Env", "Labels", "Cmd", "Entrypoint", "ExposedPorts", "Volumes", "User", "WorkingDir", "Healthcheck", "Test"]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*INNER, "created_by", "Interval"]) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
documents = st.dictionaries(
    st.sampled_from(KEYS) | st.text(max_size=5),
    values | st.dictionaries(st.sampled_from(INNER), values) | st.lists(st.fixed_dictionaries({"created_by": values})),
)


@pytest.mark.slow
def test_any_json_object_as_a_config_gives_an_answer_or_an_error_of_ours() -> None:
    with (
        InMemoryRegistry() as registry,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(asking(registry)) as oci,
    ):

        @given(documents, st.booleans())
        def check(document: Any, show: bool) -> None:
            repository = Repository("an/image")
            repository.tag(repository.image(layers=[], raw_config=json.dumps(document).encode()), "1.0")
            registry.seed([repository])
            try:
                config = portal.call(partial(get_config, oci, "an/image", history=True, show_values=show))
            except OciError:
                return
            assert config["digest"] == held(registry, "an/image")[0]

        check()
