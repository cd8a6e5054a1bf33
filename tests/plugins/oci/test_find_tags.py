"""Finding tags: the newest version, updates, patterns, and what points to a digest."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from fuseboard_oci import tools
from fuseboard_oci.errors import InvalidInput, LoginFailed, NotFound, RateLimited, Unreachable
from fuseboard_oci.reading.tags import FoundTags
from fuseboard_oci.reference import parse_image
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Repository, seed_data
from fuseboard_oci.testing.http import Request, Response
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, PATIENCE, Oci, asking, asking_nobody

pytestmark = pytest.mark.anyio

DIGEST = "sha256:" + "d1" * 32
OTHER = "sha256:" + "e2" * 32


async def find(oci: Oci, repository: str, **arguments: Any) -> FoundTags:
    """The result of `find_tags`."""
    with anyio.fail_after(PATIENCE):
        return await tools.find_tags(oci.context, repository, **{"registry": oci.registry, **arguments})


def tagged(name: str, *groups: str) -> Repository:
    """A repository with one image for each group of tags, which are separated by spaces."""
    repository = Repository(name)
    for number, group in enumerate(groups):
        repository.tag(repository.image(layers=[f"{name} {number}".encode()]), *group.split())
    return repository


async def test_the_newest_version_and_the_first_twenty_tags() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/manytags")
            assert found.tags == (await oci.tags("demo/manytags"))[:20]
    assert (found.newest, found.update_available, found.kind) == ("10.0.0", None, "semver")
    assert (found.total, found.matched, found.truncated, found.checked) == (1200, 1200, True, None)


async def test_an_answer_without_anything_special_is_short() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/app")
    assert found.model_dump() == {
        "newest": "1.1.0",
        "update_available": None,
        "kind": "semver",
        "total": 3,
        "matched": 3,
        "tags": ["2.0.0-rc.1", "1.1.0", "1.0.0"],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("arguments", "newest", "update", "tags"),
    [
        ({"current": "1.0.0"}, "1.1.0", True, ["1.1.0", "1.0.0"]),
        ({"current": "1.1.0"}, "1.1.0", False, ["1.1.0", "1.0.0"]),
        ({"current": "v1.0.5"}, "1.1.0", True, ["1.1.0", "1.0.0"]),
        ({"current": "1.1.0", "prereleases": True}, "2.0.0-rc.1", True, ["2.0.0-rc.1", "1.1.0", "1.0.0"]),
        (
            {"current": "1.1.0", "prereleases": True, "same_major": True},
            "1.1.0",
            False,
            ["1.1.0", "1.0.0"],
        ),
        ({"prereleases": True}, "2.0.0-rc.1", None, ["2.0.0-rc.1", "1.1.0", "1.0.0"]),
        ({"pattern": "1.*"}, "1.1.0", None, ["1.1.0", "1.0.0"]),
        ({"pattern": "1.*", "current": "1.1.0", "prereleases": True}, "1.1.0", False, ["1.1.0", "1.0.0"]),
        ({"pattern": "?.[01].0"}, "1.1.0", None, ["1.1.0", "1.0.0"]),
        ({"limit": 1}, "1.1.0", None, ["2.0.0-rc.1"]),
        ({"pattern": "", "current": "", "flavour": "", "digest": ""}, "1.1.0", None, ["2.0.0-rc.1", "1.1.0", "1.0.0"]),
    ],
)
async def test_what_is_found_in_an_image_of_three_versions(
    arguments: dict[str, Any], newest: str, update: bool | None, tags: list[str]
) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/app", **arguments)
    assert (found.newest, found.update_available, found.tags) == (newest, update, tags)
    assert found.warnings == []
    assert found.truncated is ("limit" in arguments)


@pytest.mark.parametrize("flavour", ["alpine", "-alpine", "Alpine"])
async def test_a_flavour_is_kept_or_asked_for(flavour: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", "1.0 1.0-slim 1.1-alpine 1.2-alpine 1.3 1.4-slim 1.5-alpine3.22")])
        async with asking(registry) as oci:
            kept = await find(oci, "a/b", current="1.1-alpine")
            asked = await find(oci, "a/b", flavour=flavour)
            other = await find(oci, "a/b", current="1.0-slim", flavour=flavour)
    assert (kept.newest, kept.update_available, kept.tags) == ("1.2-alpine", True, ["1.2-alpine", "1.1-alpine"])
    assert (asked.newest, asked.update_available, asked.tags) == ("1.2-alpine", None, ["1.2-alpine", "1.1-alpine"])
    assert (other.newest, other.update_available) == ("1.2-alpine", True)


@pytest.mark.parametrize(
    ("tags", "arguments", "words"),
    [
        ("latest main", {}, "No tag that fits is a version."),
        ("1.0", {"pattern": "2.*"}, "No tag that fits is a version."),
        ("1.0 1.1", {"current": "2.0"}, "The newest that may follow 2.0 is 1.1, which is older."),
        ("1.0-rc.1 0.1-slim", {}, "There are only prereleases, such as 1.0-rc.1: search with prereleases=true."),
        ("1.0-slim 1.1-slim 1.0-alpine", {}, "No version without a flavour. Flavours there are: slim, alpine."),
        ("1.0-slim", {"flavour": "alpine"}, "No version with the flavour alpine. Flavours there are: slim."),
        ("1.0", {"current": "2026.1.1"}, "No version without a flavour may follow 2026.1.1, a calver with 3 numbers."),
        ("1.0", {"same_major": True}, "same_major was ignored: it needs current."),
    ],
)
async def test_a_search_without_a_newest_version_says_why(tags: str, arguments: dict[str, Any], words: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", tags)])
        async with asking(registry) as oci:
            found = await find(oci, "a/b", **arguments)
    assert found.warnings == [words]
    assert found.newest is None or "same_major" in arguments
    assert not found.update_available


async def test_the_tag_of_a_full_reference_is_current_unless_current_says_another() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            full = f"{registry.host}/demo/app:1.0.0"
            assert (await find(oci, full, registry=None)).update_available
            assert not (await find(oci, full, registry=None, current="1.1.0")).update_available
            # A digest beside the tag pins it; the question is still about the tag.
            assert (await find(oci, f"{full}@{DIGEST}", registry=None)).newest == "1.1.0"


async def test_current_that_is_no_version_is_refused_before_anything_is_sent() -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_VERSION: current is 'latest'.* Leave it out .*digest"):
            await find(oci, "alpine", registry=None, current="latest")
        with pytest.raises(InvalidInput, match=r"^INVALID_VERSION: current is 'edge'"):
            await find(oci, "alpine:edge", registry=None)
        with pytest.raises(InvalidInput, match=r"^INVALID_VERSION") as caught:
            await find(oci, "alpine", registry=None, current="\x1b[31m1.0\n" * 1000)
    assert str(caught.value).isprintable()


async def test_a_malformed_digest_or_an_endless_pattern_is_refused_before_anything_is_sent() -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE: 'sha256:abc' is no digest"):
            await find(oci, "alpine", registry=None, digest="sha256:abc")
        with pytest.raises(InvalidInput, match=r"^INVALID_PATTERN: the pattern has 129 characters"):
            await find(oci, "alpine", registry=None, pattern="*" * 129)


@pytest.mark.parametrize(
    "pattern", ["*a" * 63 + "*c", "*" * 127 + "c", "*[ab]" * 25 + "*c", "?*" * 63 + "c", "*a?" * 42]
)
async def test_a_pattern_of_many_stars_is_answered_at_once(pattern: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", " ".join("a" * 127 + letter for letter in "abdefgh"))])
        async with asking(registry) as oci:
            found = await find(oci, "a/b", pattern=pattern)
    assert found.matched in (0, 7)


@pytest.mark.parametrize(
    "pattern", ["[", "[!]", "[z-a]*", "\\", "(.*)", "[[:alpha:]]", "1.0|2.0", "$", "\x00", "[a--b]"]
)
async def test_a_pattern_is_a_glob_and_nothing_else(pattern: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", "1.0 2.0 alpha")])
        async with asking(registry) as oci:
            assert (await find(oci, "a/b", pattern=pattern)).matched == 0


async def test_a_pattern_tells_upper_from_lower_case() -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", "Latest latest")])
        async with asking(registry) as oci:
            assert (await find(oci, "a/b", pattern="L*")).tags == ["Latest"]


async def test_bookkeeping_tags_of_signatures_are_not_found() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/signed", pattern="*")
    assert (found.total, found.tags) == (1, ["1.0"])


async def test_the_tags_that_point_to_a_digest_are_found_by_asking_each_for_its_digest() -> None:
    with InMemoryRegistry() as registry:
        registry.seed([tagged("a/b", "1.1 1.1.0 1 latest", "1.0 1.0.0")])
        held = registry.store.get("a/b")
        assert held is not None
        async with asking(registry) as oci:
            found = await find(oci, "a/b", digest=held.tags["latest"])
            by_reference = await find(oci, f"{registry.host}/a/b@{held.tags['1.0']}", registry=None)
            nothing = await find(oci, "a/b", digest=DIGEST)
    assert found.tags == ["1.1.0", "1.1", "1", "latest"]
    assert (found.newest, found.matched, found.checked, found.total) == ("1.1.0", 4, 6, 6)
    assert found.truncated is False
    assert by_reference.tags == ["1.0.0", "1.0"]
    assert (nothing.newest, nothing.tags, nothing.checked) == (None, [], 6)
    assert {entry.method for entry in registry.log if "/manifests/" in entry.path} == {"HEAD"}


async def test_a_multi_platform_image_is_found_by_the_digest_of_its_index() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        held = registry.store.get("demo/multi")
        assert held is not None
        async with asking(registry) as oci:
            found = await find(oci, "demo/multi", digest=held.tags["latest"])
    assert (found.newest, found.tags, found.checked) == (None, ["latest"], 2)


async def test_at_most_200_tags_are_asked_the_newest_first_and_a_pattern_narrows_them() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(parallel=0))
        held = registry.store.get("demo/manytags")
        assert held is not None
        async with asking(registry) as oci:
            found = await find(oci, "demo/manytags", digest=held.tags["latest"], limit=1000)
            newest = (await oci.tags("demo/manytags"))[:200]
            asked = [entry.path.rpartition("/")[2] for entry in registry.log if entry.method == "HEAD"]
            narrowed = await find(oci, "demo/manytags", digest=held.tags["latest"], pattern="l*")
            in_track = await find(oci, "demo/manytags", digest=held.tags["latest"], current="20250101")
    assert (found.checked, found.matched, found.truncated) == (200, 200, True)
    assert found.tags == newest
    assert sorted(asked) == sorted(newest)
    assert found.warnings == ["Only the first 200 of 1200 tags were checked; narrow the search."]
    assert (narrowed.tags, narrowed.checked, narrowed.truncated) == (["latest"], 1, False)
    assert (in_track.tags, in_track.update_available, in_track.checked) == (["20260115"], True, 1)


class Stranger(LoopbackServer):
    """Lists `tags`, and answers for each what `answers` says: a status and a digest."""

    def __init__(self, answers: dict[str, tuple[int, str]], manifest: object = None, **more: object) -> None:
        super().__init__()
        self.answers = answers
        self.fields = {"tags": list(answers), **({"manifest": manifest} if manifest is not None else {}), **more}

    def respond(self, request: Request) -> Response:
        if request.path.endswith("/tags/list"):
            return Response(200, [("Content-Type", "application/json")], json.dumps(self.fields).encode())
        status, digest = self.answers[request.path.rpartition("/")[2]]
        return Response(status, [("Docker-Content-Digest", digest)] if digest else [])


async def test_a_tag_that_cannot_be_asked_is_a_warning() -> None:
    answers = {"3.0": (404, ""), "2.0": (200, DIGEST), "1.0": (200, DIGEST), "0.1": (200, ""), "latest": (200, OTHER)}
    with Stranger(answers) as registry:
        async with asking(registry) as oci:
            found = await find(oci, "a/b", digest=DIGEST)
    assert (found.tags, found.checked, found.truncated) == (["2.0", "1.0"], 3, True)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("2 tags could not be checked: MANIFEST_UNKNOWN: ")


async def test_a_registry_that_names_no_digests_is_said_to() -> None:
    with InMemoryRegistry(digest_header=False) as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/app", digest=DIGEST)
    assert (found.tags, found.checked, found.truncated) == ([], 0, True)
    assert found.warnings == ["3 tags could not be checked: the registry names no digest"]


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (500, Unreachable), (429, RateLimited)])
async def test_when_not_a_single_tag_can_be_asked_the_reason_is_the_answer(status: int, error: type[Exception]) -> None:
    with Stranger({"1.0": (status, ""), "1.1": (status, "")}) as registry:
        async with asking(registry) as oci:
            with pytest.raises(error):
                await find(oci, "a/b", digest=DIGEST)


async def test_a_registry_that_limits_its_rate_is_not_asked_on() -> None:
    answers = {f"1.{number}": (429, "") for number in range(200)}
    with Stranger(answers) as registry:
        async with asking(registry, limits={"parallel": 2}) as oci:
            with pytest.raises(RateLimited, match=r"^TOOMANYREQUESTS"):
                await find(oci, "a/b", digest=DIGEST)
        assert len(registry.log) < 10


async def test_the_digests_that_a_list_of_tags_names_cost_no_further_request() -> None:
    """Google's registries put them beside the tags."""
    manifest = {DIGEST: {"tag": ["1.1", "latest"], "imageSizeBytes": "10"}, OTHER: {"tag": ["1.0"]}}
    with Stranger({"1.0": (500, ""), "1.1": (500, ""), "latest": (500, "")}, manifest, child=[]) as registry:
        async with asking(registry) as oci:
            found = await find(oci, "a/b", digest=DIGEST)
        assert [entry.path.partition("?")[0] for entry in registry.log] == ["/v2/a/b/tags/list"]
    assert (found.tags, found.newest, found.checked, found.warnings) == (["1.1", "latest"], "1.1", 3, [])


