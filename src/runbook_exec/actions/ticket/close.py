"""`ticket.close`: the ticket closed; the run's papers follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ticket.session import TicketSession, author_of, existing, key_of, status_remaining
from runbook_exec.change import Change, Effect, Evidence, Facts, Ref, narrow


class CloseArgs(Args, frozen=True, kw_only=True):
    ticket: Annotated[str | int, msgspec.Meta(description="the ticket's number: {{ run.ticket }}")]
    text: Annotated[str, msgspec.Meta(description="a last comment")] = ""
    checklist: Annotated[
        bool, msgspec.Meta(description="attach the run's checklist, plan and review once it is over")
    ] = True


@register
class Close(Action[CloseArgs]):
    """Close a ticket; once the run is over, its papers are attached to it.

    They are the checklist with what came of each item and when, the plan, and the draft of the review. They
    follow when the last item is settled, so that none of them says of a run that is over that it is under way.
    Undoing opens the ticket again; what is attached stays.
    """

    name = "ticket.close"
    rights = Rights(read=("ShowTicket",), apply=("ModifyTicket", "CommentOnTicket"))
    Args = CloseArgs

    def reads(self, args: CloseArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(str(args.ticket)),) if args.ticket else ()

    def plan(self, args: CloseArgs, facts: Facts) -> Change:
        number = str(args.ticket)
        ticket = existing(number, facts.get(_ref(number)))
        return _turned(number, str(ticket["status"]), "closed", str(ticket["title"]))

    def apply(self, session: TicketSession, args: CloseArgs, change: Change, ctx: Context) -> Evidence:
        number, key = str(change.identity), key_of(ctx, "")
        desk = session.to_write(number)
        if (change.after or {})["status"] == "open":  # taking it back
            desk.reopen(
                number, key=f"{key}/undo", text="open again: closing was undone", author=author_of(ctx)
            )
            return Evidence(answer={"ticket": number, "status": "open"})
        desk.close(number, key=key, text=args.text, author=author_of(ctx))
        return Evidence(answer={"ticket": number, "status": "closed", "checklist": args.checklist})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return _turned(str(change.identity), "closed", "open", "")

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(str(back.identity)),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return status_remaining(back, facts)


def _turned(number: str, now: str, status: str, title: str) -> Change:
    before, after = narrow({"status": now}, {"status": status})
    about = f": {title}" if title else ""
    words = {"closed": ("is closed", "wird geschlossen"), "open": ("is opened again", "wird wieder geöffnet")}
    if not after:
        words = {"closed": ("is closed already", "ist schon geschlossen"), "open": ("is open", "ist offen")}
    return Change(
        action=Close.name,
        target=f"ticket {number}",
        identity=number,
        before=before,
        after=after,
        says={
            "en": f"Ticket {number} {words[status][0]}{about}",
            "de": f"Ticket {number} {words[status][1]}{about}",
        },
        effects=(Effect(_ref(number), after),) if after else (),
        writes=(number,),
    )


def _ref(number: str) -> Ref:
    return Ref("ticket.ticket", number)
