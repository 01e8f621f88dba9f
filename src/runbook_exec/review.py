"""The draft of a blameless report on a run, as Markdown. Pure.

Timeline, what the checklist caught, what it missed, contributing causes by the five-whys form, the
proposed change as a diff. People appear by what they did for the run, never by name: the report
asks what made it easy to go wrong. Remarks and reasons are quoted as they were written, so
whoever finishes the draft takes names out of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_exec import amend, findings
from runbook_exec.findings import Finding, Sort
from runbook_exec.journal import Event, Kind
from runbook_exec.model import Runbook
from runbook_exec.report import WORDS, plain, titled
from runbook_exec.review_words import CAUSES, SAID
from runbook_exec.run import Run

WHYS = 5


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a report is written from."""

    run: Run
    runbook: Runbook
    events: Sequence[Event]
    found: Sequence[Finding]
    waited: timedelta
    """How much of the time somebody was waited for, or a far side."""
    diff: str
    unplaced: Sequence[amend.Amendment]
    """Proposals that the text has no line for."""

    @property
    def took(self) -> timedelta:
        return _at(self.events[-1].at) - _at(self.events[0].at)


def review(run: Run, runbook: Runbook, events: Sequence[Event], loads: Callable[[str], bool]) -> Review:
    """Everything that the journal can say; `loads` tells whether a text is still a runbook."""
    found = findings.findings(events)
    proposed = amend.amendments(found, runbook)
    source = str(run.started.get("source", ""))
    diff, unplaced = amend.diff(source, runbook.file, proposed, loads)
    return Review(
        run=run,
        runbook=runbook,
        events=events,
        found=found,
        waited=_waited(events),
        diff=diff,
        unplaced=unplaced,
    )


def draft(seen: Review, language: str) -> str:
    """The report as Markdown, to be finished by people. Texts from outside cannot become markup."""
    words = SAID.get(language, SAID["en"])
    parts = [
        _head(seen, words, language),
        _timeline(seen, words, language),
        _told(
            words["caught"], words["nothing caught"], [f for f in seen.found if f.is_caught], seen, language
        ),
        _told(
            words["missed"],
            words["nothing missed"],
            [f for f in seen.found if not f.is_caught],
            seen,
            language,
        ),
        _remarks(seen, words),
        _causes(seen, words, language),
        _change(seen, words),
        f"## {words['follow up']}\n\n| {words['what']} | {words['role']} | {words['due']} |\n|---|---|---|\n| | | |\n",
    ]
    return "\n".join(part for part in parts if part)


def _head(seen: Review, words: Mapping[str, str], language: str) -> str:
    run, runbook = seen.run, seen.runbook
    statuses: Mapping[str, str] = WORDS.get(language, WORDS["en"])["statuses"]  # type: ignore[assignment]
    rows = [
        f"- {words['run']}: {run.id}, {runbook.name} ({runbook.digest[:12]}), {run.started.get('environment', '')}",
        f"- {words['ended']}: {statuses.get(run.status.value, run.status.value)}",
        f"- {words['when']}: {_minute(seen.events[0].at)} – {_minute(seen.events[-1].at)} UTC",
        f"- {words['took']}: {length(seen.took)}, {words['of which']} {length(seen.waited)}",
        f"- {words['record']}: {len(seen.events)} {words['events']} {run.head[:16]}",
    ]
    return (
        f"# {words['title']}: {plain(titled(runbook.title, language))}\n\n> {words['draft']}\n\n"
        + "\n".join(rows)
        + "\n"
    )


def _timeline(seen: Review, words: Mapping[str, str], language: str) -> str:
    titles = {step.id: titled(step.title, language) for step in seen.runbook.steps()}
    start = _at(seen.events[0].at)
    lines: list[str] = []
    quiet: list[str] = []
    troubled = {finding.step for finding in seen.found if finding.step}

    def flush() -> None:
        if quiet:
            text = words["item done"] if len(quiet) == 1 else words["items done"].format(len(quiet))
            lines.append(f"- {quiet[0]}{f' – {quiet[-1]}' if quiet[-1] != quiet[0] else ''} {text}")
            quiet.clear()

    for event in seen.events:
        told = words.get(f"event {event.kind}", "")
        step = str(event.body.get("step", event.body.get("gate", "")))
        offset = f"+{length(_at(event.at) - start)}"
        if event.kind in _QUIET and step not in troubled:
            quiet.append(offset)
        elif told:
            flush()
            title = titles.get(step.partition("[")[0], "")
            lines.append(f"- {offset} {told}{f': {plain(title)}' if title else ''}")
    flush()
    return f"## {words['timeline']}\n\n" + "\n".join(lines) + "\n"


