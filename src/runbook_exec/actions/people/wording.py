"""Texts in the reader's language, as the actions for people share them."""

from __future__ import annotations

Text = str | dict[str, str]
"""A text, or one by language."""


def worded(words: Text, language: str) -> str:
    """The text in a language, or the first there is."""
    if isinstance(words, str):
        return words
    return words.get(language) or words.get("en") or next(iter(words.values()), "")


def waits(title: Text, language: str) -> str:
    """That a person has to come."""
    said = {"de": "eine Person muss bestätigen: {}"}.get(language, "a person has to confirm: {}")
    return said.format(worded(title, language))
