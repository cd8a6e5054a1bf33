"""How a record becomes a line, whatever is in it."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from fuseboard.logs.json_lines import JsonFormatter
from fuseboard.logs.sink import Sink
from fuseboard.logs.text import TextFormatter

FORMATTERS: list[TextFormatter | JsonFormatter] = [TextFormatter(), JsonFormatter()]


def record(message: Any, *arguments: Any, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("fuseboard.plugin.toy", logging.WARNING, "x.py", 1, message, arguments, None, **more)


class Hostile:
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x85", "\u2028", "\u202e", "\r", "\x00", "\ud800", "\x7f", "\x9b"])
def test_no_control_character_reaches_a_line(hostile: str) -> None:
    line = record(f"before{hostile}after")
    text, found = TextFormatter().format(line), JsonFormatter().format(line)
    assert text.isprintable()
    assert found.isprintable()
    assert found.isascii()
    # Half of a surrogate pair is no text, and readers in other languages would refuse the line.
    assert json.loads(found)["message"] == f"before{hostile}after".replace("\ud800", "\ufffd")


def test_pairs_of_surrogates_and_their_names_stay_in_json() -> None:
    found = JsonFormatter().format(record("\U0001f600 \udfff\U0001f600\ud83d \\ud800 \\\ud800"))
    assert json.loads(found)["message"] == "\U0001f600 \ufffd\U0001f600\ufffd \\ud800 \\\ufffd"


def test_the_lines_of_a_message_are_indented_in_text_and_escaped_in_json() -> None:
    line = record("one\n2026-01-01 00:00:00,000 ERROR fuseboard: forged")
    assert TextFormatter().format(line).split("\n")[1] == "    2026-01-01 00:00:00,000 ERROR fuseboard: forged"
    assert "\n" not in JsonFormatter().format(line)


def test_a_hostile_field_cannot_pass_for_another_one() -> None:
    line = record("called")
    line.name = "fuseboard.calls"
    line.__dict__["fuseboard"] = {"plugin": "toy", "request_id": "1 ms=0] forged\n"}
    assert TextFormatter().format(line).endswith(r'called [plugin=toy request_id="1 ms=0] forged\n"]')


@pytest.mark.parametrize("name", ["fuseboard.plugin.toy", "library"])
def test_the_facts_of_a_call_are_told_by_the_host_alone(name: str) -> None:
    line = record("called")
    line.name = name
    line.__dict__["fuseboard"] = {"time": float("nan"), "message": "forged", "texts": ["password=hunter2hunter2"]}
    found = json.loads(JsonFormatter().format(line), parse_constant=pytest.fail)
    assert (found["message"], found.keys() & {"texts"}) == ("called", set())


def test_a_line_names_the_plugin_whose_logger_it_is() -> None:
    assert json.loads(JsonFormatter().format(record("hello")))["plugin"] == "toy"


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_a_message_whose_arguments_raise_is_still_logged(formatter: logging.Formatter) -> None:
    line = formatter.format(record("got %s of %s", Hostile()))
    assert "got %s of %s" in line
    assert "cannot be shown" in line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_a_huge_message_is_cut_in_its_middle(formatter: logging.Formatter) -> None:
    line = formatter.format(record("begin" + "x" * 50_000 + "end"))
    assert len(line) < 20_000
    assert "begin" in line
    assert "end" in line
    assert "characters were cut" in line


def test_a_huge_text_shows_no_part_of_a_secret_at_its_end() -> None:
    line = JsonFormatter().format(record("x" * 98_290 + " password=hunter2hunter2hunter2"))
    assert "password" not in line


@pytest.mark.parametrize("formatter", FORMATTERS, ids=["text", "json"])
def test_an_exception_that_cannot_be_shown_is_named(formatter: logging.Formatter) -> None:
    class Odd(Exception):
        @property
        def __cause__(self) -> Any:
            raise SystemExit(3)

    line = record("it failed")
    line.exc_info = (Odd, Odd(), None)
    assert "Odd" in formatter.format(line)


def test_a_record_that_cannot_be_formatted_at_all_becomes_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(TextFormatter):
        def format(self, record: logging.LogRecord) -> str:
            sys.exit(3)

    sink = Sink("text")
    sink.form = Broken()
    assert sink.handle(record("x"))
    assert "cannot be shown: SystemExit" in capsys.readouterr().err
