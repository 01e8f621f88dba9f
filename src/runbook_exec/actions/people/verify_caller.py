"""`people.verify_caller`: whether it is really them who call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Question, register
from runbook_exec.actions.people.wording import worded
from runbook_exec.answer import problem
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Nature, Waiting
from runbook_exec.errors import Refused

Way = Literal["call back", "manager", "ID"]

_WAYS: Mapping[str, tuple[str, str]] = {
    "call back": (
        "call back: hang up, and call the number on record ({}), not one that the caller gives",
        "Rückruf: auflegen und die hinterlegte Nummer ({}) anrufen, nicht eine, die der Anrufer nennt",
    ),
    "manager": (
        "manager: {} vouches, called by you on the number on record",
        "Vorgesetzte: {} bürgt, von Ihnen unter der hinterlegten Nummer angerufen",
    ),
    "ID": (
        "ID: shown in person or by video; photo and name fit {}",
        "Ausweis: persönlich oder im Video gezeigt; Bild und Name passen zu {}",
    ),
}
NOT = "not verified"
_TITLE = ("Is the caller {}?", "Ist es wirklich {}?")


class VerifyCallerArgs(Args, frozen=True, kw_only=True):
    person: Annotated[str, msgspec.Meta(description="the name of whom the caller says to be", min_length=1)]
    ways: Annotated[
        list[Way],
        msgspec.Meta(description="which ways count here; all three if left out", min_length=1),
    ] = msgspec.field(default_factory=lambda: ["call back", "manager", "ID"])
    number: Annotated[
        str, msgspec.Meta(description="the number on record; looked up by the technician if left out")
    ] = ""
    manager: Annotated[str, msgspec.Meta(description="the name of their manager")] = ""


@register
class VerifyCaller(Action[VerifyCallerArgs]):
    """A technician makes sure that a caller is who they say, before anything is handed out.

    By a call back to the number on record, by their manager, or by ID. What is kept is the way and the result,
    never what was asked or answered. Where the caller cannot be verified the step fails, and nothing behind
    it is done. A runbook with `asked_by: phone` needs this step before every password and pass.
    """

    name = "people.verify_caller"
    nature = Nature.HUMAN
    undoable = False
    rereads = False
    Args = VerifyCallerArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "verified": "true; a caller who is not verified ends the run here",
        "way": "how: call back, manager or ID",
        "who": "who made sure",
    }

    def plan(self, args: VerifyCallerArgs, facts: Facts) -> Change:
        after = {
            "verified": True,
            "answer": {"enum": [*args.ways, NOT]},
            "text": {"en": _told(args, 0), "de": _told(args, 1)},
        }
        return Change(
            action=self.name,
            target=args.person,
            before={"verified": False},
            after=after,
            says={
                "en": f"A technician makes sure that the caller is {args.person}",
                "de": f"Eine Fachkraft vergewissert sich, dass wirklich {args.person} anruft",
            },
            certainty=Certainty.HUMAN,
        )

    def apply(self, session: Any, args: VerifyCallerArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        after = change.after or {}
        title = _TITLE[ctx.language == "de"].format(change.target)
        answer = ctx.ask(
            Question(title=title, text=worded(after["text"], ctx.language), answer=after["answer"])
        )
        if answer is None or problem(after, answer.value):
            return Waiting(reason=title)
        if answer.value == NOT:
            raise Refused(
                f"{answer.who} could not verify that the caller is {change.target}; nothing is handed out",
                next_move=f"`runbook cancel {ctx.run}`, and tell whoever looks after security",
            )
        given = {"verified": True, "way": answer.value, "who": answer.who}
        return Evidence(answer=given, outputs=given)

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="who called was verified; that stays so")


def _told(args: VerifyCallerArgs, language: int) -> str:
    known = {
        "call back": args.number or ("look it up", "nachsehen")[language],
        "manager": args.manager or ("the manager", "die Führungskraft")[language],
        "ID": args.person,
    }
    lines = [f"  {_WAYS[way][language].format(known[way])}" for way in args.ways]
    last = ("not verified: in doubt, hand out nothing", "not verified: im Zweifel nichts herausgeben")
    return "\n".join([*lines, f"  {last[language]}"])
