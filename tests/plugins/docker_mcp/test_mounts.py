"""Which files of this machine a container may see, with real folders and links."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_docker_mcp.config import DockerMcpSettings, DockerSettings
from fuseboard_docker_mcp.errors import NotAllowed, WrongConfiguration
from fuseboard_docker_mcp.ways import mounts


def settings_of(
    folder: Path, readable: list[Path] | None = None, writable: list[Path] | None = None
) -> DockerMcpSettings:
    docker_mcp = DockerSettings(bind_mounts=readable or [], writable_mounts=writable or [])
    return DockerMcpSettings(state_folder=folder / "state", docker_mcp=docker_mcp)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not a temporary one of the system for these tests, although it lies below /tmp."""
    monkeypatch.setattr(mounts, "_TEMPORARY", ())
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def test_a_folder_below_the_temporary_directory_is_mounted_read_only(elsewhere: Path) -> None:
    folder = elsewhere / "temporary" / "data"
    folder.mkdir()
    assert mounts.allowed([f"{folder}:/data"], settings_of(elsewhere)) == [
        mounts.Mount(f"{folder}:/data:ro", folder, writable=False)
    ]


def test_a_folder_below_a_named_one_is_mounted_read_only(elsewhere: Path) -> None:
    (elsewhere / "projects" / "lab").mkdir(parents=True)
    settings = settings_of(elsewhere, readable=[elsewhere / "projects"])
    (mount,) = mounts.allowed([f"{elsewhere}/projects/lab:/data:ro,cached"], settings)
    assert mount.spec == f"{elsewhere}/projects/lab:/data:ro"


@pytest.mark.parametrize("path", ["other", "projects-of-others", "projects/../other", ""])
def test_a_folder_that_is_below_no_named_one_is_refused(elsewhere: Path, path: str) -> None:
    settings = settings_of(elsewhere, readable=[elsewhere / "projects"])
    settings = settings.model_copy(update={"state_folder": Path("/nowhere/state")})
    with pytest.raises(NotAllowed, match="bind_mounts"):
        mounts.allowed([f"{elsewhere}/{path}:/data"], settings)


def test_a_link_that_leads_out_of_a_named_folder_is_followed_and_refused(elsewhere: Path) -> None:
    (elsewhere / "projects").mkdir()
    (elsewhere / "other").mkdir()
    (elsewhere / "projects" / "link").symlink_to(elsewhere / "other")
    with pytest.raises(NotAllowed, match="bind_mounts"):
        mounts.allowed([f"{elsewhere}/projects/link/x:/data"], settings_of(elsewhere, [elsewhere / "projects"]))


def test_what_is_mounted_is_where_a_link_leads_so_that_nobody_can_turn_it_afterwards(elsewhere: Path) -> None:
    (elsewhere / "projects" / "real").mkdir(parents=True)
    (elsewhere / "link").symlink_to(elsewhere / "projects" / "real")
    (mount,) = mounts.allowed([f"{elsewhere}/link:/data"], settings_of(elsewhere, [elsewhere / "projects"]))
    assert mount.source == elsewhere / "projects" / "real"


def test_a_loop_of_links_is_refused_or_mounted_but_no_traceback(elsewhere: Path) -> None:
    (elsewhere / "a").symlink_to(elsewhere / "b")
    (elsewhere / "b").symlink_to(elsewhere / "a")
    with pytest.raises(NotAllowed):
        mounts.allowed([f"{elsewhere}/a/x:/data"], settings_of(elsewhere))


@pytest.mark.parametrize(("mode", "expected"), [("", "rw"), (":rw", "rw"), (":ro", "ro"), (":readonly", "ro")])
def test_exactly_a_writable_folder_is_mounted_as_the_server_asks(elsewhere: Path, mode: str, expected: str) -> None:
    (elsewhere / "out").mkdir()
    settings = settings_of(elsewhere, writable=[elsewhere / "out"])
    (mount,) = mounts.allowed([f"{elsewhere}/out:/data{mode}"], settings)
    assert mount.spec == f"{elsewhere}/out:/data:{expected}"
    assert mount.writable is (expected == "rw")


def test_a_folder_below_a_writable_one_is_not_writable(elsewhere: Path) -> None:
    (elsewhere / "out" / "deeper").mkdir(parents=True)
    settings = settings_of(elsewhere, readable=[elsewhere], writable=[elsewhere / "out"])
    with pytest.raises(NotAllowed, match="exactly this folder"):
        mounts.allowed([f"{elsewhere}/out/deeper:/data:rw"], settings)
    (mount,) = mounts.allowed([f"{elsewhere}/out/deeper:/data"], settings)
    assert mount.spec.endswith(":ro")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/etc",
            "/etc/passwd",
            "/ETC/passwd",
            "/proc/1",
            "/sys",
            "/dev/sda",
            "/root",
            "/run/docker.sock",
            "/var",
        ),
        *("/var/run/docker.sock", "/var/lib/docker/volumes", "/tmp/../etc", "/tmp/../../etc/shadow", "//etc/passwd"),
    ],
)
def test_a_system_path_is_refused_whatever_is_named(tmp_path: Path, path: str) -> None:
    root = Path("/")
    with pytest.raises(NotAllowed, match=r"sensitive system path|bind_mounts"):
        mounts.allowed([f"{path}:/data"], settings_of(tmp_path, [root, Path(path)], [root, Path(path)]))


