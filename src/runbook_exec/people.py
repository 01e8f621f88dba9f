"""Who is who: humans with all their accounts, keys, groups and roles.

One entry is one human, whatever number of accounts they have. Pure. What a
lookup does not find is nobody, never everybody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Person:
    """One human."""

    id: str
    """The sign-in name, in small letters."""
    name: str
    employee_id: str = ""
    accounts: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    manager: str = ""
    """Any name of whoever leads them; empty: nobody known."""
    mail: str = ""
    """Where mails go; empty: to the sign-in name."""
    language: str = ""
    """What mails are written in; empty: as the environment says."""
    roles: frozenset[str] = frozenset()
    office: str = ""
    """A confidential office; who holds one is protected from hand-overs and snapshots."""


@dataclass(frozen=True, kw_only=True)
class Delegation:
    """`to` acts in the place of `since`'s owner `giver`, from the first to the last day."""

    giver: str
    to: str
    until: date
    since: date = date.min

    def holds(self, day: date) -> bool:
        return self.since <= day <= self.until


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for a class of deferrals: for how long at most, and who may allow one."""

    approve: tuple[Mapping[str, str], ...]
    """Each person, group or role that may."""
    within: float | None = None
    """Seconds; None: each step says how long."""


@dataclass(frozen=True, kw_only=True)
class People:
    """All that is known about who is who."""

    humans: Mapping[str, Person] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the members, by the group's folded name."""
    delegations: tuple[Delegation, ...] = ()
    break_glass: frozenset[str] = frozenset()
    alert: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()
    deferrals: Mapping[str, Terms] = field(default_factory=dict)
    """By class; a class that is not here does not exist, so nothing is deferred by it."""

    def of_account(self, account: str) -> Person | None:
        """Whose operating-system account this is; exact, since such names are."""
        return next((p for p in self.humans.values() if account in p.accounts), None)

    def find(self, identity: object) -> Person | None:
        """The human behind a sign-in name, an employee id or another of their names."""
        if not isinstance(identity, str) or not identity.strip():
            return None
        wanted = folded(identity)
        if wanted in self.humans:
            return self.humans[wanted]
        return next((p for p in self.humans.values() if wanted in names_of(p)), None)

    def members(self, group: object) -> frozenset[str]:
        """Ids of a group's members; a group that does not exist is nobody."""
        return self.groups.get(folded(group), frozenset()) if isinstance(group, str) else frozenset()

    def holders(self, role: object) -> frozenset[str]:
        """Ids of those who have a role."""
        wanted = folded(role) if isinstance(role, str) else ""
        return frozenset(p.id for p in self.humans.values() if wanted in map(folded, p.roles))

    def may_defer(self, letter: str) -> frozenset[str]:
        """Ids of those who may allow a deferral of a class, or say that it is never done."""
        terms = self.deferrals.get(letter)
        found: frozenset[str] = frozenset()
        for slot in terms.approve if terms else ():
            one = self.find(slot.get("person"))
            found |= self.members(slot.get("group")) | self.holders(slot.get("role"))
            found |= {one.id} if one else frozenset()
        return found

    def acts_for(self, actor: str, day: date) -> frozenset[str]:
        """Whose place a person may take on a day. Delegations do not add up to chains."""
        given = (d.giver for d in self.delegations if d.to == actor and d.holds(day))
        return frozenset(giver for giver in given if giver in self.humans and giver != actor)

    def confidential(self) -> tuple[Person, ...]:
        """Holders of confidential offices."""
        return tuple(p for p in self.humans.values() if p.office)


NOBODY = People()
"""Where no file says who is who."""


def folded(name: str) -> str:
    """The form in which names are compared; look-alikes of other scripts stay different."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def names_of(person: Person) -> frozenset[str]:
    """Every name that means this human, folded; not the operating-system accounts."""
    named = {folded(name) for name in person.also} | {person.id}
    return frozenset(named | ({folded(person.employee_id)} if person.employee_id else set()))
