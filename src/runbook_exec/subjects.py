"""Subjects of runs: what is on record about one, holding it, and erasing it.

Erasing deletes the subject's key: the journal keeps its bytes and its chain, and nobody reads what they
say about the subject. The fact stands in the project's own chain, with no name in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_exec import duration
from runbook_exec.app import App, now
from runbook_exec.change import Json
from runbook_exec.debts import unreviewed
from runbook_exec.errors import Invalid, Overtaken, Refused
from runbook_exec.journal import FIRST, SCHEMA_VERSION, Event, Kind, project_chain
from runbook_exec.run import Run
from runbook_exec.sealing import stands_in_clear
from runbook_exec.traces import Trace, traces

MOST_TRIES = 5
SHORTEST_NAME = 3
"""Letters; a shorter value of a run's inputs is no name that a reason could give away."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is on record about a subject at this moment."""

    name: str
    """What stands for the subject on the record: a keyed hash."""
    runs: tuple[Run, ...]
    has_key: bool
    """What was recorded about it can be read."""
    hold: Event | None
    """A legal hold that was not released."""
    erased: tuple[str, ...]
    """When it was erased."""
    keep_until: datetime | None
    """The end of the retention period, where one runs."""
    in_clear: tuple[str, ...]
    """Runs that an older version recorded in clear, wholly or in part: erasing does not reach them."""
    last: Event | None
    """The newest event of the project's own chain."""

    @property
    def readable(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if not run.erased)

    @property
    def elsewhere(self) -> tuple[Trace, ...]:
        return tuple(trace for run in self.readable for trace in traces(run))


def standing(app: App, subject: str) -> Standing:
    """What is on record about a subject, named as in its runs or by the id of one of them."""
    client, vault = app.project.client, app.store.vault
    name = vault.name(client, subject)
    if not vault.runs_of(client, name) and not vault.has_key(name):
        name = _name_by_run(app, subject)
    runs = tuple(app.run(entry.run) for entry in vault.runs_of(client, name))
    record = vault.project(client)
    about = [event for event in record if event.body.get("subject") == name]
    held = [event for event in about if event.kind in {Kind.HELD, Kind.RELEASED}]
    return Standing(
        name=name,
        runs=runs,
        has_key=vault.has_key(name),
        hold=held[-1] if held and held[-1].kind == Kind.HELD else None,
        erased=tuple(event.at for event in about if event.kind == Kind.ERASED),
        keep_until=_keep_until(app, runs),
        in_clear=tuple(run.id for run in runs if any(map(stands_in_clear, app.store.kept_events(run.id)))),
        last=record[-1] if record else None,
    )


def _name_by_run(app: App, run: str) -> str:
    try:
        return app.store.vault.name_of(app.find(run))
    except Invalid as error:
        raise Invalid(
            f"nothing is on record about {run!r}",
            next_move="write the subject as its runs do, or name one of its runs: `runbook status` lists them",
        ) from error


def _keep_until(app: App, runs: tuple[Run, ...]) -> datetime | None:
    """When the retention period after the last run that can still be read is over; None: it is, or none is set."""
    ended = [datetime.fromisoformat(run.ended_at) for run in runs if run.ended_at and not run.erased]
    if not ended or not app.project.retention:
        return None
    until = max(ended) + timedelta(seconds=app.project.retention)
    return until if until > now() else None


def hold(app: App, subject: str, reason: str) -> None:
    """Put a legal hold on the record: until it is released, nobody erases the subject."""
    found = standing(app, subject)
    if found.hold:
        raise Refused(f"a hold stands since {found.hold.at[:10]}", next_move=_SHOW)
    if not found.has_key:
        raise Refused("there is nothing to hold: it is erased", next_move=_SHOW)
    _note(app, Kind.HELD, found, subject, reason)


def release(app: App, subject: str, reason: str) -> None:
    """End a legal hold, on the record."""
    found = standing(app, subject)
    if found.hold is None:
        raise Refused("no hold stands", next_move=_SHOW)
    _note(app, Kind.RELEASED, found, subject, reason)