@pytest.mark.parametrize(
    "name", [".ssh", ".SSH/id_rsa", ".aws/credentials", "a/.docker/config.json", ".netrc", "id_rsa"]
)
def test_credentials_are_refused_whatever_is_named(elsewhere: Path, name: str) -> None:
    with pytest.raises(NotAllowed, match="credentials"):
        mounts.allowed([f"{elsewhere}/{name}:/data"], settings_of(elsewhere, [elsewhere], [elsewhere / name]))


def test_a_link_to_credentials_is_refused(elsewhere: Path) -> None:
    (elsewhere / ".ssh").mkdir()
    (elsewhere / "keys").symlink_to(elsewhere / ".ssh")
    with pytest.raises(NotAllowed, match="credentials"):
        mounts.allowed([f"{elsewhere}/keys:/data"], settings_of(elsewhere, [elsewhere]))


@pytest.mark.parametrize("path", ["state", "state/secrets.json", "."])
def test_the_folder_with_the_secrets_of_this_plugin_is_neither_mounted_nor_part_of_a_mount(
    elsewhere: Path, path: str
) -> None:
    with pytest.raises(NotAllowed, match="secrets"):
        mounts.allowed([f"{elsewhere}/{path}:/data"], settings_of(elsewhere, [elsewhere]))


@pytest.mark.parametrize("spec", ["cache:/data", "mcp-cache_1.cache:/cache:ro", "/data", "a1:/data:rw"])
def test_a_volume_of_the_engine_is_free(tmp_path: Path, spec: str) -> None:
    assert mounts.allowed([f" {spec} "], settings_of(tmp_path)) == [mounts.Mount(spec)]


@pytest.mark.parametrize("spec", ["", "  ", "--privileged", "-v/etc:/x", "-"])
def test_an_empty_value_or_one_that_would_be_an_option_is_left_out(tmp_path: Path, spec: str) -> None:
    assert mounts.allowed([spec], settings_of(tmp_path)) == []


@pytest.mark.parametrize(
    "spec", ["/tmp/a:", ":/data", "/tmp/a:data", "/tmp/a:/b:ro:rw", "C:\\a:/C/a", "cache:", "a:b:c:d"]
)
def test_a_value_that_is_no_mount_is_wrong_configuration(tmp_path: Path, spec: str) -> None:
    with pytest.raises(WrongConfiguration, match="no <host path or volume>"):
        mounts.allowed([spec], settings_of(tmp_path))


@pytest.mark.parametrize("spec", ["./a:/data", "../a:/data", "a/b:/data", "~root:/data", "\\\\srv:/data"])
def test_a_path_that_is_not_absolute_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises(NotAllowed):
        mounts.allowed([spec], settings_of(tmp_path))


@pytest.mark.parametrize("mode", ["shared", "z", "rshared,ro", "ro,exec", "RW+"])
def test_a_mode_other_than_ro_and_rw_is_refused(elsewhere: Path, mode: str) -> None:
    folder = elsewhere / "temporary"
    with pytest.raises(NotAllowed, match="only ro and rw"):
        mounts.allowed([f"{folder}:/data:{mode}"], settings_of(elsewhere, writable=[folder]))


def test_a_folder_that_is_not_there_is_refused_as_the_engine_would_make_it(elsewhere: Path) -> None:
    with pytest.raises(WrongConfiguration, match="Make it first"):
        mounts.allowed([f"{elsewhere}/temporary/absent:/data"], settings_of(elsewhere))
    assert not (elsewhere / "temporary" / "absent").exists()


def test_the_home_of_the_user_is_what_a_tilde_means(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "home" / "projects" / "lab").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(elsewhere / "home"))
    settings = settings_of(elsewhere, readable=[Path("~/projects")])
    (mount,) = mounts.allowed(["~/projects/lab:/data"], settings)
    assert mount.source == elsewhere / "home" / "projects" / "lab"


def test_braces_that_are_left_are_refused_as_a_gateway_would_fill_them_once_more(elsewhere: Path) -> None:
    with pytest.raises(NotAllowed, match="braces"):
        mounts.allowed([f"{elsewhere}/temporary/{{{{files.up}}}}:/data"], settings_of(elsewhere))


@given(
    spec=st.text(max_size=40).filter(lambda text: "\0" not in text)
    | st.lists(
        st.sampled_from(["/", "tmp", "..", ".", ":", "ro", "rw", ",", "~", "etc", "a", " ", "-"]), max_size=12
    ).map("".join)
)
def test_any_value_is_a_mount_below_a_temporary_directory_or_a_named_error(spec: str) -> None:
    settings = DockerMcpSettings(state_folder=Path("/nowhere/state"))
    try:
        spec.encode()
        found = mounts.allowed([spec], settings)
    except (NotAllowed, WrongConfiguration, UnicodeEncodeError):
        return
    for mount in found:
        assert not mount.writable
        if mount.source is not None:
            assert any(
                mount.source.is_relative_to(os.path.realpath(root))
                for root in ("/tmp", "/var/tmp", tempfile.gettempdir())
            )
            assert mount.spec.endswith(":ro")
