"""What is shown is what is meant: no invisible or direction-changing character passes unseen."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """The text with invisible and direction-changing characters spelled out: ‹U+202E›."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return "".join(
        f"‹U+{ord(c):04X}›" if unicodedata.category(c) in hidden and c not in "\n\t" else c for c in text
    )
