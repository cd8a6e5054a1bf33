"""The catalogue: public names, bare names and aliases, what clashes and what is not served."""

from __future__ import annotations

from typing import Any

import pytest

from fuseboard import Prompt, Resource, Tool
from fuseboard.access import AccessPolicy
from fuseboard.catalogue import LONGEST_NAME, PUBLIC_NAME, Catalogue, Namespace, public_name
from fuseboard.contributions.wire import CHECKED_REVISIONS
from fuseboard.errors import AmbiguousName, UnknownName


async def act() -> str:
    """Do it."""
    return "done"


def tool(name: str, **options: Any) -> Tool:
    return Tool.of(act, name=name, **options)


def space(plugin: str, *tools: Tool, prefix: str | None = None, added: bool = False, **more: Any) -> Namespace:
    prompts, resources = more.get("prompts", ()), more.get("resources", ())
    return Namespace(plugin, f"{plugin}_" if prefix is None else prefix, added, tools, prompts, resources)


def test_the_public_name_is_the_plugins_name_and_the_tools() -> None:
    catalogue = Catalogue([space("oci", tool("list_tags"), tool("ping"))])
    assert list(catalogue.tools) == ["oci_list_tags", "oci_ping"]
    assert catalogue.tools["oci_ping"].plugin == "oci"


def test_plugins_are_sorted_by_name_and_items_stay_in_the_order_of_registration() -> None:
    catalogue = Catalogue([space("zoo", tool("b"), tool("a")), space("ark", tool("c"))])
    assert list(catalogue.tools) == ["ark_c", "zoo_b", "zoo_a"]


def test_an_operator_can_take_the_prefix_away() -> None:
    catalogue = Catalogue([space("oci", tool("ping"), prefix="")])
    assert list(catalogue.tools) == ["ping"]


def test_a_bare_name_and_an_alias_find_the_tool_but_are_not_listed() -> None:
    catalogue = Catalogue([space("oci", tool("list_tags", aliases=["list_oci_tags"]))])
    assert list(catalogue.tools) == ["oci_list_tags"]
    for name in ("oci_list_tags", "list_tags", "list_oci_tags"):
        assert catalogue.tool(name).public_name == "oci_list_tags"


def test_a_bare_name_of_two_plugins_is_an_error_that_names_both() -> None:
    catalogue = Catalogue([space("oci", tool("ping")), space("cloud", tool("ping"))])
    with pytest.raises(AmbiguousName, match="tool 'ping' is ambiguous: call cloud_ping or oci_ping"):
        catalogue.tool("ping")
    assert catalogue.tool("oci_ping").plugin == "oci"


def test_an_alias_that_is_anothers_bare_name_is_ambiguous_too() -> None:
    catalogue = Catalogue([space("oci", tool("list", aliases=["show"])), space("cloud", tool("show"))])
    with pytest.raises(AmbiguousName, match="cloud_show or oci_list"):
        catalogue.tool("show")


def test_a_public_name_goes_before_an_alias_of_the_same_name() -> None:
    """Installing a neighbour never re-routes a public name."""
    catalogue = Catalogue([space("oci", tool("ping")), space("aaa", tool("x", aliases=["oci_ping"]))])
    assert catalogue.tool("oci_ping").plugin == "oci"


def test_a_name_that_nobody_answers_to_is_unknown_and_is_quoted_shortly() -> None:
    with pytest.raises(UnknownName) as unknown:
        Catalogue().tool("x" * 5000)
    assert not isinstance(unknown.value, AmbiguousName)
    assert len(str(unknown.value)) < 200


def test_prompts_are_named_like_tools_and_live_beside_them() -> None:
    prompt = Prompt.of(act, name="ping", aliases=["hello"])
    catalogue = Catalogue([space("oci", tool("ping"), prompts=[prompt])])
    assert catalogue.prompt("oci_ping").item is prompt
    assert catalogue.prompt("hello").item is prompt
    assert catalogue.clashes == []


