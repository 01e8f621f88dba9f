"""Mail that a mailbox sends on to others, by itself or by rules that its owner does not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.exchange import box
from runbook_exec.actions.exchange.session import MAILBOX, RULES, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State, Words
from runbook_exec.way_back import remaining

_OWN = ("forwards_to", "forwards_outside", "keeps_copy")
_NONE: Mapping[str, Json] = {"forwards_to": None, "forwards_outside": None, "keeps_copy": False}


class ForwardingArgs(Args, frozen=True, kw_only=True):
    mailbox: Annotated[str, msgspec.Meta(description="which mailbox: address or id", min_length=1)]


@register
class Forwarding(Action[ForwardingArgs]):
    """End every forwarding of a mailbox: the one set on the mailbox itself, and rules, hidden ones too.

    graph.inbox_rules sees neither. A rule is switched off and not deleted. This action sets no forwarding:
    a leaver's mail is not sent on silently; an automatic reply and a shared mailbox are the ways. Through the
    same scripts as exchange.mailbox, **which were not run against the real service by the authors**.
    """

    name = "exchange.forwarding"
    Args = ForwardingArgs
    rights = Rights(read=("View-Only Recipients", "Mail Recipients"), apply=("Mail Recipients",))
    outputs: ClassVar[Mapping[str, str]] = {"forwarded_to": "the addresses that mail was sent on to"}

    def reads(self, args: ForwardingArgs, facts: Facts) -> Sequence[Ref]:
        ref = box.ref(args.mailbox)
        return (ref, Ref(RULES, ref.key))

    def plan(self, args: ForwardingArgs, facts: Facts) -> Change:
        ref = box.ref(args.mailbox)
        now = box.existing(facts.get(ref), ref.key)
        rules = _rules(facts, ref.key)
        own = any(now[name] for name in ("forwards_to", "forwards_outside"))
        meant = {
            _label(i, rule, rules): i for i, rule in rules.items() if rule["enabled"] and rule["forwards_to"]
        }
        before: dict[str, Json] = {name: now[name] for name in _OWN} if own else {}
        before |= {"rules": dict.fromkeys(meant, True)} if meant else {}
        after: dict[str, Json] = dict(_NONE) if own else {}
        after |= {"rules": dict.fromkeys(meant, False)} if meant else {}
        to = {now[name] for name in ("forwards_to", "forwards_outside") if now[name]}
        return Change(
            action=self.name,
            target=ref.key,
            before=before,
            after=after,
            says=_says(box.called(now, ref.key), own=own, rules=list(meant), on=False),
            identity=now["id"],
            involves=dict(meant),
            effects=_effects(now, ref.key, rules, after, dict(meant)),
            writes=box.names(now, ref.key),
            outputs={
                "forwarded_to": sorted(to | {one for i in meant.values() for one in rules[i]["forwards_to"]})
            },
            notes=tuple(_told(now, rules, meant)),
        )

    def apply(self, session: Session, args: ForwardingArgs, change: Change, ctx: Context) -> Evidence:
        after = change.after or {}
        own = {name: after[name] for name in _OWN if name in after}
        if own:
            session.send({"do": "forward", "of": change.identity, **_NONE, **own}, ctx)
        for label, on in after.get("rules", {}).items():
            session.send({"do": "rule", "of": change.identity, "rule": change.involves[label], "on": on}, ctx)
        return Evidence(answer=dict(after))

    def undo(self, change: Change, evidence: Evidence) -> Change:
        back = change.before or {}
        own, rules = "forwards_to" in back, list(back.get("rules", {}))
        return box.opposite(change, _says(change.target, own=own, rules=rules, on=True))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        ref = box.ref_back(back)
        return (ref, Ref(RULES, ref.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = box.ref_back(back)
        now, rules = facts.get(ref), _rules(facts, ref.key)
        if now is None:
            return remaining(back, None)
        found: dict[str, Json] = {name: now[name] for name in _OWN}
        there = {label: rules.get(str(i), {}).get("enabled") for label, i in back.involves.items()}
        left = remaining(back, {**found, "rules": there})
        after = left.after or {}
        if left.is_empty:
            return left
        own, named = "forwards_to" in after or "forwards_outside" in after, list(after.get("rules", {}))
        return replace(
            left,
            says=_says(box.called(now, back.target), own=own, rules=named, on=True),
            effects=_effects(now, ref.key, rules, after, dict(back.involves)),
            writes=box.names(now, back.target),
        )


def _rules(facts: Facts, key: str) -> dict[str, Any]:
    return dict((facts.get(Ref(RULES, key)) or {}).get("rules", {}))


def _label(rule_id: str, rule: Any, among: Mapping[str, Any]) -> str:
    """The rule's name; with its id where the name alone tells too little."""
    name = str(rule["name"]).strip()
    alone = sum(str(other["name"]).strip() == name for other in among.values()) == 1
    return name if alone and len(name) > 1 else f"{name or '?'} ({rule_id})"


def _effects(
    now: State, key: str, rules: Mapping[str, Any], after: Mapping[str, Json], ids: Mapping[str, Json]
) -> tuple[Effect, ...]:
    own = {name: after[name] for name in _OWN if name in after}
    set_to = {ids[label]: on for label, on in after.get("rules", {}).items()}
    then = {i: {**rule, "enabled": set_to.get(i, rule["enabled"])} for i, rule in rules.items()}
    effects = []
    for name in box.names(now, key):
        if own:
            effects.append(Effect(Ref(MAILBOX, name), own))
        if set_to:
            effects.append(Effect(Ref(RULES, name), {"rules": then}))
    return tuple(effects)


def _told(now: Any, rules: Mapping[str, Any], meant: Mapping[str, str]) -> list[Words]:
    told: list[Words] = [
        {
            "en": f"the mailbox itself sends everything to {now[name]}",
            "de": f"das Postfach selbst schickt alles an {now[name]}",
        }
        for name in ("forwards_to", "forwards_outside")
        if now[name]
    ]
    for label, rule_id in meant.items():
        to = ", ".join(rules[rule_id]["forwards_to"])
        hidden = ("hidden rule", "versteckte Regel") if rules[rule_id]["hidden"] else ("rule", "Regel")
        told.append(
            {
                "en": f"the {hidden[0]} {label!r} sends mail to {to}",
                "de": f"die {hidden[1]} {label!r} schickt Mails an {to}",
            }
        )
    return told


def _says(who: str, *, own: bool, rules: Sequence[str], on: bool) -> dict[str, str]:
    if not own and not rules:
        return {"en": f"No mail of {who} is sent on", "de": f"Keine Mail von {who} wird weitergeleitet"}
    english = (["the forwarding of the mailbox"] if own else []) + [f"the rule {name}" for name in rules]
    german = (["die Weiterleitung des Postfachs"] if own else []) + [f"die Regel {name}" for name in rules]
    if on:
        return {
            "en": f"Mail of {who} is sent on again: {', '.join(english)}",
            "de": f"Mail von {who} wird wieder weitergeleitet: {', '.join(german)}",
        }
    return {
        "en": f"Mail of {who} is no longer sent on; switched off: {', '.join(english)}",
        "de": f"Mail von {who} wird nicht mehr weitergeleitet; abgeschaltet: {', '.join(german)}",
    }
