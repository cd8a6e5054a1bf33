"""The work of the plugin. It knows nothing of fuseboard, so it is tested and used like any other code."""

from __future__ import annotations

GREETINGS = {"de": "Guten Tag", "en": "Hello", "fr": "Bonjour", "ru": "Здравствуйте"}


class PhraseBook:
    """Greetings by language. It stands for what a real plugin keeps open: a client, a connection, a file.

    Args:
        language: the language of a greeting that names none.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.languages = sorted(GREETINGS)

    def greeting(self, language: str | None = None) -> str:
        """The greeting in a language.

        Raises:
            KeyError: the book does not know the language.
        """
        return GREETINGS[language or self.language]

    def close(self) -> None:
        """Put the book back on its shelf."""
        self.languages = []
