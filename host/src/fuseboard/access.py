"""Who may see and call what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The operator's rules for public names, the same for listing and calling on every surface.

    Attributes:
        allow: patterns (`oci_*`) of which a name must match one.
        deny: patterns of which a name must match none.
        read_only: whether only tools that are marked read-only may be seen and called.
    """

    allow: Sequence[str] = ("*",)
    deny: Sequence[str] = ()
    read_only: bool = False

    def permits(self, name: str, reads_only: bool) -> bool:
        """Whether a contribution with this public name may be seen and called."""
        if self.read_only and not reads_only:
            return False
        return any(fnmatchcase(name, pattern) for pattern in self.allow) and not any(
            fnmatchcase(name, pattern) for pattern in self.deny
        )
