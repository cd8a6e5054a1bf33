"""Settings: secrets have secret types, and each setting says what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject
from fuseboard.settings.show import holds_secret, looks_secret

ABOUT_A_SECRET = re.compile(
    r"(^|_)(url|uri|id|ids|file|files|path|paths|folder|store|source|name|names|type|kind|helper)$"
)
"""What these end with tells of a secret and is none: `token_url`, `key_id`, `secret_store`."""
NAMES_ONE = re.compile(r"\bnames? of\b", re.IGNORECASE)
"""A description with these words: the setting holds the name under which a secret is kept."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Setting by setting, those inside of others too."""
    if subject.settings_class is not None:
        yield from _of(subject.settings_class, "setting ", set())


def _of(model: type[BaseModel], before: str, seen: set[type[BaseModel]]) -> Iterator[Finding]:
    if model in seen:
        return
    seen.add(model)
    silent = [name for name, field in model.model_fields.items() if not (field.description or "").strip()]
    if silent:
        text = f"nothing says what these are: {', '.join(silent)}"
        place = before.rstrip(".") if before.endswith(".") else "settings"
        yield warning("setting-undescribed", place, text, "write Field(description=...): operators read it")
    for name, field in model.model_fields.items():
        place = f"{before}{name}"
        yield from _of_field(place, name, field)
        for inner in _models_in(field.annotation):
            yield from _of(inner, f"{place}.", seen)


def _of_field(place: str, name: str, field: FieldInfo) -> Iterator[Finding]:
    if holds_secret(field.annotation):
        default = field.default
        if isinstance(default, SecretStr | SecretBytes) and default.get_secret_value():
            text = "a secret has a default, which everybody can read in the source"
            yield error("secret-default", place, text, "make it None or required")
    elif looks_secret(name) and not _is_about_a_secret(name, field) and _holds_text(field.annotation):
        text = "its name says that it is a secret, and its type does not"
        yield warning("secret-plain", place, text, "give it the type SecretStr: then it is in no log and no error")


def _is_about_a_secret(name: str, field: FieldInfo) -> bool:
    return ABOUT_A_SECRET.search(name) is not None or NAMES_ONE.search(field.description or "") is not None


def _holds_text(annotation: Any) -> bool:
    return annotation in (str, bytes) or any(_holds_text(part) for part in get_args(annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
