"""The plugin as the host sees it: settings, hooks, prompts, health."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx2
import pytest
from mcp.server.mcpserver.utilities.func_metadata import func_metadata
from pydantic import ValidationError

import fuseboard_oci
from fuseboard import Caller, Context, Tool
from fuseboard_oci import tools
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import LoginFailed
from fuseboard_oci.health import registries
from fuseboard_oci.reference import parse_image
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, seed_data
from fuseboard_oci.testing.doorman import AuthMode
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.transport.wire import Ask
from tests.plugins.oci.helpers import PATIENCE, asking, nobody


@pytest.fixture(autouse=True)
def _the_health_check_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers is not called ill because this machine was busy for a moment."""
    monkeypatch.setattr("fuseboard_oci.health.PATIENCE", PATIENCE)


class Recorder:
    """Stands where the host's registrar stands, and remembers."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, object]] = {}

    def __call__(self, function: object, **options: object) -> None:
        self.items[getattr(function, "__name__", str(function))] = options


def test_there_are_ten_tools_and_all_answer_to_the_names_that_clients_know() -> None:
    recorder = Recorder()
    fuseboard_oci.register_tools(recorder)  # type: ignore[arg-type]
    assert {name: options.get("aliases", ()) for name, options in recorder.items.items()} == {
        "list_tags": ("list_oci_tags",),
        "find_tags": ("find_oci_tags",),
        "get_details": ("get_oci_details",),
        "get_config": ("get_oci_config",),
        "compare_images": ("compare_oci_images",),
        "list_referrers": ("list_oci_referrers",),
        "get_manifest": ("get_oci_manifest",),
        "list_repositories": ("list_oci_repositories",),
        "check_registry": ("check_oci_registry",),
        "ping": (),
    }


def test_every_tool_only_reads_and_says_so() -> None:
    recorder = Recorder()
    fuseboard_oci.register_tools(recorder)  # type: ignore[arg-type]
    for name, options in recorder.items.items():
        assert options["read_only"] is options["idempotent"] is True, name
        assert options["open_world"] is (name != "ping"), name


@pytest.mark.parametrize("name", tools.__all__)
def test_every_tool_describes_itself_its_arguments_and_its_result(name: str) -> None:
    tool = Tool.of(getattr(tools, name))
    assert tool.description
    assert len(tool.description) < 300, "a model reads it with every request"
    assert tool.output_schema is not None or name == "ping"
    for argument, schema in tool.input_schema.get("properties", {}).items():
        assert schema["description"], argument


def test_the_password_is_marked_as_one_in_the_schema() -> None:
    schema = func_metadata(tools.list_tags, skip_names=["ctx"]).arg_model.model_json_schema()
    assert "password" in str(schema["properties"]["password"])
    assert schema["required"] == ["repository"]


def test_the_prompts_and_the_health_check_are_registered() -> None:
    found, checks = Recorder(), Recorder()
    fuseboard_oci.register_prompts(found)  # type: ignore[arg-type]
    fuseboard_oci.register_health_checks(checks)  # type: ignore[arg-type]
    assert sorted(found.items) == [
        "list_annotations_prompt",
        "list_architectures_prompt",
        "list_digests_prompt",
        "list_tags_prompt",
    ]
    assert list(checks.items) == ["registries"]
    assert "registries" in fuseboard_oci.instructions()
    assert fuseboard_oci.settings() is OciSettings


@pytest.mark.anyio
async def test_the_lifespan_opens_and_closes_the_client() -> None:
    async with fuseboard_oci.lifespan(OciSettings()) as client:
        assert isinstance(client, RegistryClient)


def _context(client: RegistryClient) -> Context[RegistryClient]:
    return Context(state=client, plugin="oci", caller=Caller(surface="test"))


@pytest.mark.anyio
async def test_without_registries_in_the_settings_all_is_well() -> None:
    async with RegistryClient(OciSettings()) as client:
        assert (await registries(_context(client))).ok


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["none", "basic", "token"])
async def test_a_named_registry_that_answers_is_well_and_no_password_is_sent(mode: str) -> None:
    with InMemoryRegistry(auth=mode) as registry:  # type: ignore[arg-type]
        async with asking(registry, username="alice", password="secret") as oci:
            report = await registries(_context(oci.client))
        assert (report.ok, report.details) == (True, {registry.host: "ok"})
        assert [(entry.path, entry.scheme) for entry in registry.log] == [("/v2/", "")]


@pytest.mark.anyio
async def test_a_named_registry_that_is_gone_is_ill_and_named() -> None:
    with nobody() as host:
        async with asking(host, username="alice", password="hunter2") as oci:
            report = await registries(_context(oci.client))
    assert not report.ok
    assert report.message.startswith(f"{host}: HTTP_ERROR")
    assert "hunter2" not in repr(report)


@pytest.mark.anyio
async def test_health_tells_the_pulls_that_are_left_without_asking_for_them() -> None:
    with InMemoryRegistry(rate=100) as registry:
        registry.seed(seed_data(many=1, parallel=0))
        async with asking(registry) as oci:
            before = await registries(_context(oci.client))
            await oci.details("demo/app", "1.0.0")
            await oci.details("demo/app", "1.1.0")
            asked = len(registry.log)
            after = await registries(_context(oci.client))
        assert len(registry.log) == asked + 1
    assert before.details == {registry.host: "ok"}
    assert after.details == {registry.host: "ok, 98 of 100 pulls left in 6 h"}
    assert after.ok


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"ratelimit-remaining": "76"}, "ok, 76 pulls left"),
        ({"ratelimit-remaining": "0;w=90", "ratelimit-limit": "5;w=90"}, "ok, 0 of 5 pulls left in 90 s"),
        ({"ratelimit-remaining": "1;w=120"}, "ok, 1 pulls left in 2 min"),
        ({"ratelimit-limit": "5;w=60"}, "ok"),
        ({"ratelimit-remaining": "many"}, "ok"),
    ],
)
async def test_health_words_what_a_registry_says_of_its_limit(headers: dict[str, str], words: str) -> None:
    class Limiting(LoopbackServer):
        def respond(self, request: Request) -> Response:
            return Response(200, list(headers.items()))

    with Limiting() as limiting:
        async with asking(limiting) as oci:
            report = await registries(_context(oci.client))
    assert report.details == {limiting.host: words}


@pytest.mark.anyio
async def test_a_pattern_in_the_settings_is_nobody_whose_health_could_be_asked() -> None:
    with InMemoryRegistry() as registry:
        known = {registry.host: {"insecure": True}, "*.cr.example.com": {"username": "u", "password": "p"}}
        async with RegistryClient(OciSettings.model_validate({"registries": known})) as client:
            report = await registries(_context(client))
    assert (report.ok, report.details) == (True, {registry.host: "ok"})


@pytest.mark.anyio
async def test_what_answers_but_is_no_registry_is_ill() -> None:
    class Website(LoopbackServer):
        def respond(self, request: Request) -> Response:
            return Response(404)

    with Website() as website:
        async with asking(website) as oci:
            report = await registries(_context(oci.client))
    assert report.message == f"{website.host}: HTTP_ERROR: {website.host} answered 404 to /v2/"


@pytest.mark.anyio
async def test_a_registry_that_is_silent_is_ill_before_the_host_loses_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(LoopbackServer):
        def respond(self, request: Request) -> Response:
            self.stopping.wait()
            return Response(200)

    monkeypatch.setattr("fuseboard_oci.health.PATIENCE", 0.1)
    with Silent() as silent:
        async with asking(silent) as oci:
            report = await registries(_context(oci.client))
    assert report.message == f"{silent.host}: no answer within 0.1 s"


def test_a_request_shows_no_authorization_in_its_repr() -> None:
    ask = Ask("GET", httpx2.URL("https://ghcr.io/v2/x?token=hunter2"), 1, "ghcr.io")
    assert repr(ask) == "Ask(GET https://ghcr.io/v2/x)"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_OCI_REGISTRIES", '{"Docker.IO": {"username": "u", "password": "hunter2"}}')
    monkeypatch.setenv("FUSEBOARD_OCI_ALLOWED_HOSTS", "*.example.com, ghcr.io")
    monkeypatch.setenv("FUSEBOARD_OCI_LIMITS__TAGS", "7")
    monkeypatch.setenv("FUSEBOARD_OCI_HOST_POLICY", "")
    settings = OciSettings()
    assert settings.registries["registry-1.docker.io"].username == "u"
    assert settings.allowed_hosts == ("*.example.com", "ghcr.io")
    assert settings.limits.tags == 7
    assert settings.host_policy == "public"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"registries": {"http://x": {}}}, "is no registry"),
        ({"registries": {"ghcr.io": {"username": "u"}}}, "come together"),
        ({"registries": {"ghcr.io": {"realm_hosts": ["a/b"]}}}, "is no registry"),
        ({"registries": {"ghcr.io": {}, "GHCR.io:443": {}}}, "named twice"),
        ({"registries": {"ghcr.io": {"insecur": True}}}, "insecur"),
        ({"registries": {"ghcr.io": {"ca_bundle": "/no/such/file.pem"}}}, "ca_bundle"),
        ({"allowed_hosts": ["https://x"]}, "no host pattern"),
        ({"limits": {"tags": 0}}, "limits.tags"),
        ({"host_policy": "open"}, "host_policy"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(section: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        OciSettings.model_validate(section)


def test_a_wrong_setting_never_shows_its_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        OciSettings.model_validate({"registries": {"ghcr.io": {"password": "hunter2"}}})
    assert "hunter2" not in "; ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.anyio
async def test_what_is_wrong_with_dockers_files_is_told_by_the_health_check_and_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.json").write_text("hunter2 is no JSON")
    settings = OciSettings.model_validate({"docker_config": True})
    async with RegistryClient(settings, environ={"DOCKER_CONFIG": str(tmp_path)}) as client:
        report = await registries(_context(client))
        again = await registries(_context(client))
    assert report.ok, "the registries can still be asked"
    assert "it is not JSON" in report.details["docker_config"]
    assert again.details == report.details
    assert caplog.text.count("it is not JSON") == 1
    assert "hunter2" not in f"{report}{caplog.text}"


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["basic", "token"])
async def test_a_login_of_docker_opens_a_private_repository_when_the_operator_allows_it(
    tmp_path: Path, mode: AuthMode
) -> None:
    pair = base64.b64encode(b"alice:secret").decode()
    with InMemoryRegistry(auth=mode) as registry:
        registry.seed(seed_data(many=0, parallel=0))
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": pair}}}))
        for allowed in (True, False):
            settings = OciSettings.model_validate(
                {"docker_config": allowed, "registries": {registry.host: {"insecure": True}}}
            )
            image = parse_image("private/secret", registry.host)
            async with RegistryClient(settings, environ={"DOCKER_CONFIG": str(tmp_path)}) as client:
                if allowed:
                    assert (await client.registry(registry.host).tags(image)).tags == ("1.0",)
                else:
                    with pytest.raises(LoginFailed, match="asks for a login"):
                        await client.registry(registry.host).tags(image)


def test_helpers_cannot_be_allowed_without_the_files_that_name_them() -> None:
    with pytest.raises(ValidationError, match="credential_helpers needs docker_config"):
        OciSettings.model_validate({"credential_helpers": True})
