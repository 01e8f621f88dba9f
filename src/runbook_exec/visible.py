"""What is shown is what is meant: nothing invisible and no look-alike letter passes unseen."""

from __future__ import annotations

import re
import unicodedata


def visible(text: str) -> str:
    """The text with invisible and direction-changing characters spelled out: ‹U+202E›.

    A letter that passes for a Latin one is followed by its number: `а‹U+0430›dmin`.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(c if c in "\n\t" or not is_hidden(c) else f"‹U+{ord(c):04X}›" for c in text)
    return shown if shown.isascii() else _WORD.sub(_marked, shown)


def has_look_alikes(text: str) -> bool:
    """True where something in the text is not what it seems."""
    return visible(text) != text


def is_hidden(character: str) -> bool:
    """True for a character that shows nothing, or turns what stands around it."""
    return unicodedata.category(character) in _HIDDEN or character in _BLANK_LETTERS


_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_BLANK_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Joiners and fillers that count as letters or symbols."""


def _marked(word: re.Match[str]) -> str:
    letters = word[0]
    kinds = [_kind(letter) for letter in letters]
    foreign = {letter for letter, kind in zip(letters, kinds, strict=True) if kind == "foreign"}
    suspect = bool(foreign & _TWINS) and ("latin" in kinds or (len(letters) > 1 and foreign <= _TWINS))
    return "".join(
        f"{letter}‹U+{ord(letter):04X}›" if kind == "disguised" or (kind == "foreign" and suspect) else letter
        for letter, kind in zip(letters, kinds, strict=True)
    )


def _kind(letter: str) -> str:
    if letter.isascii():
        return "latin" if letter.isalpha() else ""
    name = unicodedata.name(letter, "")
    if name.startswith(_DISGUISED):
        return "disguised"
    if name.startswith(_FOREIGN):
        return "foreign"
    return "latin" if name.startswith("LATIN") else ""


_WORD = re.compile(r"\w+")
_FOREIGN = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
"""Scripts with letters that cannot be told from Latin ones."""
_DISGUISED = ("FULLWIDTH LATIN", "MATHEMATICAL", "CIRCLED LATIN", "PARENTHESIZED LATIN")
_TWINS = frozenset("асеорхуіјѕһԁԛԝгьѵ" + "АВЕЅІЈКМНОРСТХУԌԚԜЗ" + "οναρυικτ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
"""Letters of other scripts that are drawn like a Latin one."""
