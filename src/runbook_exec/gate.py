"""Whether a gate opens: a rule, the decisions so far, and who is who. Pure.

A rule is an algebra of slots: `all`, `any` and `count` over people, groups and roles. It
opens when different humans fill enough slots; one human fills one, whatever number of
accounts they have, and whose place they take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations, product

from runbook_exec.change import Json
from runbook_exec.model import GateRule
from runbook_exec.people import People, Person, folded

Slot = Mapping[str, Json]
"""A leaf of the rule, to be filled by one human."""

GLASS = timedelta(hours=1)
"""How long broken glass keeps a gate open."""


class Verdict(StrEnum):
    """What a decision says."""

    APPROVE = "approve"
    REJECT = "reject"
    BREAK_GLASS = "break-glass"
    """Opens the gate alone, for an hour; somebody else has to look at it afterwards."""
    WITHDRAW = "withdraw"
    """Takes an earlier word of the same human back."""
    REVIEW = "review"
    """Somebody else looked at broken glass afterwards."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One person's word on one gate of one run, as recorded."""

    seq: int
    """Of its event."""
    gate: str
    verdict: Verdict
    person: str
    """Id of the human who decided."""
    account: str
    """The operating-system account they did it from."""
    digest: str
    """The plan that it is about."""
    shown: str = ""
    """A commitment to everything that was shown before the question."""
    reason: str = ""
    at: str = ""
    way: str = "unsigned"
    """unsigned, `ssh SHA256:…`, or rehearsal."""
    text: str = ""
    """What was signed."""
    signature: str = ""
    delegated_for: str = ""
    """Id of the human in whose place they acted."""
    about: int = 0
    """Of a withdrawal or a review: the sequence number of the word that it is about."""
    after: str = ""
    """Hash of the event before it: its place in the journal."""
    bound: bool = True
    """False where the event does not stand at the place in the journal that it was made for."""

    @property
    def seat(self) -> str:
        """Whose place it takes."""
        return self.delegated_for or self.person


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


@dataclass(frozen=True, kw_only=True)
class Refused:
    """It stays shut for this plan, whoever agrees."""

    why: str
    expired: bool = False


State = Open | Waiting | Refused


def decide(
    gate: GateRule, decisions: Sequence[Decision], people: People, facts: Facts, now: datetime
) -> State:
    """The state of a gate now. Asked when somebody decides, and again before each write."""
    back = taken_back(decisions)
    live = [d for d in decisions if d.seq not in back and _is_about(d, facts)]
    denied = next((d for d in sorted(live, key=lambda d: d.seq) if d.verdict is Verdict.REJECT), None)
    if denied:
        return Refused(why=f"{_called(denied.person, people)} rejected it: {denied.reason}")
    until = ends(gate, facts)
    if until is not None and now >= until:
        return Refused(why=f"it expired at {until:%Y-%m-%d %H:%M} UTC", expired=True)
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
    told = [_missing(slot, [p for p in may if fits(slot, p, people)]) for slot in missing]
    return Waiting(missing=tuple(told), may=tuple(may), until=until)


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


def fits(slot: Slot, person: Person, people: People) -> bool:
    """Whether a human may fill a slot, as groups and roles are now."""
    if "person" in slot:
        return people.find(slot["person"]) == person
    if "manager_of" in slot:
        report = people.find(slot["manager_of"])
        return report is not None and report != person and people.find(report.manager) == person
    if "group" in slot:
        return person.id in people.members(slot["group"])
    return person.id in people.holders(slot.get("role"))


def ways(rule: Mapping[str, Json]) -> Iterator[list[Slot]]:
    """Every list of slots that satisfies the rule when all of them are filled."""
    if "all" in rule:
        for parts in product(*(list(ways(part)) for part in rule["all"])):
            yield [slot for part in parts for slot in part]
    elif "any" in rule:
        for chosen in combinations(rule["any"], rule.get("count", 1)):
            yield from ways({"all": chosen})
    else:
        yield [{k: v for k, v in rule.items() if k != "count"}] * rule.get("count", 1)


def fill(slots: Sequence[Slot], decisions: Sequence[Decision], people: People) -> dict[int, Decision]:
    """The most slots that different humans fill, each in one place: slot number → decision."""
    by_actor: dict[str, list[Decision]] = {}
    for decision in sorted(decisions, key=lambda d: d.seq):
        said = by_actor.setdefault(decision.person, [])
        if decision.seat not in {other.seat for other in said}:
            said.append(decision)
    best: dict[int, Decision] = {}
    for words in product(*by_actor.values()):  # of several words of one human, one counts
        found = _matched(slots, {d.seat: d for d in reversed(words)}, people)
        if len(found) > len(best):
            best = found
    return best


def _matched(slots: Sequence[Slot], seated: Mapping[str, Decision], people: People) -> dict[int, Decision]:
    """Maximum matching of seats to slots, by augmenting paths."""
    holder: dict[int, str] = {}

    def place(seat: str, seen: set[int]) -> bool:
        for number, slot in enumerate(slots):
            if number in seen or not fits(slot, people.humans[seat], people):
                continue
            seen.add(number)
            if number not in holder or place(holder[number], seen):
                holder[number] = seat
                return True
        return False

    for seat in seated:
        if seat in people.humans:
            place(seat, set())
    return {number: seated[seat] for number, seat in sorted(holder.items())}


def slot_words(slot: Slot) -> str:
    """`thomas.klein@…`, `one of group it-leads`."""
    (kind,) = slot
    name = slot[kind]
    named = f"⟨{name['$deferred']}⟩" if isinstance(name, Mapping) and "$deferred" in name else str(name)
    if kind in {"person", "manager_of"}:
        return named if kind == "person" else f"the manager of {named}"
    return f"one of {kind} {named}"


def _missing(slot: Slot, may: Sequence[Person]) -> str:
    """A slot with the names of those who may fill it."""
    names = ", ".join(p.name for p in may[:6]) + (" …" if len(may) > 6 else "")
    if ("person" in slot or "manager_of" in slot) and len(may) == 1:
        return f"{names} ({slot_words(slot)})"
    return f"{slot_words(slot)} ({names or 'where nobody is left who may'})"


def words(rule: Mapping[str, Json]) -> str:
    """A rule in words: `maria@… and 1 of group it-leads`."""
    for word, joint in (("all", " and "), ("any", " or ")):
        if word in rule:
            inner = joint.join(words(part) for part in rule[word])
            return f"{rule['count']} of ({inner})" if rule.get("count", 1) > 1 else inner
    count = rule.get("count", 1)
    slot = {k: v for k, v in rule.items() if k != "count"}
    return slot_words(slot).replace("one of", f"{count} of") if slot else "nobody named"


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
