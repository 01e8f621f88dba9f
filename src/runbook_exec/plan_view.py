"""A plan in the words of its reader: what the text and the page show, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from runbook_exec import almanac, duration
from runbook_exec.catalogue import said_in
from runbook_exec.change import Certainty, Json, Nature, deferred_in
from runbook_exec.diff import Difference, asked, differences, one_line, shown
from runbook_exec.model import LANGUAGES, Step
from runbook_exec.plan import Awaits, Line, Plan, Status
from runbook_exec.plan_words import MARKS, Mark, Text, words
from runbook_exec.values import lost_secrets


@dataclass(frozen=True, kw_only=True)
class Item:
    """One checklist item of a plan."""

    number: int
    mark: Mark
    sentence: str
    title: str
    """The step's title where it says more than the sentence."""
    step: str
    uses: str
    target: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    """Why it cannot be taken back, or cannot be done at all."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A section of the checklist with its items."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything that is shown of a plan, in one language."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """What the plan is for: name and value."""
    refusals: tuple[str, ...]
    parts: tuple[Part, ...]
    legend: tuple[tuple[Mark, str], ...]
    totals: tuple[str, ...]
    digest: str
    text: Text


def view(plan: Plan, language: str) -> View:
    """The plan as its reader sees it; a text that lacks the language is shown in English."""
    text = words(language)
    steps = {step.id: step for step in plan.runbook.steps()}
    together = [_shared(plan, number) for number in range(len(plan.runbook.sections))]
    items = [
        _item(number, line, steps, text, told=bool(together[line.section]))
        for number, line in enumerate(plan.lines, 1)
    ]
    parts = tuple(
        Part(title=text.of(section.title) + _opens(together[number], text, " – "), items=found)
        for number, section in enumerate(plan.runbook.sections)
        if (found := tuple(i for i, line in zip(items, plan.lines, strict=True) if line.section == number))
    )
    return View(
        title=text.of(plan.runbook.title),
        facts=tuple(_facts(plan, text)),
        refusals=tuple(one_line(said_in(refusal, text.language)) for refusal in plan.refusals),
        parts=parts,
        legend=tuple((mark, text.meaning(mark)) for mark in MARKS if any(i.mark is mark for i in items)),
        totals=tuple(_totals(plan, text)),
        digest=plan.digest,
        text=text,
    )


def _facts(plan: Plan, text: Text) -> Iterator[tuple[str, str]]:
    yield text["runbook"], plan.runbook.name
    yield text["client"], one_line(plan.client)
    yield text["environment"], one_line(plan.environment)
    if plan.undoes:
        yield text["undoes"], one_line(plan.undoes)
    if plan.subject:
        yield text["subject"], one_line(plan.subject)


def _shared(plan: Plan, section: int) -> Json:
    """The moment before which nothing in a section is done; empty where its items differ."""
    found = {shown(line.not_before): line.not_before for line in plan.lines if line.section == section
             and line.status is not Status.SKIP}  # fmt: skip
    return next(iter(found.values())) if len(found) == 1 else ""


def _opens(moment: Json, text: Text, lead: str = "") -> str:
    """`not before Thu 2026-12-31 17:00 (Europe/Berlin)`; empty where there is no such time."""
    if not moment:
        return ""
    named = f"⟨{moment['$deferred']}⟩" if isinstance(moment, Mapping) else almanac.said(moment, text.language)
    return f"{lead}{text['not before']} {named}"


def _item(number: int, line: Line, steps: Mapping[str, Step], text: Text, *, told: bool) -> Item:
    change = line.change
    title = one_line(text.of(line.title))
    sentence = one_line(text.of(change.says)) if change and change.says else title
    return Item(
        number=number,
        mark=mark_of(line),
        sentence=sentence,
        title=title if title != sentence else "",
        step=line.step,
        uses=line.uses,
        target=one_line(change.target) if change else "",
        differences=tuple(_in_words(each, text) for each in line_differences(line)),
        notes=(
            *([] if told or not line.not_before else [_opens(line.not_before, text)]),
            *_notes(line, steps, text),
        ),
        warnings=tuple(_warnings(line, steps, text)),
    )


def line_differences(line: Line) -> tuple[Difference, ...]:
    """The technical side of a line; of a LATER one what is asked for."""
    if line.change is not None:
        return differences(line.change, computes=line.nature is Nature.COMPUTES)
    return asked(line.envelope) if line.envelope else ()


def _in_words(each: Difference, text: Text) -> Difference:
    """A text that stands there in several languages, in the reader's."""
    return replace(each, before=_said(each.before, text), after=_said(each.after, text))


def _said(value: Json, text: Text) -> Json:
    whole = isinstance(value, Mapping) and set(LANGUAGES) <= set(value)
    return text.of(value) if whole and all(isinstance(word, str) for word in value.values()) else value


def mark_of(line: Line) -> Mark:
    """How sure a line is, or why nothing happens; never a tick for a guess."""
    by_status = {
        Status.SKIP: Mark.SKIP,
        Status.LOST: Mark.LOST,
        Status.GATE: Mark.GATE,
        Status.LATER: Mark.DEFERRED,
    }
    if line.status in by_status:
        return by_status[line.status]
    if line.change and line.change.blocked:
        return Mark.BLOCKED
    if line.status is Status.SAME and line.change and line.change.conflicts:
        return Mark.KEPT
    if line.status is Status.SAME and line.nature is not Nature.COMPUTES:
        return Mark.SAME
    return Mark(line.certainty.value)


