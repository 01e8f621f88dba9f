"""What people say at gates: looked at, checked, signed and put on the record.

A decision takes no lease: it stands beside whoever works on the run, and is heard before
their next write. Who decides is the operating system's user of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runbook_exec import gate as gates
from runbook_exec.app import App, now
from runbook_exec.change import Json
from runbook_exec.debts import Debt, unreviewed
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import Invalid, Refused
from runbook_exec.gate import Facts, Open, State
from runbook_exec.gatehouse import Gatehouse, waiting_gates
from runbook_exec.journal import Kind
from runbook_exec.model import GateRule
from runbook_exec.people import People, Person
from runbook_exec.plan import gate_of
from runbook_exec.proof import Matter, Word, proven, record
from runbook_exec.run import Run
from runbook_exec.slots import words


@dataclass(frozen=True, kw_only=True)
class View:
    """A gate of a run as it stands at this moment."""

    run: Run
    gate: str
    rule: GateRule
    state: State
    facts: Facts
    people: People
    decisions: tuple[Decision, ...]
    """Those that are proven."""


def look(app: App, run_id: str, gate: str = "") -> View:
    """A gate at which a run waits; the only one may be left unnamed. Raises `Refused` for others."""
    run = app.run(run_id)
    waiting = waiting_gates(run)
    if not gate and len(waiting) != 1:
        gate = next((label for label in waiting if not run.record(label).status.is_over), "")
    chosen = gate or (waiting[0] if waiting else "")
    if run.is_over or chosen not in waiting:
        named = f"the gate {gate!r}" if gate else "any gate"
        raise Refused(
            f"run {run_id} does not wait at {named}",
            next_move="`runbook approvals` lists what waits",
        )
    return view_of(app.gatehouse(run.started["environment"]), run, chosen)


def view_of(house: Gatehouse, run: Run, gate: str) -> View:
    """The gate as it is in this state of the run; it has waited there."""
    rule, people = gate_of(run.waits[gate].rule), house.people()
    facts = house.facts(run, gate, rule)
    counted = tuple(house.counted(run, gate, people))
    state = gates.decide(rule, counted, people, facts, house.clock())
    return View(run=run, gate=gate, rule=rule, state=state, facts=facts, people=people, decisions=counted)


def speaker(app: App, people: People) -> Person:
    """Who sits here, by their operating-system account; raises `Refused` where that is nobody's."""
    found = people.of_account(app.desk.who)
    if found is None:
        raise Refused(
            f"the account {app.desk.who!r} is nobody's, so it decides nothing",
            next_move="whoever keeps the people file adds it under accounts:",
        )
    return found


def say(app: App, seen: View, word: Word) -> View:
    """Put a word on the record, for exactly what was seen; gives the gate as it is then.

    Raises `Refused` where the person may not say it, or the plan is another one by now.
    """
    house = app.gatehouse(seen.run.started["environment"])
    _needs_reason(word)

    def made(run: Run) -> tuple[Kind, str, Mapping[str, Json]]:
        _same_as_seen(seen, run)
        present = view_of(house, run, seen.gate)
        if present.facts.shown != seen.facts.shown:
            raise _changed(seen)
        person = (
            played_person(house, word.played, present.people) if word.played else speaker(app, present.people)
        )
        _CHECKS[word.verdict](app, present, word, person)
        matter = Matter(gate=seen.gate, digest=present.facts.digest, shown=present.facts.shown)
        return proven(app, run, matter, word, person, signed=house.demands_signatures(run))

    return view_of(house, record(app, seen.run.id, made), seen.gate)


def review(app: App, debt: Debt, finding: str, key: Path | None) -> None:
    """Somebody else's look at broken glass, on the record; the run may be over by then."""
    house, broken = app.gatehouse(debt.run.started["environment"]), debt.decision
    word = Word(verdict=Verdict.REVIEW, reason=finding, about=broken.seq, key=key)
    _needs_reason(word)

    def made(run: Run) -> tuple[Kind, str, Mapping[str, Json]]:
        person = speaker(app, house.people())
        if broken.person == person.id:
            raise Refused("somebody else has to look at it", next_move="ask a colleague")
        matter = Matter(gate=broken.gate, digest=broken.digest, shown=broken.shown)
        return proven(app, run, matter, word, person, signed=house.demands_signatures(run))

    record(app, debt.run.id, made)


def note_alert(app: App, run_id: str, body: Mapping[str, Json]) -> None:
    """Record who was told about broken glass."""
    record(app, run_id, lambda run: (Kind.ALERTED, app.stamp(run), body))


def _needs_reason(word: Word) -> None:
    if not word.reason.strip():
        raise Invalid("a decision needs a reason", next_move="say why: --reason TEXT")