_QUIET = frozenset({Kind.RESULT, Kind.ADOPTED, Kind.SKIPPED})


def _told(title: str, nothing: str, found: Sequence[Finding], seen: Review, language: str) -> str:
    lines = [f"- {line}" for line in _sentences(found, seen, language)] or [nothing]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _sentences(found: Sequence[Finding], seen: Review, language: str) -> Iterator[str]:
    words = SAID.get(language, SAID["en"])
    for finding in found:
        item = _item(finding, seen.runbook, language)
        what = f" „{plain(finding.what)}“" if language == "de" and finding.what else ""
        what = f" “{plain(finding.what)}”" if language != "de" and finding.what else what
        settled = ""
        if finding.step and finding.is_caught and finding.sort is not Sort.ADOPTED:
            settled = (
                f" {words['settled'].format(length(_at(finding.settled) - _at(finding.at)))}"
                if finding.settled
                else f" {words['not settled']}"
            )
        yield f"**{words[f'sort {finding.sort.value}']}**{f' ({item})' if item else ''}.{what}{settled}"


def _item(finding: Finding, runbook: Runbook, language: str) -> str:
    titles = {step.id: titled(step.title, language) for step in runbook.steps()}
    return plain(titles.get(finding.step.partition("[")[0], finding.step))


def _remarks(seen: Review, words: Mapping[str, str]) -> str:
    notes = [event for event in seen.events if event.kind == Kind.NOTED]
    if not notes:
        return ""
    lines = [f"- {_minute(event.at)}: {plain(str(event.body.get('text', '')))}" for event in notes]
    return f"## {words['remarks']}\n\n" + "\n".join(lines) + "\n"


def _causes(seen: Review, words: Mapping[str, str], language: str) -> str:
    """One form for each cause that took somebody's attention; the first why is drafted, the rest are for people."""
    grave = [f for f in seen.found if f.sort is not Sort.ADOPTED]
    if not grave:
        return f"## {words['causes']}\n\n{words['no causes']}\n"
    causes = CAUSES.get(language, CAUSES["en"])
    parts = [f"## {words['causes']}\n\n{words['ask']}\n"]
    for number, finding in enumerate(grave, 1):
        item = _item(finding, seen.runbook, language)
        head = f"{words[f'sort {finding.sort.value}']}{f' ({item})' if item else ''}"
        whys = [f"1. {words['why']}? {causes[finding.sort]}"]
        whys += [f"{n}. {words['why']}? …" for n in range(2, WHYS + 1)]
        parts.append(f"### {number}. {head}\n\n" + "\n".join(whys) + "\n")
    return "\n".join(parts)


def _change(seen: Review, words: Mapping[str, str]) -> str:
    parts = [f"## {words['change']}\n"]
    if seen.diff:
        fence = "````"
        parts.append(f"{fence}diff\n{seen.diff.replace(fence, '')}{fence}\n")
    parts += [f"- `{a.step}`: {plain(a.insert.removeprefix('# '))}" for a in seen.unplaced]
    if not seen.diff and not seen.unplaced:
        parts.append(words["no change"] + "\n")
    return "\n".join(parts)


def _waited(events: Sequence[Event]) -> timedelta:
    """The time between a wait and whatever came next, in sum."""
    waits = {Kind.WAITING, Kind.GATE}
    stops = {Kind.STOPPED, Kind.NOTED, Kind.DECIDED, *waits}
    total, since = timedelta(), None
    for event in events:
        if since is not None and event.kind not in stops:
            total += _at(event.at) - since
            since = None
        if event.kind in waits and since is None:
            since = _at(event.at)
    return total


def length(span: timedelta) -> str:
    """A span as people say it, two units at most: `3 d 4 h`, `12 min 5 s`, `0 s`."""
    left = max(int(span.total_seconds()), 0)
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _minute(at: str) -> str:
    return _at(at).strftime("%Y-%m-%d %H:%M")
