"""The routes of the API, all in one table: where one of them changes, one line changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import quote

Verb = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Project = Literal["query", "body", "nowhere"]
Certainty = Literal["seen", "described", "guess"]

_PLACE = re.compile(r"\{[a-z_]*\}")
_ROUTE = re.compile(r"(GET|POST|PATCH|PUT|DELETE) (/[A-Za-z0-9_{}/.~-]+)")


@dataclass(frozen=True, slots=True)
class Route:
    """One way to ask for one thing.

    Attributes:
        verb: the HTTP method.
        path: a template; its places are `registry_id`, `operation_id` and `project_id`.
        project: where the id of the project goes.
        certainty: "seen" at the service, "described" in public but not seen, or a "guess" after its siblings.
    """

    verb: Verb
    path: str
    project: Project = "query"
    certainty: Certainty = "guess"

    @classmethod
    def parse(cls, text: str, instead: Route) -> Self:
        """Read a route that an operator wrote, such as `PUT /v1/registries/{registry_id}`.

        Args:
            text: verb and path.
            instead: the route of the table; the new one has its places, or `{project_id}`.

        Raises:
            ValueError: it has not this form, or a place that cannot be filled here.
        """
        places = (*_PLACE.findall(instead.path), "{project_id}")
        found = _ROUTE.fullmatch(text)
        if found is None or not set(_PLACE.findall(found[2])) <= set(places) or set("{}") & set(_PLACE.sub("", text)):
            raise ValueError(f"{text!r} is no route here; write it like {instead}, with no places but {list(places)}")
        return cls(found[1], found[2], instead.project)  # type: ignore[arg-type]  # the pattern has only these verbs

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"

    def fill(self, ids: Mapping[str, str]) -> str:
        """The path with its ids, each quoted so that it stays one segment."""
        return self.path.format_map({name: quote(value, safe="") for name, value in ids.items()})


_ONE = "/v1/registries/{registry_id}"

ROUTES: dict[str, tuple[Route, ...]] = {
    # The first that the service knows is used. The project's id in a query is ignored where it is not needed.
    "list_registries": (Route("GET", "/v1/registries", certainty="seen"),),
    "get_registry": (Route("GET", _ONE, certainty="seen"),),
    "create_registry": (Route("POST", "/v1/registries", "body", "seen"),),
    "update_registry": (Route("PATCH", _ONE),),
    "set_quarantine": (Route("PATCH", _ONE), Route("PATCH", f"{_ONE}/quarantine"), Route("PUT", f"{_ONE}/quarantine")),
    "delete_registry": (Route("DELETE", _ONE, certainty="described"),),
    "get_operation": (Route("GET", "/v1/operations/{operation_id}", "nowhere", "described"),),
    "list_operations": (Route("GET", "/v1/operations"),),
    "retention_runs": (Route("GET", f"{_ONE}/retention/operations"),),
}


def routes_of(name: str, corrections: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes to try for one thing, in this order.

    Args:
        name: a key of `ROUTES`.
        corrections: what the operator knows better; it stands in place of all alternatives.
    """
    if name in corrections:
        return (Route.parse(corrections[name], ROUTES[name][0]),)
    return ROUTES[name]
