"""The file `.env.example`, written from the settings classes: `python -m fuseboard.cli.env_example .env.example`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from fuseboard.discovery import GROUP
from fuseboard.settings import HostSettings
from fuseboard.settings.show import holds_secret
from fuseboard.settings.sources import ENV_PREFIX

NESTED = "__"

INTRO = """\
# What can be set in the environment or in a file .env, with its default. Copy this file to .env and take the # away
# from what you change. Written by `make env-example`; docs/settings.md says more, also of fuseboard.yaml.
# What is set by names that you choose is not listed, such as FUSEBOARD_FUSES__OCI__REQUIRED=true
"""


def env_example(plugins: Mapping[str, type[BaseModel]]) -> str:
    """The text of the file.

    Args:
        plugins: the settings class of each plugin, by the plugin's name.
    """
    # The host takes no JSON object from a variable, only a variable for each name of it; pydantic-settings takes both.
    parts = [INTRO, _section("fuseboard", _lines(HostSettings, ENV_PREFIX, objects=False))]
    for name, model in sorted(plugins.items()):
        prefix = model.model_config.get("env_prefix") or f"{ENV_PREFIX}{name.upper()}_"
        parts.append(_section(name, _lines(model, str(prefix), objects=True)))
    return "\n".join(parts)


def installed_settings() -> dict[str, type[BaseModel]]:
    """The settings class of each installed plugin that has one. Imports them all."""
    modules = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    return {name: module.settings() for name, module in modules.items() if hasattr(module, "settings")}


def _section(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}\n", *lines])


def _lines(model: type[BaseModel], prefix: str, *, objects: bool) -> Iterator[str]:
    for name, info in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if (inner := _model_of(info.annotation)) is not None:
            yield from _lines(inner, f"{variable}{NESTED}", objects=objects)
        elif objects or get_origin(info.annotation) is not dict:
            said = (info.description or "").removesuffix(".") + (" (secret)" if holds_secret(info.annotation) else "")
            comment = f"# {said}\n" if said else ""
            yield f"{comment}#{variable}={_as_text(info.get_default(call_default_factory=True))}\n"


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a nested section, also of one that may be absent."""
    if get_origin(annotation) in (dict, list, tuple, set):
        return None
    candidates = [annotation, *get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _as_text(default: Any) -> str:
    """A default as a variable has it: nothing for what is absent, or differs between machines."""
    if default is None or isinstance(default, Path | SecretStr | SecretBytes):
        return ""
    return default if isinstance(default, str) else json.dumps(default, default=str)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(env_example(installed_settings()), encoding="utf-8")
