"""A person's word on an item at which a run waits, given from any terminal.

It takes the run's lease for a moment only: a run that waits has no process. Going on is left
to whoever resumes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_exec.agree import PEOPLE
from runbook_exec.answer import TEXT, wrong
from runbook_exec.app import App
from runbook_exec.change import Json, Nature
from runbook_exec.decisions import played_person
from runbook_exec.errors import Invalid, Refused
from runbook_exec.held import taken_up
from runbook_exec.journal import Kind
from runbook_exec.model import Mode, Step
from runbook_exec.past import runbook_of
from runbook_exec.report import titled
from runbook_exec.run import Run, StepRecord, StepStatus


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item that waits for a person, as it is shown before the question."""

    label: str
    step: Step
    title: str
    says: str
    """What will be done once it is confirmed; empty for what a person does."""
    text: str
    items: tuple[str, ...]
    answer: Mapping[str, Json] | None
    """JSON Schema of what is to be answered; None: a yes is enough."""
    expect: tuple[str, ...]
    digest: str
    """The plan that it belongs to."""


def look(app: App, run_id: str, label: str = "") -> list[Item]:
    """The items of a run that wait for a person's word; or the one that is named. Raises `Refused` for none."""
    run = app.run(run_id)
    found = [] if run.is_over else list(_items(app, run))
    if label:
        found = [item for item in found if item.label == label]
    if not found:
        named = f"step {label!r} does not wait" if label else "no step waits"
        raise Refused(
            f"{named} for a person's word",
            where=f"run {run_id}",
            next_move=f"`runbook take {run_id}` shows what waits",
        )
    return found


def confirm(
    app: App, run_id: str, item: Item, *, text: str = "", answer: Json = None, played: str = ""
) -> Run:
    """Put the word of whoever sits here on the record. Raises `Refused` where it would not count.

    `played` is a resident of the rehearsal company whom they play.
    """
    with taken_up(app, run_id) as scribe:
        run = scribe.run
        if run.plan.get("digest") != item.digest or not _waits(run.record(item.label)):
            raise Refused(
                "the run has gone on since you looked; nothing was recorded",
                where=f"run {run_id}",
                next_move=f"look again: `runbook confirm {run_id}`",
            )
        who = _played(app, run, played) if played else scribe.who
        _refuse_uncounted(app, run, item, who)
        body: dict[str, Json] = {"step": item.label, "who": who, "text": text.strip()}
        if item.answer is not None:
            found = wrong(item.answer, item.expect, answer)
            if found:
                raise Invalid(f"{item.label!r}: {found}", next_move="look again, and give another answer")
            body["answer"] = answer
        return scribe.add(Kind.CONFIRMED, body)


def missing(app: App, run: Run, item: Item) -> int:
    """How many people still have to confirm an item."""
    human = app.gatehouse(str(run.started["environment"])).human
    by = run.record(item.label).confirmed_by
    humans = {human(account) for account in by} - {""} if item.step.mode is Mode.CHALLENGE else set(by)
    return max(PEOPLE[item.step.mode] - len(humans), 0)


def _refuse_uncounted(app: App, run: Run, item: Item, who: str) -> None:
    """Raise where this person's word adds nothing."""
    if missing(app, run, item) == 0:
        raise Refused(f"{item.label!r} is confirmed already", next_move=f"`runbook resume {run.id}` goes on")
    if item.step.args.get("reveal"):
        raise Refused(
            f"{item.label!r} shows a secret, and only the run itself has it",
            next_move=f"`runbook resume {run.id}` at a terminal; where it was handed over already: "
            f"`runbook resolve {run.id} {item.label} done`",
        )
    if item.step.mode is not Mode.CHALLENGE:
        return
    human = app.gatehouse(str(run.started["environment"])).human
    me = human(who)
    if not me:
        raise Refused(
            f"the account {who!r} is nobody's, so it confirms nothing",
            next_move="whoever keeps the people file adds it under accounts:",
        )
    if me in {human(account) for account in run.record(item.label).confirmed_by}:
        raise Refused(
            "you have confirmed it already; it takes another human, whatever account you use",
            next_move=f"`runbook confirm {run.id} {item.label}`, typed by somebody else",
        )


def _played(app: App, run: Run, played: str) -> str:
    house = app.gatehouse(str(run.started["environment"]))
    return played_person(house, played, house.people()).id


def _items(app: App, run: Run) -> list[Item]:
    language, runbook = app.desk.language, runbook_of(run)
    lines = {line["step"]: line for line in run.plan.get("lines", ())}
    found = []
    for step in runbook.steps():
        for label, record in run.records_of(step.id).items():
            if step.gate or step.mode is Mode.AUTO or not _waits(record):
                continue
            line: Mapping[str, Any] = lines.get(label, {})
            change: Mapping[str, Any] = record.change or line.get("what") or {}
            human = line.get("nature") == Nature.HUMAN
            after: Mapping[str, Any] = change.get("after") or {} if human else {}
            found.append(
                Item(
                    label=label,
                    step=step,
                    title=titled(step.title, language),
                    says="" if human else titled(line.get("says") or {}, language),
                    text=_in(after.get("text", ""), language),
                    items=tuple(_in(point, language) for point in after.get("items", ())),
                    answer=after.get("answer", TEXT if step.uses == "people.challenge" else None),
                    expect=tuple(after.get("expect", ())),
                    digest=str(run.plan.get("digest", "")),
                )
            )
    return found


def _waits(record: StepRecord) -> bool:
    """Whether it waits for somebody; what waits for its time or for a far side does not."""
    return record.status is StepStatus.WAITING and not record.due


def _in(words: Any, language: str) -> str:
    return titled(words, language) if isinstance(words, Mapping) else str(words)
