"""The evidence for one control in one period: population, sample, every item examined, and what nobody can know.

Runs are found by their first events and by the journal's list of subjects. Only what is examined is
replayed; without `size` that is every item of the control.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from runbook_exec.app import App
from runbook_exec.audit import sample, working_time
from runbook_exec.audit.census import Begun, Census, Item, begun, census
from runbook_exec.audit.departure import KINDS, Sort, sort_of
from runbook_exec.audit.exam import Examined, Examiner, Journalled
from runbook_exec.audit.population import NoSource, Source
from runbook_exec.audit.working_time import WorkingTime
from runbook_exec.decision import Decision
from runbook_exec.errors import RunbookError
from runbook_exec.journal import Kind, folded
from runbook_exec.model import Duty
from runbook_exec.people import People
from runbook_exec.replay import replay
from runbook_exec.run import Run
from runbook_exec.settings import FILE


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is written for the auditor."""

    client: str
    duty: Duty
    since: date
    until: date
    as_of: datetime
    hours: WorkingTime
    source: Source
    census: Census
    draw: sample.Draw
    examined: tuple[Examined, ...]
    """The sample, in the order in which it was drawn; all items where none was asked for."""
    marks: Mapping[str, tuple[Sort, ...]]
    """Of every run in the population: the departures that show without a replay."""
    began: int
    """Runs that began in the period, of whatever control."""
    unreadable: tuple[str, ...] = ()
    """Runs whose chain does not hold, with the reason."""

    @property
    def has_source(self) -> bool:
        return not isinstance(self.source, NoSource)

    @property
    def without_run(self) -> int:
        return sum(not item.runs for item in self.census.items)

    @property
    def without_event(self) -> int:
        return sum(item.event is None and not item.glass for item in self.census.items)

    @property
    def erased(self) -> int:
        """Runs in the population of which only the open fields are left."""
        return len({run.run for item in self.census.items for run in item.runs if run.erased})

    @property
    def departed(self) -> int:
        return sum(bool(one.departures) for one in self.examined)


def gather(
    app: App,
    duty: Duty,
    since: date,
    until: date,
    *,
    source: Source,
    size: int | None,
    as_of: datetime,
) -> Report:
    """The whole report. Reads the journal and the people file, nothing else."""
    hours = working_time.of_project(app.project.settings, where=FILE)
    first, end = bounds(since, until, hours)
    client = app.project.client
    inside = [begun(event) for event in app.store.first_events(client, first, end)]
    happenings = source.happenings()
    people = {each.person for each in happenings if each.duty is duty and since <= each.day <= until}
    others = _begun(app, set(app.store.runs_about(client, people)) - {run.run for run in inside})
    found = census(
        duty,
        since,
        until,
        happenings=happenings,
        runs=[*inside, *others],
        inside=frozenset(run.run for run in inside),
    )
    if duty is Duty.EMERGENCY:
        found = _emergencies(app, found, inside, first, end)
    keys = [item.key for item in found.items]
    drawn = sample.draw(keys, size, client=client, control=duty.value, since=since, until=until)
    by_key = {item.key: item for item in found.items}
    exam = _Exam(app, duty, hours, as_of, with_source=not isinstance(source, NoSource))
    examined = tuple(exam.examine(by_key[key]) for key in drawn.chosen)
    return Report(
        client=client,
        duty=duty,
        since=since,
        until=until,
        as_of=as_of,
        hours=hours,
        source=source,
        census=found,
        draw=drawn,
        examined=examined,
        marks=_marks(app, found, min((r.at for i in found.items for r in i.runs), default=None)),
        began=len(inside),
        unreadable=tuple(exam.unreadable),
    )


def bounds(since: date, until: date, hours: WorkingTime) -> tuple[str, str]:
    """The period as the journal writes times: from the first midnight to the one after the last day."""
    midnights = (
        datetime.combine(day, datetime.min.time(), hours.zone) for day in (since, until + timedelta(days=1))
    )
    first, end = (moment.astimezone(UTC).isoformat(timespec="microseconds") for moment in midnights)
    return first, end


def _begun(app: App, runs: set[str]) -> Iterator[Begun]:
    for run in sorted(runs):
        yield begun(app.store.events(run)[0])


def _emergencies(app: App, found: Census, inside: Sequence[Begun], first: str, end: str) -> Census:
    """Every broken glass of the period is an item of its own, whatever run it was in."""
    known = {run.run: run for run in inside}
    items = []
    for told in app.store.told(app.project.client, [Kind.BROKEN_GLASS], first, end):
        run = known.get(told.run) or begun(app.store.events(told.run)[0])
        items.append(Item(key=f"glass:{told.run}/{told.seq}", runs=(run,), glass=told.seq))
    broken = {item.runs[0].run for item in items}
    rest = [item for item in found.items if not any(run.run in broken for run in item.runs)]
    return Census(
        items=tuple(sorted([*items, *rest], key=lambda item: item.key)),
        elsewhere=found.elsewhere,
        uncontrolled=found.uncontrolled,
    )


def _marks(app: App, found: Census, earliest: datetime | None) -> dict[str, tuple[Sort, ...]]:
    if earliest is None:
        return {}
    wanted = {run.run for item in found.items for run in item.runs}
    marks: dict[str, dict[Sort, None]] = {}
    since = earliest.astimezone(UTC).isoformat(timespec="microseconds")
    for told in app.store.told(app.project.client, KINDS, since, "9999"):
        sort = sort_of(told.kind)
        if told.run in wanted and sort is not None:
            marks.setdefault(told.run, {})[sort] = None
    return {run: tuple(sorts) for run, sorts in marks.items()}


class _Exam:
    """Replays what is examined, and asks the gatehouse again about every decision."""

    def __init__(
        self, app: App, duty: Duty, hours: WorkingTime, as_of: datetime, *, with_source: bool
    ) -> None:
        self.app = app
        self.unreadable: list[str] = []
        self.house = lru_cache(app.gatehouse)
        self._people = lru_cache(self._people_of)
        self.examiner = Examiner(
            duty=duty,
            hours=hours,
            as_of=as_of,
            verify=self._verify,
            name_of=self._name,
            with_source=with_source,
            later=self._later,
        )

    def examine(self, item: Item) -> Examined:
        return self.examiner.examine(item, [one for run in item.runs if (one := self._journalled(run))])

    def _journalled(self, run: Begun) -> Journalled | None:
        events = self.app.store.events(run.run)
        try:
            return Journalled(begun=run, run=replay(events), events=events)
        except RunbookError as error:
            self.unreadable.append(f"{run.run}: {error.what}")
            return None

    def _later(self, about: str) -> list[Run]:
        found = []
        for run in self.app.store.runs_about(self.app.project.client, [folded(about)]):
            try:
                found.append(self.app.run(run))
            except RunbookError as error:
                self.unreadable.append(f"{run}: {error.what}")
        return found

    def _verify(self, run: Run, decision: Decision) -> str:
        environment = str(run.started.get("environment", ""))
        try:
            return self.house(environment).unproven(run, decision, self._people(environment))
        except RunbookError as error:
            return error.what

    def _people_of(self, environment: str) -> People:
        return self.house(environment).people()

    def _name(self, person: str) -> str:
        """The name of a human by any environment's people file; their id where it knows them no more."""
        try:
            known = self._people("").humans.get(person)
        except RunbookError:
            known = None
        return known.name if known else person
