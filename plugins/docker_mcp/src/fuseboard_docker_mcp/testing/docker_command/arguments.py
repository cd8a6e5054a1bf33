"""Flags as Docker's command line takes them: `--name value`, `--name=value`, `-n value`, anywhere among the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .state import Failed


class Parsed:
    """The positional arguments, the flags with values, and those without: given, or given as `=false`.

    No dataclass: importing those takes as long as a whole command.
    """

    def __init__(self) -> None:
        self.rest: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.switches: set[str] = set()
        self.off: set[str] = set()

    def one(self, name: str, default: str = "") -> str:
        """The last value of a flag."""
        return self.values.get(name, [default])[-1]

    def listed(self, name: str) -> list[str]:
        """All values of a flag, those with commas split."""
        return [part for value in self.values.get(name, []) for part in value.split(",") if part]


def parsed(
    args: Sequence[str],
    usage: str,
    values: Collection[str] = (),
    switches: Collection[str] = (),
    *,
    stop: bool = False,
    tail: str = "",
) -> Parsed:
    """Read the arguments of one command.

    Args:
        usage: its name, such as `docker mcp catalog list`, for the message about a wrong flag.
        values: flags that take a value. switches: flags that take none, or `=true` and `=false`.
        stop: whether everything after the first positional argument is positional too.
        tail: what the usage line says behind the name.

    Raises:
        Failed: 125, for a flag that is in neither.
    """
    found, left = Parsed(), list(args)
    while left:
        part = left.pop(0)
        name, equals, value = part.partition("=")
        if part == "--" or (stop and not part.startswith("-")):
            found.rest += left if part == "--" else [part, *left]
            break
        if not part.startswith("-") or part == "-":
            found.rest.append(part)
        elif name in values:
            if not equals and not left:
                raise Failed(f"flag needs an argument: {part}{_usage(usage, tail)}", 125)
            found.values.setdefault(name, []).append(value if equals else left.pop(0))
        elif name in switches:
            found.switches.discard(name)
            found.off.discard(name)
            (found.off if value == "false" else found.switches).add(name)
        else:
            raise Failed(f"unknown flag: {name}{_usage(usage, tail)}", 125)
    return found


def _usage(usage: str, tail: str) -> str:
    return f"\n\nUsage:  {usage}{tail}\n\nRun '{usage} --help' for more information"
