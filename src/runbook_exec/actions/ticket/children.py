"""`ticket.children`: a ticket for each of several things, told on the ticket that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ticket.session import NEW, TicketSession, author_of, existing
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.errors import Invalid
from runbook_exec.values import THIS
from runbook_exec.way_back import remaining

WITHDRAWN = "withdrawn: the run that opened this ticket was undone"


class Child(Args, frozen=True, kw_only=True):
    key: Annotated[str, msgspec.Meta(description="what recognises it among the others: laptop", min_length=1)]
    title: Annotated[str, msgspec.Meta(description="one line", min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(description="what is to be done")] = ""
    queue: Annotated[str, msgspec.Meta(description="where it goes; the system's default if left out")] = ""


class ChildrenArgs(Args, frozen=True, kw_only=True):
    ticket: Annotated[str | int, msgspec.Meta(description="the ticket that they belong to")]
    key: Annotated[
        str,
        msgspec.Meta(
            description="what recognises them together in later runs, as in leaver/4711", min_length=1
        ),
    ]
    children: Annotated[list[Child], msgspec.Meta(description="one ticket for each", min_length=1)]


@register
class Children(Action[ChildrenArgs]):
    """Open a ticket for each of several things, and list them on the ticket that they belong to.

    There is one for each `key`, whatever number of runs ask for it; one that exists already is left as it
    is. Each names the ticket that it belongs to, and a comment there lists them. Undoing closes those that this
    step opened; the comment stays.
    """

    name = "ticket.children"
    rereads = False
    rights = Rights(read=("ShowTicket",), apply=("CreateTicket", "CommentOnTicket", "ModifyTicket"))
    Args = ChildrenArgs
    outputs: ClassVar[Mapping[str, str]] = {"ids": "the tickets' numbers by key"}

    def reads(self, args: ChildrenArgs, facts: Facts) -> Sequence[Ref]:
        parent = (Ref("ticket.ticket", str(args.ticket)),) if args.ticket else ()
        return (*parent, *(_ref(args, child) for child in args.children))

    def plan(self, args: ChildrenArgs, facts: Facts) -> Change:
        number = str(args.ticket)
        existing(number, facts.get(Ref("ticket.ticket", number)))
        keys = [child.key for child in args.children]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise Invalid(f"{twice[0]!r} stands here twice", next_move="give each child a key of its own")
        there = {child.key: facts.get(_ref(args, child)) for child in args.children}
        new = [child for child in args.children if there[child.key] is None]
        ids: dict[str, Json] = {
            key: state["id"] if state else Deferred(THIS, f"ids.{key}") for key, state in there.items()
        }
        named = ", ".join(child.title for child in new)
        says = {
            "en": f"Ticket {number} has all its {len(keys)} child tickets already",
            "de": f"Ticket {number} hat alle {len(keys)} Kind-Tickets schon",
        }
        if new:
            one = len(new) == 1
            says = {
                "en": f"Open {'a ticket that belongs' if one else f'{len(new)} tickets that belong'} to ticket {number}: {named}",
                "de": f"{'Ein Ticket' if one else f'{len(new)} Tickets'} zu Ticket {number} eröffnen: {named}",
            }
        return Change(
            action=self.name,
            target=f"children of ticket {number}: {args.key}",
            identity=number,
            before={child.key: None for child in new},
            after={child.key: _body(child) for child in new},
            says=says,
            outputs={"ids": ids},
            writes=(number, NEW) if new else (),
        )

    def apply(
        self, session: TicketSession, args: ChildrenArgs | None, change: Change, ctx: Context
    ) -> Evidence:
        if args is None:
            return self._closed(session, change, ctx)
        number = str(change.identity)
        opened: dict[str, Json] = {}
        for child in args.children:
            if child.key not in (change.after or {}):
                continue
            opened[child.key] = session.to_write(NEW).open(
                key=_key(args, child),
                title=child.title,
                text=f"{child.text}\n\nTicket {number}".strip(),
                queue=child.queue,
                parent=number,
            )
        lines = [f"{ident}: {child.title}" for child in args.children if (ident := opened.get(child.key))]
        session.to_write(number).comment(
            number, key=f"{ctx.run}/{ctx.step}", text="\n".join(lines), author=author_of(ctx)
        )
        known: Any = change.outputs["ids"]
        ids = {**{key: ident for key, ident in known.items() if isinstance(ident, str)}, **opened}
        return Evidence(answer={"opened": opened}, outputs={"ids": ids}, undo={"opened": opened})

    def _closed(self, session: TicketSession, change: Change, ctx: Context) -> Evidence:
        """Close the tickets that an undone run had opened."""
        for ident in change.after or {}:
            key = f"{ctx.run}/{ctx.step}/{ident}/undo"
            session.to_write(ident).close(ident, key=key, text=WITHDRAWN, author=author_of(ctx))
        return Evidence(answer={"closed": list(change.after or {})})

    def verify(
        self, session: TicketSession, args: ChildrenArgs | None, change: Change, evidence: Evidence
    ) -> str:
        wanted = "open" if args is not None else "closed"
        opened: Any = evidence.answer.get("opened") or {}
        numbers = list(opened.values()) if args is not None else list(change.after or {})
        refs = [Ref("ticket.ticket", str(number)) for number in numbers]
        states = session.read(refs)
        return ", ".join(
            f"ticket {ref.key}, {wanted}" for ref in refs if (states[ref] or {}).get("status") != wanted
        )

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        opened: Any = evidence.undo.get("opened") or {}
        if not opened:
            return Irreversible(reason="nobody knows whether tickets were opened, and which")
        numbers = [str(number) for number in opened.values()]
        return Change(
            action=self.name,
            target=change.target,
            before=dict.fromkeys(numbers, "open"),
            after=dict.fromkeys(numbers, "closed"),
            says={
                "en": f"Tickets {', '.join(numbers)} are closed again",
                "de": f"Die Tickets {', '.join(numbers)} werden wieder geschlossen",
            },
            writes=tuple(numbers),
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return tuple(Ref("ticket.ticket", number) for number in back.after or {})

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        states = {number: facts.get(Ref("ticket.ticket", number)) for number in back.after or {}}
        now = {number: state["status"] if state else "closed" for number, state in states.items()}
        left = remaining(back, now)
        effects = tuple(
            Effect(Ref("ticket.ticket", number), {"status": "closed"}) for number in left.after or {}
        )
        return left if left.is_empty else replace(left, effects=effects)


def _ref(args: ChildrenArgs, child: Child) -> Ref:
    return Ref("ticket.key", _key(args, child))


def _key(args: ChildrenArgs, child: Child) -> str:
    return f"{args.key}/{child.key}"


def _body(child: Child) -> dict[str, Json]:
    body: dict[str, Json] = {"title": child.title}
    return body | {name: value for name in ("text", "queue") if (value := getattr(child, name))}
