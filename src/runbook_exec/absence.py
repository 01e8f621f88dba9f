"""Which gates cannot open with one or two people away: looked at beforehand, instead of on the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.gate import Facts, Open, decide
from runbook_exec.model import GateRule, Later
from runbook_exec.people import People, Person, folded
from runbook_exec.slots import fits, ways

MOST_AWAY = 2
_SIMULATION = "simulation"


@dataclass(frozen=True, kw_only=True)
class Shut:
    """A gate that does not open while these people are away; nobody away: it never opens."""

    away: tuple[str, ...]
    fallback: float | None = None
    """Seconds after which its fallback opens it all the same; None where nothing does."""


def shut(gate: GateRule, people: People, now: datetime) -> list[Shut]:
    """The smallest absences, of up to two people, that keep a gate shut though all others agree.

    A name that only a run's inputs tell counts as one person more; a group that only they
    tell counts as having members enough.
    """
    stage = _Stage(people)
    acted = replace(
        gate,
        rule=stage.cast(gate.rule),
        expires=None,
        fallback=gate.fallback and Later(after=gate.fallback.after, to=stage.cast(gate.fallback.to)),
    )
    cast = replace(
        people, humans={**people.humans, **stage.persons}, groups={**people.groups, **stage.groups}
    )
    found: list[Shut] = []
    relevant = _relevant(acted, cast, now)
    for number in range(MOST_AWAY + 1):
        for away in combinations(relevant, number):
            within = [known for known in found if set(known.away) <= {p.name for p in away}]
            if any(known.fallback is None for known in within) or _opens(acted, cast, away, now, waited=0):
                continue
            later = acted.fallback.after if acted.fallback else None
            helps = later is not None and _opens(acted, cast, away, now, waited=later)
            if not (helps and within):
                found.append(Shut(away=tuple(p.name for p in away), fallback=later if helps else None))
    return found


def _relevant(gate: GateRule, people: People, now: datetime) -> list[Person]:
    """Everybody whose absence could matter."""
    slots = [slot for rule in _rules(gate) for found in ways(rule) for slot in found]
    direct = [p for p in people.humans.values() if any(fits(slot, p, people) for slot in slots)]
    acting = [p for p in people.humans.values() if people.acts_for(p.id, now.date()) & {d.id for d in direct}]
    return sorted({p.id: p for p in [*direct, *acting]}.values(), key=lambda p: p.id)


def _rules(gate: GateRule) -> list[Mapping[str, Json]]:
    return [gate.rule, *([gate.fallback.to] if gate.fallback else [])]


def _opens(gate: GateRule, people: People, away: Sequence[Person], now: datetime, *, waited: float) -> bool:
    """Whether it opens when everybody who is there agrees, for themselves and for those whose place they take."""
    missing = {p.id for p in away}
    words = [word for p in people.humans.values() if p.id not in missing for word in _words(p, people, now)]
    facts = Facts(requester=_SIMULATION, since=now - timedelta(seconds=waited))
    staged = replace(people, services=people.services | {_SIMULATION})
    return isinstance(decide(gate, words, staged, facts, now), Open)


def _words(person: Person, people: People, now: datetime) -> Iterator[Decision]:
    for number, seat in enumerate([person.id, *sorted(people.acts_for(person.id, now.date()))]):
        yield Decision(
            seq=number,
            gate="",
            verdict=Verdict.APPROVE,
            person=person.id,
            account="",
            digest="",
            delegated_for=seat if number else "",
        )


@dataclass
class _Stage:
    """People and groups that stand for names which only a run's inputs tell."""

    people: People
    persons: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)

    def cast(self, rule: Mapping[str, Json]) -> dict[str, Json]:
        for word in ("all", "any"):
            if word in rule:
                return {**rule, word: [self.cast(part) for part in rule[word]]}
        ((kind, name),) = ((k, v) for k, v in rule.items() if k != "count")
        if "{{" not in str(name):
            return dict(rule)
        if kind in {"person", "manager_of"}:
            return {
                "person": self._person(f"{'the manager of ' if kind == 'manager_of' else ''}{_said(name)}")
            }
        members = [self._person(f"{_said(name)} {n}") for n in range(1, rule.get("count", 1) + MOST_AWAY + 1)]
        self.groups[folded(f"{kind} {name}")] = frozenset(members)
        return {**{k: v for k, v in rule.items() if k == "count"}, "group": f"{kind} {name}"}

    def _person(self, name: str) -> str:
        key = folded(name)
        self.persons[key] = Person(id=key, name=name)
        return key


def _said(template: Any) -> str:
    return str(template).replace("{{", "⟨").replace("}}", "⟩").replace("⟨ ", "⟨").replace(" ⟩", "⟩")
