"""Steps that are put off, as in a minimum-equipment list: class, reason, owner, last day, and whose word it is.

A word on a deferral takes no lease, like one at a gate: a run under way hears it before it goes
on. It is signed where the environment demands it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from runbook_exec import duration
from runbook_exec.app import App, now
from runbook_exec.change import Json
from runbook_exec.decision import Verdict
from runbook_exec.decisions import played_person, speaker
from runbook_exec.errors import Invalid, Refused
from runbook_exec.journal import Kind
from runbook_exec.lint_names import Names
from runbook_exec.model import Runbook, Step
from runbook_exec.past import runbook_of
from runbook_exec.people import People, Person
from runbook_exec.proof import Matter, Word, proven, record
from runbook_exec.report import titled
from runbook_exec.run import Deferral, Run, StepStatus


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants to put off, and how."""

    reason: str
    owner: str
    """Any name of the human who sees to it."""
    until: str
    """Its last day (2026-12-01), or how long from now (3d)."""
    letter: str = ""
    """A stricter class than the step's; empty: the step's."""


@dataclass(frozen=True, kw_only=True)
class OpenDeferral:
    """A deferral that is not settled, for whoever looks after them."""

    run: Run
    label: str
    title: str
    deferral: Deferral
    overdue: bool


def defer(app: App, run_id: str, label: str, wish: Wish, *, key: Path | None = None, played: str = "") -> Run:
    """Put a step off. Raises `Refused` where it may not be, or not by whoever sits here."""
    day = _day(wish.until)

    def terms(run: Run, people: People, person: Person) -> dict[str, Json]:
        step = _step(run, label)
        letter = _letter(people, step, wish.letter)
        _refuse_stranger(people, letter, person, run)
        owner = people.find(wish.owner)
        if owner is None:
            raise Refused(
                f"{wish.owner!r} is nobody here, so nobody would see to it",
                next_move="name a person of the people file: --owner",
            )
        last = _last_day(people, step, letter, run)
        if not now().date() <= day <= last:
            raise Refused(
                f"class {letter} allows {label!r} to be put off from today until {last}, not until {day}",
                next_move=f"--until {last}, or earlier",
            )
        return {"letter": letter, "owner": owner.id, "until": day.isoformat()}

    word = Word(verdict=Verdict.DEFER, reason=wish.reason, key=key, played=played)
    return _said(app, run_id, label, word, terms)


def never(
    app: App, run_id: str, label: str, *, reason: str, key: Path | None = None, played: str = ""
) -> Run:
    """Say that a step which was put off is never to be done. Needs the right to allow its class."""

    def terms(run: Run, people: People, person: Person) -> dict[str, Json]:
        deferral = run.deferrals.get(label)
        if deferral is None or run.record(label).status is not StepStatus.DEFERRED:
            raise Refused(
                f"step {label!r} of run {run.id} is not put off", next_move="`runbook deferrals` lists them"
            )
        _refuse_stranger(people, deferral.letter, person, run)
        return {"letter": deferral.letter, "owner": deferral.owner, "until": deferral.until.isoformat()}

    word = Word(verdict=Verdict.NEVER, reason=reason, key=key, played=played)
    return _said(app, run_id, label, word, terms)


def refuse_ending(app: App, run: Run) -> None:
    """Raise `Refused` where whoever sits here may not end a run over what is put off in it."""
    if not run.deferrals:
        return
    people = app.gatehouse(str(run.started["environment"])).people()
    person = speaker(app, people)
    for deferral in run.deferrals.values():
        _refuse_stranger(people, deferral.letter, person, run)


def open_deferrals(app: App) -> list[OpenDeferral]:
    """All that is put off in runs that are not over, the earliest last day first."""
    at, found = now(), []
    for entry in app.runs(limit=100_000):
        run = app.run(entry.run) if entry.open else None
        if run is None or not run.deferrals or run.is_over:
            continue
        titles = {step.id: titled(step.title, app.desk.language) for step in runbook_of(run).steps()}
        found += [
            OpenDeferral(run=run, label=label, title=titles[label], deferral=d, overdue=is_overdue(d, at))
            for label, d in run.deferrals.items()
        ]
    return sorted(found, key=lambda open_one: open_one.deferral.until)


