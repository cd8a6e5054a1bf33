"""The pages quote files that exist, link to pages that exist, and name words that `make` knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import FENCE, PAGES, ROOT, blocks, text_of

QUOTE = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
INTO = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")


def quotes() -> list[tuple[Path, str, str]]:
    """Every quotation: the page, the file that is quoted, the quoted text."""
    return [(page, *match.groups()) for page in PAGES for match in QUOTE.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "quoted", "text"), quotes(), ids=lambda value: getattr(value, "name", None))
def test_a_quotation_is_the_file_that_it_names(page: Path, quoted: str, text: str) -> None:
    assert text == text_of(quoted), f"copy {quoted} into {page.name} again"


def test_the_tutorial_quotes_every_file_of_the_example_that_has_text() -> None:
    tutorial = {quoted for page, quoted, _ in quotes() if page.name == "write-a-plugin.md"}
    example = ROOT / "examples" / "hello_plugin"
    files = [example / "pyproject.toml", *example.glob("src/**/*.py"), *example.glob("tests/test_*.py")]
    assert tutorial == {path.relative_to(ROOT).as_posix() for path in files}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_into_a_page_leads_to_a_heading_of_it(page: Path) -> None:
    links = INTO.findall(page.read_text(encoding="utf-8"))
    assert [
        f"{link}#{part}" for link, part in links if part not in anchors((page.parent / link) if link else page)
    ] == []


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as they are made for links."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_word_of_make_that_a_page_names_is_one() -> None:
    known = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    named |= {
        word
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"))
        for word in re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE)
    }
    assert "test" in named
    assert named <= known