def _notes(line: Line, steps: Mapping[str, Step], text: Text) -> Iterator[str]:
    step = steps.get(line.step.partition("[")[0])
    if line.status is Status.GATE and line.gate:
        expires = f", {text['expires']} {duration.words(line.gate.expires)}" if line.gate.expires else ""
        yield one_line(f"{text['opens']}: {gate_words(line.gate.rule, text)}{expires}")
        if line.gate.fallback:
            later = gate_words(line.gate.fallback.to, text)
            yield one_line(f"{text['fallback']} {duration.words(line.gate.fallback.after)}: {later}")
    if line.awaits is not None:
        yield one_line(text.awaits(line.awaits, line.needs))
    elif line.reason and not line.status.is_idle and not (line.change and line.change.conflicts):
        yield one_line(line.reason)
    if line.status is Status.LATER:
        yield from _limits(line, text)
    if line.status is Status.SKIP:
        yield one_line(f"{text['not needed']}: {step.when}" if step and step.when else line.reason)
    if step and step.parallel and line.status is not Status.SKIP:
        together = [s.id for s in steps.values() if s.parallel == step.parallel and s.id != step.id]
        yield f"{text['together']}: {', '.join(together)}" if together else text["together"]
    if line.change:
        yield from (
            one_line(said_in(note, text.language) if isinstance(note, str) else text.of(note))
            for note in line.change.notes
        )


def _limits(line: Line, text: Text) -> Iterator[str]:
    """What the line may become: what is approved with it."""
    if line.may_skip and line.awaits is not Awaits.WHETHER:
        yield text["may skip"]
    envelope = line.envelope or {}
    within = envelope.get("within") or {}
    for kind, names in within.items():
        yield one_line(text[f"within {kind}"].format(", ".join(names)))
    open_ones = [value.label for value in deferred_in(lost_secrets(envelope.get("with")))]
    if open_ones and not within and line.counts:
        yield one_line(text["within nothing"])


def _warnings(line: Line, steps: Mapping[str, Step], text: Text) -> Iterator[str]:
    if line.change and line.change.blocked:
        why = "; ".join(said_in(each, text.language) for each in line.change.blocked.split("; "))
        yield one_line(f"{text['blocked']}: {why}")
    step = steps.get(line.step.partition("[")[0])
    local = step.irreversible_in.get(text.language) if step else None
    if line.status is Status.LOST:
        reason = line.reason.replace(line.irreversible, local) if local else line.reason
        yield one_line(f"{text['lost']}: {said_in(reason, text.language)}")
    for name, value in line.change.conflicts.items() if line.change else ():
        yield one_line(
            f"{text['kept']}: {name}: {text['found']} {shown(value['found'])}, {text['left']} {shown(value['left'])}"
        )
    if line.irreversible and line.counts:
        yield one_line(f"{text['irreversible']}: {local or line.irreversible}")
    if line.change and line.change.destructive and not line.change.is_empty:
        yield text["destructive"]


def gate_words(rule: Mapping[str, Json], text: Text) -> str:
    """A gate's rule in words: `maria@… and 1 of group it-leads`."""
    for word in ("all", "any"):
        if word in rule:
            inner = [gate_words(part, text) for part in rule[word]]
            inner = [f"({part})" if len(inner) > 1 and " " in part and _is_list(sub) else part
                     for part, sub in zip(inner, rule[word], strict=True)]  # fmt: skip
            joined = text[word].join(inner)
            return f"{rule['count']} {text['of']}: {joined}" if "count" in rule else joined
    for kind in ("person", "manager_of", "group", "role"):
        if kind in rule:
            name = _gate_name(rule[kind])
            if kind == "manager_of":
                return f"{text['manager of']} {name}"
            return name if kind == "person" else f"{rule.get('count', 1)} {text['of']} {text[kind]} {name}"
    return text["nobody"]


def _is_list(rule: Mapping[str, Json]) -> bool:
    return "all" in rule or "any" in rule


def _gate_name(value: Json) -> str:
    return f"⟨{value['$deferred']}⟩" if isinstance(value, Mapping) and "$deferred" in value else str(value)


def _totals(plan: Plan, text: Text) -> Iterator[str]:
    if plan.is_empty:
        yield text["nothing"]
    else:
        yield text.count("changes", plan.changes)
    human = sum(line.counts and line.nature is Nature.HUMAN for line in plan.lines)
    later = sum(line.counts and mark_of(line) is Mark.DEFERRED for line in plan.lines)
    blind = sum(line.counts and line.certainty is Certainty.BLIND for line in plan.lines)
    same = sum(mark_of(line) is Mark.SAME for line in plan.lines)
    skipped = sum(line.status is Status.SKIP for line in plan.lines)
    lost = sum(line.status is Status.LOST for line in plan.lines)
    kept = sum(bool(line.change and line.change.conflicts) for line in plan.lines)
    gates = sum(line.status is Status.GATE for line in plan.lines)
    counts = {
        "human": human,
        "later": later,
        "blind": blind,
        "same": same,
        "skipped": skipped,
        "lost": lost,
        "kept": kept,
        "gates": gates,
    }
    yield from (text.count(name, number) for name, number in counts.items() if number)