def _said(
    app: App, run_id: str, label: str, bare: Word, terms: Callable[[Run, People, Person], dict[str, Json]]
) -> Run:
    reason, played = bare.reason.strip(), bare.played
    if not reason:
        raise Invalid("this needs a reason", next_move="say why: --reason TEXT")

    def made(run: Run) -> tuple[Kind, str, Mapping[str, Json]]:
        house = app.gatehouse(str(run.started["environment"]))
        people = house.people()
        person = played_person(house, played, people) if played else speaker(app, people)
        _refuse_over(run, label)
        found = terms(run, people, person)
        # All of it is signed, so all of it stands in the text that is.
        whole = f"class {found['letter']}, until {found['until']}, {found['owner']}: {reason}"
        word = replace(bare, reason=whole)
        matter = Matter(gate=label, digest=str(run.plan.get("digest", "")), shown="")
        kind, at, body = proven(app, run, matter, word, person, signed=house.demands_signatures(run))
        return kind, at, {**body, **found, "step": label, "why": reason}

    return record(app, run_id, made)


# What may be put off, until when, and by whom


def _refuse_over(run: Run, label: str) -> None:
    if run.is_over:
        raise Refused(
            f"run {run.id} is {run.status.value}", next_move=f"`runbook log {run.id}` tells its story"
        )
    status = run.record(label).status
    if status is StepStatus.BEGUN:
        raise Refused(
            f"nobody knows whether {label!r} happened, so it cannot be put off",
            next_move=f"`runbook resume {run.id}` looks; or say it: `runbook resolve {run.id} {label} done`",
        )
    if status.is_over:
        raise Refused(f"step {label!r} is over: {status.value}", next_move=f"`runbook status {run.id}`")


def _step(run: Run, label: str) -> Step:
    """The step, if it may be put off at all."""
    runbook = runbook_of(run)
    steps = {step.id: step for step in runbook.steps()}
    step = steps.get(label)
    if step is None:
        raise Refused(f"run {run.id} has no step {label!r}", next_move="its steps: " + ", ".join(steps))
    if "undoes" in run.started:
        raise Refused("what is taken back is not put off", next_move=f"`runbook resume {run.id}`")
    if step.deferrable is None:
        raise Refused(
            f"step {label!r} cannot be put off: its runbook does not say so",
            next_move=_may_be(runbook),
        )
    readers = [id_ for id_ in Names(runbook).readers(label) if not run.record(id_).status.is_over]
    if readers:
        raise Refused(
            f"step {label!r} cannot be put off: {', '.join(readers)} need what it gives",
            next_move=f"`runbook resume {run.id}` does it",
        )
    return step


def _may_be(runbook: Runbook) -> str:
    named = [step.id for step in runbook.steps() if step.deferrable]
    return "may be put off: " + (", ".join(named) or "none of its steps; see deferrable: in the runbook")


def _letter(people: People, step: Step, asked: str) -> str:
    assert step.deferrable is not None
    letter = asked or step.deferrable.letter
    if letter < step.deferrable.letter or letter == step.deferrable.letter:
        if letter in people.deferrals:
            return letter
        raise Refused(
            f"nobody says who may allow a deferral of class {letter}",
            next_move="whoever keeps the people file adds it under deferrals:",
        )
    raise Refused(
        f"step {step.id!r} is of class {step.deferrable.letter}; {letter} is milder",
        next_move=f"leave --class out, or name one up to {step.deferrable.letter}",
    )


def _refuse_stranger(people: People, letter: str, person: Person, run: Run) -> None:
    may = people.may_defer(letter)
    if person.id not in may:
        names = ", ".join(sorted(people.humans[one].name for one in may)) or "nobody who is known"
        raise Refused(
            f"{person.name} may not decide about a deferral of class {letter}",
            where=f"run {run.id}",
            next_move=f"ask {names}, who types the command",
        )
    if people.find(run.started.get("subject")) == person:
        raise Refused(f"{person.name} is who this is about", next_move="somebody else decides")


def _last_day(people: People, step: Step, letter: str, run: Run) -> date:
    assert step.deferrable is not None
    limits = [one for one in (people.deferrals[letter].within, step.deferrable.within) if one is not None]
    if not limits:
        raise Refused(
            f"nobody says for how long class {letter} holds",
            next_move="write within: at the step, or under deferrals: in the people file",
        )
    earlier = run.record(step.id).deferral
    since = earlier.since if earlier else now()
    return (since + timedelta(seconds=min(limits))).date()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return (now() + timedelta(seconds=duration.seconds(text))).date()
    except Invalid:
        raise Invalid(
            f"{text!r} is no day and no length of time", next_move="write 2026-12-01, or 3d"
        ) from None


def is_overdue(deferral: Deferral, at: datetime) -> bool:
    """True from the day after its last one."""
    return deferral.until < at.date()
