"""Who is to be told about a gate that waits, and when: reminders, stand-ins, escalation, expiry. Pure.

Nobody is told the same thing twice, however often this is asked; of several reminders that are due
at once the last one is sent. What is told never decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from runbook_exec import duration
from runbook_exec import gate as gates
from runbook_exec.change import Json
from runbook_exec.gate import Facts, Refused, State, Waiting
from runbook_exec.model import GateRule
from runbook_exec.people import People, Person
from runbook_exec.run import Run
from runbook_exec.slots import fits, ways

MOST_TRIES = 3
"""So often a notice that did not go out is tried."""
AGAIN = timedelta(minutes=10)
"""Until it is tried again."""


class About(StrEnum):
    """What somebody is told."""

    DECIDE = "decide"
    """It waits for you."""
    FALLBACK = "fallback"
    """It has waited so long that you may decide, too."""
    ESCALATED = "escalated"
    """It has waited long; you cannot open it."""
    EXPIRED = "expired"
    """It stays shut, and so does what you asked for."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing to be told to several people."""

    about: About
    keys: tuple[str, ...]
    """What is told by it; each once to everybody under one plan."""
    to: tuple[Person, ...]


def was_told(run: Run, gate: str, key: str, person: str) -> bool:
    """Whether the run's record says so, under its present plan; or it was tried often enough."""
    mine = [
        told
        for told in run.told
        if (told.gate, told.key, told.person, told.digest) == (gate, key, person, run.plan.get("digest"))
    ]
    failed = sum(told.failed for told in mine)
    return failed >= MOST_TRIES or len(mine) > 2 * failed


def notices(
    run: Run,
    gate: str,
    rule: GateRule,
    state: State,
    *,
    facts: Facts,
    people: People,
    usual: Sequence[float],
    now: datetime,
) -> Iterator[Notice]:
    """Everything that somebody is to be told now and was not told yet."""
    if facts.since is None:
        return
    wanted: list[tuple[Person, About, tuple[str, ...]]] = []
    if isinstance(state, Refused) and state.expired:
        requester = people.of_account(facts.requester) or people.find(facts.requester)
        wanted += [(requester, About.EXPIRED, ("expired",))] if requester else []
    elif isinstance(state, Waiting):
        wanted += _deciders(rule, state, facts, people, usual=usual, now=now)
        if rule.escalate and gates.is_escalated(rule, facts, now):
            subject = people.find(facts.subject)
            key = f"escalate {duration.words(rule.escalate.after)}"
            wanted += [
                (p, About.ESCALATED, (key,)) for p in _fitting(rule.escalate.to, people) if p != subject
            ]
    open_ones: dict[tuple[About, tuple[str, ...]], list[Person]] = {}
    for person, about, keys in wanted:
        if not was_told(run, gate, keys[-1], person.id):
            open_ones.setdefault((about, keys), []).append(person)
    for (about, keys), to in open_ones.items():
        yield Notice(about=about, keys=keys, to=tuple(to))


def _deciders(
    rule: GateRule, state: Waiting, facts: Facts, people: People, *, usual: Sequence[float], now: datetime
) -> Iterator[tuple[Person, About, tuple[str, ...]]]:
    """Those who may still fill a place. Whoever may do so only by now is told that first."""
    reminded = tuple(
        f"remind {duration.words(after)}" for after in _passed(_reminders(rule, usual), facts, now)
    )
    stand_ins: set[str] = set()
    if rule.fallback and gates.rule_now(rule, facts, now) is not rule.rule:
        stand_ins = {p.id for p in state.may if _may_fill(rule.fallback.to, p, people)}
        stand_ins -= {p.id for p in state.may if _may_fill(rule.rule, p, people)}
        key = f"fallback {duration.words(rule.fallback.after)}"
    for person in state.may:
        if person.id in stand_ins:
            yield person, About.FALLBACK, (key,)
        elif reminded:
            yield person, About.DECIDE, reminded


def next_time(rule: GateRule, facts: Facts, usual: Sequence[float], now: datetime) -> datetime | None:
    """When something about a waiting gate changes by itself next."""
    if facts.since is None:
        return None
    after = [*_reminders(rule, usual), *(part.after for _, part in rule.later() if part)]
    times = [facts.since + timedelta(seconds=each) for each in after]
    end = gates.ends(rule, facts)
    return min((each for each in [*times, *([end] if end else [])] if each > now), default=None)


def _reminders(rule: GateRule, usual: Sequence[float]) -> Sequence[float]:
    return sorted(usual if rule.remind is None else rule.remind)


def _passed(lengths: Iterable[float], facts: Facts, now: datetime) -> Iterator[float]:
    assert facts.since is not None
    return (each for each in lengths if now >= facts.since + timedelta(seconds=each))


def _fitting(rule: Mapping[str, Json], people: People) -> Iterator[Person]:
    return (person for person in people.humans.values() if _may_fill(rule, person, people))


def _may_fill(rule: Mapping[str, Json], person: Person, people: People) -> bool:
    return any(fits(slot, person, people) for slots in ways(rule) for slot in slots)
