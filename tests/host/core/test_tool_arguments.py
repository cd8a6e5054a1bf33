"""How a call's arguments are read, and what the caller is told when they are wrong."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field

from fuseboard import Caller, Context, Tool
from fuseboard.errors import InvalidArguments

pytestmark = pytest.mark.anyio

SECRET = "hunter2-hunter2"


class Colour(Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


def ctx() -> Context[None]:
    return Context(state=None, plugin="toy", caller=Caller("memory"))


async def answer(function: Any, arguments: dict[str, Any], **options: Any) -> str:
    """The text that a tool made of this function answers with."""
    result = await Tool.of(function, **options).invoke(ctx(), arguments, "toy_tool")
    return str(result["content"][0]["text"])


async def refusal(function: Any, arguments: dict[str, Any], **options: Any) -> str:
    """What the caller of a tool made of this function is told."""
    with pytest.raises(InvalidArguments) as wrong:
        await answer(function, arguments, **options)
    return str(wrong.value)


async def describe(name: str, size: int = 1, when: date | None = None, pets: list[Cat] = []) -> str:  # noqa: B006
    """The arguments as Python has them."""
    return f"{name!r} {size!r} {when!r} {pets!r}"


async def test_arguments_become_the_types_of_the_signature() -> None:
    arguments = {"name": "Ada", "size": 2, "when": "2026-11-21", "pets": [{"kind": "cat"}]}
    assert await answer(describe, arguments) == "'Ada' 2 datetime.date(2026, 11, 21) [Cat(kind='cat', lives=9)]"


async def test_an_argument_that_is_left_out_has_its_default() -> None:
    assert await answer(describe, {"name": "Ada"}) == "'Ada' 1 None []"


async def test_a_client_that_sends_json_in_a_string_is_understood() -> None:
    """Some clients send lists and objects as text; a text parameter stays the text that it is."""
    arguments = {"name": '["Ada"]', "size": "3", "pets": '[{"kind": "cat", "lives": 7}]'}
    assert await answer(describe, arguments) == "'[\"Ada\"]' 3 None [Cat(kind='cat', lives=7)]"


async def test_a_missing_argument_is_named() -> None:
    assert await refusal(describe, {}) == "wrong arguments for toy_tool: name: is missing"


async def test_an_unknown_argument_is_an_error_that_suggests_the_near_one() -> None:
    said = await refusal(describe, {"name": "Ada", "sise": 1})
    assert said == "wrong arguments for toy_tool: sise: no such argument, did you mean size"


async def test_an_unknown_argument_with_no_near_one_lists_those_that_there_are() -> None:
    said = await refusal(describe, {"name": "Ada", "xyzzy": 1})
    assert said == "wrong arguments for toy_tool: xyzzy: no such argument (it takes: name, pets, size, when)"


async def test_the_context_is_no_argument_that_a_caller_can_give() -> None:
    async def greet(ctx: Context[None], name: str) -> str:
        return f"{name} from {ctx.plugin}"

    assert await answer(greet, {"name": "Ada"}) == "Ada from toy"
    assert "ctx: no such argument" in await refusal(greet, {"name": "Ada", "ctx": "mine"})


async def pick(pet: Annotated[Cat | Dog, Field(discriminator="kind")]) -> str:
    return pet.kind


async def paint(colour: Colour) -> str:
    return colour.value


def even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even, like 2 or 4")
    return value


async def halve(number: Annotated[int, AfterValidator(even)]) -> str:
    return str(number // 2)


async def count(number: int, ratio: float = 1.0, flag: bool = False) -> str:
    return str(number)


async def code(text: Annotated[str, Field(pattern=r"^\d+$", max_length=3)]) -> str:
    return text


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (count, {"number": SECRET}),
        (count, {"number": 1, "ratio": SECRET, "flag": SECRET}),
        (count, {"number": [SECRET]}),
        (paint, {"colour": SECRET}),
        (code, {"text": SECRET}),
        (pick, {"pet": {"kind": SECRET}}),
        (pick, {"pet": SECRET}),
        (describe, {"name": {"password": SECRET}}),
        (describe, {"name": "Ada", "when": SECRET}),
        (describe, {"name": "Ada", "pets": [{"kind": "cat", "lives": SECRET}]}),
    ],
)
async def test_a_wrong_argument_is_named_and_its_value_is_not_repeated(function: Any, arguments: Any) -> None:
    """A value may be a password that was put into the wrong field, and error texts end up in logs."""
    said = await refusal(function, arguments)
    assert said.startswith("wrong arguments for toy_tool: ")
    assert SECRET not in said
    assert "pydantic" not in said


async def test_every_problem_is_told_at_once_and_a_long_list_is_cut() -> None:
    assert (await refusal(count, {"number": "x", "ratio": "x", "flag": "x"})).count(";") == 2
    said = await refusal(describe, {"name": "Ada", "pets": [{"kind": "dog"}] * 20})
    assert said.endswith("; and 15 more")


async def test_the_words_of_a_plugins_own_validator_reach_the_caller() -> None:
    assert (await refusal(halve, {"number": 3})).endswith("number: must be even, like 2 or 4")


async def test_a_synchronous_function_runs_in_a_worker_thread() -> None:
    def where() -> str:
        return threading.current_thread().name

    assert await answer(where, {}) != threading.current_thread().name


async def test_a_callable_object_and_a_partial_can_be_tools() -> None:
    from functools import partial

    class Greeter:
        async def __call__(self, name: str) -> str:
            return f"Hello, {name}"

    assert await answer(Greeter(), {"name": "Ada"}, name="greet") == "Hello, Ada"
    assert await answer(partial(describe, size=7), {"name": "Ada"}, name="describe") == "'Ada' 7 None []"


# --- a raw JSON Schema ------------------------------------------------------------------------------------------------

RAW = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 2}, "child": {"$ref": "#"}, "n": {"enum": [1, 2]}},
    "required": ["name"],
    "additionalProperties": False,
}


async def raw(ctx: Context[None], arguments: dict[str, Any]) -> str:
    return f"{ctx.plugin} {arguments}"


async def test_with_a_raw_schema_the_function_gets_all_arguments_as_they_came() -> None:
    assert await answer(raw, {"name": "Ada", "n": 1}, input_schema=RAW) == "toy {'name': 'Ada', 'n': 1}"

    async def without_context(arguments: dict[str, Any]) -> str:
        return str(arguments)

    assert await answer(without_context, {"name": "Ada"}, input_schema=RAW) == "{'name': 'Ada'}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "$: 'name' is a required property"),
        ({"name": "Ada", "nmae": 1}, "$: Additional properties are not allowed ('nmae' was unexpected)"),
        ({"name": 5}, '$.name: must satisfy type: "string"'),
        ({"name": "x"}, "$.name: must satisfy minLength: 2"),
        ({"name": "Ada", "n": SECRET}, "$.n: must satisfy enum: [1, 2]"),
        ({"name": "Ada", "child": {"name": [SECRET]}}, '$.child.name: must satisfy type: "string"'),
    ],
)
async def test_arguments_are_checked_against_a_raw_schema_and_no_value_is_repeated(
    arguments: dict[str, Any], told: str
) -> None:
    said = await refusal(raw, arguments, input_schema=RAW)
    assert said == f"wrong arguments for toy_tool: {told}"


@pytest.mark.parametrize("depth", [100, 400])
async def test_arguments_that_are_nested_too_deeply_are_wrong_and_no_fault_of_the_plugin(depth: int) -> None:
    """Whoever sends such a thing must not blow the plugin's fuse."""
    arguments: dict[str, Any] = {"name": "x"}
    for _ in range(depth):
        arguments = {"name": "Ada", "child": arguments}
    await refusal(raw, arguments, input_schema=RAW)


async def test_a_reference_to_another_host_is_never_fetched() -> None:
    """A schema of a proxied tool is a stranger's text: it must not make the host open connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        schema = {"type": "object", "properties": {"name": {"$ref": address}}}
        with suppress(Exception):  # how it is refused is the next test's subject
            await answer(raw, {"name": "Ada"}, input_schema=schema)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_a_schema_with_a_reference_that_cannot_be_resolved_is_refused_when_it_is_registered() -> None:
    """Else each call of the tool would be an unexpected fault, and in the end blow the plugin's fuse."""
    from fuseboard.errors import RegistrationError

    for reference in ("http://192.0.2.1/schema.json", "#/$defs/missing"):
        with pytest.raises(RegistrationError, match="tool raw: "):
            Tool.of(raw, input_schema={"type": "object", "properties": {"name": {"$ref": reference}}})
