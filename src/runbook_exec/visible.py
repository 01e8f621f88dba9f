"""What is shown is what is meant: no invisible or direction-changing character passes unseen."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """The text with invisible and direction-changing characters spelled out: ‹U+202E›."""
    return "".join(c if c in "\n\t" or not is_hidden(c) else f"‹U+{ord(c):04X}›" for c in text)


def is_hidden(character: str) -> bool:
    """True for a character that shows nothing, or turns what stands around it."""
    return unicodedata.category(character) in _HIDDEN or character in _BLANK_LETTERS


_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_BLANK_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Joiners and fillers that count as letters or symbols."""