def obstacles(app: App, found: Standing) -> Iterator[Refused]:
    """Why a subject may not be erased now, each with the next move."""
    for entry in app.store.vault.runs_of(app.project.client, found.name):
        if entry.open:
            yield Refused(
                f"run {entry.run} is not over",
                next_move=f"`runbook resume {entry.run}` goes on, `runbook cancel {entry.run}` ends it",
            )
    about = {run.id for run in found.runs}
    for debt in unreviewed(app):
        if debt.run.id in about:
            yield Refused(
                f"glass was broken in run {debt.run.id}, and nobody else has looked at it yet",
                next_move=f"`runbook after-review {debt.run.id}`, by somebody else",
            )
    if found.hold:
        yield Refused(
            f"a legal hold stands since {found.hold.at[:10]}, by {found.hold.who}: {found.hold.body['reason']}",
            next_move="`runbook subject release` ends it, once it is over",
        )
    if found.keep_until:
        yield Refused(
            f"its runs are kept until {found.keep_until:%Y-%m-%d}: "
            f"retention: {duration.words(app.project.retention)} in runbook.yaml",
            next_move="erase it after that day",
        )
    if not found.has_key:
        when = f" on {found.erased[-1][:10]}" if found.erased else ""
        yield Refused(f"it was erased{when}; nothing is left that could be", next_move=_SHOW)


def erase(app: App, found: Standing, subject: str, reason: str) -> bool:
    """Erase a subject as it was found standing; for good.

    Raises `Refused` where something stands against it, or something was recorded meanwhile.
    False where the key is deleted, and a process that reads the file at this moment still keeps its bytes there.
    """
    for obstacle in obstacles(app, found):
        raise obstacle
    body = {
        **_body(found, subject, reason),
        "runs": [run.id for run in found.readable],
        "elsewhere": [trace.body() for trace in found.elsewhere],
        "in_clear": list(found.in_clear),
    }
    event = _next(app, Kind.ERASED, body, found.last)
    try:
        return app.store.vault.erase(event, found.name, [run.id for run in found.runs])
    except Overtaken as error:
        raise Refused(
            "something was recorded meanwhile; nothing was erased", next_move="look again, then decide"
        ) from error


_SHOW = "`runbook subject show` tells what is on record"


def _note(app: App, kind: Kind, found: Standing, subject: str, reason: str) -> None:
    body = _body(found, subject, reason)
    for _ in range(MOST_TRIES):
        record = app.store.vault.project(app.project.client)
        try:
            app.store.vault.note(_next(app, kind, body, record[-1] if record else None))
        except Overtaken:
            continue
        return
    raise Refused("too much is being recorded at this moment", next_move="try again")


def _next(app: App, kind: Kind, body: dict[str, Json], last: Event | None) -> Event:
    return Event(
        client=app.project.client,
        run=project_chain(app.project.client),
        seq=last.seq + 1 if last else 1,
        at=app.clock().isoformat(timespec="microseconds"),
        who=app.desk.who,
        kind=kind,
        body=body,
        before=last.hash if last else FIRST,
    )


def _body(found: Standing, subject: str, reason: str) -> dict[str, Json]:
    if not reason.strip():
        raise Invalid("this needs a reason", next_move="say why: --reason TEXT")
    for value in _names(found, subject):
        if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", reason.casefold()):
            raise Invalid(
                f"the reason says {value!r}, which is about the subject and would stay for good",
                next_move="say it without names: a ticket, a letter, a law",
            )
    return {"schema": SCHEMA_VERSION, "subject": found.name, "reason": reason.strip()}


def _names(found: Standing, subject: str) -> set[str]:
    """Everything that runs were told about the subject, as it could stand in a text."""
    texts = {subject} if subject not in {run.id for run in found.runs} else set()
    for run in found.readable:
        texts |= {str(run.started.get("subject", "")), *_texts(run.started.get("inputs", {}))}
    return {text.casefold() for text in texts if len(text) >= SHORTEST_NAME}


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
