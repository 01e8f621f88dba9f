"""The runbooks as pages to read and to print: each a checklist with boxes, and how its runs went. Pure.

No script, no request to anywhere, everything escaped; one file for each runbook and language,
and an index for each language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from runbook_exec.handbook_words import WORDS
from runbook_exec.model import Mode, Runbook, Step
from runbook_exec.plan_html import template
from runbook_exec.report import titled
from runbook_exec.review import length
from runbook_exec.review_words import SAID
from runbook_exec.slots import words as in_words
from runbook_exec.tally import ItemTally, Tally

LANGUAGES = ("en", "de")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the checklist."""

    number: int
    id: str
    title: str
    what: str
    """Who or what does it."""
    lines: tuple[str, ...]
    """What a person reads off, does or confirms there."""
    conditions: tuple[str, ...]
    went: str
    """How it went so far; empty before the first run."""
    troubled: bool
    human: bool


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A runbook with its counts."""

    runbook: Runbook
    tally: Tally = field(default_factory=Tally)


def pages(chapters: Sequence[Chapter]) -> Iterator[tuple[str, str]]:
    """Every page as (file name, HTML). English has the plain names, other languages theirs before `.html`."""
    for language in LANGUAGES:
        yield _file("index", language), _index(chapters, language)
        for chapter in chapters:
            yield _file(chapter.runbook.name, language), _page(chapter, language)


def _file(name: str, language: str) -> str:
    return f"{name}.html" if language == "en" else f"{name}.{language}.html"


def _others(name: str, language: str) -> list[tuple[str, str]]:
    return [(other, _file(name, other)) for other in LANGUAGES if other != language]


def _index(chapters: Sequence[Chapter], language: str) -> str:
    text = WORDS[language]
    rows = [
        (
            _file(c.runbook.name, language),
            titled(c.runbook.title, language),
            c.runbook.name,
            _summary(c.tally, text),
        )
        for c in chapters
    ]
    return template("handbook_index.html.j2").render(
        text=text, language=language, rows=rows, others=_others("index", language)
    )


def _page(chapter: Chapter, language: str) -> str:
    runbook, text = chapter.runbook, WORDS[language]
    numbers = {step.id: n for n, step in enumerate(runbook.steps(), 1)}
    parts = [
        (
            titled(section.title, language),
            [_shown(step, numbers, chapter.tally.items.get(step.id), language) for step in section.steps],
        )
        for section in runbook.sections
    ]
    return template("handbook.html.j2").render(
        text=text,
        language=language,
        title=titled(runbook.title, language),
        about=titled(runbook.description, language),
        name=runbook.name,
        digest=runbook.digest[:12],
        inputs=list(_inputs(runbook.inputs)),
        parts=parts,
        figures=list(_figures(chapter.tally, text)),
        others=_others(runbook.name, language),
        index=_file("index", language),
    )


def _shown(step: Step, numbers: Mapping[str, int], went: ItemTally | None, language: str) -> Item:
    text = WORDS[language]
    conditions = [text["only if"].format(_bare(step.when))] if step.when else []
    if step.for_each:
        conditions.append(text["for each"].format(_bare(step.for_each)))
    if step.irreversible:
        reason = step.irreversible_in.get(language) or step.irreversible
        conditions.append(text["no way back"].format(reason))
    return Item(
        number=numbers[step.id],
        id=step.id,
        title=titled(step.title, language),
        what=_who(step, text, language),
        lines=tuple(_lines(step, language)),
        conditions=tuple(conditions),
        went=_went(went, language),
        troubled=bool(went and went.troubled),
        human=step.gate is not None or step.mode is not Mode.AUTO,
    )


def _bare(expression: str) -> str:
    return expression.strip().removeprefix("{{").removesuffix("}}").strip()


def _who(step: Step, text: Mapping[str, str], language: str) -> str:
    if step.gate:
        return text["gate"].format(in_words(step.gate.rule, language))
    mode = "" if step.mode is Mode.AUTO else text[step.mode.value]
    return ", ".join(part for part in ("" if step.uses == "people.confirm" else step.uses, mode) if part)


def _lines(step: Step, language: str) -> Iterator[str]:
    """What a person's item lists."""
    if step.mode is Mode.AUTO:
        return
    text: Any = step.args.get("text")
    if text:
        yield titled(text, language) if isinstance(text, Mapping) else str(text)
    items: Any = step.args.get("items", ())
    for item in items if isinstance(items, list | tuple) else ():
        yield titled(item, language) if isinstance(item, Mapping) else str(item)


def _went(went: ItemTally | None, language: str) -> str:
    if went is None:
        return ""
    text, sorts = WORDS[language], SAID[language]
    parts = []
    if went.median is not None and went.median >= 1:
        parts.append(text["takes"].format(length(timedelta(seconds=went.median))))
    if went.troubled:
        told = "; ".join(f"{sorts[f'sort {sort.value}']} ({count})" for sort, count in went.sorts.items())
        key = "troubled once" if went.troubled == 1 else "troubled"
        parts.append(text[key].format(told, went.troubled))
    return " · ".join(parts)


def _figures(tally: Tally, text: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not tally.runs:
        return
    yield text["runs"], str(tally.runs)
    yield text["done"], f"{tally.done} ({tally.done * 100 // tally.runs} %)"
    yield text["smooth"], str(tally.smooth)
    if tally.median is not None:
        yield text["median"], length(timedelta(seconds=tally.median))
    if tally.lines:
        yield text["fidelity"], f"{tally.kept * 1000 // tally.lines / 10} % ({tally.kept}/{tally.lines})"
    yield text["last"], tally.last[:10]


def _summary(tally: Tally, text: Mapping[str, str]) -> str:
    return " · ".join(f"{name}: {value}" for name, value in _figures(tally, text)) or text["never"]


def _inputs(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Name and description of each input; those of an object one by one."""
    for name, sub in schema.get("properties", {}).items():
        if sub.get("type") == "object":
            yield from _inputs(sub, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(sub.get("description", ""))
