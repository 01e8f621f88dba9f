"""A run as people read it: the checklist with what happened, as rows and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from runbook_exec.catalogue import said_in
from runbook_exec.change import Words
from runbook_exec.fidelity import Fidelity, Outcome, measure
from runbook_exec.model import Mode, Runbook, Step
from runbook_exec.run import Run, RunStatus, StepRecord, StepStatus
from runbook_exec.visible import visible

MARKS = {
    StepStatus.PENDING: "·",
    StepStatus.BEGUN: "…",
    StepStatus.WAITING: "⏸",
    StepStatus.DONE: "✓",
    StepStatus.SKIPPED: "–",
    StepStatus.FAILED: "✗",
    StepStatus.DRIFTED: "≠",
    StepStatus.LEFT: "∅",
    StepStatus.UNDONE: "↶",
    StepStatus.DEFERRED: "◷",
    StepStatus.NEVER: "⊘",
}

WORDS = {
    "en": {
        "done": "done",
        "same": "already so",
        "by": "confirmed by",
        "skipped": "not needed",
        "pending": "for a person",
        "begun": "begun, not settled",
        "under way": "under way",
        "waiting": "waits",
        "failed": "failed",
        "drifted": "no longer as planned",
        "undone": "taken back",
        "deferred": "put off until {}, {} sees to it: {}",
        "never": "never to be done: {}",
        "fidelity": "Planned against done",
        "of": "{} of {} lines came out exactly as planned",
        "adopted": "{} done by somebody else",
        "re-planned": "{} planned anew",
        "in doubt": "{} in doubt for a time",
        "by hand": "{} by a person's word",
        "not done": "{} not done",
        "otherwise": "{} otherwise",
        "defect": "DEFECT: planned for certain, and came out otherwise: {}",
        "run": "Run",
        "runbook": "Runbook",
        "requester": "Started by",
        "environment": "Environment",
        "plan": "Plan",
        "status": "Status",
        "step": "Step",
        "result": "Result",
        "when": "When",
        "statuses": {},
    },
    "de": {
        "done": "erledigt",
        "same": "war schon so",
        "by": "bestätigt von",
        "skipped": "nicht nötig",
        "pending": "für einen Menschen",
        "begun": "begonnen, ungeklärt",
        "under way": "in Arbeit",
        "waiting": "wartet",
        "failed": "fehlgeschlagen",
        "drifted": "nicht mehr wie geplant",
        "undone": "zurückgenommen",
        "deferred": "verschoben bis {}, {} kümmert sich: {}",
        "never": "wird nie erledigt: {}",
        "fidelity": "Geplant und getan",
        "of": "{} von {} Zeilen kamen genau wie geplant",
        "adopted": "{} hatte schon jemand anders getan",
        "re-planned": "{} neu geplant",
        "in doubt": "{} zeitweise ungeklärt",
        "by hand": "{} durch das Wort eines Menschen",
        "not done": "{} nicht getan",
        "otherwise": "{} anders",
        "defect": "FEHLER: als sicher geplant und anders gekommen: {}",
        "run": "Lauf",
        "runbook": "Checkliste",
        "requester": "Gestartet von",
        "environment": "Umgebung",
        "plan": "Plan",
        "status": "Stand",
        "step": "Punkt",
        "result": "Ergebnis",
        "when": "Wann",
        "statuses": {
            "running": "läuft",
            "waiting": "wartet",
            "stopped": "angehalten",
            "failed": "fehlgeschlagen",
            "drifted": "nicht mehr wie geplant",
            "refused": "abgelehnt",
            "in doubt": "ungeklärt",
            "done": "erledigt",
            "cancelled": "abgebrochen",
            "being undone": "wird zurückgenommen",
            "undone": "zurückgenommen",
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One checklist item and where it stands."""

    step: str
    section: int
    title: str
    status: StepStatus
    says: str
    """What happened, or is wrong, in a few words."""
    ended_at: str = ""
    begun_at: str = ""


def rows(run: Run, runbook: Runbook, language: str) -> Iterator[Row]:
    """Every item in written order; a `for_each` gives one row for each of its elements."""
    for number, section in enumerate(runbook.sections):
        for step in section.steps:
            records = run.records_of(step.id) or {step.id: StepRecord()}
            for label, record in sorted(records.items(), key=lambda item: _index(item[0])):
                yield Row(
                    step=label,
                    section=number,
                    title=titled(step.title, language),
                    status=record.status,
                    says=_says(record, step, language, running=run.status is RunStatus.RUNNING),
                    ended_at=record.ended_at,
                    begun_at=record.begun_at,
                )


