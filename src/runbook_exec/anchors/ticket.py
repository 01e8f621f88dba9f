"""An anchor in the ticket system: a comment for each checkpoint, on one ticket that stays open.

People see it, notifications carry it away, and the ticket system's own backups keep it. Whoever runs the ticket
system can edit comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from runbook_exec.action import Finding
from runbook_exec.anchors import Fetched, Place, Receipt, Signed, checked, read_line, receipt
from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, Refused
from runbook_exec.tickets import open_desk

WHERE = "blackbox.anchors, ticket"
KEY = "blackbox-anchor"
"""By which our ticket is found again where settings name none."""

_MARK = "checkpoint-"
_SAYS = """\
Checkpoint {number} of the black box, signed. Please leave this comment as it is: an auditor compares it with the journal.
Prüfpunkt {number} der Blackbox, signiert. Bitte unverändert stehen lassen: Prüfer vergleichen ihn mit dem Journal.

{line}"""


def opened(settings: Mapping[str, Json], place: Place) -> TicketAnchor:
    """Keys: `number` of a ticket, else one of our own is opened; `queue` for that one; `environment`."""
    checked(settings, WHERE, needed=(), known=("number", "queue", "environment"))
    if place.ticket is None:
        raise Invalid(
            "there is no connection to a ticket system",
            where=WHERE,
            next_move="add connections.ticket to the environment, or name another: environment: NAME",
        )
    return TicketAnchor(
        connection=place.ticket,
        client=place.client,
        number=str(settings.get("number", "")),
        queue=str(settings.get("queue", "")),
    )


@dataclass(frozen=True, kw_only=True)
class TicketAnchor:
    """One ticket that collects checkpoints."""

    connection: Mapping[str, Json]
    client: str
    number: str
    queue: str
    kind: str = "ticket"
    keeps: bool = True

    @property
    def name(self) -> str:
        return f"ticket {self.number}" if self.number else "ticket of the black box"

    def put(self, signed: Signed, now: datetime) -> Receipt:
        with open_desk(self.connection, write=True) as desk:
            number = self.number or desk.open(
                key=KEY,
                title="Black box: checkpoints / Prüfpunkte",
                text="Each comment is a signed checkpoint of the journal. Keep this ticket open.\n"
                "Jeder Kommentar ist ein signierter Prüfpunkt des Journals. Das Ticket bleibt offen.",
                queue=self.queue,
                requester="runbook",
            )
            text = _SAYS.format(number=signed.number, line=signed.line())
            desk.comment(number, key=signed.name, text=text, author="runbook")
            state = desk.read(number) or {"comments": []}
        for comment in state["comments"]:
            found = _copy(comment["text"]) if comment["key"] == signed.name else None
            if found and found["hash"] == signed.hash:
                return receipt(self, signed, now, ticket=number, seen_at=comment["at"])
        raise Failed(
            f"ticket {number} shows another text for checkpoint {signed.number}",
            where=self.name,
            next_move="somebody changed that comment: ask the ticket system's history who",
        )

    def fetch(self) -> Fetched:
        receipts, unreadable = [], []
        with open_desk(self.connection, write=False) as desk:
            number = self.number or desk.find_by_key(KEY)
            state = desk.read(number) if number else None
        for comment in (state or {"comments": []})["comments"]:
            found = _copy(comment["text"])
            if found is not None:
                at = comment["at"]
                about = {"kind": self.kind, "anchor": self.name, "ticket": number, "seen_at": at, "at": at}
                receipts.append({**found, **about})
            elif str(comment["key"]).startswith(_MARK):
                unreadable.append(f"comment {comment['key']} of ticket {number}")
        return Fetched(receipts=tuple(receipts), unreadable=tuple(unreadable))

    def check(self) -> list[Finding]:
        with open_desk(self.connection, write=False) as desk:
            found = [Finding(ok=True, what=desk.about())]
            if self.number and desk.read(self.number) is None:
                raise Refused(
                    f"there is no ticket {self.number}",
                    where=WHERE,
                    next_move="correct number: in runbook.yaml",
                )
        what = "whoever runs the ticket system can edit or delete comments; its own history would tell"
        return [*found, Finding(ok=True, known=False, what=what)]


def _copy(text: str) -> Receipt | None:
    """The copy in a comment, wherever the ticket system put line ends and words around it."""
    for line in text.splitlines():
        found = read_line(line.strip())
        if found is not None:
            return found
    return None
