"""The config of an image: which image is meant, what is shown of it, what is hidden, and what strangers make of it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import anyio
import jsonschema
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from fuseboard import Tool
from fuseboard_oci import tools
from fuseboard_oci.documents import OCI_CONFIG, OCI_MANIFEST
from fuseboard_oci.errors import BadAnswer, NotFound, OciError
from fuseboard_oci.reading.image_config import NOTICE
from fuseboard_oci.testing import InMemoryRegistry, Repository, seed_data
from fuseboard_oci.testing.builder import encode, point_to
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, Oci, asking, held

pytestmark = pytest.mark.anyio

GET_CONFIG = Tool.of(tools.get_config)


async def get_config(oci: Oci, repository: str, reference: str | None = "1.0", **arguments: Any) -> dict[str, Any]:
    """What a client of the host reads; it fits the schema that the tool promises."""
    arguments = {"registry": oci.registry, "repository": repository, "reference": reference, **arguments}
    wanted = {name: value for name, value in arguments.items() if value is not None}
    result = await GET_CONFIG.invoke(oci.context, wanted, "get_config")
    jsonschema.validate(result["structuredContent"], GET_CONFIG.output_schema)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    return dict(result["structuredContent"])


async def config_of(config: dict[str, Any] | bytes, **arguments: Any) -> dict[str, Any]:
    """The answer about an image with this config: the whole document as bytes, or only its inner settings."""
    raw = config if isinstance(config, bytes) else None
    repository = Repository("an/image")
    settings = None if isinstance(config, bytes) else config
    repository.tag(repository.image(layers=[], config=settings, raw_config=raw), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            return await get_config(oci, "an/image", **arguments)


def index_of(name: str, *platforms: dict[str, str]) -> Repository:
    """A repository with an index of one image per platform, each with a label that says for which it is."""
    repository = Repository(name)
    children = []
    for platform in platforms:
        image = repository.image(
            layers=[],
            config={"Labels": {"for": "/".join(platform.values())}},
            architecture=platform["architecture"],
            variant=platform.get("variant", ""),
            system=platform["os"],
        )
        children.append(point_to(image, platform=platform))
    repository.tag(repository.index(children), "1.0")
    return repository


async def test_the_config_of_a_single_image_costs_two_requests() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            config = await get_config(oci, "demo/single")
        assert config == {
            "platform": "linux/amd64",
            "digest": held(registry, "demo/single")[0],
            "created": "2026-01-15T10:00:00Z",
            "user": "10001",
            "entrypoint": ["/bin/demo"],
            "env": {"PATH": "/usr/bin", "MODE": None},
            "labels": {"org.example.team": "demo"},
            "ports": ["8080/tcp"],
            "hidden": 1,
            "notice": NOTICE,
        }
        assert len(registry.log) == 2


async def test_everything_that_a_config_can_say_is_told() -> None:
    config = await config_of(
        {
            "Cmd": ["serve", "--fast"],
            "Entrypoint": "/old/style",
            "Volumes": {"/var/lib/data": {}, "/cache": {}},
            "ExposedPorts": {"9090/udp": {}, "80/tcp": {}},
            "WorkingDir": "/srv",
            "StopSignal": "SIGQUIT",
            "Healthcheck": {"Test": ["CMD", "curl", "-f", "localhost"], "Interval": 30 * 10**9, "Retries": 3},
        }
    )
    assert {name: config[name] for name in sorted(config.keys() - {"digest", "created", "platform", "notice"})} == {
        "cmd": ["serve", "--fast"],
        "entrypoint": ["/old/style"],
        "healthcheck": {"test": ["CMD", "curl", "-f", "localhost"], "interval": 30.0, "retries": 3},
        "ports": ["80/tcp", "9090/udp"],
        "stop_signal": "SIGQUIT",
        "volumes": ["/cache", "/var/lib/data"],
        "workdir": "/srv",
    }


async def test_values_of_the_environment_are_hidden_unless_they_are_harmless() -> None:
    env = ["PATH=/usr/bin", "PYTHON_VERSION=3.14.1", "AWS_SECRET_VERSION=7", "DATABASE=prod", "EMPTY=", "NOTHING"]
    config = await config_of({"Env": env, "Labels": {"team": "a", "registry.password": "b"}, "Cmd": ["--token=c"]})
    assert config["env"] == {
        "PATH": "/usr/bin",
        "PYTHON_VERSION": "3.14.1",
        "AWS_SECRET_VERSION": None,
        "DATABASE": None,
        "EMPTY": "",
        "NOTHING": "",
    }
    assert config["labels"] == {"team": "a", "registry.password": None}
    assert config["cmd"] == ["--token=(hidden)"]
    assert config["hidden"] == 4


async def test_show_values_shows_them_all() -> None:
    config = await config_of(
        {"Env": ["DATABASE=prod"], "Labels": {"registry.password": "b"}, "Cmd": ["--token=c"]}, show_values=True
    )
    assert (config["env"], config["labels"], config["cmd"]) == (
        {"DATABASE": "prod"},
        {"registry.password": "b"},
        ["--token=c"],
    )
    assert "hidden" not in config


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/arm/v5", "linux/arm/v5"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/mips", "linux/mips/r2"),
    ],
)
async def test_an_index_gives_the_exact_variant_or_the_usual_one_or_the_first(wanted: str | None, chosen: str) -> None:
    texts = ["linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/amd64/v1", "linux/amd64"]
    texts += ["linux/mips/r2", "linux/mips/r6"]
    platforms = [dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False)) for text in texts]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index", platform=wanted)
        assert (config["platform"], config["labels"]) == (chosen, {"for": chosen})
        assert len(registry.log) == 3, "index, manifest and config of one image"


async def test_the_only_platform_is_taken_without_asking_for_it() -> None:
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", {"os": "linux", "architecture": "riscv64"})])
        async with asking(registry) as oci:
            assert (await get_config(oci, "an/index"))["platform"] == "linux/riscv64"


async def test_of_several_unusual_platforms_one_must_be_named() -> None:
    platforms = [{"os": "linux", "architecture": "riscv64"}, {"os": "linux", "architecture": "s390x"}]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            with pytest.raises(
                NotFound, match=r"^PLATFORM_UNKNOWN: .* give platform, one of linux/riscv64, linux/s390x"
            ):
                await get_config(oci, "an/index")
            assert (await get_config(oci, "an/index", platform="s390x"))["platform"] == "linux/s390x"


@pytest.mark.parametrize("repository", ["demo/single", "demo/multi"])
async def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are(repository: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(
                NotFound, match=r"^PLATFORM_UNKNOWN: .* no image for linux/ppc64le; platforms: linux/amd64"
            ):
                await get_config(oci, repository, platform="linux/ppc64le")


async def test_a_long_list_of_platforms_is_cut_in_the_error() -> None:
    platforms = [{"os": "linux", "architecture": f"cpu{number}"} for number in range(30)]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"linux/cpu19 and 10 more$"):
                await get_config(oci, "an/index")


@pytest.mark.parametrize(
    ("repository", "platform"),
    [("demo/nested", "linux/riscv64"), ("demo/noplat", "linux/arm64"), ("demo/windows", "windows/amd64")],
)
async def test_images_behind_odd_indexes_are_found(repository: str, platform: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            config = await get_config(oci, repository, platform=platform)
        assert config["platform"] == platform
        assert config.get("os_version") == ("10.0.20348.2402" if repository == "demo/windows" else None)


async def test_indexes_deeper_than_the_limit_are_not_walked() -> None:
    repository = Repository("an/index")
    item = repository.image(layers=[])
    for _ in range(3):
        item = repository.index([point_to(item)])
    repository.tag(item, "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            assert (await get_config(oci, "an/index"))["platform"] == "linux/amd64"
        async with asking(registry, limits={"index_depth": 2}) as oci:
            with pytest.raises(NotFound, match=r"platforms: none known \(indexes are nested deeper than 2"):
                await get_config(oci, "an/index")


async def test_children_of_unknown_platform_are_read_up_to_a_limit_and_the_rest_is_told() -> None:
    repository = Repository("an/index")
    children = [repository.image(layers=[], architecture=f"cpu{number}") for number in range(12)]
    repository.tag(repository.index([point_to(child) for child in children]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry, limits={"configs": 3}) as oci:
            config = await get_config(oci, "an/index", platform="cpu2")
            assert config["warnings"] == ["9 entries of unknown platform were not read"]
            with pytest.raises(NotFound, match=r"platforms: linux/cpu0, linux/cpu1, linux/cpu2$"):
                await get_config(oci, "an/index", platform="cpu7")


@pytest.mark.parametrize(
    ("repository", "reference", "kind"),
    [
        ("demo/chart", "0.1.0", r"an artifact \(application/vnd.cncf.helm.config.v1\+json\)"),
        ("demo/artifact", "1.0", r"an artifact \(application/vnd.example.report\+json\)"),
        ("demo/oldartifact", "1.0", r"an artifact \(application/vnd.example.old\)"),
        ("demo/unknown", "1.0", r"of an unknown kind \(application/vnd.example.thing.v1\+json\)"),
    ],
)
async def test_what_is_no_image_is_said_to_be_none(repository: str, reference: str, kind: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=rf"^NOT_AN_IMAGE: .* is {kind} and no image"):
                await get_config(oci, repository, reference)


async def test_a_child_that_claims_to_be_an_image_and_is_an_artifact_is_none() -> None:
    repository = Repository("an/index")
    report = repository.artifact("application/vnd.example.report", b"{}")
    platform = {"os": "linux", "architecture": "amd64"}
    repository.tag(repository.index([point_to(report, platform=platform)]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^NOT_AN_IMAGE"):
                await get_config(oci, "an/index")


async def test_a_child_that_is_missing_is_an_error() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
                await get_config(oci, "demo/sparse", platform="linux/arm64")
            assert (await get_config(oci, "demo/sparse"))["platform"] == "linux/amd64"


async def test_an_index_that_calls_an_image_by_another_platform_is_warned_of() -> None:
    repository = Repository("an/index")
    image = repository.image(layers=[], architecture="amd64")
    repository.tag(repository.index([point_to(image, platform={"os": "linux", "architecture": "arm64"})]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index")
        assert config["warnings"] == ["the index says that this image is for linux/arm64, its config says linux/amd64"]


async def test_the_first_of_several_images_for_one_platform_is_taken_with_a_warning() -> None:
    platforms = [
        {"os": "windows", "architecture": "amd64", "os.version": version}
        for version in ("10.0.26100.1", "10.0.20348.1")
    ]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index")
        assert config["labels"] == {"for": "windows/amd64/10.0.26100.1"}
        assert config["warnings"] == ["2 images are for windows/amd64; this is the first of them"]


HISTORY = [
    {"created_by": "ADD rootfs.tar / # buildkit"},
    {"created_by": "ENV PATH=/usr/bin TOKEN=abc123 MOTTO=all is well", "empty_layer": True},
    {"created_by": "/bin/sh -c #(nop)  ARG PASSWORD=abc123", "empty_layer": True},
    {"created_by": "RUN |2 KEY=abc123 WHAT=abc123 xyz /bin/sh -c make --password=abc123 # buildkit"},
    {"created_by": "RUN curl -H 'Authorization: Bearer abc123' https://me:abc123@host/" + "x" * 200},
]


async def test_the_history_is_told_on_request_cut_and_without_secrets() -> None:
    document = encode({"os": "linux", "architecture": "amd64", "history": HISTORY})
    assert "history" not in await config_of(document)
    config = await config_of(document, history=True)
    assert config["history"][:4] == [
        {"created_by": "ADD rootfs.tar / # buildkit"},
        {"created_by": "ENV PATH=/usr/bin TOKEN=(hidden) MOTTO=(hidden)", "empty": True},
        {"created_by": "/bin/sh -c #(nop)  ARG PASSWORD=(hidden)", "empty": True},
        {"created_by": "RUN |2 KEY=(hidden) WHAT=(hidden) /bin/sh -c make --password=(hidden) # buildkit"},
    ]
    last = config["history"][4]["created_by"]
    assert last.startswith("RUN curl -H 'Authorization: (hidden) https://(hidden)@host/xxx")
    assert (len(last), config["hidden"]) == (160, 4)
    shown = await config_of(document, history=True, show_values=True)
    assert str(shown["history"]).count("abc123") == 7


async def test_of_a_long_history_the_last_steps_are_told() -> None:
    steps = [{"created_by": f"RUN {number}"} for number in range(100)]
    config = await config_of(encode({"history": steps}), history=True)
    assert [step["created_by"] for step in config["history"]] == [f"RUN {number}" for number in range(36, 100)]
    assert config["omitted"] == {"history": 36}


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


async def test_a_million_variables_are_cut_and_counted_and_cost_little_time() -> None:
    words = b",".join(b'"A%d="' % number for number in range(10**6 - 1))
    with anyio.fail_after(10):
        config = await config_of(b'{"config": {"Env": [' + words[: 8 * 2**20 - 100].rpartition(b",")[0] + b"]}}")
    assert len(config["env"]) == 64
    assert config["omitted"]["env"] > 700_000


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html>", "it is not JSON"),
        (b"[1]", "it is no JSON object"),
        (b'{"config": ' + b"[" * 200_000, "nested too deep"),
        (b'{"config": ' * 200_000, "nested too deep"),
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


async def test_a_login_of_the_call_opens_a_private_repository() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            assert (await get_config(oci, "private/secret", **ALICE))["platform"] == "linux/amd64"
            with pytest.raises(OciError, match=r"^UNAUTHORIZED"):
                await get_config(oci, "private/secret")


async def test_a_full_reference_is_enough() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        digest = held(registry, "demo/app", "1.1.0")[0]
        async with asking(registry) as oci:
            for name in (f"{registry.host}/demo/app:1.1.0", f"{registry.host}/demo/app@{digest}"):
                config = await get_config(oci, name, None, registry=None)
                assert (config["cmd"], config["digest"]) == (["serve", "--fast"], digest)


@pytest.mark.external
async def test_debians_registry_gives_the_config_that_was_pushed(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        config = await get_config(oci, "demo/app", "1.1.0", show_values=True)
        assert config["env"] == {"A": "1", "B": "3", "C": "4"}
        assert (config["cmd"], config["labels"]) == (["serve", "--fast"], {"v": "1.1.0"})
        assert (await get_config(oci, "demo/multi", platform="arm64"))["platform"] == "linux/arm64/v8"
        with pytest.raises(BadAnswer, match=r"^NOT_AN_IMAGE"):
            await get_config(oci, "demo/chart", "0.1.0")
