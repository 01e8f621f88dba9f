"""The report as a page to read and to print: the same look as a plan, no script, everything escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runbook_exec.audit.evidence import Report
from runbook_exec.audit.exam import Examined, Glass
from runbook_exec.audit.limits import limits
from runbook_exec.audit.tables import Table, clock, named, span
from runbook_exec.audit.words import Papers
from runbook_exec.plan_html import template

_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One item on the page."""

    title: str
    facts: tuple[tuple[str, str], ...]
    departures: tuple[str, ...]
    tables: tuple[tuple[str, Table], ...]


def page(report: Report, tables: Mapping[str, Table], digests: Mapping[str, str], text: Papers) -> str:
    """The whole page; `digests` are the SHA-256 of the files beside it."""
    return template("evidence.html.j2").render(
        report=report,
        text=text,
        facts=tuple(_facts(report, text)),
        summary=summary(report, text),
        limits=tuple(limits(report, text)),
        departures=tables["departures"],
        population=tables["population"],
        items=[_shown(one, tables, text) for one in report.examined],
        files=tuple(digests.items()),
    )


def summary(report: Report, text: Papers) -> str:
    """The report in one line."""
    total, examined = len(report.census.items), len(report.examined)
    parts = [
        text.either(f"{total} in the population", f"{total} in der Grundgesamtheit"),
        text.either(f"{examined} examined", f"{examined} geprüft"),
    ]
    if report.has_source:
        parts.append(text.either(f"{report.without_run} without a run", f"{report.without_run} ohne Lauf"))
        parts.append(
            text.either(f"{report.without_event} without an event", f"{report.without_event} ohne Ereignis")
        )
    parts.append(text.either(f"{report.departed} with departures", f"{report.departed} mit Abweichungen"))
    return f"{text.duty(report.duty)}: " + ", ".join(parts)


def _facts(report: Report, text: Papers) -> Iterator[tuple[str, str]]:
    yield text["client"], report.client
    yield text["period"], f"{report.since} – {report.until}"
    yield text["source"], report.source.name or text["journal alone"]
    yield text["made"], clock(report.as_of.isoformat())
    hours = report.hours
    holidays = text.either(f", {len(hours.holidays)} holidays", f", {len(hours.holidays)} Feiertage")
    yield (
        text["hours"],
        f"{hours.opens:%H:%M}–{hours.closes:%H:%M}, {len(hours.days)} "
        + text.either("days a week", "Tage die Woche")
        + f", {hours.zone.key}"
        + (holidays if hours.holidays else ""),
    )
    yield text["sample"], text["whole"] if report.draw.whole else str(len(report.examined))


def _shown(one: Examined, tables: Mapping[str, Table], text: Papers) -> Shown:
    item = one.item
    who = named(item.event.name, item.person) if item.event else item.person
    own = tuple(_own(one, tables, text))
    return Shown(
        title=f"{item.key} – {who or text['erased']}",
        facts=tuple((name, value) for name, value in _about(one, text) if value),
        departures=tuple(_said(one, text)),
        tables=own,
    )


def _about(one: Examined, text: Papers) -> Iterator[tuple[str, str]]:
    main, timing = one.main, one.timing
    if one.item.event:
        yield text["event"], f"{one.item.event.id}, {one.item.event.day}"
    if main:
        yield text["run"], main.run.id
        yield text["runbook"], main.begun.runbook
        yield text["standing"], text.standing(main.run.status)
        yield text["requester"], main.begun.requester
        yield text["ticket"], " ".join(one.tickets)
        yield text["begun"], clock(main.run.started_at)
        yield text["ended"], clock(main.run.ended_at)
        yield text["plan"], str(main.run.plan.get("digest", ""))[:32]
    if timing:
        yield text["due"], clock(timing.due.isoformat())
        what = text["locked"] if one.item.event and one.item.event.duty == "leaver" else text["done at"]
        yield what, clock(timing.at) or text["not yet"]
        if timing.tells:
            yield text["calendar"], span(timing.calendar)
            yield text["working"], span(timing.working)
    if one.glass:
        yield from _glass(one.glass, text)


def _glass(glass: Glass, text: Papers) -> Iterator[tuple[str, str]]:
    broken = glass.decision
    yield text["glass"], f"{named(glass.name, broken.person)}, {clock(broken.at)}: {broken.reason}"
    yield text["alerted"], ", ".join(glass.alerted) or text["none"]
    yield text["covered"], ", ".join(glass.covered) or text["none"]
    review = glass.review
    yield (
        text["review"],
        f"{named(glass.reviewer, review.person)}, {clock(review.at)}: {review.reason}"
        if review
        else text["no review"],
    )


def _said(one: Examined, text: Papers) -> Iterator[str]:
    for each in one.departures:
        what = text[each.what] if each.what in {"within", "within_working_time"} else each.what
        yield ", ".join(filter(None, (text.sort(each.sort), each.step, clock(each.at), what)))


def _own(one: Examined, tables: Mapping[str, Table], text: Papers) -> Iterator[tuple[str, Table]]:
    """What the big tables hold about this item, without the columns that the page says already, or that are empty."""
    for name in ("approvals", "lines"):
        whole = tables[name]
        rows = [row[2:] for row in whole.rows if row[0] == one.item.key]
        used = [n for n in range(len(whole.headings) - 2) if any(row[n] for row in rows)]
        if rows:
            yield (
                text[name],
                Table(
                    name=name,
                    headings=tuple(whole.headings[n + 2] for n in used),
                    rows=tuple(tuple(_short(row[n]) for n in used) for row in rows),
                ),
            )


def _short(cell: str) -> str:
    """A digest by its beginning; the whole one stands in the CSV file."""
    return f"{cell[:16]}…" if _DIGEST.fullmatch(cell) else cell
