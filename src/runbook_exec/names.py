"""People's names → logins and addresses that every system accepts. Pure.

What is promised for any text: a login has 1 to 20 characters of a-z, 0-9, `.`, `_`, `-`
(sAMAccountName, [MS-SAMR] 3.1.1.6), the part before the @ has at most 64 ASCII characters
(RFC 5321 4.5.3.1.1; Entra allows no more), a common name at most 64 (`ub-common-name`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator

from runbook_exec.errors import Invalid

LOGIN_LENGTH = 20
LOCAL_PART_LENGTH = 64
COMMON_NAME_LENGTH = 64
MOST_NUMBERS = 20
"""The last number that is tried when a name is taken: jmueller2 … jmueller20."""

RESERVED = frozenset(
    {"abuse", "admin", "administrator", "gast", "guest", "hostmaster", "krbtgt", "postmaster", "root"}
    | {"security", "system", "webmaster"}
)
"""Names that stand for a role (RFC 2142) or a built-in account; nobody gets them by being called so."""

PARTICLES = frozenset(
    {"af", "al", "av", "bin", "da", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el", "ibn"}
    | {"la", "le", "op", "ter", "ten", "van", "vom", "von", "zu", "zum", "zur", "'t"}
)
"""Words that belong to the next one: van der Berg is vanderberg."""

_EVERYWHERE = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa", "þ": "th", "ð": "d", "đ": "d", "ł": "l",
    "ı": "i", "ħ": "h", "ŋ": "n", "ä": "ae", "ö": "oe", "ü": "ue",
}  # fmt: skip
_PLAIN_UMLAUTS = {"ä": "a", "ö": "o", "ü": "u"}
_BY_LANGUAGE = {
    "sv": {**_PLAIN_UMLAUTS, "å": "a"},
    "fi": {**_PLAIN_UMLAUTS, "å": "a"},
    **dict.fromkeys(("tr", "az", "hu", "nl", "es", "fr", "et"), _PLAIN_UMLAUTS),
    **{code: {"đ": "dj"} for code in ("hr", "sr", "bs")},
}
"""Where a language writes its letters otherwise than the German habit and ICAO Doc 9303 do."""

_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"})
_LOOK_ALIKES = frozenset("аАВеЕКМНоОрРсСТуУхХіІјЈѕЅԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοντυχρ")
_HYPHENS = "[-‐‑–]"
_PLACE = re.compile(r"\{(given|surname|id)(?::(\d+))?\}")


def cleaned(text: str, *, what: str) -> str:
    """The name with single spaces, composed letters; refuses what looks like something else."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
            raise Invalid(
                f"the {what} holds the invisible or unknown character U+{ord(character):04X}",
                next_move="type the name again by hand",
            )
    clean = " ".join(unicodedata.normalize("NFC", text).split())
    for word in re.split(r"[\s\-'’.]+", clean):
        scripts = _scripts(word)
        if len(scripts) > 1:
            raise Invalid(
                f"the {what} {clean!r} mixes {' and '.join(sorted(s.title() for s in scripts))} letters in one word",
                next_move="letters that look alike are not the same: type the name again on one keyboard",
            )
    return clean


def doubts(*texts: str) -> tuple[str, ...]:
    """What a person should compare with a passport: foreign script, letters that look like Latin ones."""
    found = []
    for text in texts:
        scripts = _scripts(text) - {"LATIN"}
        letters = [c for c in text if c.isalpha()]
        if scripts and all(c in _LOOK_ALIKES for c in letters):
            found.append(f"{text} is written in {_listed(scripts)} letters that look like Latin ones")
        elif scripts:
            found.append(
                f"{text} is written in {_listed(scripts)} letters; compare the spelling with the passport"
            )
    return tuple(found)


def fold(text: str) -> str:
    """Equal for two names that a directory takes for the same: case, accents, ß, width, spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(
        {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe"}.get(c, c) for c in text
    )
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def ascii_word(word: str, language: str = "de") -> str:
    """One word in a-z and 0-9, by the habit of `language` (ä → ae in German, a in Swedish)."""
    from unidecode import unidecode

    table = {**_EVERYWHERE, **_BY_LANGUAGE.get(language[:2].lower(), {})}
    word = unicodedata.normalize("NFKC", word).lower()
    word = "".join(table.get(c, c) for c in unicodedata.normalize("NFC", word))
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]", "", unidecode(bare, errors="ignore").lower())


def ascii_words(text: str, language: str = "de") -> tuple[str, ...]:
    """A name's parts in a-z and 0-9: particles stay with the next word, O'Neill is one."""
    parts: list[str] = []
    carried = ""
    for word in re.split(rf"\s+|{_HYPHENS}", text):
        plain = ascii_word(word, language)
        if word.lower() in PARTICLES:
            carried += plain
        elif plain:
            parts.append(carried + plain)
            carried = ""
    return (*parts, carried) if carried else tuple(parts)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that could make something else than a login."""
    rest = _PLACE.sub("", pattern)
    if not _PLACE.search(pattern) and not rest:
        raise Invalid("the pattern is empty", next_move="write for example {given:1}{surname}")
    if not re.fullmatch(r"[A-Za-z0-9._-]*", rest):
        raise Invalid(
            f"the pattern {pattern!r} holds {re.sub(r'[A-Za-z0-9._-]', '', rest)!r}",
            next_move="use {given}, {surname}, {id}, {given:1} for the first letter, and . _ -",
        )


