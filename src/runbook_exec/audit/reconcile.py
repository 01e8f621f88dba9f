"""The far sides' own logs held against the journal: what was changed outside of it. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from runbook_exec.app import App
from runbook_exec.audit import working_time
from runbook_exec.audit.evidence import bounds
from runbook_exec.audit.outside import SKEW, Held, Outside, Presence, Written, hold, things_of, written
from runbook_exec.change import Words
from runbook_exec.errors import RunbookError
from runbook_exec.far_log import FarChange
from runbook_exec.journal import Event, Kind
from runbook_exec.references import looked_up
from runbook_exec.replay import replay
from runbook_exec.sealing import ERASED
from runbook_exec.settings import FILE, Environment

SIDES = ("ldap", "graph")
"""Connections whose far side keeps a log that can be read."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A far side whose log could not be read, or not for the whole period."""

    side: str
    what: str
    next_move: str


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """All that was found."""

    environment: str
    since: date
    until: date
    sides: tuple[str, ...]
    held: Held
    limits: tuple[Words, ...]
    unread: tuple[Unread, ...]
    runs: int
    """Runs of this environment that wrote something in the period."""

    @property
    def outside(self) -> tuple[Outside, ...]:
        return self.held.outside


@dataclass(frozen=True, kw_only=True)
class _Ours:
    """What the journal says of the period."""

    written: tuple[Written, ...]
    presences: tuple[Presence, ...]
    runs: int

    @property
    def things(self) -> tuple[str, ...]:
        return tuple(sorted({thing for each in self.presences for thing in each.things}))


def reconcile(
    app: App, since: date, until: date, *, base: str = "", everything: bool = False, as_of: datetime
) -> Reconciled:
    """Ask each far side what it remembers of the period, and explain what runs of this environment did.

    Looked at are the things that those runs were about; with `base` all below that name in
    the directory, with `everything` all that the far sides tell.
    """
    environment = app.environment
    hours = working_time.of_project(app.project.settings, where=FILE)
    first, end = bounds(since, until, hours)
    ours = _ours(app, environment.name, first, end, as_of)
    only = None if everything else ours.things
    changes: list[FarChange] = []
    limits: list[Words] = [_scope(base, everything=everything), *_gone(ours)]
    unread: list[Unread] = []
    read: list[str] = []
    with app.sessions(write=False) as sessions:
        for side in SIDES:
            if side not in environment.connections:
                continue
            try:
                with sessions.use(side) as session:
                    whole = side == "ldap" and bool(base)
                    log = session.history(first, end, base=base, only=None if whole else only)
            except RunbookError as error:
                unread.append(Unread(side=side, what=error.what, next_move=error.next_move))
                continue
            read.append(side)
            changes += log.changes
            limits += log.limits
            unread += _beyond(side, log.reach, since, as_of)
    return Reconciled(
        environment=environment.name,
        since=since,
        until=until,
        sides=tuple(read),
        held=hold(changes, ours.written, ours.presences, _applications(environment)),
        limits=tuple(limits),
        unread=tuple(unread),
        runs=ours.runs,
    )


def _ours(app: App, environment: str, first: str, end: str, as_of: datetime) -> _Ours:
    """What runs wrote in the period: only those that began a step in it are read."""
    begin = (datetime.fromisoformat(first) - SKEW).isoformat(timespec="microseconds")
    last = (datetime.fromisoformat(end) + SKEW).isoformat(timespec="microseconds")
    told = app.store.told(app.project.client, [Kind.INTENT], begin, last)
    wrote: list[Written] = []
    presences: list[Presence] = []
    for run in dict.fromkeys(each.run for each in told):
        events = app.store.events(run)
        if str(events[0].body.get("environment", "")) != environment:
            continue
        replay(events)  # raises where the chain does not hold: what is forged explains nothing
        wrote += written(run, events, as_of)
        presences.append(_presence(run, events, as_of))
    return _Ours(written=tuple(wrote), presences=tuple(presences), runs=len(presences))


def _presence(run: str, events: list[Event], as_of: datetime) -> Presence:
    over = events[-1].kind in {Kind.DONE, Kind.CANCELLED, Kind.UNDOING, Kind.UNDONE}
    return Presence(
        run=run,
        begin=datetime.fromisoformat(events[0].at),
        end=datetime.fromisoformat(events[-1].at) if over else as_of.astimezone(UTC),
        things=things_of(events),
        erased=any(ERASED in event.body for event in events),
    )


def _applications(environment: Environment) -> frozenset[str]:
    """Client ids under which our own writes stand in the far side's log."""
    found = environment.connections.get("graph", {}).get("client_id")
    if not found:
        return frozenset()
    return frozenset({str(looked_up("client_id", found, "connection graph")).lower()})


def _beyond(side: str, reach: int, since: date, as_of: datetime) -> Iterator[Unread]:
    """That a period begins before a log does: silence about that time proves nothing."""
    missing = (as_of.date() - since).days - reach
    if reach and missing > 0:
        yield Unread(
            side=side,
            what=f"the period begins {missing} days before the earliest that its log can show",
            next_move="reconcile every week, or hold an exported copy of that log against the journal by hand",
        )


def _gone(ours: _Ours) -> Iterator[Words]:
    """That runs of the period were erased: neither looked at by themselves, nor able to explain anything."""
    if gone := ", ".join(each.run for each in ours.presences if each.erased):
        yield {
            "en": f"Erased since: {gone}. What was written by it is not looked at unless --all does, and stands there as outside.",
            "de": f"Seither gelöscht: {gone}. Was damit geschrieben wurde, sieht nur --all an, und es gilt dort als außerhalb.",
        }


def _scope(base: str, *, everything: bool) -> Words:
    if everything:
        return {
            "en": "Looked at was everything that the far sides tell of the period.",
            "de": "Angesehen wurde alles, was die Gegenstellen vom Zeitraum wissen.",
        }
    if base:
        return {
            "en": f"Looked at was everything below {base} in the directory; elsewhere only what runs of the period wrote.",
            "de": f"Angesehen wurde im Verzeichnis alles unter {base}; sonst nur, was Läufe des Zeitraums schrieben.",
        }
    return {
        "en": "Looked at were only the things that runs of the period wrote; --all looks at everything.",
        "de": "Angesehen wurde nur, was Läufe des Zeitraums schrieben; --all sieht alles an.",
    }
