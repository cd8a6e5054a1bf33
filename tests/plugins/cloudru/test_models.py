"""Messages in every form that the proto3 JSON mapping allows, and requests that say what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fuseboard_cloudru.api import read
from fuseboard_cloudru.client import Answer
from fuseboard_cloudru.errors import BadAnswer, Facts, InvalidInput, OperationFailed
from fuseboard_cloudru.models import (
    CreateRegistry,
    Message,
    Operation,
    OperationPage,
    Registry,
    RegistryPage,
    RetentionPolicy,
    UpdateRegistry,
    Upstream,
)

ID = "6f0c1b0e-0000-4000-8000-000000000001"
BARE = {"id": ID, "name": "app"}
REMOTE = "REGISTRY_MODE_REMOTE"
UPSTREAM = {"url": "https://registry.example.com"}
SHAPES = (Registry, Operation, RegistryPage, OperationPage)


def test_what_a_gateway_leaves_out_has_its_default() -> None:
    registry = Registry.model_validate(BARE)
    assert registry.registry_type == "DOCKER"
    assert registry.status == "CREATING"
    assert registry.quarantine_mode == "DISABLED"
    assert not registry.is_public
    assert registry.model_dump() == {
        **BARE,
        "registry_type": "DOCKER",
        "status": "CREATING",
        "is_public": False,
        "quarantine_mode": "DISABLED",
        "retention_policy_is_enabled": False,
    }


def test_null_means_the_same_as_nothing() -> None:
    names = [
        "registryType", "registryMode", "status", "isPublic", "quarantineMode", "retentionPolicyIsEnabled",
        "retentionPolicy", "tariff", "upstream", "createdAt", "updatedAt",
    ]  # fmt: skip
    assert Registry.model_validate({**BARE, **dict.fromkeys(names)}) == Registry.model_validate(BARE)
    assert Operation.model_validate({"id": "1", "done": None, "error": None}) == Operation(id="1")


@pytest.mark.parametrize("fields", [{}, {"registries": None}, {"registries": []}, {"nextPageToken": ""}])
def test_an_empty_list_comes_in_many_forms(fields: dict[str, Any]) -> None:
    assert RegistryPage.model_validate(fields) == RegistryPage()
    assert RegistryPage.model_validate(fields).model_dump() == {"registries": []}


@pytest.mark.parametrize(
    ("field", "value", "read_as"),
    [
        ("registryType", 0, "DOCKER"),
        ("registryType", 2, "RPM"),
        ("registryType", 2.0, "RPM"),
        ("registryType", 17, "17"),
        ("registryType", -1, "-1"),
        ("registryType", "HELM", "HELM"),
        ("registryType", "", "DOCKER"),
        ("status", 1, "ACTIVE"),
        ("status", "DELETING", "DELETING"),
        ("quarantineMode", 4, "CRITICAL"),
        ("registryMode", 2, REMOTE),
        ("tariff", "BASIC\x1b[31m", "BASIC[31m"),
    ],
)
def test_an_enum_is_a_name_or_a_number_and_an_unknown_one_is_kept_as_text(
    field: str, value: object, read_as: str
) -> None:
    assert read_as in Registry.model_validate({**BARE, field: value}).model_dump().values()


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_what_can_be_no_enum_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="registry_type"):
        Registry.model_validate({**BARE, "registryType": value})


@pytest.mark.parametrize("value", [None, "", {}, "7 days"])
def test_a_retention_policy_may_be_absent_in_four_ways(value: object) -> None:
    assert Registry.model_validate({**BARE, "retentionPolicy": value}).retention_policy is None


def test_a_retention_policy_is_read_with_its_names_in_snake_case() -> None:
    stored = {"onlyUntagged": True, "action": "DELETE", "value": "30", "unit": "d", "on": "LAST_PULLED_AT"}
    policy = Registry.model_validate({**BARE, "retentionPolicy": stored}).retention_policy
    assert policy is not None
    assert policy.model_dump() == {
        "only_untagged": True,
        "action": "DELETE",
        "value": 30,
        "unit": "d",
        "on": "LAST_PULLED_AT",
    }


def test_an_upstream_is_read() -> None:
    upstream = {"url": "https://u.example.com", "loginId": ID, "metadataTtl": 60, "softDelete": True}
    registry = Registry.model_validate({**BARE, "registryMode": REMOTE, "upstream": upstream})
    assert registry.upstream is not None
    assert (registry.upstream.login_id, registry.upstream.metadata_ttl, registry.upstream.soft_delete) == (ID, 60, True)


def test_an_error_with_the_code_zero_is_none() -> None:
    assert Operation.model_validate({"id": "1", "done": True, "error": {"code": 0}}).error is None
    assert Operation.model_validate({"id": "1", "done": True, "error": {}}).error is None


def test_a_failed_operation_raises_its_code_its_words_and_what_was_complained_of() -> None:
    violations = [{"field": "name", "description": "is\x00 bad"}, {"description": "so is this"}]
    error = {"code": 7, "message": "not\nallowed", "details": [{"fieldViolations": violations}, 1, None]}
    fields = {"id": "op/1", "resourceName": "app", "description": "CreateRegistry", "done": True, "error": error}
    with pytest.raises(OperationFailed) as caught:
        Operation.model_validate(fields).raise_for_error()
    assert str(caught.value).startswith(
        "OPERATION_FAILED: the operation op/1 (CreateRegistry app) ended with the code 7: not allowed; name: is bad; "
        "the request: so is this; see"
    )


def test_a_text_of_the_service_is_one_printable_line_of_bounded_length() -> None:
    operation = Operation.model_validate({"id": "1", "description": "a\u202eb\x1b\nc" + "d" * 1000})
    assert operation.description.startswith("ab cd")
    assert len(operation.description) == 300


def test_the_schema_of_a_result_has_the_names_that_the_result_has() -> None:
    page = RegistryPage.model_validate(
        {"registries": [{**BARE, "isPublic": True, "createdAt": "2026-11-21T00:00:00Z"}]}
    )
    schema = TypeAdapter(RegistryPage).json_schema()
    assert set(page.registries[0].model_dump()) <= set(schema["$defs"]["Registry"]["properties"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = ["id", "name", "status", "registryType", "isPublic", "retentionPolicy", "upstream", "value", "registries"]
NAMES += ["operations", "done", "error", "code", "message", "details", "fieldViolations", "field", "nextPageToken"]
NEARLY = st.recursive(
    JSON | st.sampled_from([ID, "ACTIVE", 0, 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=10,
)


@given(st.sampled_from(SHAPES), st.dictionaries(st.sampled_from(NAMES) | st.text(), NEARLY))
@settings(deadline=None)
def test_any_json_makes_a_message_or_a_bad_answer(shape: type[Message], fields: dict[str, Any]) -> None:
    answer = Answer(fields, Facts("GET", "/v1/x", 200, request_id="r"))
    message, error = None, None
    try:
        message = read(shape, answer)
    except BadAnswer as bad:
        error = bad
    if message is not None:
        assert shape.model_validate(message.model_dump(mode="json")) == message
    assert error is None or str(error).startswith("BAD_ANSWER: GET /v1/x answered 200 with something that is no ")
    assert error is None or (len(str(error)) < 600 and not error.may_have_acted)


@pytest.mark.parametrize("fields", [{}, {"id": None}, {"id": ""}])
def test_an_operation_without_an_id_is_a_bad_answer_and_after_a_write_an_open_end(fields: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="that is no Operation") as caught:
        read(Operation, Answer(fields, Facts("POST", "/v1/registries", 200)))
    assert caught.value.may_have_acted


def test_the_smallest_create_holds_what_was_seen_to_work() -> None:
    assert CreateRegistry.of(name="app").body() == {"name": "app", "registryType": "DOCKER", "isPublic": False}


def test_a_create_holds_no_empty_objects_and_has_the_names_of_the_api() -> None:
    wanted = CreateRegistry.of(
        name="cache",
        registry_mode=REMOTE,
        quarantine_mode=None,
        retention_policy={"value": 7},
        upstream={**UPSTREAM, "login_id": ID, "metadata_ttl": 60},
    )
    assert wanted.body() == {
        "name": "cache",
        "registryType": "DOCKER",
        "isPublic": False,
        "registryMode": REMOTE,
        "retentionPolicy": {
            "onlyUntagged": False,
            "action": "DELETE",
            "constraint": "OLDER_THAN",
            "value": 7,
            "unit": "d",
            "on": "LAST_PULLED_AT",
        },
        "upstream": {"url": "https://registry.example.com", "loginId": ID, "metadataTtl": 60},
    }


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63, "a--b"])
def test_a_name_is_a_dns_label(name: str) -> None:
    assert CreateRegistry.of(name=name).name == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "a.b", "-a", "a-", "a" * 64, "a b", "ä", "a\n", "٣"])
def test_another_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^INVALID_INPUT: name: must be 1 to 63 small Latin letters"):
        CreateRegistry.of(name=name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"retention_policy": {"value": 0}}, "retention_policy.value: Input should be greater than or equal to 1"),
        ({"retention_policy": {"value": 366}}, "retention_policy.value: Input should be less than or equal to 365"),
        ({"retention_policy": {}}, "retention_policy.value: Field required"),
        ({"upstream": UPSTREAM}, "upstream is only for a registry with registry_mode REGISTRY_MODE_REMOTE"),
        ({"registry_mode": REMOTE, "upstream": {"url": "registry.example.com"}}, "upstream.url: must be a URL"),
        ({"registry_mode": REMOTE, "upstream": {"url": "file:///etc"}}, "upstream.url: must be a URL"),
        ({"registry_mode": REMOTE, "upstream": {"url": "https://["}}, "upstream.url: must be a URL"),
        (
            {"registry_mode": REMOTE, "upstream": {"url": "https://u:s3cret@e.com"}},
            "upstream.url: must not hold a login",
        ),
        ({"registry_mode": REMOTE, "upstream": {**UPSTREAM, "login_id": "x"}}, "upstream.login_id: "),
        ({"registry_type": "HELM"}, "registry_type: Input should be 'DOCKER'"),
        ({"tariff": "FREE"}, "tariff: Input should be 'BASIC' or 'PREMIUM'"),
        ({"colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_a_wrong_create_says_what_is_wrong_and_shows_no_value(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CreateRegistry.of(name="app", **changes)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_update_holds_only_what_changes() -> None:
    assert UpdateRegistry.of(is_public=False, tariff=None).body() == {"isPublic": False}


def test_an_update_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to change; give one of is_public, quarantine_mode"):
        UpdateRegistry.of()


@pytest.mark.parametrize(
    ("changes", "done"),
    [
        ({"is_public": False}, True),
        ({"is_public": True}, False),
        ({"quarantine_mode": "HIGH"}, True),
        ({"quarantine_mode": "HIGH", "tariff": "PREMIUM"}, False),
        ({"quarantine_mode": "LOW"}, False),
        ({"retention_policy": {"value": 30}}, True),
        ({"retention_policy": {"value": 31}}, False),
        ({"upstream": UPSTREAM}, False),
    ],
)
def test_an_update_knows_whether_a_registry_is_as_it_should_be(changes: dict[str, Any], done: bool) -> None:
    policy = {"action": "DELETE", "constraint": "OLDER_THAN", "value": 30, "unit": "d", "on": "LAST_PULLED_AT"}
    registry = Registry.model_validate({**BARE, "quarantineMode": "HIGH", "retentionPolicy": policy})
    assert UpdateRegistry.of(**changes).is_done_in(registry) is done


def test_no_schema_says_null_or_a_default() -> None:
    text = json.dumps([TypeAdapter(shape).json_schema() for shape in (*SHAPES, Upstream)])
    assert '"null"' not in text
    assert '"default"' not in text


def test_a_policy_can_be_an_argument_of_a_tool_under_its_own_names() -> None:
    assert set(TypeAdapter(RetentionPolicy).json_schema()["properties"]) == set(RetentionPolicy.model_fields)
