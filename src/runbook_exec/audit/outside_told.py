"""What was changed outside, for people, for programs and for a spreadsheet. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook_exec.audit.outside import Outside
from runbook_exec.audit.reconcile import Reconciled
from runbook_exec.audit.tables import Table, clock
from runbook_exec.audit.words import Papers

_HEADINGS = {
    "en": ("When", "Side", "Object", "Id", "What", "How", "Value", "By", "Application", "Runs about it", "Note", "Mark"),
    "de": ("Wann", "Seite", "Objekt", "Id", "Was", "Wie", "Wert", "Von", "Anwendung", "Läufe dazu", "Hinweis", "Nummer"),
}  # fmt: skip


_HOW = {
    "created": "angelegt",
    "changed": "geändert",
    "added": "hinzugefügt",
    "removed": "entfernt",
    "deleted or restored": "gelöscht oder zurückgeholt",
}
"""Our own words for what happened, in German; a far side's words stay as they are."""


def lines(found: Reconciled, text: Papers) -> Iterator[str]:
    """The text for a terminal: the changes, then the sums, then what cannot be seen."""
    say = text.either
    by_object: dict[tuple[str, str], list[Outside]] = {}
    for each in found.outside:
        by_object.setdefault((each.change.side, each.change.object), []).append(each)
    for (side, name), some in by_object.items():
        yield f"{name} [{side}]"
        for each in some:
            yield f"  {clock(each.change.at)}  {_sentence(each, text)}"
            if note := _note(each, text):
                yield f"      {note}"
    if found.outside:
        yield ""
    yield summary(found, text)
    for limit in found.limits:
        yield f"  {text.said(limit)}"
    for unread in found.unread:
        yield say(
            f"  NOT READ: {unread.side}: {unread.what}\n    next: {unread.next_move}",
            f"  NICHT GELESEN: {unread.side}: {unread.what}\n    als Nächstes: {unread.next_move}",
        )


def summary(found: Reconciled, text: Papers) -> str:
    """The sums, in one line."""
    outside, held = len(found.outside), found.held
    sides = ", ".join(found.sides) or text["none"]
    return text.either(
        f"{found.environment}, {found.since} – {found.until}, read: {sides}: {outside} outside of the journal, "
        f"{held.explained} explained by runs ({found.runs}), {held.synced} by the directory synchronisation",
        f"{found.environment}, {found.since} – {found.until}, gelesen: {sides}: {outside} außerhalb des Journals, "
        f"{held.explained} durch Läufe ({found.runs}) erklärt, {held.synced} durch den Verzeichnisabgleich",
    )


def _sentence(each: Outside, text: Papers) -> str:
    change = each.change
    who = change.by or text.either("by somebody", "von jemandem")
    value = f" {change.value}" if change.value else ""
    return f"{change.what}: {text.either(change.how, _HOW.get(change.how, change.how))}{value} ({who})"


def _note(each: Outside, text: Papers) -> str:
    """What makes a change remarkable: our own application, or a run at the same time."""
    parts = []
    if each.erased:
        gone = ", ".join(each.erased)
        parts.append(
            text.either(
                f"at the time ran {gone}, erased since: it may have made it, and nobody can tell any more",
                f"zu dieser Zeit lief {gone}, seither gelöscht: Er kann es gewesen sein, was niemand mehr weiß",
            )
        )
    elif each.ours:
        parts.append(
            text.either(
                "made by OUR application, and no run explains it: who has its secret?",
                "von UNSERER Anwendung, und kein Lauf erklärt es: Wer hat ihr Geheimnis?",
            )
        )
    if each.runs:
        runs = ", ".join(each.runs)
        parts.append(
            text.either(
                f"a run was about it at the time: {runs}", f"zu dieser Zeit ging ein Lauf darum: {runs}"
            )
        )
    return "; ".join(parts)


def document(found: Reconciled, text: Papers) -> dict[str, Any]:
    """The same for programs."""
    return {
        "environment": found.environment,
        "from": found.since.isoformat(),
        "to": found.until.isoformat(),
        "read": list(found.sides),
        "explained": found.held.explained,
        "synchronised": found.held.synced,
        "runs": found.runs,
        "outside": [
            {
                "at": each.change.at,
                "side": each.change.side,
                "object": each.change.object,
                "id": each.change.identity,
                "what": each.change.what,
                "how": each.change.how,
                "value": each.change.value,
                "by": each.change.by,
                "application": each.change.application,
                "our_application": each.ours,
                "runs": list(each.runs),
                "erased_runs": list(each.erased),
                "mark": each.change.mark,
            }
            for each in found.outside
        ],
        "limits": [text.said(limit) for limit in found.limits],
        "not_read": [{"side": u.side, "what": u.what, "next": u.next_move} for u in found.unread],
    }


def table(found: Reconciled, text: Papers) -> Table:
    """The same for a spreadsheet."""
    return Table(
        name="outside",
        headings=_HEADINGS[text.language],
        rows=tuple(
            (
                clock(each.change.at), each.change.side, each.change.object, each.change.identity, each.change.what,
                each.change.how, each.change.value, each.change.by, each.change.application,
                " ".join(each.runs), _note(each, text), each.change.mark,
            )
            for each in found.outside
        ),
    )  # fmt: skip
