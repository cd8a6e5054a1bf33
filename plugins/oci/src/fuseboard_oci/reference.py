"""Names of registries, repositories, tags and digests: the grammar, without any I/O.

Every pattern is matched in full and only after a length check, so that hostile input costs microseconds.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.text import clean

DOCKER_HUB = "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset(
    {DOCKER_HUB, "docker.io", "index.docker.io", "registry.hub.docker.com", "hub.docker.com"},
)
_MAX_NAME = 255

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r"[0-9]{1,5}")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_BARE_HASH = re.compile(r"[a-f0-9]{64}")
_FALLBACK_TAG = re.compile(r"(?:sha256-[a-f0-9]{64}|sha512-[a-f0-9]{64,128})(?:\.[A-Za-z0-9]+)?")


@dataclass(frozen=True, slots=True)
class Image:
    """A repository in a registry, and perhaps a tag and a digest in it.

    Attributes:
        registry: `host` or `host:port` as it is asked, lower case, Docker Hub always as `registry-1.docker.io`.
        repository: the path below the registry; on Docker Hub with its `library/`.
        tag: the tag, None when there is none.
        digest: `sha256:...` or `sha512:...`, None when there is none. It wins over the tag.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def reference(self) -> str:
        """What to ask the registry for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        if self.digest:
            return f"{self.name}@{self.digest}"
        return f"{self.name}:{self.reference}"


def parse_image(repository: str, registry: str | None = None, reference: str | None = None) -> Image:
    """Put the arguments of a tool together.

    Args:
        repository: a repository, with or without `:tag` and `@digest`; or, without `registry`, a full reference such
            as `ghcr.io/o/i:tag@sha256:...`.
        registry: `host[:port]`; Docker Hub when neither argument names one. An empty string counts as not given.
        reference: a tag, a digest, or `tag@digest`.

    Raises:
        InvalidInput: INVALID_REGISTRY, INVALID_REPOSITORY or INVALID_REFERENCE.
    """
    if registry:
        image = Image(parse_registry(registry), *_split_tail(repository))
    else:
        image = _split(repository)
    image = _with_checked_name(image)
    if not reference:
        return image
    tag, digest = parse_reference(reference)
    given_twice = (image.tag and tag and image.tag != tag) or (image.digest and image.digest != digest)
    if given_twice:
        raise InvalidInput(
            "INVALID_REFERENCE",
            f"{_shown(repository)} already carries a tag or digest, and `reference` says another; give it once",
        )
    return Image(image.registry, image.repository, tag or image.tag, digest or image.digest)


def parse_registry(text: str) -> str:
    """Return the registry `host[:port]` in its one spelling: lower case, no `https://`, no `:443`, Hub's aliases gone.

    Raises:
        InvalidInput: INVALID_REGISTRY for a URL with more than a host, user information, or a malformed name or port.
    """
    if len(text) > _MAX_NAME or not text.isascii():
        raise _bad_registry(text)
    host, port = _split_port(text.lower().removeprefix("https://"), text)
    host = _checked_host(host, text)
    if port == 443:
        port = None
    if host in _DOCKER_HUB_NAMES and port is None:
        return DOCKER_HUB
    return host if port is None else f"{host}:{port}"


def split_host(registry: str) -> tuple[str, int | None]:
    """Split a parsed registry into its host (IPv6 without brackets) and its port, None when it has none."""
    if registry.startswith("["):
        host, _, rest = registry[1:].partition("]")
        return host, int(rest[1:]) if rest else None
    host, colon, port = registry.partition(":")
    return host, int(port) if colon else None


def parse_reference(text: str) -> tuple[str | None, str | None]:
    """Split a reference into tag and digest, at least one of which is not None.

    Raises:
        InvalidInput: INVALID_REFERENCE.
    """
    if len(text) <= _MAX_NAME + 10:
        if is_digest(text):
            return None, text
        tag, at, digest = text.partition("@")
        if is_tag(tag) and (not at or is_digest(digest)):
            return tag, digest or None
    raise InvalidInput(
        "INVALID_REFERENCE",
        f"{_shown(text)} is neither a tag (at most 128 of A-Z a-z 0-9 . _ -) "
        "nor a digest (sha256: and 64, or sha512: and 128 lower case hex digits)",
    )


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the distribution specification."""
    return len(text) <= 128 and _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether `text` is a sha256 or sha512 digest."""
    return len(text) <= 135 and _DIGEST.fullmatch(text) is not None


def is_fallback_tag(tag: str) -> bool:
    """Whether `tag` is only bookkeeping: it holds the referrers or a signature of a digest, not an image."""
    return _FALLBACK_TAG.fullmatch(tag) is not None


def is_repository(text: str) -> bool:
    """Whether `text` is a repository name by the distribution specification."""
    return len(text) <= _MAX_NAME and _REPOSITORY.fullmatch(text) is not None and not _BARE_HASH.fullmatch(text)


def names_registry(text: str) -> bool:
    """Whether a repository begins with a registry: its first part has a dot or a colon, or is `localhost`."""
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _split(text: str) -> Image:
    """Split a full reference; without a registry in it, Docker Hub is meant."""
    path, tag, digest = _split_tail(text)
    if names_registry(path):
        first, _, rest = path.partition("/")
        return Image(parse_registry(first), rest, tag, digest)
    return Image(DOCKER_HUB, path, tag, digest)


def _split_tail(text: str) -> tuple[str, str | None, str | None]:
    """Split `path:tag@digest` into its three parts; the path may begin with a registry and its port."""
    if len(text) > 2 * _MAX_NAME:
        raise _bad_repository(text)
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidInput("INVALID_REFERENCE", f"{_shown(digest)} after the @ is no sha256 or sha512 digest")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, ""
    if colon and path != name and not is_tag(tag):
        raise InvalidInput("INVALID_REFERENCE", f"{_shown(tag)} after the : is no tag")
    return path, tag or None, digest or None


def _with_checked_name(image: Image) -> Image:
    repository = image.repository
    if image.registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    too_long = len(image.registry) + 1 + len(repository) > _MAX_NAME
    if too_long or not is_repository(repository) or not is_repository(image.repository):
        raise _bad_repository(image.repository)
    return Image(image.registry, repository, image.tag, image.digest)


def _split_port(text: str, original: str) -> tuple[str, int | None]:
    bracket = text.rfind("]")
    host, colon, digits = text[bracket + 1 :].rpartition(":")
    if not colon:
        return text, None
    if not _PORT.fullmatch(digits) or not 1 <= int(digits) <= 65535:
        raise _bad_registry(original)
    return text[: bracket + 1] + host, int(digits)


def _checked_host(host: str, original: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _bad_registry(original) from None
        if address.scope_id is not None:
            raise _bad_registry(original)
        return f"[{address.compressed}]"
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _bad_registry(original)
    return host


def _bad_registry(text: str) -> InvalidInput:
    return InvalidInput(
        "INVALID_REGISTRY", f"{_shown(text)} is no registry; give only its host, or host:port, such as ghcr.io"
    )


def _bad_repository(text: str) -> InvalidInput:
    return InvalidInput(
        "INVALID_REPOSITORY",
        f"{_shown(text)} is no repository; give lower case path parts joined by /, such as library/alpine, "
        "and the tag or digest in `reference`",
    )


def _shown(text: str) -> str:
    return repr(clean(text, 80))