def logins(
    given: str, surname: str, *, patterns: Collection[str], employee_id: str = "", language: str = "de"
) -> tuple[str, ...]:
    """Logins to try, the best first: each pattern, then the first one with numbers."""
    given, surname = (given, surname) if surname else ("", given)
    values = {
        "given": "".join(ascii_words(given, language)),
        "surname": "".join(ascii_words(surname, language)),
        "id": ascii_word(employee_id),
    }
    stems = [_filled(pattern, values) for pattern in patterns]
    return _candidates([stem for stem in stems if stem], LOGIN_LENGTH, given, surname)


def local_parts(
    given: str, surname: str, *, patterns: Collection[str], employee_id: str = "", language: str = "de"
) -> tuple[str, ...]:
    """Parts before the @ to try, the best first: thi-minh.nguyen, gabriela.garciamarquez.

    Hyphens stay. Surnames of several words are written as one, and cut to the first where
    they do not fit.
    """
    given, surname = (given, surname) if surname else ("", given)
    first = ascii_words(given, language)
    parts = ("".join(ascii_words(part, language)) for part in re.split(_HYPHENS, surname))
    last = tuple(part for part in parts if part)
    if sum(len(word) + 1 for word in (*first, *last)) > LOCAL_PART_LENGTH - 3:
        first, last = tuple(word[:20] for word in first[:1]), last[:1]
    values = {"given": "-".join(first), "surname": "-".join(last), "id": ascii_word(employee_id)}
    stems = [_filled(pattern, values) for pattern in patterns]
    return _candidates([stem for stem in stems if stem], LOCAL_PART_LENGTH, given, surname)


def common_names(display: str) -> tuple[str, ...]:
    """Names of a directory entry to try; numbers come after a space: `Anna Weiß 2`."""
    numbered = (f"{_cut(display, COMMON_NAME_LENGTH - 3)} {n}" for n in range(2, MOST_NUMBERS + 1))
    return (_cut(display, COMMON_NAME_LENGTH), *numbered)


def display_name(given: str, surname: str, pattern: str = "{given} {surname}") -> str:
    """The name as people see it; a one-word name leaves no stray comma or space."""
    values = {"given": given, "surname": surname, "id": ""}
    text = _PLACE.sub(lambda m: values[m[1]][: int(m[2])] if m[2] else values[m[1]], pattern)
    return " ".join(text.split()).strip(" ,;")[:256]


def free(candidates: Collection[str], taken: Collection[str]) -> str | None:
    """The first candidate that folds like none of `taken`; None where all are gone."""
    gone = {fold(name) for name in taken}
    return next((name for name in candidates if fold(name) not in gone), None)


def _filled(pattern: str, values: dict[str, str]) -> str:
    text = _PLACE.sub(lambda m: values[m[1]][: int(m[2])] if m[2] else values[m[1]], pattern).lower()
    return re.sub(r"[._-]*([._-])", r"\1", text).strip("._-")


def _candidates(stems: list[str], length: int, given: str, surname: str) -> tuple[str, ...]:
    if not stems:
        raise Invalid(
            f"no login can be made of the name {f'{given} {surname}'.strip()!r}",
            next_move="give a pattern that says it, for example the employee number: {id}",
        )
    found = dict.fromkeys(_cut(stem, length) for stem in stems)
    found |= dict.fromkeys(_numbered(stems[0], length))
    return tuple(name for name in found if name not in RESERVED)


def _numbered(stem: str, length: int) -> Iterator[str]:
    joint = "-" if stem[-1].isdigit() else ""  # 4711-2 is no employee number of somebody else
    for number in range(2, MOST_NUMBERS + 1):
        ending = f"{joint}{number}"
        yield f"{_cut(stem, length - len(ending))}{ending}"


def _cut(text: str, length: int) -> str:
    return text[:length].rstrip(" ._-") if len(text) > length else text


def _scripts(text: str) -> set[str]:
    found = set()
    for character in unicodedata.normalize("NFKC", text):
        if unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lo"}:
            script = unicodedata.name(character, "UNKNOWN").split()[0]
            found.add("CJK" if script in _EAST_ASIAN else script)
    return found


def _listed(scripts: Collection[str]) -> str:
    return " and ".join(sorted("Chinese, Japanese or Korean" if s == "CJK" else s.title() for s in scripts))
