"""What changed between two images or artifacts, of one registry or of two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import anyio
from pydantic import Field

from fuseboard_oci.documents import Manifest, descriptors
from fuseboard_oci.errors import BadAnswer, NotFound
from fuseboard_oci.reading import hiding
from fuseboard_oci.reading.config_document import ConfigDocument, config_document
from fuseboard_oci.reading.details import BaseImage
from fuseboard_oci.reading.differences import (
    Change,
    Differ,
    LayerChanges,
    NameChanges,
    ValueChanges,
    layer_changes,
    text_change,
)
from fuseboard_oci.reading.image_config import NOTICE, Counts, odd_fields
from fuseboard_oci.reading.one_image import (
    USUAL,
    Candidates,
    OneImage,
    choose,
    find_candidates,
    listed,
    read_one,
    type_of,
)
from fuseboard_oci.reading.platforms import Platform
from fuseboard_oci.reading.result import Maybe, Named, Number, Some
from fuseboard_oci.reading.survey import Found
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean

_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"
_BASE = frozenset({_BASE_NAME, _BASE_DIGEST})


class Comparison(Named):
    """What changed from a to b. What is the same is absent."""

    same_digest: bool = Field(description="both are the very same; nothing else was read")
    digest: Change[str] = Field(description="of what the references point to")
    kind: Literal["image", "artifact"]
    platform: Maybe[str] = Field(default=None, description="that was compared")
    same_image: Maybe[bool] = Field(default=None, description="whether these two have one digest")
    platforms: Maybe[NameChanges] = None
    layers: Maybe[LayerChanges] = None
    env: Maybe[ValueChanges] = None
    labels: Maybe[ValueChanges] = None
    annotations: Maybe[ValueChanges] = None
    ports: Maybe[NameChanges] = None
    volumes: Maybe[NameChanges] = None
    entrypoint: Maybe[Change[list[str]]] = None
    cmd: Maybe[Change[list[str]]] = None
    healthcheck: Maybe[Change[list[str]]] = None
    user: Maybe[Change[str]] = None
    workdir: Maybe[Change[str]] = None
    stop_signal: Maybe[Change[str]] = None
    created: Maybe[Change[str]] = None
    base: Maybe[Change[BaseImage]] = None
    history_added: Some[str] = Field(default_factory=list, description="build steps that only b has")
    hidden: Number = Field(default=0, description="how many values show_values would show")
    omitted: Counts = Field(default_factory=dict, description="differences left out, by field")
    warnings: Some[str] = Field(default_factory=list)
    notice: Maybe[str] = None


@dataclass(slots=True)
class _Side:
    """One of the two, and what is known about it so far."""

    name: Literal["a", "b"]
    registry: Registry
    image: Image
    whole: Manifest = field(init=False)
    candidates: Candidates = field(init=False)
    row: Found | None = field(init=False, default=None)
    one: OneImage = field(init=False)
    document: ConfigDocument = field(init=False)

    async def read_whole(self) -> None:
        self.whole = await self.registry.manifest(self.image)

    async def read_platforms(self) -> None:
        self.candidates = await find_candidates(self.registry, self.image, self.whole)

    async def read_chosen(self) -> None:
        self.one = await read_one(self.candidates, self.row)
        self.document = config_document(self.one.config)

    @property
    def digest(self) -> str:
        """Of the one image that was chosen."""
        return self.row.digest if self.row else self.whole.digest

    @property
    def platforms(self) -> list[Platform]:
        """All that it has, each once."""
        return list(dict.fromkeys(row.platform for row in self.candidates.survey.rows))

    def warnings(self) -> list[str]:
        """What a reader of the comparison should know about this side."""
        left_out = ", ".join(f"{count} of {name}" for name, count in self.document.left_out.items())
        found = [*self.one.warnings, *odd_fields(self.document), *([f"not compared: {left_out}"] if left_out else [])]
        return [f"{self.name}: {text}" for text in found]


async def compare(
    registry_a: Registry,
    image_a: Image,
    registry_b: Registry,
    image_b: Image,
    wanted: Platform | None,
    *,
    show_values: bool = False,
) -> Comparison:
    """Compare what two references point to.

    Two indexes cost six requests, three of them one after another; the same digest on both sides costs two.

    Args:
        registry_a: whom to ask about `image_a`.
        image_a: the older one.
        registry_b: whom to ask about `image_b`.
        image_b: the newer one.
        wanted: the platform to compare; linux/amd64 when it is None, or the only one that both have.
        show_values: show also what `hiding.py` would hide.

    Raises:
        NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN, PLATFORM_UNKNOWN.
        BadAnswer: NOT_AN_IMAGE when one is an image and the other is not.
    """
    a, b = _Side("a", registry_a, image_a), _Side("b", registry_b, image_b)
    await _both(a.read_whole, b.read_whole)
    images = [side.whole.kind in ("index", "image") for side in (a, b)]
    result = Comparison(
        same_digest=a.whole.digest == b.whole.digest,
        digest=Change[str].between(a.whole.digest, b.whole.digest),
        kind="image" if any(images) else "artifact",
    )
    if result.same_digest:
        return result
    differ = Differ(show_values)
    if all(images):
        await _compare_images(a, b, wanted, differ, result)
    elif any(images):
        raise BadAnswer(
            "NOT_AN_IMAGE",
            f"only one of the two is an image: {a.image} is {type_of(a.whole)}, {b.image} is {type_of(b.whole)}",
        )
    else:
        _compare_artifacts(a.whole, b.whole, differ, result)
    result.hidden, result.omitted = differ.hidden, differ.omitted
    strangers = (result.env, result.labels, result.annotations, result.entrypoint, result.cmd, result.healthcheck)
    result.notice = NOTICE if any(strangers) or result.history_added else None
    return result


async def _compare_images(a: _Side, b: _Side, wanted: Platform | None, differ: Differ, result: Comparison) -> None:
    await _both(a.read_platforms, b.read_platforms)
    _choose(a, b, wanted, result)
    result.platforms = differ.names("platforms", map(_platform_name, a.platforms), map(_platform_name, b.platforms))
    result.same_image = a.digest == b.digest
    if result.same_image:
        result.warnings += [f"{side.name}: {text}" for side in (a, b) for text in side.candidates.survey.warnings]
        return
    await _both(a.read_chosen, b.read_chosen)
    _compare_manifests(a.one.manifest, b.one.manifest, differ, result)
    _compare_configs(a.document, b.document, differ, result)
    bases = _base(a), _base(b)
    result.base = Change[BaseImage].between(*bases) if bases[0] != bases[1] else None
    result.warnings += [*a.warnings(), *b.warnings()]


def _choose(a: _Side, b: _Side, wanted: Platform | None, result: Comparison) -> None:
    """Decide on one platform for both, or with a warning on one for each when they share none."""
    shared = [one for one in a.platforms if any(other.matches(one) for other in b.platforms)] if not wanted else []
    has_usual = any(platform.matches(USUAL) for platform in shared)
    if len(shared) > 1 and not has_usual:
        raise NotFound(
            "PLATFORM_UNKNOWN",
            f"{a.image} and {b.image} have no {USUAL} in common; give platform, one of {listed(shared)}",
        )
    meant = wanted or (USUAL if has_usual else shared[0] if shared else None)
    a.row, b.row = (choose(side.candidates, meant) for side in (a, b))
    if a.row:
        result.platform = str(a.row.platform)
    if a.row and b.row and _platform_name(a.row.platform) != _platform_name(b.row.platform):
        result.warnings.append(f"not the same platform: {a.row.platform} is compared with {b.row.platform}")


def _platform_name(platform: Platform) -> str:
    # The same platform may be written with its only variant or without.
    return str(Platform(platform.os, "arm64") if str(platform).endswith("/arm64/v8") else platform)


def _compare_artifacts(old: Manifest, new: Manifest, differ: Differ, result: Comparison) -> None:
    _compare_manifests(old, new, differ, result)
    types = type_of(old), type_of(new)
    if types[0] != types[1]:
        result.warnings.append(f"the types differ: {types[0]} and {types[1]}")


def _compare_manifests(old: Manifest, new: Manifest, differ: Differ, result: Comparison) -> None:
    result.layers = layer_changes(descriptors(_layers(old)), descriptors(_layers(new)))
    for name, layers in (("a", _layers(old)), ("b", _layers(new))):
        if damaged := len(layers) - len(descriptors(layers)):
            result.warnings.append(f"{name}: {damaged} damaged entries of its layers were not compared")
    result.annotations = _notes_changed("annotations", _annotations(old), _annotations(new), differ)


def _notes_changed(label: str, old: dict[str, str], new: dict[str, str], differ: Differ) -> ValueChanges | None:
    """Compare labels or annotations, without those that `base` tells already."""
    before, after = ({key: value for key, value in notes.items() if key not in _BASE} for notes in (old, new))
    return differ.values(label, before, after, hiding.label_value)


def _compare_configs(old: ConfigDocument, new: ConfigDocument, differ: Differ, result: Comparison) -> None:
    result.env = differ.values("env", old.env, new.env, hiding.env_value)
    result.labels = _notes_changed("labels", old.labels, new.labels, differ)
    result.ports = differ.names("ports", old.ports, new.ports)
    result.volumes = differ.names("volumes", old.volumes, new.volumes)
    result.entrypoint = differ.command(old.entrypoint, new.entrypoint)
    result.cmd = differ.command(old.cmd, new.cmd)
    result.healthcheck = differ.command(_test(old), _test(new))
    result.user = text_change(old.user, new.user)
    result.workdir = text_change(old.workdir, new.workdir)
    result.stop_signal = text_change(old.stop_signal, new.stop_signal)
    result.created = text_change(old.created, new.created)
    result.history_added = differ.steps_added(old.history, new.history)


def _test(document: ConfigDocument) -> list[str]:
    return document.healthcheck.test if document.healthcheck else []


def _base(side: _Side) -> BaseImage | None:
    """The base that the author names in the labels, or with more weight in the annotations."""
    notes = {**side.document.labels, **_annotations(side.whole), **_annotations(side.one.manifest)}
    name, digest = (clean(notes.get(key, "")) or None for key in (_BASE_NAME, _BASE_DIGEST))
    return BaseImage(name=name, digest=digest) if name or digest else None


def _annotations(manifest: Manifest) -> dict[str, str]:
    values = manifest.fields.get("annotations")
    if not isinstance(values, dict):
        return {}
    return {key: value for key, value in values.items() if isinstance(value, str)}


def _layers(manifest: Manifest) -> list[Any]:
    # Old artifact manifests call them blobs.
    layers = manifest.fields.get("layers") or manifest.fields.get("blobs")
    return layers if isinstance(layers, list) else []


async def _both(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> None:
    """Do two things at once; what one of them raises stops the other and comes out as it is, in no group."""
    failures: list[Exception] = []

    async def run(call: Callable[[], Awaitable[None]]) -> None:
        try:
            await call()
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(partial(run, first))
        group.start_soon(partial(run, second))
    if failures:
        raise failures[0]
