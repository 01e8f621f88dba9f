"""Whether a mailbox is a person's or a shared one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.exchange import box
from runbook_exec.actions.exchange.session import MAILBOX, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Ref, State
from runbook_exec.errors import Refused
from runbook_exec.way_back import remaining

LARGEST = 50 * 1024**3
"""Bytes that a shared mailbox without a licence may hold."""


class MailboxArgs(Args, frozen=True, kw_only=True):
    mailbox: Annotated[str, msgspec.Meta(description="whose mailbox: address or id", min_length=1)]
    kind: Annotated[
        Literal["shared", "user"], msgspec.Meta(description="shared, or a person's own again")
    ] = "shared"


@register
class Mailbox(Action[MailboxArgs]):
    """Convert a person's mailbox into a shared one, or back.

    A shared mailbox needs no licence as long as it holds at most 50 GB, has no archive and is on no hold;
    where one of these is so, the plan says which, and nothing is converted. Graph shows the conversion as
    `userPurpose`: put a `wait.until` with `read: graph.mailbox` between this step and the one that takes
    the licence back. Going back needs a licence again, or the mailbox is gone after 30 days.

    Done by a fixed script through PowerShell 7 (`actions/exchange/scripts`), logged in as an application with
    a certificate. **These scripts were not run against the real service by the authors**: in the rehearsal
    company a double stands in for PowerShell. Try them on a mailbox of no importance first; docs/exchange.md says how.
    """

    name = "exchange.mailbox"
    Args = MailboxArgs
    rights = Rights(read=("View-Only Recipients",), apply=("Mail Recipients",))
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "the id of the mailbox's account",
        "bytes": "how large it is",
    }

    def reads(self, args: MailboxArgs, facts: Facts) -> Sequence[Ref]:
        return (box.ref(args.mailbox),)

    def plan(self, args: MailboxArgs, facts: Facts) -> Change:
        ref = box.ref(args.mailbox)
        now = box.existing(facts.get(ref), ref.key)
        if now["kind"] not in {"user", "shared"}:
            raise Refused(
                f"{box.called(now, ref.key)} is a mailbox of kind {now['kind']}",
                next_move="only a person's and a shared mailbox are converted",
            )
        changes = now["kind"] != args.kind
        return Change(
            action=self.name,
            target=ref.key,
            before={"kind": now["kind"]} if changes else {},
            after={"kind": args.kind} if changes else {},
            says=_says(box.called(now, ref.key), args.kind),
            identity=now["id"],
            effects=_effects(now, ref.key, args.kind) if changes else (),
            writes=(*box.names(now, ref.key),),
            outputs={"id": now["id"], "bytes": now["bytes"]},
            blocked=_hindrance(now) if changes and args.kind == "shared" else "",
        )

    def apply(self, session: Session, args: MailboxArgs, change: Change, ctx: Context) -> Evidence:
        kind = (change.after or {})["kind"]
        session.send({"do": "type", "of": change.identity, "kind": kind}, ctx)
        return Evidence(answer={"kind": kind})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return box.opposite(change, _says(change.target, (change.before or {})["kind"]))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (box.ref_back(back),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts.get(box.ref_back(back))
        kind = (back.after or {})["kind"]
        left = remaining(back, {"kind": now["kind"]} if now else None)
        if left.is_empty:
            return left
        return replace(
            left,
            says=_says(box.called(now, back.target), kind),
            effects=_effects(now, back.target, kind),
            writes=box.names(now, back.target),
        )


def _hindrance(now: Any) -> str:
    """Why this mailbox would not live on without a licence; empty where it would."""
    found = []
    if now["bytes"] is None:
        found.append("its size cannot be read")
    elif now["bytes"] > LARGEST:
        found.append(f"it holds {now['bytes'] / 1024**3:.1f} GB, and a shared one may hold 50 GB")
    if now["archive"]:
        found.append("it has an archive")
    if now["hold"]:
        found.append("it is on litigation hold")
    if now["other_holds"]:
        found.append("a retention or eDiscovery hold lies on it")
    if not found:
        return ""
    return f"without a licence the mailbox would be lost: {'; '.join(found)}. Keep the licence, or ask legal"


def _effects(now: State, key: str, kind: str) -> tuple[Effect, ...]:
    """Exchange shows it, and so does Graph."""
    told = [Effect(Ref(MAILBOX, name), {"kind": kind}) for name in box.names(now, key)]
    seen = [Effect(Ref("graph.mailbox", name), {"userPurpose": kind}) for name in box.names(now, key)]
    return (*told, *seen)


def _says(who: str, kind: str) -> dict[str, str]:
    if kind == "shared":
        return {
            "en": f"The mailbox of {who} becomes a shared one",
            "de": f"Das Postfach von {who} wird ein gemeinsames",
        }
    return {
        "en": f"The mailbox of {who} becomes a person's own again",
        "de": f"Das Postfach von {who} wird wieder ein persönliches",
    }
