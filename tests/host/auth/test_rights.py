"""What roles give: patterns, conditions, and how the rights of several roles come together."""

from __future__ import annotations

from typing import Any

import pytest

from fuseboard.access import Access, AccessPolicy, Rights
from fuseboard.caller import Caller, asking
from fuseboard.catalogue import Catalogue, Namespace
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.errors import UnknownName
from fuseboard.running import in_whose_name
from fuseboard.settings import AccessSettings, load_settings


def act() -> str:
    """Act."""
    return "done"


def one(name: str) -> str:
    """Read one."""
    return name


def catalogue(rules: AccessPolicy | None = None) -> Catalogue:
    tools = [
        Tool.of(act, name="read", read_only=True),
        Tool.of(act, name="add", destructive=False),
        Tool.of(act, name="drop", aliases=["remove"]),
    ]
    resources = [Resource.of("box://all", act), Resource.of("box://{name}/one", one)]
    spaces = [Namespace("box", "box_", False, tools, [], resources), Namespace("bag", "bag_", False, tools[:1], [], [])]
    return Catalogue(spaces, rules)


def seen(**rules: Any) -> list[str]:
    return list(catalogue().seen_with(Rights((AccessPolicy(**rules),))).tools)


def test_conditions_narrow_what_patterns_allow() -> None:
    assert seen(allow=["box_*"]) == ["box_read", "box_add", "box_drop"]
    assert seen(allow=["box_*"], destructive=False) == ["box_read", "box_add"]
    assert seen(read_only=True) == ["bag_read", "box_read"]
    assert seen(allow=[]) == []


def test_a_tool_that_says_nothing_of_itself_counts_as_destructive() -> None:
    assert not Tool.of(act, read_only=True).destroys
    assert not Tool.of(act, destructive=False).destroys
    assert Tool.of(act).destroys
    assert Tool.of(act, read_only=False).destroys
    assert not Tool.of(act, read_only=True, destructive=True).destroys


def test_several_roles_give_what_any_allows_less_what_any_denies() -> None:
    access = Access(
        AccessPolicy(),
        {
            "reader": AccessPolicy(["*"], read_only=True),
            "adder": AccessPolicy(["box_add"]),
            "careful": AccessPolicy([], deny=["bag_*"]),
        },
    )

    def names(*roles: str) -> list[str]:
        return list(catalogue().seen_with(access.rights(frozenset(roles))).tools)

    assert names("reader", "adder") == ["bag_read", "box_read", "box_add"]
    assert names("reader", "careful") == ["box_read"]
    assert names() == names("unknown") == names("careful") == []


def test_the_rules_for_everybody_bind_every_role() -> None:
    house = AccessPolicy(deny=["*_drop"], read_only=False)
    everything = Rights((AccessPolicy(),))
    assert "box_drop" not in catalogue(house).seen_with(everything).tools
    assert not catalogue(house).may_call("box_drop", reads_only=True, destroys=False)


def test_a_bare_name_means_what_the_caller_sees() -> None:
    with pytest.raises(UnknownName, match="ambiguous"):
        catalogue().tool("read")
    mine = catalogue().seen_with(Rights((AccessPolicy(["box_*"]),)))
    assert mine.tool("read").public_name == "box_read"
    with pytest.raises(UnknownName):
        mine.tool("bag_read")


def test_a_denied_uri_of_a_template_is_not_read_however_it_is_written() -> None:
    rules = AccessPolicy(deny=["box://secret/*"])
    for served in (catalogue(rules), catalogue().seen_with(Rights((rules,)))):
        assert served.resource("box://open/one")[1] == {"name": "open"}
        for uri in ("box://secret/one", "box://s%65cret/one", "box://%73ecret/one"):
            with pytest.raises(UnknownName):
                served.resource(uri)


def test_a_denied_uri_may_be_written_encoded_in_the_rule_too() -> None:
    served = catalogue(AccessPolicy(deny=["box://a%20b/*"]))
    for uri in ("box://a%20b/one", "box://a b/one", "box://%61%20b/one", "box://%61 b/one"):
        with pytest.raises(UnknownName):
            served.resource(uri)
    assert served.resource("box://a%20c/one")[1] == {"name": "a c"}


def test_what_one_set_of_roles_sees_is_computed_once() -> None:
    access = Access(AccessPolicy(), {"a": AccessPolicy(["box_*"])})
    whole = catalogue()
    first = whole.seen_with(access.rights(frozenset({"a", "x"})))
    assert whole.seen_with(access.rights(frozenset({"y", "a"}))) is first
    assert first.listed("tools", "2026-07-28") is first.listed("tools", "2026-07-28")
    assert first.listed("tools", "2026-07-28") != whole.listed("tools", "2026-07-28")
    assert whole.seen_with(access.rights(None)) is whole


def test_a_tool_that_leads_to_others_can_ask_by_their_names() -> None:
    mine = catalogue().seen_with(Rights((AccessPolicy(["box_*", "srv_*"], destructive=False),)))
    assert mine.may_call("box_add", reads_only=False, destroys=True), "what is served is judged by its own hints"
    assert not mine.may_call("box_drop", reads_only=True, destroys=False)
    assert mine.may_call("srv_look", reads_only=True, destroys=False)
    assert not mine.may_call("srv_look", reads_only=False, destroys=True)
    assert not mine.may_call("other_look", reads_only=True, destroys=False)


def test_without_roles_in_the_settings_nobody_is_told_apart() -> None:
    access = Access.of(AccessSettings(local_roles=["a"], anonymous_roles=["b"]))
    assert (access.local, access.anonymous, access.rights(frozenset())) == (None, None, None)


def test_an_empty_role_in_the_file_is_one_that_gives_nothing(tmp_path: Any) -> None:
    (tmp_path / "f.yaml").write_text("access: {roles: {guest: {}}}\n")
    loaded = load_settings(config=tmp_path / "f.yaml")
    assert Access.of(loaded.settings.access).has_roles


def test_a_plugin_calls_with_the_roles_of_the_request_that_it_serves() -> None:
    assert in_whose_name("box", None) == Caller("board", principal="box"), "nobody asked: it acts for itself"
    mark = asking.set(Caller("http", "ada", roles=frozenset({"a"})))
    try:
        assert in_whose_name("box", None) == Caller("board", principal="ada", roles=frozenset({"a"}))
        named = in_whose_name("box", Caller("rest", "bob", request_id="7"))
        assert (named.principal, named.roles, named.request_id) == ("ada", {"a"}, "7")
        own = Caller("board", "box", roles=frozenset())
        assert in_whose_name("box", own) is own
    finally:
        asking.reset(mark)
