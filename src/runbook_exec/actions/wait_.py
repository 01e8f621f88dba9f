"""Waiting until a far side says that something is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec import duration
from runbook_exec.action import Action, Args, Context, register
from runbook_exec.change import (
    Assumed,
    Change,
    Deferred,
    Effect,
    Facts,
    Json,
    Nature,
    Ref,
    State,
    Waiting,
    same,
)
from runbook_exec.diff import shown
from runbook_exec.dn import canonical
from runbook_exec.values import THIS

_WORDS = {
    "graph.authentication_methods": ("the list of sign-in methods", "die Liste der Anmeldemethoden"),
    "graph.licence_state": ("the licence state", "der Lizenzstand"),
    "graph.mailbox": ("the mailbox", "das Postfach"),
    "graph.synced_user": ("the synced account", "das abgeglichene Konto"),
    "graph.user": ("the cloud account", "das Cloud-Konto"),
    "ldap.entry": ("the directory entry", "der Verzeichniseintrag"),
    "ldap.person": ("the directory account", "das Verzeichniskonto"),
    "ticket.ticket": ("the ticket", "das Ticket"),
}
"""What a reader calls the thing; others are called by their kind."""

_OPEN: dict[Json, tuple[str, str]] = {True: ("open", "offen"), False: ("closed", "gesperrt")}


class UntilArgs(Args, frozen=True, kw_only=True):
    read: Annotated[
        str,
        msgspec.Meta(
            description="what is looked at: graph.mailbox, graph.user, ldap.entry, …",
            pattern=r"^[a-z]+\.[a-z_]+$",
        ),
    ]
    of: Annotated[str, msgspec.Meta(description="whose or which: a UPN, a DN, an id", min_length=1)]
    deadline: Annotated[
        str, msgspec.Meta(description="how long at most, then the step fails: 30m", pattern=duration.PATTERN)
    ]
    has: Annotated[
        dict[str, Json],
        msgspec.Meta(
            description="attributes it must have, with their values (one of several suffices); else: it exists"
        ),
    ] = msgspec.field(default_factory=dict)
    every: Annotated[str, msgspec.Meta(description="time between two looks", pattern=duration.PATTERN)] = (
        "20s"
    )


@register
class Until(Action[UntilArgs]):
    """Wait until something exists, or has certain values, at a far side.

    Nothing is written. Later steps are planned as if it were so already; values that only
    the far side can give are shown as *known later*. Whoever watches the run looks again and
    again, at most as seldom as `every`; left alone it waits without a process, and `runbook resume`,
    or `runbook resume --due` from cron, looks again. `deadline` counts from the first look, over all of
    that; after it the step fails and says what is not so. Going on then waits anew.
    """

    name = "wait.until"
    nature = Nature.WAITS
    undoable = False
    Args = UntilArgs
    outputs: ClassVar[Mapping[str, str]] = {"state": "what was read when it was so"}

    def reads(self, args: UntilArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args),)

    def plan(self, args: UntilArgs, facts: Facts) -> Change:
        ref = _ref(args)
        now = facts.get(ref)
        target = f"{args.read} {args.of}"
        english, german = _subject(args)
        so = _wanted(args.has)
        if _is_so(now, args.has):
            return Change(
                action=self.name,
                target=target,
                before={"ready": True},
                after={"ready": True},
                says={
                    "en": f"{_capital(english)} {so.verb} {so.english}",
                    "de": f"{_capital(german)} {so.verb_de} {so.german}",
                },
                outputs={"state": now},
            )
        return Change(
            action=self.name,
            target=target,
            before={"ready": False},
            after={"ready": True},
            says={
                "en": f"Wait until {english} {so.verb} {so.english}, at most {args.deadline}",
                "de": f"Warten, bis {german} {so.german} {so.verb_de}, höchstens {args.deadline}",
            },
            effects=(_effect(ref, now, args.has),),
            outputs={"state": Deferred(THIS, "state")},
        )

    def apply(self, session: Any, args: UntilArgs, change: Change, ctx: Context) -> Waiting:
        english, german = _subject(args)
        so = _wanted(args.has)
        denied = "is not" if so.verb == "is" else "does not have"
        not_yet = {
            "en": f"{english} {denied} {so.english} yet",
            "de": f"{german} {so.verb_de} noch nicht {so.german}",
        }
        return Waiting(reason=not_yet.get(ctx.language, not_yet["en"]), every=duration.seconds(args.every))

    def patience(self, args: UntilArgs) -> float:
        return duration.seconds(args.deadline)


def _ref(args: UntilArgs) -> Ref:
    """The thing under the key by which earlier steps of the plan know it too."""
    if args.read.startswith("graph."):
        return Ref(args.read, args.of.lower())
    if args.read in {"ldap.entry", "ldap.group"}:
        return Ref(args.read, canonical(args.of))
    return Ref(args.read, args.of)


def _effect(ref: Ref, now: State, has: Mapping[str, Json]) -> Effect:
    """Seen by later steps: what exists keeps its values, what does not has `has` and the unknown."""
    if now is None:
        return Effect(ref, Assumed(has, step=THIS), whole=True)
    return Effect(ref, dict(has))


def _is_so(now: State, has: Mapping[str, Json]) -> bool:
    if now is None:
        return False
    for name, wanted in has.items():
        present = now.get(name)
        if isinstance(present, list | tuple) and not isinstance(wanted, list | tuple):
            if not any(same(item, wanted) for item in present):
                return False
        elif not same(present, wanted):
            return False
    return True


def _subject(args: UntilArgs) -> tuple[str, str]:
    """The thing as the subject of a sentence, in English and German."""
    english, german = _WORDS.get(args.read, (args.read, args.read))
    return f"{english} of {args.of}", f"{german} von {args.of}"


@dataclass(frozen=True)
class _So:
    """What a thing is to be, or to have, as the end of a sentence."""

    verb: str
    english: str
    verb_de: str
    german: str


def _wanted(has: Mapping[str, Json]) -> _So:
    if not has:
        return _So("is", "there", "ist", "da")
    if has.keys() == {"accountEnabled"} and isinstance(has["accountEnabled"], bool):
        english, german = _OPEN[has["accountEnabled"]]
        return _So("is", english, "ist", german)
    parts = [f"{name} = {shown(value)}" for name, value in has.items()]
    return _So("has", " and ".join(parts), "hat", " und ".join(parts))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
