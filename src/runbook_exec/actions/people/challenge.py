"""`people.challenge`: one person asks, a second one answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Question, register
from runbook_exec.actions.people.wording import Text, worded
from runbook_exec.answer import TEXT, problem
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Nature, Waiting


class ChallengeArgs(Args, frozen=True, kw_only=True):
    title: Annotated[Text, msgspec.Meta(description="what is asked, in one line; or one by language")]
    text: Annotated[Text, msgspec.Meta(description="what to look at before answering")] = ""
    expect: Annotated[
        list[str],
        msgspec.Meta(
            description="the answers that are right; case and spaces around do not count", min_length=1
        ),
    ]


@register
class Challenge(Action[ChallengeArgs]):
    """One person asks, a second one looks for themselves and answers.

    Two different humans, whatever accounts they have: the second answers from their own terminal
    (`runbook confirm RUN STEP --answer …`) or goes on with the run. The right answer is part of the plan;
    another one is not taken, and not kept.
    """

    name = "people.challenge"
    nature = Nature.HUMAN
    undoable = False
    rereads = False
    Args = ChallengeArgs
    outputs: ClassVar[Mapping[str, str]] = {"who": "who answered"}

    def plan(self, args: ChallengeArgs, facts: Facts) -> Change:
        after = {"answered": True, "text": args.text, "answer": TEXT, "expect": list(args.expect)}
        return Change(
            action=self.name,
            target=worded(args.title, "en"),
            before={"answered": False},
            after={name: value for name, value in after.items() if value},
            says={
                "en": f"One person asks, a second one answers: {worded(args.title, 'en')}",
                "de": f"Eine Person fragt, eine zweite antwortet: {worded(args.title, 'de')}",
            },
            certainty=Certainty.HUMAN,
        )

    def apply(self, session: Any, args: ChallengeArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        after = change.after or {}
        answer = ctx.ask(
            Question(
                title=worded(args.title, ctx.language),
                text=worded(args.text, ctx.language),
                answer=after["answer"],
                expect=tuple(after["expect"]),
            )
        )
        if answer is None or problem(after, answer.value):
            return Waiting(reason=_SECOND.get(ctx.language, _SECOND["en"]))
        return Evidence(answer={"who": answer.who}, outputs={"who": answer.who})

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="an answer that was given stays given")


_SECOND = {"en": "a second person has to answer", "de": "eine zweite Person muss antworten"}
