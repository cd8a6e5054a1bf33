"""The table of routes, and what an operator may write in place of one of its lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.routes import ROUTES, Route, routes_of

PATCH_ONE = Route("PATCH", "/v1/registries/{registry_id}")


def test_everything_that_the_api_class_can_ask_for_has_a_route() -> None:
    assert {name for name in ROUTES if not callable(getattr(ArtifactRegistry, name, None))} == set()
    assert len(ROUTES) == 9


def test_only_what_was_seen_at_the_service_is_called_seen() -> None:
    assert {name for name, routes in ROUTES.items() if routes[0].certainty == "seen"} == {
        "list_registries",
        "get_registry",
        "create_registry",
    }


def test_the_quarantine_has_three_routes_to_try() -> None:
    assert list(map(str, routes_of("set_quarantine", {}))) == [
        "PATCH /v1/registries/{registry_id}",
        "PATCH /v1/registries/{registry_id}/quarantine",
        "PUT /v1/registries/{registry_id}/quarantine",
    ]


def test_a_correction_stands_in_place_of_all_alternatives_and_keeps_the_place_of_the_project() -> None:
    corrections = {"create_registry": "PUT /v2/{project_id}/new", "set_quarantine": "POST /v2/q/{registry_id}"}
    [create] = routes_of("create_registry", corrections)
    assert (str(create), create.project, create.certainty) == ("PUT /v2/{project_id}/new", "body", "guess")
    assert list(map(str, routes_of("set_quarantine", corrections))) == ["POST /v2/q/{registry_id}"]
    assert routes_of("get_registry", corrections) == ROUTES["get_registry"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PATCH",
        "patch /v1/x",
        "TRACE /v1/x",
        "PATCH v1/x",
        "PATCH  /v1/x",
        "PATCH /v1/x?a=b",
        "PATCH /v1/x#a",
        "PATCH /v1/{operation_id}",
        "PATCH /v1/{}",
        "PATCH /v1/{registry_id",
        "PATCH /v1/}",
        "PATCH /v1/{registry_id!r}",
        "PATCH /v1/{registry_id.__class__}",
        "PATCH /v1/x\n",
    ],
)
def test_what_is_no_route_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no route here; write it like PATCH /v1/registries/\{registry_id\}"):
        Route.parse(text, PATCH_ONE)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a-b.c_d~e", "/v1/registries/a-b.c_d~e"),
        ("a/b?c#d%e", "/v1/registries/a%2Fb%3Fc%23d%25e"),
        ("../../v1/x", "/v1/registries/..%2F..%2Fv1%2Fx"),
        ("{project_id}", "/v1/registries/%7Bproject_id%7D"),
    ],
)
def test_an_id_is_quoted_into_one_segment(value: str, path: str) -> None:
    assert PATCH_ONE.fill({"registry_id": value}) == path


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=256))
@settings(deadline=None)
def test_no_id_leaves_its_segment(value: str) -> None:
    assert re.fullmatch(r"/v1/registries/[A-Za-z0-9._~%-]+", PATCH_ONE.fill({"registry_id": value}))