def _same_as_seen(seen: View, run: Run) -> None:
    if run.is_over or seen.gate not in run.waits or run.plan.get("digest") != seen.facts.digest:
        raise _changed(seen)


def _changed(seen: View) -> Refused:
    return Refused(
        "the plan is no longer the one that you saw; nothing was recorded",
        where=f"run {seen.run.id}",
        next_move=f"look again: `runbook approve {seen.run.id} {seen.gate}`",
    )


def played_person(house: Gatehouse, played: str, people: People) -> Person:
    """The resident whom somebody plays; raises `Refused` outside of the rehearsal company."""
    if not house.environment.is_rehearsal:
        raise Refused(
            f"in {house.environment.name!r} everybody decides for themselves",
            next_move="`runbook approve`, by the person",
        )
    found = people.find(played)
    if found is None:
        raise Refused(f"{played!r} is nobody here", next_move="see the people file")
    return found


# Who may say what


def _may_approve(app: App, view: View, word: Word, person: Person) -> None:
    _not_shut(view)
    if isinstance(view.state, Open):
        raise Refused("nothing is missing: the gate is open", next_move=f"`runbook resume {view.run.id}`")
    _in_place(view, word, person, places_left(view, person))


def _may_reject(app: App, view: View, word: Word, person: Person) -> None:
    rule = gates.rule_now(view.rule, view.facts, now())
    _in_place(view, word, person, gates.places(person, rule, [], view.people, facts=view.facts, now=now()))


def _may_withdraw(app: App, view: View, word: Word, person: Person) -> None:
    mine = [
        d for d in view.run.decisions if d.seq == word.about and d.person == person.id and d.gate == view.gate
    ]
    if not mine or word.about in gates.taken_back(view.run.decisions):
        raise Refused("you said nothing here that you could take back", next_move="`runbook approvals`")


def _may_break_glass(app: App, view: View, word: Word, person: Person) -> None:
    _not_shut(view)
    if isinstance(view.state, Open):
        raise Refused("nothing is missing: the gate is open", next_move=f"`runbook resume {view.run.id}`")
    if person.id not in view.people.break_glass:
        raise Refused(f"{person.name} may not break glass", next_move="see break_glass: in the people file")
    if view.people.find(view.facts.subject) == person:
        raise Refused("nobody breaks glass for what is about themselves", next_move="ask somebody else")
    for debt in unreviewed(app):
        raise Refused(
            f"the glass that {debt.decision.person} broke in run {debt.run.id} was not looked at yet",
            next_move=f"somebody else looks at it first: `runbook after-review {debt.run.id}`",
        )


_CHECKS: Mapping[Verdict, Callable[[App, View, Word, Person], None]] = {
    Verdict.APPROVE: _may_approve,
    Verdict.REJECT: _may_reject,
    Verdict.WITHDRAW: _may_withdraw,
    Verdict.BREAK_GLASS: _may_break_glass,
}


def places_left(view: View, person: Person) -> tuple[str, ...]:
    """Whose places at the gate a person could still take."""
    rule = gates.rule_now(view.rule, view.facts, now())
    approvals = [d for d in view.decisions if d.verdict is Verdict.APPROVE and _counts(view, d)]
    return gates.places(person, rule, approvals, view.people, facts=view.facts, now=now())


def _not_shut(view: View) -> None:
    if isinstance(view.state, gates.Refused):
        raise Refused(
            f"the gate {view.gate!r} stays shut: {view.state.why}",
            next_move=f"`runbook resume {view.run.id} --replan` asks anew",
        )


def _counts(view: View, decision: Decision) -> bool:
    back = gates.taken_back(view.decisions)
    return decision.seq not in back and not gates.why_not(decision, view.people, view.facts, now())


def _in_place(view: View, word: Word, person: Person, places: tuple[str, ...]) -> None:
    barred = gates.barred(view.people, view.facts)
    if person.id in barred:
        raise Refused(
            f"{person.name} {barred[person.id]}, so somebody else decides", next_move="wait for them"
        )
    if any(d.person == person.id and _counts(view, d) and d.verdict is word.verdict for d in view.decisions):
        raise Refused(
            "you have said so already",
            next_move=f"`runbook withdraw {view.run.id} {view.gate}` takes it back",
        )
    place = word.place or person.id
    if place in places:
        return
    if not word.place and places:
        raise Refused(
            f"{person.name} may not decide here, but may act for {', '.join(places)}",
            next_move=f"say for whom: --for {places[0]}",
        )
    raise Refused(
        f"{person.name} may not decide at this gate" + (f" for {word.place}" if word.place else ""),
        next_move=f"it {'opens with' if isinstance(view.state, Open) else 'waits for'} "
        + words(view.rule.rule),
    )
