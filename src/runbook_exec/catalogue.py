"""What the program says in English, said in another language: gettext catalogues, matched by their sentences.

The journal keeps English, so that one record reads the same for everybody; a sentence is turned when it
is shown. An entry of the catalogue is the sentence as it stands in the code, with a name in braces for each
value. `{what}`, `{why}`, `{reason}` and `{next}` hold sentences and are turned, too, `{whys}` and `{whoms}` several;
any other value stays as it is. A sentence that no entry fits is shown in English.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SENTENCES = frozenset({"what", "why", "reason", "next"})
_LISTS = {"whys": "; ", "whoms": " and "}
"""Values that hold several sentences or people, by what stands between two of them."""
_PLACE = re.compile(r"\{(\w+)\}")
_DEEPEST = 4
LONGEST = 4_000
"""Characters; what is longer is no sentence of ours."""


@dataclass(frozen=True)
class Entry:
    """One sentence and how it is said."""

    pattern: re.Pattern[str]
    said: str

    def fit(self, text: str) -> tuple[str, dict[str, str]] | None:
        """The sentence in the language and the values of this one; None where it is another one."""
        found = self.pattern.fullmatch(text)
        return (self.said, found.groupdict()) if found else None


def said_in(text: str, language: str, *, depth: int = 0) -> str:
    """The sentence in a language; as it is where the catalogue does not know it."""
    if language == "en" or depth > _DEEPEST or len(text) > LONGEST:
        return text
    found = next(filter(None, (entry.fit(text) for entry in entries(language))), None)
    if found is None:
        return text
    sentence, values = found
    parts = {name: _part(name, value, language, depth + 1) for name, value in values.items()}
    return _PLACE.sub(lambda place: parts[place[1]], sentence)


def _part(name: str, value: str, language: str, depth: int) -> str:
    if name in _LISTS:
        joint = _LISTS[name]
        told = (said_in(each, language, depth=depth) for each in value.split(joint))
        return said_in(joint, language).join(told)
    return said_in(value, language, depth=depth) if name in _SENTENCES else value


@cache
def entries(language: str) -> tuple[Entry, ...]:
    """The catalogue: sentences that begin with words of their own first, of these the ones with the most."""
    found = sorted(messages(language).items(), key=lambda pair: _rank(pair[0]))
    return tuple(Entry(_pattern(english), said) for english, said in found)


def _rank(english: str) -> tuple[bool, int]:
    return english.startswith("{"), -len(_PLACE.sub("", english))


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)
    seen: set[str] = set()

    def group(name: str) -> str:
        again = name in seen
        seen.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.+?)"

    pieces = [group(part) if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return re.compile("".join(pieces), re.DOTALL)


def messages(language: str) -> dict[str, str]:
    """English → the language, from its .po file; empty where there is none."""
    file = files("runbook_exec").joinpath(f"locale/{language}/LC_MESSAGES/runbook.po")
    return dict(_read(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _read(text: str) -> Iterator[tuple[str, str]]:
    """The entries of a .po file: `msgid` and `msgstr`, each a text or several that are joined."""
    parts: dict[str, str] = {}
    field = ""
    for line in [*text.splitlines(), 'msgid ""']:
        keyword, _, quoted = line.partition(" ") if line.startswith("msg") else ("", "", line)
        if keyword == "msgid":
            if parts.get("msgid") and parts.get("msgstr"):
                yield parts["msgid"], parts["msgstr"]
            parts = {}
        field = keyword or field
        if quoted.startswith('"') and field:
            parts[field] = parts.get(field, "") + str(ast.literal_eval(quoted))