def test_of_two_plugins_with_one_public_name_neither_is_served() -> None:
    catalogue = Catalogue([space("a", tool("b_c")), space("a_b", tool("c"))])
    assert catalogue.tools == {}
    assert catalogue.clashes == [
        "tool a_b_c is claimed by a and a_b: neither is served; set another prefix for one of them"
    ]
    with pytest.raises(UnknownName):
        catalogue.tool("a_b_c")


def test_a_third_claim_does_not_bring_the_name_back() -> None:
    spaces = [space(name, tool("ping"), prefix="") for name in ("one", "two", "three")]
    catalogue = Catalogue(spaces)
    assert catalogue.tools == {}
    assert len(catalogue.clashes) == 2


def test_a_name_that_is_added_at_run_time_loses_against_one_that_is_served() -> None:
    catalogue = Catalogue(
        [space("proxy", tool("list_tags"), prefix="oci_", added=True), space("oci", tool("list_tags"))]
    )
    assert catalogue.tools["oci_list_tags"].plugin == "oci"
    assert catalogue.clashes == ["tool oci_list_tags is claimed by oci and proxy: the first stays"]


def test_of_two_that_were_added_the_one_that_was_there_first_stays() -> None:
    catalogue = Catalogue(
        [
            space("zoo", tool("ping"), prefix="x_", added=True),
            space("ark", tool("ping"), prefix="x_", added=True),
        ]
    )
    assert catalogue.tools["x_ping"].plugin == "zoo"


def test_a_name_that_is_too_long_is_cut_and_gets_a_hash_that_depends_on_nothing_but_itself() -> None:
    long = "list_" + "very_" * 20 + "long"
    short = public_name("server_", long)
    assert len(short) == LONGEST_NAME
    assert PUBLIC_NAME.fullmatch(short)
    assert short == public_name("server_", long), "the same in every process"
    assert short != public_name("server_", long + "er"), "two long names with one beginning stay apart"
    catalogue = Catalogue([space("a", tool("x")), space("server", tool(long))])
    assert catalogue.tool(short).plugin == catalogue.tool(long).plugin == "server"


def test_a_name_of_exactly_the_longest_length_is_kept() -> None:
    assert public_name("a_", "x" * (LONGEST_NAME - 2)) == "a_" + "x" * (LONGEST_NAME - 2)


@pytest.mark.parametrize("name", ["with space", "dotted.name", "naïve", "new\nline", "slash/ed"])
def test_a_name_with_other_letters_is_not_served_and_is_reported(name: str) -> None:
    catalogue = Catalogue([space("proxy", tool(name), tool("fine"))])
    assert list(catalogue.tools) == ["proxy_fine"]
    assert len(catalogue.clashes) == 1
    assert "is no legal name and is not served" in catalogue.clashes[0]


async def read(**variables: str) -> str:
    return "text"


def resource(uri: str) -> Resource:
    async def whole(uri: str) -> str:
        return uri

    return Resource.of(uri, whole, name="thing", whole_uri=True)


def test_a_uri_is_served_without_a_prefix() -> None:
    catalogue = Catalogue([space("oci", resources=[resource("oci://registries")])])
    assert catalogue.resource("oci://registries")[0].plugin == "oci"


def test_an_exact_uri_goes_before_a_template() -> None:
    exact, template = resource("oci://image/latest"), resource("oci://image/{tag}")
    catalogue = Catalogue([space("oci", resources=[template, exact])])
    assert catalogue.resource("oci://image/latest")[0].item is exact
    assert catalogue.resource("oci://image/1.0") == (catalogue.templates[0], {"tag": "1.0"})


def test_a_uri_that_nobody_answers_to_is_unknown() -> None:
    catalogue = Catalogue([space("oci", resources=[resource("oci://image/{tag}")])])
    with pytest.raises(UnknownName, match=r"no resource 'oci://other/1\.0'"):
        catalogue.resource("oci://other/1.0")


def test_of_two_plugins_with_one_uri_neither_is_served() -> None:
    catalogue = Catalogue([space(name, resources=[resource("notes://all")]) for name in ("a", "b")])
    assert catalogue.resources == {}
    assert catalogue.clashes[0].startswith("resource notes://all is claimed by a and b: neither is served")


