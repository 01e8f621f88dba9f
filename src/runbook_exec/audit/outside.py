"""Which changes that a far side remembers are ours, and which were made outside. Pure.

A change is ours where a run of this environment wrote this thing, this attribute, at this time: by immutable
id (or name, where there is none), with some seconds for clocks that differ. Where the far side names the
application, it has to be ours, too; and a change that our application made without a run is none of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runbook_exec.dn import canonical
from runbook_exec.errors import Invalid
from runbook_exec.far_log import FarChange
from runbook_exec.journal import Event, Kind

SKEW = timedelta(seconds=60)
"""So much may the clocks of the far side and of the journal differ."""
EVERYTHING = "*"

_COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "enabled": ("useraccountcontrol", "accountenabled"),
    "locked": ("lockouttime", "badpwdcount"),
    "password": (
        "unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials", "pwdlastset",
        "useraccountcontrol", "lockouttime",
    ),
    "must_change": ("pwdlastset",),
    "dn": ("name", "cn", "ou", "distinguishedname"),
    "isdeleted": (EVERYTHING,),
}  # fmt: skip
"""What the far side changes under another name when we set one of ours."""
_ENDS = frozenset({Kind.RESULT, Kind.ADOPTED, Kind.FAILED, Kind.RESOLVED, Kind.REOPENED})


@dataclass(frozen=True, kw_only=True)
class Written:
    """What one step of a run wrote, and between which moments."""

    run: str
    step: str
    begin: datetime
    end: datetime
    things: frozenset[str]
    """Ids and names, folded: the target, and whatever else the change names."""
    attributes: frozenset[str]
    """Folded; `*` where the whole thing was made, restored or deleted."""

    def covers(self, change: FarChange) -> bool:
        at = datetime.fromisoformat(change.at)
        if not self.begin - SKEW <= at <= self.end + SKEW or not self.things & _keys(change):
            return False
        if change.side == "graph":
            return True  # the application says already that it was us
        if change.what == "member":
            return not change.value or bool(self.things & _names(change.value, change.value_id))
        return EVERYTHING in self.attributes or change.what.casefold() in self.attributes


@dataclass(frozen=True, kw_only=True)
class Presence:
    """That a run was about a thing from one moment to another."""

    run: str
    begin: datetime
    end: datetime
    things: frozenset[str]
    erased: bool = False
    """What it was about and wrote is erased: it can explain nothing any more."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A change that no run explains."""

    change: FarChange
    runs: tuple[str, ...]
    """Runs that were about the thing at the time."""
    ours: bool
    """It was made by the application as which we write, and still no run explains it."""
    erased: tuple[str, ...] = ()
    """Runs of that time that were erased since: one of them may have made it."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A far side's log held against the journal."""

    outside: tuple[Outside, ...]
    explained: int
    synced: int
    """By a directory synchronisation: their cause stands in the other directory."""


def hold(
    changes: Iterable[FarChange],
    written: Sequence[Written],
    presences: Sequence[Presence],
    applications: frozenset[str],
) -> Held:
    """Each change is explained, made by a synchronisation, or outside."""
    by_thing: dict[str, list[Written]] = {}
    for each in written:
        for thing in each.things:
            by_thing.setdefault(thing, []).append(each)
    about: dict[str, list[Presence]] = {}
    for presence in presences:
        for thing in presence.things:
            about.setdefault(thing, []).append(presence)
    outside: list[Outside] = []
    explained = synced = 0
    for change in changes:
        keys = _keys(change)
        ours = change.application in applications
        nameless = not (change.application or change.by)
        if change.sync:
            synced += 1
        elif (ours or nameless) and any(e.covers(change) for key in keys for e in by_thing.get(key, ())):
            explained += 1
        else:
            at = datetime.fromisoformat(change.at)
            near = {p.run for key in keys for p in about.get(key, ()) if p.begin - SKEW <= at <= p.end + SKEW}
            gone = {p.run for p in presences if p.erased and p.begin - SKEW <= at <= p.end + SKEW}
            outside.append(
                Outside(
                    change=change,
                    runs=tuple(sorted(near)),
                    ours=ours,
                    erased=tuple(sorted(gone)) if ours or nameless else (),
                )
            )
    return Held(outside=tuple(outside), explained=explained, synced=synced)


def written(run: str, events: Sequence[Event], until: datetime) -> Iterator[Written]:
    """What a run wrote, from its intents and what ended them; an intent without an end lasts `until`."""
    begun: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    for event in events:
        step, at = str(event.body.get("step", "")), datetime.fromisoformat(event.at)
        if event.kind == Kind.INTENT and event.body.get("change"):
            if step in begun:
                yield _written(run, step, *begun[step], end=at)
            begun[step] = (at, event.body)
        elif event.kind in _ENDS and step in begun:
            yield _written(run, step, *begun.pop(step), end=at, result=event.body)
    for step, (at, body) in begun.items():
        yield _written(run, step, at, body, end=until)


def _written(
    run: str,
    step: str,
    begin: datetime,
    body: Mapping[str, Any],
    *,
    end: datetime,
    result: Mapping[str, Any] | None = None,
) -> Written:
    change: Mapping[str, Any] = body["change"]
    told = [change.get("outputs"), (result or {}).get("outputs"), (result or {}).get("evidence")]
    return Written(
        run=run,
        step=step,
        begin=begin,
        end=end,
        things=frozenset(_things(change, told)),
        attributes=frozenset(_attributes(change)),
    )


def _things(change: Mapping[str, Any], told: Sequence[Any]) -> Iterator[str]:
    """The target and everything that the change names: ids, and names as they are compared."""
    after, involved = change.get("after"), change.get("involves") or {}
    named = [change.get("target"), change.get("identity"), *involved.values(), *change.get("writes", ())]
    named += [after.get("dn") if isinstance(after, Mapping) else None]
    for body in told:
        if isinstance(body, Mapping):
            named += [body.get(name) for name in ("id", "dn", "group_id", "user_id", "upn")]
    for value in named:
        if isinstance(value, str) and value:
            yield from _names(value, "")


def things_of(run_events: Sequence[Event]) -> frozenset[str]:
    """Everything that the changes of a run are about."""
    return frozenset(
        thing
        for event in run_events
        if event.kind == Kind.INTENT and event.body.get("change")
        for thing in _things(event.body["change"], ())
    )


def _attributes(change: Mapping[str, Any]) -> Iterator[str]:
    before, after = change.get("before"), change.get("after")
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        yield EVERYTHING
        return
    for name in after:
        folded = str(name).casefold()
        yield folded
        yield from _COMPANIONS.get(folded, ())


def _keys(change: FarChange) -> frozenset[str]:
    return frozenset(_names(change.object, change.identity))


def _names(name: str, identity: str) -> set[str]:
    """An id in small letters, a name as names are compared."""
    found = {identity.casefold()} if identity else set()
    if name:
        found.add(name.casefold())
        with suppress(Invalid):  # it is no directory's name
            found |= {canonical(name)} if "=" in name else set()
    return found
