"""The rules by which a mailbox forwards, moves and deletes what comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import below_user, kind
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State, Words
from runbook_exec.errors import Refused
from runbook_exec.way_back import remaining

KIND = "graph.inbox_rules"
WHERE = ("mailFolders", "inbox", "messageRules")
_SENDING = ("forwardTo", "forwardAsAttachmentTo", "redirectTo")


def _state(key: str, body: Any) -> State:
    return {"rules": {str(rule["id"]): _rule(rule) for rule in body["value"]}}


def _rule(rule: Any) -> dict[str, Json]:
    actions = rule.get("actions") or {}
    to = [entry["emailAddress"]["address"] for name in _SENDING for entry in actions.get(name) or ()]
    return {
        "name": rule.get("displayName") or "",
        "enabled": bool(rule.get("isEnabled")),
        "forwards_to": sorted(to),
        "deletes": bool(actions.get("delete") or actions.get("permanentDelete")),
        "read_only": bool(rule.get("isReadOnly")),
    }


kind("inbox_rules", below_user(*WHERE), _state)


class InboxRulesArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose mailbox: UPN or id", min_length=1)]
    which: Annotated[
        Literal["forwarding", "all"],
        msgspec.Meta(description="rules that send mail on to others, or all that there are"),
    ] = "forwarding"


@register
class InboxRules(Action[InboxRulesArgs]):
    """Switch off inbox rules: those that forward or redirect mail, or all of them.

    A rule is switched off and not deleted, so it can be looked at later and switched on again.
    Graph shows neither hidden rules nor a forwarding that is set on the mailbox itself:
    `exchange.forwarding` sees those, and the plan says so.
    """

    name = "graph.inbox_rules"
    Args = InboxRulesArgs
    rights = Rights(read=("User.Read.All", "MailboxSettings.Read"), apply=("MailboxSettings.ReadWrite",))
    outputs: ClassVar[Mapping[str, str]] = {"forwarded_to": "the addresses that the rules sent mail to"}

    def reads(self, args: InboxRulesArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        return (user, Ref(KIND, user.key))

    def plan(self, args: InboxRulesArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        user, state = person.existing(facts.get(person.ref(key)), key), facts.get(Ref(KIND, key))
        if state is None:
            raise Refused(f"{key} has no mailbox", next_move="check the name; without one there are no rules")
        rules: Mapping[str, Any] = state["rules"]
        meant = {
            rule_id: rule
            for rule_id, rule in rules.items()
            if rule["enabled"] and (args.which == "all" or rule["forwards_to"])
        }
        off = {rule_id: rule for rule_id, rule in meant.items() if not rule["read_only"]}
        stays = [rule["name"] for rule in meant.values() if rule["read_only"]]
        labels = {_label(rule_id, rule, rules): rule_id for rule_id, rule in off.items()}
        return Change(
            action=self.name,
            target=key,
            before=dict.fromkeys(labels, True),
            after=dict.fromkeys(labels, False),
            says=_says(person.called(user, key), list(labels), on=False),
            identity=user.get("id"),
            involves=dict(labels),
            effects=tuple(_effects(user, key, rules, off, on=False)),
            writes=person.names(user, key),
            outputs={"forwarded_to": sorted({to for rule in meant.values() for to in rule["forwards_to"]})},
            notes=(*_told(off), *_unseen()),
            blocked=f"Exchange lets nobody change these rules through Graph: {', '.join(stays)}"
            if stays
            else "",
        )

    def apply(self, session: Session, args: InboxRulesArgs, change: Change, ctx: Context) -> Evidence:
        for label, on in (change.after or {}).items():
            where = path("users", str(change.identity), *WHERE, str(change.involves[label]))
            session.send(Message(method="PATCH", path=where, body={"isEnabled": on}), ctx)
        return Evidence(answer={"rules": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return opposite(change, _says(change.target, list(change.before or {}), on=True))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref(KIND, user.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, state = facts.get(ref), facts.get(Ref(KIND, ref.key))
        rules = state["rules"] if state is not None else {}
        there = {label: rules.get(back.involves[label]) for label in back.after or ()}
        left = remaining(back, {label: rule["enabled"] if rule else None for label, rule in there.items()})
        labels = list(left.after or {})
        on = {str(back.involves[label]): there[label] for label in labels}
        return replace(
            left,
            says=_says(person.called(user, back.target), labels, on=True) if labels else back.says,
            effects=tuple(_effects(user, ref.key, rules, on, on=True)),
            writes=person.names(user, ref.key),
        )


def _label(rule_id: str, rule: Any, among: Mapping[str, Any]) -> str:
    """The rule's name; with its id where the name alone tells too little."""
    name = str(rule["name"]).strip()
    alone = sum(str(other["name"]).strip() == name for other in among.values()) == 1
    return name if alone and len(name) > 1 else f"{name or '?'} ({rule_id})"


def _effects(
    user: Any, key: str, rules: Mapping[str, Any], changed: Mapping[str, Any], *, on: bool
) -> list[Effect]:
    if not changed:
        return []
    after = {i: {**rule, "enabled": on} if i in changed else rule for i, rule in rules.items()}
    return [Effect(Ref(KIND, ref.key), {"rules": after}) for ref in person.refs_of(user, key)]


def _told(off: Mapping[str, Any]) -> list[Words]:
    told: list[Words] = []
    for rule in off.values():
        if rule["forwards_to"]:
            to, name = ", ".join(rule["forwards_to"]), rule["name"]
            more = (" and deletes it here", " und löscht sie hier") if rule["deletes"] else ("", "")
            told.append(
                {
                    "en": f"the rule {name!r} sends mail to {to}{more[0]}",
                    "de": f"die Regel {name!r} schickt Mails an {to}{more[1]}",
                }
            )
    return told


def _unseen() -> list[Words]:
    return [
        {
            "en": "hidden rules and a forwarding of the mailbox itself are not seen here",
            "de": "versteckte Regeln und eine Weiterleitung des Postfachs selbst sind hier nicht zu sehen",
        }
    ]


def _says(who: str, names: Sequence[str], *, on: bool) -> dict[str, str]:
    if not names:
        return {
            "en": f"No inbox rule of {who} is to be switched off",
            "de": f"Keine Posteingangsregel von {who} ist auszuschalten",
        }
    listed = ", ".join(names)
    if on:
        return {
            "en": f"These inbox rules of {who} are switched on again: {listed}",
            "de": f"Diese Posteingangsregeln von {who} werden wieder eingeschaltet: {listed}",
        }
    return {
        "en": f"These inbox rules of {who} are switched off: {listed}",
        "de": f"Diese Posteingangsregeln von {who} werden ausgeschaltet: {listed}",
    }
