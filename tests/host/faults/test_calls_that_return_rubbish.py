"""A tool that returns what cannot be sent: a clear error for that call, and a connection that lives on."""

from __future__ import annotations

import re

import pytest

from tests.host.faults.running import Line, said

pytestmark = pytest.mark.anyio

TOO_LARGE = ["huge", "huge_in_a_thread", "huge_structured"]
NOT_SENDABLE = [
    "not_a_number",
    "infinite_inside",
    "surrogate",
    "surrogate_inside",
    "surrogate_content",
    "an_object",
    "an_object_inside",
    "a_cycle",
    "a_deep_nest",
    "a_long_number",
    "another_type",
    "structured_list",
    "invalid_content",
    "no_content",
    "invalid_meta",
    "some_bytes",
]


@pytest.mark.parametrize("tool", TOO_LARGE)
async def test_a_result_that_is_too_large_is_an_error_that_says_how_large(served: Line, tool: str) -> None:
    text = said(await served.call(f"returning_{tool}"), error=True)
    match = re.match(rf"returning_{tool} returned (\d+\.\d) MiB, more than the 8\.0 MiB", text)
    assert match is not None, text
    assert float(match[1]) >= 20
    await served.healthy_answers()


@pytest.mark.parametrize("tool", NOT_SENDABLE)
async def test_a_result_that_is_no_json_is_an_error_that_names_the_tool(served: Line, tool: str) -> None:
    text = said(await served.call(f"returning_{tool}"), error=True)
    assert text.startswith(f"returning_{tool} returned ")
    assert len(text) < 300
    await served.healthy_answers()


async def test_a_generator_that_raises_while_it_is_read_is_a_fault_like_any_other(served: Line) -> None:
    assert "returning_a_generator" in said(await served.call("returning_a_generator"), error=True)
    await served.healthy_answers()


async def test_an_error_for_the_model_that_is_no_unicode_arrives_repaired(served: Line) -> None:
    assert said(await served.call("returning_surrogate_error"), error=True).startswith("half a letter: ")
    await served.healthy_answers()


async def test_an_error_for_the_model_is_bounded_like_a_result(served: Line) -> None:
    assert len(said(await served.call("returning_huge_error"), error=True)) < 8 * 1024 * 1024
    await served.healthy_answers()


@pytest.mark.parametrize("tool", ["surrogate_protocol_error", "invalid_protocol_error"])
async def test_a_protocol_error_that_is_no_json_is_still_an_answer(served: Line, tool: str) -> None:
    assert said(await served.call(f"returning_{tool}"), error=True).startswith(f"returning_{tool} returned ")
    await served.healthy_answers()


async def test_no_result_is_a_result(served: Line) -> None:
    assert not (await served.call("returning_nothing")).is_error


async def test_returning_rubbish_does_not_make_the_plugin_ill(served: Line) -> None:
    assert said(await served.call("returning_fine")) == "fine"
    await served.row("returning", "active")