def titled(words: Words, language: str) -> str:
    """The text in a language, or in the first one there is."""
    return words.get(language) or next(iter(words.values()), "")


def story(run: Run, runbook: Runbook, language: str) -> str:
    """The whole checklist as Markdown, for a ticket. Texts from outside cannot become markup."""
    words = WORDS.get(language, WORDS["en"])
    started = run.started
    status = words["statuses"].get(run.status.value, run.status.value)  # type: ignore[attr-defined]
    head = [
        f"# {plain(titled(runbook.title, language))}",
        "",
        f"- {words['run']}: {run.id}",
        f"- {words['runbook']}: {runbook.name} ({runbook.digest[:12]})",
        f"- {words['requester']}: {plain(str(started.get('requester', '')))}",
        f"- {words['environment']}: {started.get('environment', '')}",
        f"- {words['plan']}: {run.plan.get('digest', '')}",
        f"- {words['status']}: {status}",
        f"- {words['fidelity']}: {'. '.join(fidelity_words(measure(run), language))}",
    ]
    body: list[str] = []
    section = -1
    for row in rows(run, runbook, language):
        if row.section != section:
            section = row.section
            body += ["", f"## {plain(titled(runbook.sections[section].title, language))}", ""]
        when = f" ({_clock(row.ended_at)})" if row.ended_at else ""
        says = f": {plain(row.says)}" if row.says else ""
        body.append(f"- {MARKS[row.status]} {plain(row.title)}{says}{when}")
    return "\n".join([*head, *body, ""])


def fidelity_words(figure: Fidelity, language: str) -> list[str]:
    """The figure of a run in one sentence, and a second one where there is a defect."""
    words = WORDS.get(language, WORDS["en"])
    told = [str(words["of"]).format(figure.count(Outcome.AS_PLANNED), figure.total)]
    told += [
        str(words[outcome.value]).format(figure.count(outcome))
        for outcome in Outcome
        if outcome is not Outcome.AS_PLANNED and figure.count(outcome)
    ]
    defect = [str(words["defect"]).format(", ".join(figure.defects))] if figure.defects else []
    return ["; ".join(told), *defect]


def _says(record: StepRecord, step: Step, language: str, *, running: bool) -> str:
    words = WORDS.get(language, WORDS["en"])
    match record.status:
        case StepStatus.DONE:
            return _done(record, step, language)
        case StepStatus.SKIPPED | StepStatus.UNDONE:
            return str(words[record.status.value])
        case StepStatus.FAILED | StepStatus.DRIFTED:
            return said_in(str((record.error or {}).get("what", words[record.status.value])), language)
        case StepStatus.DEFERRED | StepStatus.NEVER:
            return _put_off(record, words)
        case StepStatus.WAITING | StepStatus.LEFT:
            return said_in(record.note, language)
        case StepStatus.BEGUN:
            return str(words["under way"] if running else words["begun"])
    return "" if step.mode is Mode.AUTO else str(words["pending"])


def _done(record: StepRecord, step: Step, language: str) -> str:
    words = WORDS.get(language, WORDS["en"])
    if step.gate:
        return said_in(record.note, language)
    if not record.changed:
        return str(words["same"])
    if record.evidence.get("who"):
        return f"{words['by']} {record.evidence['who']}"
    said = titled(record.change.get("says", {}), language) if record.change else ""
    return said or str(words["done"])


def _put_off(record: StepRecord, words: Mapping[str, object]) -> str:
    d, told = record.deferral, str(words[record.status.value])
    if record.status is StepStatus.NEVER or d is None:
        return told.format(record.note)
    return told.format(d.until, d.owner, d.reason)


def plain(text: str) -> str:
    """One line in which nothing is Markdown, HTML or invisible."""
    shown = visible(" ".join(text.split()))
    for character in "\\`*_[]<>#|~&":
        shown = shown.replace(character, "\\" + character)
    # some renderers make a link of whatever looks like an address
    return shown.replace("://", ":\\//").replace("www.", "www\\.")


def _clock(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def _index(label: str) -> int:
    number = label.partition("[")[2].rstrip("]")
    return int(number) if number else 0
