"""`ticket.comment`: a comment on a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ticket.session import TicketSession, author_of, existing, key_of
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref


class CommentArgs(Args, frozen=True, kw_only=True):
    ticket: Annotated[str | int, msgspec.Meta(description="the ticket's number: {{ run.ticket }}")]
    text: Annotated[str, msgspec.Meta(description="what it says", min_length=1)]
    key: Annotated[
        str,
        msgspec.Meta(
            description="what recognises the comment in later runs; if left out, each run writes its own"
        ),
    ] = ""


@register
class Comment(Action[CommentArgs]):
    """Write a comment on a ticket.

    Each comment carries a key (run and step, or `key`), and is read back by it: a step that
    is tried again after an interruption writes no second one. A comment stays; it cannot be
    taken back.
    """

    name = "ticket.comment"
    undoable = False
    rereads = False
    rights = Rights(read=("ShowTicket",), apply=("CommentOnTicket",))
    Args = CommentArgs
    outputs: ClassVar[Mapping[str, str]] = {"key": "the comment's key"}

    def reads(self, args: CommentArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args),) if args.ticket else ()

    def plan(self, args: CommentArgs, facts: Facts) -> Change:
        number = str(args.ticket)
        ticket = existing(number, facts.get(_ref(args)))
        comments: list[dict[str, Json]] = list(ticket["comments"])
        there = bool(args.key) and any(comment["key"] == args.key for comment in comments)
        after = {"comment": args.text}
        laid = [*comments, {"key": args.key, "author": "", "text": args.text, "at": ""}]
        return Change(
            action=self.name,
            target=f"ticket {number}",
            identity=number,
            before=after if there else {"comment": None},
            after=after,
            says={
                "en": f"Comment on ticket {number}: {_short(args.text)}",
                "de": f"Kommentar zu Ticket {number}: {_short(args.text)}",
            },
            effects=() if there else (Effect(_ref(args), {"comments": laid}),),
            outputs={"key": args.key} if there else {},
            writes=(number,),
        )

    def apply(self, session: TicketSession, args: CommentArgs, change: Change, ctx: Context) -> Evidence:
        number, key = str(args.ticket), key_of(ctx, args.key)
        text = str((change.after or {})["comment"])
        session.to_write(number).comment(number, key=key, text=text, author=author_of(ctx))
        return Evidence(answer={"ticket": number, "key": key}, outputs={"key": key})

    def verify(self, session: TicketSession, args: CommentArgs, change: Change, evidence: Evidence) -> str:
        found = session.read([_ref(args)])[_ref(args)]
        keys = [comment["key"] for comment in found["comments"]] if found else []
        return "" if evidence.answer["key"] in keys else "the comment"

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a comment stays on the ticket")


def _ref(args: CommentArgs) -> Ref:
    return Ref("ticket.ticket", str(args.ticket))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