async def test_tags_that_the_list_gives_no_digest_are_asked_for_theirs() -> None:
    with Stranger({"1.0": (200, DIGEST), "1.1": (500, "")}, {DIGEST: {"tag": ["1.1"]}}) as registry:
        async with asking(registry) as oci:
            found = await find(oci, "a/b", digest=DIGEST)
        assert [entry.method for entry in registry.log] == ["GET", "HEAD"]
    assert (found.tags, found.checked) == (["1.1", "1.0"], 2)


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        "text",
        {"sha256:zz": {"tag": ["1.0"]}},
        {DIGEST: None},
        {DIGEST: {"tag": "1.0"}},
        {DIGEST: {"tag": [None, 7, ["1.0"], "../../x", "a" * 200]}},
        {DIGEST: {"tag": ["not-in-the-list", "sha256-" + "ab" * 32 + ".sig"]}},
    ],
)
async def test_odd_digests_in_a_list_of_tags_are_passed_over(manifest: object) -> None:
    with Stranger({"1.0": (200, OTHER)}, manifest) as registry:
        async with asking(registry) as oci:
            found = await find(oci, "a/b", digest=OTHER)
        assert [entry.method for entry in registry.log] == ["GET", "HEAD"]
    assert (found.tags, found.checked, found.total) == (["1.0"], 1, 1)


