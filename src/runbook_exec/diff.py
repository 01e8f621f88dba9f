"""A `Change` as lines, before and after by attribute: what text, HTML and JSON share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from runbook_exec.change import Change, Deferred, Json, same
from runbook_exec.secret import Secret
from runbook_exec.values import lost_secrets
from runbook_exec.visible import visible


class Sign(StrEnum):
    """What happens to one attribute, or to one element of it."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"
    SENT = ">"
    """Part of a request whose effect cannot be read."""
    GIVEN = "="
    """A value that the step computes for later ones."""
    ASKED = "·"
    """An argument of a step that cannot be planned exactly yet."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line of a diff; the values are as they are, `shown` makes them fit to look at."""

    sign: Sign
    name: str
    before: Json = None
    after: Json = None


def differences(change: Change, *, computes: bool = False) -> tuple[Difference, ...]:
    """Everything that a change alters or sends, attribute by attribute; with `computes`, what it gives."""
    if change.request is not None:
        return tuple(_leaves(Sign.SENT, change.request))
    if computes:
        return tuple(_leaves(Sign.GIVEN, change.outputs))
    if change.is_empty:
        return ()
    if change.before is None:
        return tuple(_leaves(Sign.ADDED, change.after or {}))
    if change.after is None:
        return tuple(_leaves(Sign.REMOVED, change.before))
    return tuple(_mappings(change.before, change.after))


def asked(envelope: Mapping[str, Json]) -> tuple[Difference, ...]:
    """The arguments of a LATER line, with ⟨names⟩ for what an earlier step will supply."""
    return tuple(_leaves(Sign.ASKED, lost_secrets(envelope.get("with") or {})))


def _mappings(before: Mapping[str, Json], after: Mapping[str, Json], path: str = "") -> Iterator[Difference]:
    for name in [*after, *(name for name in before if name not in after)]:
        yield from _values(f"{path}{name}", _raw(before, name), _raw(after, name))


def _values(name: str, before: Json, after: Json) -> Iterator[Difference]:
    if same(before, after):
        return
    if _nested(before) and _nested(after):
        yield from _mappings(before, after, f"{name}.")
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        yield from _lists(name, before, after)
    elif before is None:
        yield from _leaves(Sign.ADDED, {name: after})
    elif after is None:
        yield from _leaves(Sign.REMOVED, {name: before})
    else:
        yield Difference(sign=Sign.CHANGED, name=name, before=before, after=after)


def _lists(name: str, before: Json, after: Json) -> Iterator[Difference]:
    """Element by element; a list in another order only is shown whole."""
    gone, new = _without(before, after), _without(after, before)
    if not gone and not new:
        yield Difference(sign=Sign.CHANGED, name=name, before=before, after=after)
        return
    for element in gone:
        yield Difference(sign=Sign.REMOVED, name=name, before=element)
    for element in new:
        yield Difference(sign=Sign.ADDED, name=name, after=element)


def _without(some: Json, others: Json) -> list[Json]:
    rest, left = list(others), []
    for element in some:
        found = next((number for number, other in enumerate(rest) if same(element, other)), None)
        if found is None:
            left.append(element)
        else:
            del rest[found]
    return left


def _leaves(sign: Sign, values: Mapping[str, Json], path: str = "") -> Iterator[Difference]:
    for name in values:
        value = _raw(values, name)
        if _nested(value) and value:
            yield from _leaves(sign, value, f"{path}{name}.")
        elif isinstance(value, list | tuple) and value:
            for element in value:
                yield _leaf(sign, f"{path}{name}", element)
        elif value is not None or sign is not Sign.ADDED:
            yield _leaf(sign, f"{path}{name}", value)


def _leaf(sign: Sign, name: str, value: Json) -> Difference:
    if sign is Sign.REMOVED:
        return Difference(sign=sign, name=name, before=value)
    return Difference(sign=sign, name=name, after=value)


def _nested(value: Json) -> bool:
    return isinstance(value, Mapping)


def _raw(values: Mapping[str, Json], name: str) -> Json:
    """The value itself; an `Assumed` mapping would invent one for a missing name."""
    return dict.get(values, name) if isinstance(values, dict) else values.get(name)


def shown(value: Json) -> str:
    """A value on one line, in which nothing is invisible and no secret is said."""
    match value:
        case None:
            return "–"
        case bool():
            return "true" if value else "false"
        case Deferred():
            return one_line(value.label if "⟨" in value.label else f"⟨{value.label}⟩")
        case Secret():
            return f"••• ({one_line(value.rule)})"
        case str():
            text = one_line(value)
            return f"“{text}”" if text != text.strip() or not text or text == "–" else text
        case Mapping():
            items = [f"{one_line(str(name))}: {shown(_raw(value, name))}" for name in value]
            return "{" + ", ".join(items) + "}"
        case list() | tuple():
            return "[" + ", ".join(shown(item) for item in value) + "]"
    return one_line(str(value))


def one_line(text: str) -> str:
    """The text with line breaks and tabs as signs, and everything invisible spelled out."""
    return visible(text).replace("\n", "⏎").replace("\t", "⇥")


def paragraphs(value: Json) -> str:
    """Like `shown`, but a text of several lines keeps them."""
    return visible(value).replace("\t", "⇥") if isinstance(value, str) and "\n" in value else shown(value)


def cut(text: str, length: int) -> str:
    """At most `length` characters; what was cut is said by “…”."""
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"
