"""The pages `command-line.md` and `settings.md`, written from the code: `python -m fuseboard.cli.reference docs`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from fuseboard.cli.root import root
from fuseboard.settings import (
    AccessSettings,
    AuthSettings,
    FuseSettings,
    HostSettings,
    HttpSettings,
    LogSettings,
    RoleSettings,
)

COMMAND_LINE_INTRO = """\
# The command line

`fuseboard` and `python -m fuseboard` are the same. Without a command it serves on standard input and output, as a
desktop client starts it.

* The result goes to standard output; notes, progress (on a terminal) and errors go to standard error. What a plugin
  prints never reaches standard output.
* `--json` prints JSON for scripts, in the form given under each command; members are added, never renamed or removed.
* Exit codes: 0 fine; 1 the tool said error, or `check` found something; 2 wrong usage or wrong settings.
* An error is one line, wrong settings are at most four: `fuseboard: what; where; what to do`.
* `-p`, `--config` and `--version` may stand before or after the command.
* `fuseboard PLUGIN COMMAND` runs a command that a plugin brings (its hook `register_commands`).
"""

SETTINGS_INTRO = """\
# Settings

Command line > environment > `.env` > `fuseboard.yaml` > defaults. Everything is validated at start; wrong settings end
every command with exit code 2 and at most four lines, each naming a setting, its source and what to do.
`fuseboard config show` prints every value with its source, secrets masked; `fuseboard config schema` prints the JSON
Schema of the file.

* The file is the one named by `--config`, else by `FUSEBOARD_CONFIG`, else `./fuseboard.yaml` if there is one.
* `.env` is read in the working directory and beside the file; the working directory wins.
* In the environment a setting is `FUSEBOARD_` and its path joined by `__`, in capitals. Lists are written `a,b` or as
  JSON; an empty value is an empty list.
* `-p no:NAME` adds to `block_plugins` instead of replacing it.

```yaml
http: {port: 8080}
access: {deny: ["*_delete_*"]}
fuses:
  oci: {required: true, call_timeout: 30}
plugins:
  oci:
    registries: {"127.0.0.1:5000": {insecure: true}}
```
"""

PLUGIN_SETTINGS = """\
## plugins

`plugins.<name>` is the plugin's own section; what it takes is written in the plugin's documentation. A field is found,
in this order, in

1. the environment, under the names that the plugin gives (`CLOUD_RU_KEY_ID`), or `FUSEBOARD_<NAME>_<FIELD>`;
2. the environment as `FUSEBOARD_PLUGINS__<NAME>__<FIELD>`;
3. `.env`, under the same names in the same order;
4. the section of the file;
5. the plugin's defaults.

Lists and objects are JSON in the environment, and a member of an object can be set by itself with `__`. A `.env` may
hold the settings of many plugins: each takes what it knows.
"""

SECTIONS: tuple[tuple[str, type[BaseModel], tuple[str, ...]], ...] = (
    ("http", HttpSettings, ("http",)),
    ("auth", AuthSettings, ("auth",)),
    ("access", AccessSettings, ("access",)),
    ("access.roles", RoleSettings, ("access", "roles", "<role>")),
    ("log", LogSettings, ("log",)),
    ("fuses", FuseSettings, ("fuses", "<plugin>")),
)


def command_line_page() -> str:
    """The page of the command line."""
    ctx = click.Context(root, info_name="fuseboard")
    parts = [COMMAND_LINE_INTRO, "## Options of every command\n", _options(root.params)]
    for name in root.list_commands(ctx):
        command = root.get_command(ctx, name)
        assert command is not None
        parts += _command(command, click.Context(command, info_name=name, parent=ctx))
    return "\n".join(parts)


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=ctx))
        return
    shared = {param.name for param in root.params}
    own = [param for param in command.params if param.name not in shared and not getattr(param, "hidden", False)]
    pieces = " ".join(["[OPTIONS]", *(_argument(param) for param in own if isinstance(param, click.Argument))])
    yield f"## {ctx.command_path}\n"
    yield f"```\n{ctx.command_path} {pieces}\n```\n"
    yield _help(command)
    options = [param for param in own if isinstance(param, click.Option)]
    if options:
        yield _options(options)


def _argument(param: click.Argument) -> str:
    return param.metavar or str(param.name).upper()


def _help(command: click.Command) -> str:
    """The help text; what it says of JSON as a block."""
    text, _, form = cleandoc(command.help or "").replace("\b\n", "").partition("JSON: ")
    text = f"{text.strip()}\n"
    if not form:
        return text
    if not form.lstrip().startswith("{"):
        return f"{text}\nJSON: {form.strip()}\n"
    return f"{text}\nJSON:\n\n```\n{form.strip()}\n```\n"


def _options(params: Any) -> str:
    rows = ["| option | |", "|---|---|"]
    for param in params:
        name = ", ".join(param.opts) + (f" {param.metavar}" if param.metavar else "")
        rows.append(f"| `{name}` | {param.help} |")
    return "\n".join(rows) + "\n"


def settings_page() -> str:
    """The page of the settings."""
    top = [
        name for name in HostSettings.model_fields if name not in ("http", "auth", "access", "log", "fuses", "plugins")
    ]
    parts = [SETTINGS_INTRO, "## At the top\n", _table(HostSettings, (), top)]
    for title, model, path in SECTIONS:
        parts += [f"## {title}\n", f"{(model.__doc__ or '').strip()}\n", _table(model, path, list(model.model_fields))]
    return "\n".join([*parts, PLUGIN_SETTINGS])


def _table(model: type[BaseModel], path: tuple[str, ...], names: list[str]) -> str:
    rows = ["| setting | default | | in the environment |", "|---|---|---|---|"]
    for name in names:
        info = model.model_fields[name]
        default = json.dumps(info.get_default(call_default_factory=True), default=str)
        variable = "FUSEBOARD_" + "__".join(part.upper() for part in (*path, name))
        shown = "absent" if default == "null" else f"`{default}`"
        rows.append(f"| `{'.'.join((*path, name))}` | {shown} | {info.description} | `{variable}` |")
    return "\n".join(rows) + "\n"


def pages() -> dict[str, str]:
    """The pages by file name."""
    texts = {"command-line.md": command_line_page(), "settings.md": settings_page()}
    return {name: re.sub(r"\n{3,}", "\n\n", text) for name, text in texts.items()}


if __name__ == "__main__":
    for name, text in pages().items():
        Path(sys.argv[1], name).write_text(text, encoding="utf-8")