async def test_the_digests_of_a_list_are_bounded_like_its_tags() -> None:
    names = [f"1.{number}" for number in range(50)]
    digests = {f"sha256:{number:064}": {"tag": [name]} for number, name in enumerate(names)}
    with Stranger(dict.fromkeys(names, (200, OTHER)), digests) as registry:
        async with asking(registry, limits={"tags": 10}) as oci:
            found = await find(oci, "a/b", digest=OTHER)
            listed = await oci.client.registry(oci.registry).tags(parse_image("a/b", oci.registry))
    assert (found.total, found.checked, found.truncated) == (10, 10, True)
    assert found.warnings == ["The registry has more tags than the 10 that were read; later ones are missing."]
    assert len(listed.by_digest) <= 10


@pytest.mark.external
async def test_a_real_registry_is_searched_for_versions_and_digests(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        update = await find(oci, "demo/app", current="1.0.0")
        held = next(item for repository in seed_data() if repository.name == "demo/app" for item in repository.items)
        pointing = await find(oci, "demo/app", digest=held.digest)
    assert (update.newest, update.update_available) == ("1.1.0", True)
    assert (pointing.tags, pointing.checked) == (list(held.tags), 3)


async def test_a_repository_that_does_not_exist_is_named() -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^NAME_UNKNOWN: .*no/such"):
                await find(oci, "no/such")


async def test_an_empty_repository_has_no_newest_version_and_a_reason() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await find(oci, "demo/emptied", current="1.0")
    assert (found.newest, found.update_available, found.total, found.tags) == (None, False, 0, [])
    assert found.warnings == ["No tags: the repository is empty, or it does not exist and this registry does not tell."]


async def test_a_private_repository_wants_a_login() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data(many=0, parallel=0))
        held = registry.store.get("private/secret")
        assert held is not None
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED"):
                await find(oci, "private/secret")
        async with asking(registry, **ALICE) as oci:
            found = await find(oci, "private/secret", digest=held.tags["1.0"])
    assert (found.newest, found.tags) == ("1.0", ["1.0"])