def test_a_uri_that_is_added_loses_against_one_that_is_served() -> None:
    catalogue = Catalogue(
        [space("a", resources=[resource("notes://all")], added=True), space("b", resources=[resource("notes://all")])]
    )
    assert catalogue.resources["notes://all"].plugin == "b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("notes://{year}", "notes://{name}"),
        ("notes://{year}/all", "notes://{+path}"),
        ("notes://{folder}/latest", "notes://drafts/{name}"),  # both answer to notes://drafts/latest
    ],
)
def test_of_two_templates_that_answer_to_one_uri_neither_is_served(one: str, other: str) -> None:
    catalogue = Catalogue([space("a", resources=[resource(one)]), space("b", resources=[resource(other)])])
    assert catalogue.templates == ()
    assert len(catalogue.clashes) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("notes://{year}", "books://{year}"),
        ("notes://{year}", "notes://{year}/{month}"),
        ("notes://old/{name}", "notes://new/{name}"),
    ],
)
def test_templates_that_share_no_uri_are_both_served(one: str, other: str) -> None:
    catalogue = Catalogue([space("a", resources=[resource(one)]), space("b", resources=[resource(other)])])
    assert len(catalogue.templates) == 2
    assert catalogue.clashes == []


def test_a_template_that_is_added_loses_against_one_that_is_served() -> None:
    catalogue = Catalogue(
        [
            space("a", resources=[resource("notes://{year}")], added=True),
            space("b", resources=[resource("notes://{name}")]),
        ]
    )
    assert [entry.plugin for entry in catalogue.templates] == ["b"]


def served_under(**rules: Any) -> list[str]:
    tools = [tool("list", read_only=True), tool("push", read_only=False), tool("sign")]
    prompts = [Prompt.of(act, name="ask")]
    catalogue = Catalogue(
        [space("oci", *tools, prompts=prompts), space("cloud", tool("list", read_only=True))],
        AccessPolicy(**rules),
    )
    return [*catalogue.tools, *catalogue.prompts]


def test_the_operator_permits_by_pattern() -> None:
    assert served_under(allow=["oci_*"]) == ["oci_list", "oci_push", "oci_sign", "oci_ask"]
    assert served_under(allow=["*_list", "oci_push"]) == ["cloud_list", "oci_list", "oci_push"]
    assert served_under(allow=[]) == []


def test_what_is_denied_is_denied_though_it_is_allowed() -> None:
    assert served_under(allow=["oci_*"], deny=["*_push", "oci_ask"]) == ["oci_list", "oci_sign"]


def test_read_only_keeps_what_is_marked_so_and_prompts() -> None:
    """A tool that does not say that it only reads may do anything."""
    assert served_under(read_only=True) == ["cloud_list", "oci_list", "oci_ask"]


def test_what_is_not_permitted_cannot_be_called_by_any_of_its_names() -> None:
    catalogue = Catalogue(
        [space("oci", tool("push", aliases=["send"])), space("cloud", tool("push"))],
        AccessPolicy(deny=["oci_*"]),
    )
    for name in ("oci_push", "send"):
        with pytest.raises(UnknownName):
            catalogue.tool(name)
    assert catalogue.tool("push").plugin == "cloud", "the bare name is not ambiguous: only one may be called"


def test_patterns_know_upper_and_lower_case() -> None:
    assert served_under(allow=["OCI_*"]) == []


def test_a_list_that_an_era_refuses_is_named_with_its_revision_and_the_other_lists_are_not() -> None:
    changed = tool("ping")
    assert list(Catalogue([space("oci", changed)]).refused_lists()) == []
    # Registration refuses such a tool, so the plugin has to change it afterwards.
    object.__setattr__(changed, "title", 5)
    changed._forms.clear()
    refused = [(kind, revision) for kind, revision, _ in Catalogue([space("oci", changed)]).refused_lists()]
    assert refused == [("tools", revision) for revision in CHECKED_REVISIONS]
