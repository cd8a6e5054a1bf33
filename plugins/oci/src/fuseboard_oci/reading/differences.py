"""What differs between two lists, mappings or commands, in the form in which a comparison shows it. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from fuseboard_oci.documents import Descriptor
from fuseboard_oci.reading import hiding
from fuseboard_oci.reading.config_document import Step
from fuseboard_oci.reading.image_config import Values
from fuseboard_oci.reading.result import Maybe, OrNull, Some, without_docstring
from fuseboard_oci.text import MAX_ENTRIES, clean

_MAX_VALUE = 160
_MAX_STEPS = 20

T = TypeVar("T")


class Change(BaseModel, Generic[T]):
    """What it was in a, and what it is in b; null where it is not set."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: OrNull[T] = Field(alias="from")
    to: OrNull[T]

    @classmethod
    def between(cls, old: T | None, new: T | None) -> Change[T]:
        """Make one; `from`, a keyword, cannot be written as an argument."""
        return cls.model_validate({"from": old, "to": new})


class NameChanges(BaseModel):
    """Names that only one side has."""

    model_config = ConfigDict(json_schema_extra=without_docstring)

    added: Some[str] = Field(default_factory=list)
    removed: Some[str] = Field(default_factory=list)


class ValueChanges(BaseModel):
    """Named values that differ; null where a value is hidden."""

    added: Values = Field(default_factory=dict)
    removed: Some[str] = Field(default_factory=list)
    changed: Annotated[dict[str, Change[str] | None], Field(exclude_if=lambda values: not values)] = Field(
        default_factory=dict
    )


class LayerChanges(BaseModel):
    """How many layers the two share, and how much more there is to pull."""

    model_config = ConfigDict(json_schema_extra=without_docstring)

    common: int
    added: int
    removed: int
    size_delta: Maybe[int] = Field(default=None, description="compressed bytes, b less a")


class Hide(Protocol):
    """Shows a named value, or None instead; see `hiding.py`."""

    def __call__(self, name: str, value: str, *, show: bool) -> str | None: ...


@dataclass(slots=True)
class Differ:
    """Compares what was read, and shows it cleaned and cut.

    Attributes:
        show: show also what `hiding.py` would hide.
        omitted: how many differences were cut, by field.
        hidden: how many values were hidden.
    """

    show: bool
    omitted: dict[str, int] = field(default_factory=dict)
    hidden: int = 0

    def names(self, label: str, old: Iterable[str], new: Iterable[str]) -> NameChanges | None:
        """What was added and removed; None when nothing was."""
        before, after = dict.fromkeys(old), dict.fromkeys(new)
        changes = NameChanges(
            added=self._cleaned(label, [name for name in after if name not in before]),
            removed=self._cleaned(label, [name for name in before if name not in after]),
        )
        return changes if changes.added or changes.removed else None

    def values(self, label: str, old: Mapping[str, str], new: Mapping[str, str], hide: Hide) -> ValueChanges | None:
        """What was added, removed and changed; None when nothing was."""
        added = self._first(label, [name for name in new if name not in old])
        changed = self._first(label, [name for name in old if name in new and old[name] != new[name]])
        changes = ValueChanges(
            added={clean(name, 256): self._value(hide, name, new[name]) for name in added},
            removed=self._cleaned(label, [name for name in old if name not in new]),
            changed={clean(name, 256): self._changed(hide, name, old[name], new[name]) for name in changed},
        )
        return changes if changes.added or changes.removed or changes.changed else None

    def command(self, old: list[str], new: list[str]) -> Change[list[str]] | None:
        """The words of a command before and after; None when they are the same."""
        return None if old == new else Change[list[str]].between(self._command(old), self._command(new))

    def steps_added(self, old: Sequence[Step], new: Sequence[Step]) -> list[str]:
        """The steps of the history that only `new` has; each stands for one equal step of `old`."""
        left = Counter(step.text for step in old)
        added: list[str] = []
        for text in (step.text for step in new):
            if left[text] > 0:
                left[text] -= 1
            else:
                added.append(text)
        self._omit("history", len(added) - _MAX_STEPS)
        return [self._seen(hiding.step(text, show=self.show)) for text in added[-_MAX_STEPS:]]

    def _changed(self, hide: Hide, name: str, old: str, new: str) -> Change[str] | None:
        before, after = (hide(clean(name, 256), value, show=self.show) for value in (old, new))
        if before is None or after is None:
            self.hidden += 1
            return None
        before, after = (clean(text, _MAX_VALUE) for text in (before, after))
        self.hidden += hiding.HIDDEN in before + after
        # Equal as far as they are shown: they differ behind the cut, or in a secret.
        return None if before == after else Change[str].between(before, after)

    def _value(self, hide: Hide, name: str, value: str) -> str | None:
        shown = hide(clean(name, 256), value, show=self.show)
        self.hidden += shown is None or hiding.HIDDEN in shown
        return None if shown is None else clean(shown, _MAX_VALUE)

    def _command(self, words: list[str]) -> list[str] | None:
        shown = hiding.command(words[:MAX_ENTRIES], show=self.show)
        return [self._seen(word) for word in shown] or None

    def _seen(self, text: str) -> str:
        self.hidden += hiding.HIDDEN in text
        return text

    def _cleaned(self, label: str, names: list[str]) -> list[str]:
        return [clean(name, 256) for name in self._first(label, names)]

    def _first(self, label: str, names: list[str]) -> list[str]:
        self._omit(label, len(names) - MAX_ENTRIES)
        return names[:MAX_ENTRIES]

    def _omit(self, label: str, count: int) -> None:
        if count > 0:
            self.omitted[label] = self.omitted.get(label, 0) + count


def text_change(old: str | None, new: str | None) -> Change[str] | None:
    """A single text before and after, None when it is the same."""
    if old == new:
        return None
    return Change[str].between(*(None if text is None else clean(text) for text in (old, new)))


def layer_changes(old: list[Descriptor], new: list[Descriptor]) -> LayerChanges:
    """Compare layers by their digests; one that an image has twice counts twice."""
    before, after = (Counter(layer.digest for layer in layers) for layers in (old, new))
    common = (before & after).total()
    size_a, size_b = _size(old), _size(new)
    delta = None if size_a is None or size_b is None else size_b - size_a
    return LayerChanges(common=common, added=after.total() - common, removed=before.total() - common, size_delta=delta)


def _size(layers: list[Descriptor]) -> int | None:
    sizes = [layer.size for layer in layers]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
