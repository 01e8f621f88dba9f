"""A plan as text for a terminal or a pipe: the checklist, sentences first, technique below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from runbook_exec.change import Json
from runbook_exec.diff import Difference, Sign, cut, one_line, shown
from runbook_exec.plan import Plan
from runbook_exec.plan_view import Item, View, view
from runbook_exec.plan_words import Mark

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "refusal": "1;31",
}
_OF_SIGN = {
    Sign.ADDED: "green",
    Sign.REMOVED: "red",
    Sign.CHANGED: "yellow",
    Sign.SENT: "cyan",
    Sign.GIVEN: "",
    Sign.ASKED: "dim",
}
_OF_MARK = {
    Mark.EXACT: "green",
    Mark.REPORTED: "cyan",
    Mark.DEFERRED: "yellow",
    Mark.BLIND: "yellow",
    Mark.HUMAN: "cyan",
    Mark.SAME: "dim",
    Mark.SKIP: "dim",
    Mark.KEPT: "yellow",
    Mark.LOST: "red",
    Mark.GATE: "bold",
    Mark.BLOCKED: "refusal",
}
MOST_LINES = 30
"""Of a letter that is shown line by line."""
_LEFT = 6
"""Columns for the number and the mark."""


def plan_text(
    plan: Plan,
    *,
    language: str,
    colour: bool,
    brief: bool = False,
    width: int = 100,
    whole: bool = False,
) -> str:
    """The whole plan; with `brief` the sentences alone. Values are never markup, whatever they hold.

    With `whole` no value is cut short: whoever agrees to it has to see all of it.
    """
    page = _Page(view(plan, language), colour=colour, brief=brief, width=width, whole=whole)
    return "\n".join(page.lines())


@dataclass(frozen=True, kw_only=True)
class _Paint:
    colour: bool

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and style and text else text


def _is_letter(value: Json) -> bool:
    """A text that people read, of several lines: shown whole, since nobody can read it back later.

    Markup and longer texts are cut to one line; `--json` and `--html` hold them whole.
    """
    return (
        isinstance(value, str)
        and 1 < len(value.splitlines()) <= MOST_LINES
        and not value.lstrip().startswith("<")
    )


class _Page:
    def __init__(self, shown: View, *, colour: bool, brief: bool, width: int, whole: bool = False) -> None:
        self.view, self.brief, self.width = shown, brief, max(width, 40)
        self.paint = _Paint(colour=colour)
        self.whole = whole

    def lines(self) -> Iterator[str]:
        text = self.view.text
        yield self.paint(f"{text['plan']}: {self.view.title}", "bold")
        yield from self._wrapped("  ".join(f"{name} {value}" for name, value in self.view.facts), "", "dim")
        if self.view.refusals:
            yield ""
            yield self.paint(text["refused"], "refusal")
            for refusal in self.view.refusals:
                yield from self._wrapped(refusal, "  ✗ ", "red")
        for part in self.view.parts:
            yield ""
            yield self.paint(part.title, "bold")
            for item in part.items:
                yield from self._item(item)
        yield ""
        yield from self._end()

    def _item(self, item: Item) -> Iterator[str]:
        number, sign = f"{item.number:>3} ", item.mark.sign
        quiet = "dim" if item.mark in {Mark.SAME, Mark.SKIP} else ""
        first, *more = textwrap.wrap(item.sentence, self.width - _LEFT) or [""]
        yield f"{number}{self.paint(sign, _OF_MARK[item.mark])} {self.paint(first, quiet)}"
        yield from (" " * _LEFT + self.paint(line, quiet) for line in more)
        for warning in item.warnings:
            yield from self._wrapped(warning, "! ", "yellow", indent=_LEFT)
        if not self.brief or item.mark in {Mark.DEFERRED, Mark.GATE}:
            for note in item.notes:
                yield from self._wrapped(note, "· ", "dim", indent=_LEFT)
        if not self.brief and item.mark is not Mark.SKIP:
            yield from self._technique(item)

    def _technique(self, item: Item) -> Iterator[str]:
        parts = [item.step, item.uses, item.target]
        head = "  ".join(part for part in parts if part)
        yield " " * _LEFT + self.paint(self._cut(head, self.width - _LEFT), "dim")
        names = max((len(one_line(each.name)) for each in item.differences), default=0)
        for each in item.differences:
            width = min(names, max(28, self.width * 2 // 5))
            if each.sign is Sign.SENT and not self.whole and _is_letter(each.after):
                name = self._cut(one_line(each.name), width)
                yield " " * (_LEFT + 2) + self.paint(f"{each.sign} {name}", _OF_SIGN[each.sign])
                yield from self._letter(each.after)
            else:
                yield self._difference(each, width)

    def _letter(self, text: str) -> Iterator[str]:
        for line in text.splitlines():
            for part in textwrap.wrap(one_line(line), self.width - _LEFT - 6) or [""]:
                yield (" " * (_LEFT + 4) + self.paint(f"│ {part}", "dim")).rstrip()

    def _difference(self, each: Difference, names: int) -> str:
        name = self._cut(one_line(each.name), names).ljust(names)
        room = self.width - _LEFT - 4 - names - 2
        if each.sign is Sign.CHANGED:
            half = max((room - 3) // 2, 8)
            before, after = shown(each.before), shown(each.after)
            value = f"{self._cut(before, max(half, room - 3 - len(after)))} → {self._cut(after, max(half, room - 3 - len(before)))}"
        else:
            value = self._cut(shown(each.before if each.sign is Sign.REMOVED else each.after), room)
        return " " * (_LEFT + 2) + self.paint(f"{each.sign} {name}  {value}".rstrip(), _OF_SIGN[each.sign])

    def _cut(self, text: str, length: int) -> str:
        return text if self.whole else cut(text, length)

    def _end(self) -> Iterator[str]:
        text = self.view.text
        written = "" if self.whole else " " + text["written"]
        totals = ", ".join(self.view.totals)
        yield from self._wrapped(totals[:1].upper() + totals[1:] + "." + written, "", "bold")
        legend = [f"{mark.sign} {meaning}" for mark, meaning in self.view.legend]
        yield from self._rows(f"{text['legend']}:", legend)
        yield self.paint(f"{text['digest']} {self.view.digest[:12]}  ({self.view.digest})", "dim")

    def _rows(self, head: str, parts: list[str]) -> Iterator[str]:
        """The head, and as many parts a line as fit; a part is never torn."""
        yield self.paint(head, "dim")
        line = ""
        for part in parts:
            if line and len(line) + len(part) + 4 > self.width - 2:
                yield self.paint(f"  {line}", "dim")
                line = ""
            line = f"{line}    {part}" if line else part
        if line:
            yield self.paint(f"  {line}", "dim")

    def _wrapped(self, text: str, lead: str, style: str, *, indent: int = 0) -> Iterator[str]:
        """Text in lines with a lead before the first and room below it."""
        first, *more = textwrap.wrap(text, self.width - indent - len(lead)) or [""]
        yield " " * indent + self.paint(lead + first, style)
        yield from (" " * (indent + len(lead)) + self.paint(line, style) for line in more)
