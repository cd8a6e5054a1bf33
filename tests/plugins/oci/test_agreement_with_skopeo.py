"""A second opinion: skopeo sees the same digests in every tag, and it can push to the registry that we ship."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_oci import tools
from fuseboard_oci.testing import InMemoryRegistry, seed_data
from tests.debian import Program
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import PATIENCE, Oci, asking

pytestmark = [pytest.mark.anyio, pytest.mark.external]

_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_TYPES = (
    *_INDEXES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

Tag = tuple[str, str]


@pytest.fixture(scope="module")
def memory_registry() -> Iterator[InMemoryRegistry]:
    """The registry that we ship, which takes all test data; less of it, since each tag costs a process."""
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=120))
        yield registry


def _skopeo(program: Program, folder: Path, *arguments: str) -> bytes:
    """Run skopeo with a home of its own, where no login and no policy of this machine is found."""
    environment = {**program.environment, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = [program.path, "--insecure-policy", "--tmpdir", str(folder), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode("utf-8", "replace"))
    return done.stdout


def _get(url: str) -> tuple[Any, str]:
    """A JSON document and its media type, read without our client."""
    request = urllib.request.Request(url, headers={"Accept": ", ".join(_TYPES)})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read()), answer.headers["Content-Type"]


def _all_tags(url: str) -> list[Tag]:
    """Every tag of every repository; one whose manifest was refused has blobs only, and no list of tags."""
    found: list[Tag] = []
    for name in _get(f"{url}/v2/_catalog?n=1000")[0]["repositories"]:
        try:
            found += [(name, tag) for tag in _get(f"{url}/v2/{name}/tags/list?n=1000")[0]["tags"] or []]
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                raise
    return found


def _platforms(url: str, name: str, manifest: Any, media_type: str) -> set[str]:
    """The platforms of a manifest, as its JSON and the documents behind it say: no line of this is the plugin's."""
    if media_type not in _INDEXES:
        if manifest.get("config", {}).get("mediaType") not in _CONFIGS:
            return set()
        config, _ = _get(f"{url}/v2/{name}/blobs/{manifest['config']['digest']}")
        return {_text(config)}
    found: set[str] = set()
    for child in manifest["manifests"]:
        platform = child.get("platform")
        if platform is not None and platform["os"] == "unknown":
            continue
        if platform is not None:
            found.add(_text(platform))
        elif "artifactType" not in child:
            found |= _platforms(url, name, *_get(f"{url}/v2/{name}/manifests/{child['digest']}"))
    return found


def _text(platform: dict[str, str]) -> str:
    parts = [platform["os"], platform["architecture"], platform.get("variant", "")]
    return "/".join(part for part in parts if part)


async def _ours(oci: Oci, tags: list[Tag]) -> dict[Tag, tuple[str, str, set[str]]]:
    """Per tag the digest of `get_details`, that of `get_manifest`, and the platforms."""
    found: dict[Tag, tuple[str, str, set[str]]] = {}

    async def ask(name: str, tag: str) -> None:
        details = await oci.details(name, tag)
        manifest = await tools.get_manifest(oci.context, name, tag, oci.registry)
        found[name, tag] = (details.digest, manifest.digest, {row.platform for row in details.platforms})

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for name, tag in tags:
                group.start_soon(ask, name, tag)
    return found


@pytest.mark.parametrize("kind", ["memory_registry", "open_registry"])
async def test_every_tag_has_the_digest_that_skopeo_sees_and_the_platforms_that_its_json_names(
    kind: str, skopeo: Program, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    registry: InMemoryRegistry | DebianRegistry = request.getfixturevalue(kind)
    tags = await anyio.to_thread.run_sync(_all_tags, registry.url)
    assert {"demo/single", "demo/multi", "demo/dockerlist", "demo/nomt", "demo/big"} <= {name for name, _ in tags}
    async with asking(registry.host) as oci:
        ours = await _ours(oci, tags)

    def theirs(tag: Tag) -> tuple[str, str, set[str]]:
        name, reference = tag
        raw = _skopeo(
            skopeo, tmp_path, "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/{name}:{reference}"
        )
        digest = "sha256:" + hashlib.sha256(raw).hexdigest()
        manifest, media_type = _get(f"{registry.url}/v2/{name}/manifests/{digest}")
        return digest, digest, _platforms(registry.url, name, manifest, media_type)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        expected = dict(zip(tags, await anyio.to_thread.run_sync(lambda: list(pool.map(theirs, tags))), strict=True))
    assert ours == expected


def test_an_image_that_skopeo_copies_through_the_shipped_registry_comes_out_unchanged(
    memory_registry: InMemoryRegistry, skopeo: Program, tmp_path: Path
) -> None:
    """Out of one registry into a folder, and out of the folder into another: uploads, and the digests stay."""
    source = f"docker://{memory_registry.host}/demo/multi:1.0"
    with InMemoryRegistry(auth="token") as other:
        target = f"docker://{other.host}/copy/multi:1.0"
        folder = f"dir:{tmp_path / 'image'}"
        plain = ("--all", "--preserve-digests")
        _skopeo(skopeo, tmp_path, "copy", *plain, "--src-tls-verify=false", source, folder)
        login = ("--dest-tls-verify=false", "--dest-creds", "alice:secret")
        _skopeo(skopeo, tmp_path, "copy", *plain, *login, folder, target)
        begun = memory_registry.store.get("demo/multi")
        ended = other.store.get("copy/multi")
        assert begun is not None
        assert ended is not None
        assert ended.tags["1.0"] == begun.tags["1.0"]
        assert set(ended.manifests) == set(begun.manifests) - {begun.tags["latest"]}
        assert ended.blobs == {digest: begun.blobs[digest] for digest in ended.blobs}
        assert {"POST", "PATCH", "PUT"} <= {entry.method for entry in other.log}


@pytest.mark.parametrize("auth", ["none", "basic", "token"])
def test_skopeo_lists_the_tags_and_deletes_in_the_shipped_registry(auth: Any, skopeo: Program, tmp_path: Path) -> None:
    with InMemoryRegistry(auth=auth, max_n=2) as registry:
        registry.seed(seed_data(many=1, parallel=0))
        login = ("--tls-verify=false", "--creds", "alice:secret")
        listed = _skopeo(skopeo, tmp_path, "list-tags", *login, f"docker://{registry.host}/demo/app")
        assert json.loads(listed)["Tags"] == ["1.0.0", "1.1.0", "2.0.0-rc.1"]
        _skopeo(skopeo, tmp_path, "delete", *login, f"docker://{registry.host}/demo/app:1.0.0")
        held = registry.store.get("demo/app")
        assert held is not None
        assert sorted(held.tags) == ["1.1.0", "2.0.0-rc.1"]
