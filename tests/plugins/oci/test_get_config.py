"""The config of an image: what is told of it, what is hidden, and how it was built."""

from __future__ import annotations

import pytest

from fuseboard_oci.errors import BadAnswer, OciError
from fuseboard_oci.reading.image_config import NOTICE
from fuseboard_oci.testing import InMemoryRegistry, seed_data
from fuseboard_oci.testing.builder import encode
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, asking, held
from tests.plugins.oci.image_calls import config_of, get_config

pytestmark = pytest.mark.anyio


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
