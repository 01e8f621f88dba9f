"""The report as tables: what the CSV files hold. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_exec.audit.census import Item
from runbook_exec.audit.departure import Sort
from runbook_exec.audit.evidence import Report
from runbook_exec.audit.words import Papers
from runbook_exec.change import Json


@dataclass(frozen=True, kw_only=True)
class Table:
    """One file."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(report: Report, text: Papers) -> tuple[Table, ...]:
    """All tables, the population first."""
    made: tuple[tuple[str, Sequence[str], Callable[[Report, Papers], Iterator[tuple[str, ...]]]], ...] = (
        ("population", ("key", "event", "person", "day", "place", "runs", "sort", "number", "drawn"), _population),
        (
            "items",
            ("key", "person", "run", "runbook", "environment", "standing", "requester", "ticket", "plan", "begun",
             "ended", "due", "done at", "calendar", "working", "late", "departures"),
            _items,
        ),
        (
            "approvals",
            ("key", "run", "gate", "verdict", "who", "for", "when", "way", "digest", "executed", "verified", "reason"),
            _approvals,
        ),
        (
            "lines",
            ("key", "run", "step", "action", "planned", "did", "outcome", "when", "attempts", "confirmed",
             "read back", "reason"),
            _lines,
        ),
        ("departures", ("key", "person", "run", "sort", "step", "when", "what"), _departures),
    )  # fmt: skip
    return tuple(
        Table(name=name, headings=tuple(text[key] for key in headings), rows=tuple(rows(report, text)))
        for name, headings, rows in made
    )


def _population(report: Report, text: Papers) -> Iterator[tuple[str, ...]]:
    chosen = set(report.draw.chosen)
    for item in report.census.items:
        yield (
            item.key,
            item.event.id if item.event else "",
            _who(item),
            item.due.isoformat() if item.due else "",
            item.event.place if item.event else "",
            " ".join(run.run for run in item.runs),
            ", ".join(seen(report, item, text)),
            report.draw.number(item.key),
            text["yes"] if item.key in chosen else text["no"],
        )


def seen(report: Report, item: Item, text: Papers) -> list[str]:
    """The departures of an item that show without a replay."""
    found = [sort for run in item.runs for sort in report.marks.get(run.run, ())]
    if not item.runs:
        found.append(Sort.NO_RUN)
    if report.has_source and item.event is None and not item.glass:
        found.append(Sort.NO_EVENT)
    return [text.sort(sort) for sort in dict.fromkeys(found)]


def _items(report: Report, text: Papers) -> Iterator[tuple[str, ...]]:
    for one in report.examined:
        main, timing = one.main, one.timing
        about = (
            (
                main.run.id, main.begun.runbook, main.begun.environment, text.standing(main.run.status),
                main.begun.requester, " ".join(one.tickets), str(main.run.plan.get("digest", "")),
                clock(main.run.started_at), clock(main.run.ended_at),
            )
            if main
            else ("",) * 9
        )  # fmt: skip
        when = (
            (
                clock(timing.due.isoformat()),
                clock(timing.at) or timing.missing or text["not yet"],
                span(timing.calendar) if timing.tells else "",
                span(timing.working) if timing.tells else "",
                text["yes"] if timing.late or timing.missing else text["no"],
            )
            if timing
            else ("",) * 5
        )
        sorts = ", ".join(dict.fromkeys(text.sort(each.sort) for each in one.departures))
        yield (one.item.key, _who(one.item), *about, *when, sorts)


def _approvals(report: Report, text: Papers) -> Iterator[tuple[str, ...]]:
    for one in report.examined:
        for word in one.approvals:
            decision = word.decision
            yield (
                one.item.key,
                word.run,
                word.gate,
                text.verdict(decision.verdict),
                named(word.name, decision.person),
                decision.delegated_for,
                clock(decision.at),
                decision.way,
                decision.digest,
                text["yes"] if word.for_executed else text["no"],
                word.unproven or text["holds"],
                decision.reason,
            )


def _lines(report: Report, text: Papers) -> Iterator[tuple[str, ...]]:
    for one in report.examined:
        for line in one.lines:
            yield (
                one.item.key,
                line.run,
                line.step,
                line.uses,
                text.said(line.planned) or f"{text.said(line.title)} {text['later']}",
                text.said(line.done),
                text.outcome(line.outcome),
                clock(line.at),
                str(line.attempts or ""),
                ", ".join(line.confirmed_by),
                flat(line.evidence),
                line.note,
            )


def _departures(report: Report, text: Papers) -> Iterator[tuple[str, ...]]:
    for one in report.examined:
        for each in one.departures:
            what = text[each.what] if each.what in {"within", "within_working_time"} else each.what
            yield (
                one.item.key, _who(one.item), each.run, text.sort(each.sort), each.step, clock(each.at), what
            )  # fmt: skip


def _who(item: Item) -> str:
    return named(item.event.name, item.person) if item.event else item.person


def named(name: str, identity: str) -> str:
    """`Anna Berg (1051)`, or the id alone where no name is known."""
    return f"{name} ({identity})" if name and name != identity else identity


def clock(at: str) -> str:
    """A moment to the second, with its offset; what is no moment stays as it is."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (moment.strftime(" %z") if moment.utcoffset() else " UTC")


def span(length: timedelta) -> str:
    """`2d 3h 04m`; a minus where it was before the due moment."""
    minutes = round(abs(length.total_seconds()) / 60)
    days, rest = divmod(minutes, 24 * 60)
    text = f"{rest // 60}h {rest % 60:02}m"
    sign = "-" if length < timedelta() and minutes else ""
    return f"{sign}{days}d {text}" if days else f"{sign}{text}"


def flat(evidence: Json) -> str:
    """What was read back, on one line."""
    if not isinstance(evidence, dict):
        return "" if evidence is None else json.dumps(evidence, ensure_ascii=False)
    return " · ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in evidence.items()
        if value not in ("", None)
    )
