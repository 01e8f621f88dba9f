"""What only a person can do: read it, do it, confirm it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Question, register
from runbook_exec.actions.people.wording import Text, waits, worded
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Nature, Waiting
from runbook_exec.secret import Secret


class ConfirmArgs(Args, frozen=True, kw_only=True):
    title: Annotated[Text, msgspec.Meta(description="what is to be done, in one line; or one by language")]
    text: Annotated[Text, msgspec.Meta(description="how it is done, and what to look out for")] = ""
    items: Annotated[list[Text], msgspec.Meta(description="points that are ticked off one by one")] = (
        msgspec.field(default_factory=list)
    )
    reveal: Annotated[
        dict[str, Secret],
        msgspec.Meta(description="secrets, each with its label, shown once in a terminal and kept nowhere"),
    ] = msgspec.field(default_factory=dict)


@register
class Confirm(Action[ConfirmArgs]):
    """A person reads the item, does it and confirms it; the log keeps who it was.

    Where nobody sits at the terminal the run waits, and `runbook resume` asks. With
    `mode: challenge` on the step two different people confirm. Secrets in `reveal` are
    shown in a terminal, and are neither logged nor kept.
    """

    name = "people.confirm"
    nature = Nature.HUMAN
    undoable = False
    rereads = False
    Args = ConfirmArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "who": "who confirmed",
        "text": "what they remarked",
    }

    def plan(self, args: ConfirmArgs, facts: Facts) -> Change:
        after = {
            "confirmed": True,
            "text": args.text,
            "items": list(args.items),
            "reveal": dict(args.reveal),
        }
        return Change(
            action=self.name,
            target=worded(args.title, "en"),
            before={"confirmed": False},
            after={name: value for name, value in after.items() if value},
            says={
                "en": f"A person confirms: {worded(args.title, 'en')}",
                "de": f"Eine Person bestätigt: {worded(args.title, 'de')}",
            },
            certainty=Certainty.HUMAN,
        )

    def apply(self, session: Any, args: ConfirmArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        answer = ctx.ask(
            Question(
                title=worded(args.title, ctx.language),
                text=worded(args.text, ctx.language),
                items=tuple(worded(item, ctx.language) for item in args.items),
                reveal=args.reveal,
            )
        )
        if answer is None:
            return Waiting(reason=waits(args.title, ctx.language))
        outputs = {"who": answer.who, "text": answer.text}
        return Evidence(answer=outputs, outputs=outputs)

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a person did it, so a person has to take it back")
