"""`ticket.open`: a new ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ticket.session import NEW, TicketSession, author_of, key_of, status_remaining
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.values import THIS

WITHDRAWN = "/undo"
"""Ends the key of the comment with which an undo closes a ticket."""


class OpenArgs(Args, frozen=True, kw_only=True):
    title: Annotated[str, msgspec.Meta(description="one line", min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(description="what it is about")] = ""
    queue: Annotated[str, msgspec.Meta(description="where it goes; the system's default if left out")] = ""
    requester: Annotated[str, msgspec.Meta(description="who asks, as the ticket system knows them")] = ""
    key: Annotated[
        str,
        msgspec.Meta(
            description="what recognises the ticket in later runs (one for each leaver and application, say); "
            "if left out, each run opens its own"
        ),
    ] = ""


@register
class Open(Action[OpenArgs]):
    """Open a ticket.

    With `key` there is one ticket for that key, whatever number of runs ask for it. Without
    it each run opens one; a step that is tried again finds its own and opens no second one.
    Undoing closes the ticket: what was written in it stays, and the next run with its key opens it again.
    """

    name = "ticket.open"
    rereads = False
    rights = Rights(read=("ShowTicket",), apply=("CreateTicket", "ModifyTicket"))
    Args = OpenArgs
    outputs: ClassVar[Mapping[str, str]] = {"id": "the ticket's number"}

    def reads(self, args: OpenArgs, facts: Facts) -> Sequence[Ref]:
        return (Ref("ticket.key", args.key),) if args.key else ()

    def plan(self, args: OpenArgs, facts: Facts) -> Change:
        found = facts.get(Ref("ticket.key", args.key)) if args.key else None
        after: dict[str, Json] = {"status": "open", "title": args.title, "text": args.text}
        after |= {name: value for name in ("queue", "requester") if (value := getattr(args, name))}
        # The same before and after: a run that was killed in between must know its own ticket again.
        target = f"ticket: {args.title}"
        if found is not None and _is_withdrawn(found):
            return self._again(target, str(found["id"]), str(found["title"]))
        if found is not None:
            return Change(
                action=self.name,
                target=target,
                identity=found["id"],
                before={"id": found["id"]},
                after={"id": found["id"]},
                says={
                    "en": f"Ticket {found['id']} exists already: {found['title']}",
                    "de": f"Ticket {found['id']} gibt es schon: {found['title']}",
                },
                outputs={"id": found["id"]},
            )
        return Change(
            action=self.name,
            target=target,
            before=None,
            after=after,
            says={"en": f"Open a ticket: {args.title}", "de": f"Ticket eröffnen: {args.title}"},
            outputs={"id": Deferred(THIS, "id")},
            writes=(NEW,),
        )

    def apply(self, session: TicketSession, args: OpenArgs, change: Change, ctx: Context) -> Evidence:
        after = dict(change.after or {})
        if change.identity is not None:
            return self._turned(session, change.identity, str(after["status"]), ctx)
        key = key_of(ctx, args.key)
        ticket = session.to_write(NEW).open(
            key=key,
            title=after["title"],
            text=after["text"],
            queue=after.get("queue", ""),
            requester=after.get("requester", ""),
        )
        return Evidence(
            answer={"id": ticket, "key": key, "status": "open"}, outputs={"id": ticket}, undo={"id": ticket}
        )

    @staticmethod
    def _turned(session: TicketSession, ticket: str, status: str, ctx: Context) -> Evidence:
        """Close a ticket that an undone run had opened, or open it once more."""
        desk, author = session.to_write(ticket), author_of(ctx)
        if status == "closed":
            text = "withdrawn: the run that opened this ticket was undone"
            desk.close(ticket, key=key_of(ctx, "") + WITHDRAWN, text=text, author=author)
            return Evidence(answer={"id": ticket, "status": status})
        text = "open again: the checklist is done once more"
        desk.reopen(ticket, key=key_of(ctx, ""), text=text, author=author)
        return Evidence(answer={"id": ticket, "status": status}, outputs={"id": ticket}, undo={"id": ticket})

    def _again(self, target: str, ticket: str, title: str) -> Change:
        return Change(
            action=self.name,
            target=target,
            identity=ticket,
            before={"status": "closed"},
            after={"status": "open"},
            says={
                "en": f"Ticket {ticket}, which was withdrawn, is opened again: {title}",
                "de": f"Ticket {ticket}, das zurückgezogen war, wird wieder geöffnet: {title}",
            },
            effects=(Effect(Ref("ticket.ticket", ticket), {"status": "open"}),),
            outputs={"id": ticket},
            writes=(ticket,),
        )

    def verify(self, session: TicketSession, args: OpenArgs, change: Change, evidence: Evidence) -> str:
        ref = Ref("ticket.ticket", str(evidence.answer["id"]))
        found = session.read([ref])[ref]
        if found is None or found["status"] != evidence.answer["status"]:
            return f"ticket {ref.key}, {evidence.answer['status']}"
        return ""

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        ticket = str(evidence.undo.get("id") or evidence.outputs.get("id") or "")
        if not ticket:
            return Irreversible(reason="nobody knows whether a ticket was opened, and which")
        return Change(
            action=self.name,
            target=f"ticket {ticket}",
            identity=ticket,
            before={"status": "open"},
            after={"status": "closed"},
            says={"en": f"Ticket {ticket} is closed again", "de": f"Ticket {ticket} wird wieder geschlossen"},
            writes=(ticket,),
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (Ref("ticket.ticket", str(back.identity)),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return status_remaining(back, facts)


def _is_withdrawn(ticket: Mapping[str, Json]) -> bool:
    """True where the last word on a closed ticket is that an undo closed it."""
    comments = ticket.get("comments") or ()
    return (
        ticket["status"] == "closed" and bool(comments) and str(list(comments)[-1]["key"]).endswith(WITHDRAWN)
    )
