"""The Russian README says the same as the English one: the same sections, the same blocks, the same links."""

from __future__ import annotations

import re

from tests.docs.pages import FENCE, Block, blocks, text_of

ENGLISH, RUSSIAN = text_of("README.md"), text_of("README.ru.md")
COMMENT = re.compile(r" +# .*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")


def outline(text: str) -> list[str]:
    """What stands where, without its words: headings by their level, blocks by their language, items, paragraphs."""
    shape = []
    for part in re.split(r"\n{2,}", FENCE.sub(lambda found: f"```{found[1]}", text).strip()):
        first, items = part.split(maxsplit=1)[0], len(re.findall("^[*] ", part, re.MULTILINE))
        shape.append(first if first.startswith(("#", "```")) else f"{items} items")
    return shape


def test_both_have_the_same_headings_blocks_lists_and_paragraphs_in_the_same_order() -> None:
    assert outline(RUSSIAN) == outline(ENGLISH)


def test_the_blocks_are_the_same_but_for_the_comments_of_shell_commands() -> None:
    def without_comments(text: str) -> list[Block]:
        return [
            Block(one.language, COMMENT.sub("", one.text) if one.language == "sh" else one.text) for one in blocks(text)
        ]

    assert without_comments(RUSSIAN) == without_comments(ENGLISH)
    assert len(without_comments(ENGLISH)) == 5


def test_both_lead_to_the_same_places() -> None:
    english, russian = LINK.findall(ENGLISH), LINK.findall(RUSSIAN)
    assert [link for link in russian if link != "README.md"] != []
    assert sorted({*english, "README.md"}) == sorted({*russian, "README.ru.md"})


def test_what_is_written_as_code_is_the_same() -> None:
    def code(text: str) -> list[str]:
        return sorted(re.findall(r"`[^`\n]+`", FENCE.sub("", text)))

    assert code(RUSSIAN) == code(ENGLISH)


def test_the_russian_page_is_russian() -> None:
    prose = FENCE.sub("", RUSSIAN)
    assert len(re.findall("[а-яё]", prose, re.IGNORECASE)) > len(re.findall("[a-z]", prose, re.IGNORECASE))
