"""Who may see and call what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    from fuseboard.settings import AccessSettings


class Rules(Protocol):
    """What the catalogue asks."""

    def permits(self, name: str, *, reads_only: bool, destroys: bool) -> bool:
        """Whether a contribution with this public name (a resource's is its URI) may be seen and called."""
        ...

    def denies(self, name: str) -> bool:
        """Whether a name or URI is denied in so many words, whatever it does."""
        ...


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The operator's rules for public names, the same for listing and calling on every surface.

    Attributes:
        allow: patterns (`oci_*`) of which a name must match one.
        deny: patterns of which a name must match none.
        read_only: whether only tools that are marked read-only may be seen and called.
        destructive: whether tools that may destroy something may be seen and called.
    """

    allow: Sequence[str] = ("*",)
    deny: Sequence[str] = ()
    read_only: bool = False
    destructive: bool = True

    def permits(self, name: str, *, reads_only: bool, destroys: bool) -> bool:
        """See `Rules.permits`."""
        if (self.read_only and not reads_only) or (destroys and not self.destructive):
            return False
        return any(fnmatchcase(name, pattern) for pattern in self.allow) and not self.denies(name)

    def denies(self, name: str) -> bool:
        """See `Rules.denies`. URIs can be written in more than one way, so they are compared decoded as well."""
        plain = unquote(name)
        return any(fnmatchcase(name, rule) or fnmatchcase(plain, unquote(rule)) for rule in self.deny)

    def reaches(self, prefix: str) -> bool:
        """Whether a name that begins with `prefix` might be permitted."""
        heads = (re.split(r"[*?[]", pattern, maxsplit=1)[0] for pattern in self.allow)
        return any(head.startswith(prefix) or prefix.startswith(head) for head in heads) and not self.denies(prefix)


@dataclass(frozen=True, slots=True, eq=False)  # compared as an object: it is the key of what was computed for it
class Rights:
    """What the roles of one caller give: what any of them allows, less what any of them denies.

    Attributes:
        roles: the policies of the caller's roles; none of them permits nothing.
    """

    roles: tuple[AccessPolicy, ...]

    def permits(self, name: str, *, reads_only: bool, destroys: bool) -> bool:
        """See `Rules.permits`."""
        given = any(role.permits(name, reads_only=reads_only, destroys=destroys) for role in self.roles)
        return given and not self.denies(name)

    def denies(self, name: str) -> bool:
        """See `Rules.denies`."""
        return any(role.denies(name) for role in self.roles)

    def reaches(self, prefix: str) -> bool:
        """Whether a name that begins with `prefix` might be permitted."""
        return any(role.reaches(prefix) for role in self.roles) and not self.denies(prefix)


class Access:
    """All rules of one host.

    Args:
        house: what binds everybody.
        roles: what each role gives. Without roles there is nothing to distinguish: everybody has the house's rules.
        local: roles of whoever runs the process (stdio, command line); None binds them by the house's rules alone.
        anonymous: roles of HTTP clients that did not have to authenticate.
    """

    def __init__(
        self,
        house: AccessPolicy,
        roles: Mapping[str, AccessPolicy] | None = None,
        local: Iterable[str] | None = None,
        anonymous: Iterable[str] = (),
    ) -> None:
        self.house = house
        self.has_roles = bool(roles)
        self.local = frozenset(local) if local is not None and roles else None
        self.anonymous = frozenset(anonymous) if roles else None
        self._roles = dict(roles or {})
        self._rights: dict[frozenset[str], Rights] = {}

    @classmethod
    def of(cls, settings: AccessSettings) -> Access:
        """The rules that the operator has set."""
        roles = {
            name: AccessPolicy(tuple(role.allow), tuple(role.deny), role.read_only, role.destructive)
            for name, role in settings.roles.items()
        }
        house = AccessPolicy(tuple(settings.allow), tuple(settings.deny), settings.read_only, settings.destructive)
        return cls(house, roles, settings.local_roles, settings.anonymous_roles)

    def rights(self, roles: frozenset[str] | None) -> Rights | None:
        """The rights of a caller with these roles, always the same object; None where nothing binds but the house."""
        if roles is None or not self.has_roles:
            return None
        known = roles.intersection(self._roles)
        if (rights := self._rights.get(known)) is None:
            rights = self._rights.setdefault(known, Rights(tuple(self._roles[name] for name in sorted(known))))
        return rights
