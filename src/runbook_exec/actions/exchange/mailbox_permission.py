"""Who may open somebody else's mailbox, and send as it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.exchange import box
from runbook_exec.actions.exchange.session import PERMISSION, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State, narrow
from runbook_exec.errors import Refused
from runbook_exec.way_back import remaining

_WORDS = {
    "full_access": ("open the mailbox", "das Postfach öffnen"),
    "send_as": ("send as it", "als dieses senden"),
}


class MailboxPermissionArgs(Args, frozen=True, kw_only=True):
    mailbox: Annotated[str, msgspec.Meta(description="which mailbox: address or id", min_length=1)]
    to: Annotated[str, msgspec.Meta(description="who: address or id", min_length=1)]
    full_access: Annotated[
        bool | None,
        msgspec.Meta(description="whether they may open it and read everything; left out: as it is"),
    ] = None
    send_as: Annotated[
        bool | None, msgspec.Meta(description="whether they may send in its name; left out: as it is")
    ] = None


@register
class MailboxPermission(Action[MailboxPermissionArgs]):
    """Let somebody open a mailbox or send as it, or end that.

    For a leaver's successor. Only what is granted to this one person is read and changed; inherited and
    group permissions stay. For office-holders whose mail is confidential, protect them in the runbook's
    guards. Through the same scripts as exchange.mailbox, **which were not run against the real service by the
    authors**.
    """

    name = "exchange.mailbox_permission"
    Args = MailboxPermissionArgs
    rights = Rights(read=("View-Only Recipients",), apply=("Mail Recipients",))

    def reads(self, args: MailboxPermissionArgs, facts: Facts) -> Sequence[Ref]:
        mailbox, to = box.ref(args.mailbox), box.ref(args.to)
        return (mailbox, to, _ref(mailbox.key, to.key))

    def plan(self, args: MailboxPermissionArgs, facts: Facts) -> Change:
        ref, who = box.ref(args.mailbox), box.ref(args.to)
        now, other = box.existing(facts.get(ref), ref.key), box.existing(facts.get(who), who.key)
        if now["id"] == other["id"]:
            raise Refused("nobody is given their own mailbox", next_move="name the successor")
        wanted: dict[str, Json] = {
            name: value
            for name, value in (("full_access", args.full_access), ("send_as", args.send_as))
            if value is not None
        }
        if not wanted:
            raise Refused("no permission is named", next_move="say full_access or send_as")
        before, after = narrow(_now(facts, ref.key, who.key), wanted)
        return Change(
            action=self.name,
            target=f"{ref.key} {who.key}",
            before=before,
            after=after,
            says=_says(box.called(now, ref.key), box.called(other, who.key), after or wanted),
            identity=now["id"],
            involves={who.key: other["id"]},
            effects=_effects(now, other, ref.key, who.key, after) if after else (),
            writes=box.names(now, ref.key),
            destructive=any(value is False for value in after.values()),
        )

    def apply(self, session: Session, args: MailboxPermissionArgs, change: Change, ctx: Context) -> Evidence:
        who = next(iter(change.involves.values()))
        for right, on in (change.after or {}).items():
            session.send({"do": right, "of": change.identity, "who": who, "on": on}, ctx)
        return Evidence(answer=dict(change.after or {}))

    def undo(self, change: Change, evidence: Evidence) -> Change:
        mailbox, _, who = change.target.partition(" ")
        back = change.before or {}
        gone = any(value is False for value in back.values())
        return box.opposite(change, _says(mailbox, who, back), destructive=gone)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        who = str(next(iter(back.involves.values())))
        return (box.ref_back(back), box.ref(who), _ref(str(back.identity), who))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        who = str(next(iter(back.involves.values())))
        now, other = facts.get(box.ref_back(back)), facts.get(box.ref(who))
        if now is None or other is None:  # whoever is gone has no permission any more
            return remaining(back, dict.fromkeys(back.after or {}, False))
        left = remaining(back, _now(facts, str(back.identity), who))
        if left.is_empty:
            return left
        mailbox, _, name = back.target.partition(" ")
        return replace(
            left,
            says=_says(box.called(now, mailbox), box.called(other, name), left.after or {}),
            effects=_effects(now, other, mailbox, name, left.after or {}),
            writes=box.names(now, mailbox),
        )


def _ref(mailbox: str, who: str) -> Ref:
    return Ref(PERMISSION, f"{mailbox} {who}".lower())


def _now(facts: Facts, mailbox: str, who: str) -> Mapping[str, Json]:
    return facts.get(_ref(mailbox, who)) or {"full_access": False, "send_as": False}


def _effects(
    now: State, other: State, mailbox: str, who: str, after: Mapping[str, Json]
) -> tuple[Effect, ...]:
    return tuple(
        Effect(_ref(one, two), dict(after))
        for one in box.names(now, mailbox)
        for two in box.names(other, who)
    )


def _says(mailbox: str, who: str, rights: Mapping[str, Json]) -> dict[str, str]:
    english, german = [], []
    for on in (True, False):
        named = [_WORDS[right] for right, value in rights.items() if value is on]
        if named:
            may, darf = ("may", "darf") if on else ("may no longer", "darf nicht mehr")
            english.append(f"{may} {' and '.join(words[0] for words in named)}")
            german.append(f"{darf} {' und '.join(words[1] for words in named)}")
    return {
        "en": f"Mailbox of {mailbox}: {who} {', and '.join(english)}",
        "de": f"Postfach von {mailbox}: {who} {', und '.join(german)}",
    }
