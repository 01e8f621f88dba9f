"""What a run left outside the journal, which erasing a key does not reach. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from runbook_exec.run import Run, StepRecord, StepStatus


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Something of a run that is somewhere else: of what kind, and where to look."""

    run: str
    kind: str
    """ticket, mail, or the provider whose far side was changed."""
    number: str = ""
    """Of a ticket."""
    count: int = 1

    def body(self) -> dict[str, str | int]:
        """As the record of an erasure keeps it: numbers and kinds, no names."""
        told: dict[str, str | int] = {"run": self.run, "kind": self.kind, "count": self.count}
        return {**told, "number": self.number} if self.number else told


def traces(run: Run) -> Iterator[Trace]:
    """Tickets by number, mails, and how often each other far side was changed."""
    tickets: Counter[str] = Counter()
    others: Counter[str] = Counter()
    if run.started.get("ticket"):
        tickets[str(run.started["ticket"])] += 1
    for record in run.steps.values():
        kind = str((record.change or {}).get("action", "")).partition(".")[0]
        if not kind or not _may_have_happened(record):
            continue
        number = _ticket(record) if kind == "ticket" else ""
        if number:
            tickets[number] += 1
        else:
            others[kind] += 1
    for number, count in sorted(tickets.items()):
        yield Trace(run=run.id, kind="ticket", number=number, count=count)
    for kind, count in sorted(others.items()):
        yield Trace(run=run.id, kind=kind, count=count)


def _may_have_happened(record: StepRecord) -> bool:
    return record.happened or record.status is StepStatus.BEGUN


def _ticket(record: StepRecord) -> str:
    found = record.evidence.get("ticket") or record.evidence.get("id") or record.outputs.get("id")
    return found if isinstance(found, str) else ""
