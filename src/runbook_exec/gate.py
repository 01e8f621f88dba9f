"""Whether a gate opens: a rule, the decisions so far, and who is who. Pure.

A rule is an algebra of slots: `all`, `any` and `count` over people, groups and roles. It
opens when different humans fill enough slots; one human fills one, whatever number of
accounts they have, and whose place they take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.model import GateRule
from runbook_exec.people import People, Person, folded
from runbook_exec.slots import Slot, fill, fits, slot_words, ways

GLASS = timedelta(hours=1)
"""How long broken glass keeps a gate open."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a gate has to know about its run."""

    requester: str
    """Who asked: an operating-system account or a sign-in name."""
    subject: str = ""
    editor: str = ""
    """Mail address of the last editor of the runbook; empty where nobody knows."""
    digest: str = ""
    shown: str = ""
    since: datetime | None = None
    """When the run began to wait here, with this plan."""
    opened: datetime | None = None
    rehearsal: bool = False
    """In the rehearsal company whoever asks may be a stranger to it."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """Enough people agreed, and nobody disagreed."""

    by: tuple[Decision, ...]
    until: datetime | None = None
    glass: bool = False


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Somebody is missing."""

    missing: tuple[str, ...]
    """Each slot that nobody fills yet, in words."""
    may: tuple[Person, ...]
    """Who may fill one of them."""
    until: datetime | None = None
    slots: tuple[tuple[Slot, tuple[Person, ...]], ...] = ()
    """The same slots, and who may fill each: for whoever says it in another language."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """It stays shut for this plan, whoever agrees."""

    why: str
    expired: bool = False
    at: datetime | None = None
    """When it expired."""
    by: str = ""
    """Who rejected it, and `said` why."""
    said: str = ""


State = Open | Waiting | Refused


def decide(
    gate: GateRule, decisions: Sequence[Decision], people: People, facts: Facts, now: datetime
) -> State:
    """The state of a gate now. Asked when somebody decides, and again before each write."""
    back = taken_back(decisions)
    live = [d for d in decisions if d.seq not in back and _is_about(d, facts)]
    denied = next((d for d in sorted(live, key=lambda d: d.seq) if d.verdict is Verdict.REJECT), None)
    if denied:
        name = _called(denied.person, people)
        return Refused(why=f"{name} rejected it: {denied.reason}", by=name, said=denied.reason)
    until = ends(gate, facts)
    if until is not None and now >= until:
        return Refused(why=f"it expired at {until:%Y-%m-%d %H:%M} UTC", expired=True, at=until)
    if people.of_account(facts.requester) is None and not _is_known(facts, people):
        return Refused(why=f"nobody knows who {facts.requester!r} is, who asked for this run")
    glass = next(
        (d for d in live if d.verdict is Verdict.BREAK_GLASS and _glass(d, people, facts, now)), None
    )
    if glass:
        return Open(by=(glass,), until=_when(glass.at) + GLASS, glass=True)
    rule = rule_now(gate, facts, now)
    counted = [d for d in live if d.verdict is Verdict.APPROVE and not why_not(d, people, facts, now)]
    best: tuple[list[Slot], dict[int, Decision]] | None = None
    for slots in ways(rule):
        filled = fill(slots, counted, people)
        if len(filled) == len(slots):
            return Open(by=tuple(filled.values()), until=until)
        if best is None or len(slots) - len(filled) < len(best[0]) - len(best[1]):
            best = (slots, filled)
    assert best is not None
    missing = [slot for number, slot in enumerate(best[0]) if number not in best[1]]
    may = [p for p in people.humans.values() if places(p, rule, counted, people, facts=facts, now=now)]
    lacking = tuple((slot, tuple(p for p in may if fits(slot, p, people))) for slot in missing)
    told = tuple(missing_words(slot, able) for slot, able in lacking)
    return Waiting(missing=told, may=tuple(may), until=until, slots=lacking)


def places(
    person: Person,
    rule: Mapping[str, Json],
    counted: Sequence[Decision],
    people: People,
    *,
    facts: Facts,
    now: datetime,
) -> tuple[str, ...]:
    """Whose places a person could still take at this gate: their own first, then delegated ones."""
    no = barred(people, facts)
    taken = {d.seat for d in counted}
    if person.id in no or any(d.person == person.id for d in counted):
        return ()
    slots = [slot for found in ways(rule) for slot in found]
    return tuple(
        seat
        for seat in (person.id, *sorted(people.acts_for(person.id, now.date())))
        if seat not in no
        and seat not in taken
        and any(fits(slot, people.humans[seat], people) for slot in slots)
    )


def taken_back(decisions: Sequence[Decision]) -> dict[int, str]:
    """Sequence numbers of the words that their own speaker took back, and why."""
    said = {d.seq: d.person for d in decisions}
    return {
        d.about: d.reason
        for d in decisions
        if d.verdict is Verdict.WITHDRAW and said.get(d.about) == d.person
    }


def ends(gate: GateRule, facts: Facts) -> datetime | None:
    """When it shuts for good; None where it never does, or does not wait yet."""
    if facts.opened is not None and gate.holds is not None:
        return facts.opened + timedelta(seconds=gate.holds)
    if gate.expires is None or facts.since is None:
        return None
    return facts.since + timedelta(seconds=gate.expires)


def rule_now(gate: GateRule, facts: Facts, now: datetime) -> Mapping[str, Json]:
    """The rule with its fallback, once that counts."""
    late = gate.fallback and facts.since and now >= facts.since + timedelta(seconds=gate.fallback.after)
    return {"any": [gate.rule, gate.fallback.to]} if gate.fallback and late else gate.rule


def is_escalated(gate: GateRule, facts: Facts, now: datetime) -> bool:
    """Whether it has waited so long that others are told too."""
    late = gate.escalate and facts.since and now >= facts.since + timedelta(seconds=gate.escalate.after)
    return bool(late)


def barred(people: People, facts: Facts) -> dict[str, str]:
    """Ids of the humans who may never agree here, and why."""
    found = {}
    who = people.of_account(facts.requester) or people.find(facts.requester)
    for person, why in (
        (people.find(facts.editor), "edited this runbook last"),
        (people.find(facts.subject), "is who this is about"),
        (who, "asked for it"),
    ):
        if person:
            found[person.id] = why
    return found


def why_not(decision: Decision, people: People, facts: Facts, now: datetime) -> str:
    """Why an approval does not count, as things are now; empty where it does."""
    if not _is_about(decision, facts):
        return "it was given for another plan"
    if decision.person not in people.humans:
        return f"{decision.person} is nobody any more"
    no = barred(people, facts)
    for person in (decision.person, decision.seat):
        if person in no:
            return f"{_called(person, people)} {no[person]}"
    if decision.delegated_for and decision.seat not in people.acts_for(decision.person, now.date()):
        return f"{_called(decision.person, people)} may not act for {_called(decision.seat, people)} now"
    return ""


def missing_words(slot: Slot, may: Sequence[Person], language: str = "en") -> str:
    """A slot with the names of those who may fill it."""
    names = ", ".join(p.name for p in may[:6]) + (" …" if len(may) > 6 else "")
    if ("person" in slot or "manager_of" in slot) and len(may) == 1:
        return f"{names} ({slot_words(slot, language)})"
    nobody = "es ist niemand mehr da, der darf" if language == "de" else "where nobody is left who may"
    return f"{slot_words(slot, language)} ({names or nobody})"


def _glass(decision: Decision, people: People, facts: Facts, now: datetime) -> bool:
    """Whether a broken glass still counts: permission, time, and not for oneself."""
    subject = people.find(facts.subject)
    return (
        decision.person in people.break_glass
        and decision.person in people.humans
        and (subject is None or subject.id != decision.person)
        and _when(decision.at) <= now < _when(decision.at) + GLASS
    )


def _is_about(decision: Decision, facts: Facts) -> bool:
    return (decision.digest, decision.shown) == (facts.digest, facts.shown)


def _is_known(facts: Facts, people: People) -> bool:
    return facts.rehearsal or facts.requester in people.services or people.find(facts.requester) is not None


def _called(person: str, people: People) -> str:
    found = people.humans.get(folded(person))
    return found.name if found else person


def _when(at: str) -> datetime:
    return datetime.fromisoformat(at)
