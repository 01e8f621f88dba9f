"""`people.ask`: a question whose answer later steps read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Question, register
from runbook_exec.actions.people.wording import Text, worded
from runbook_exec.answer import problem
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Json, Nature, Waiting
from runbook_exec.errors import Invalid

_KEYS = {
    "type", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "description", "default",
}  # fmt: skip


class AskArgs(Args, frozen=True, kw_only=True):
    title: Annotated[Text, msgspec.Meta(description="the question, in one line; or one by language")]
    text: Annotated[Text, msgspec.Meta(description="what helps to answer it")] = ""
    answer: Annotated[
        dict[str, Json],
        msgspec.Meta(
            description="JSON Schema of the answer: a text, number, yes or no, or one of `enum`; no secrets"
        ),
    ] = msgspec.field(default_factory=lambda: {"type": "string", "minLength": 1, "maxLength": 500})


@register
class Ask(Action[AskArgs]):
    """Ask a person, and let later steps read the answer.

    The answer fits the schema, or is asked for again. In a pipe the run waits, and `runbook confirm RUN STEP
    --answer …` answers from any terminal. The answer is kept in the record: ask for no passwords.
    """

    name = "people.ask"
    nature = Nature.HUMAN
    undoable = False
    rereads = False
    Args = AskArgs
    outputs: ClassVar[Mapping[str, str]] = {"answer": "what they answered", "who": "who answered"}

    def plan(self, args: AskArgs, facts: Facts) -> Change:
        _refuse_odd(args.answer)
        after = {"answered": True, "text": args.text, "answer": dict(args.answer)}
        return Change(
            action=self.name,
            target=worded(args.title, "en"),
            before={"answered": False},
            after={name: value for name, value in after.items() if value},
            says={
                "en": f"A person answers: {worded(args.title, 'en')}",
                "de": f"Eine Person antwortet: {worded(args.title, 'de')}",
            },
            certainty=Certainty.HUMAN,
        )

    def apply(self, session: Any, args: AskArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        after = change.after or {}
        answer = ctx.ask(
            Question(
                title=worded(args.title, ctx.language),
                text=worded(args.text, ctx.language),
                answer=after["answer"],
            )
        )
        if answer is None or problem(after, answer.value):
            said = {"de": "eine Person muss antworten: {}"}.get(ctx.language, "a person has to answer: {}")
            return Waiting(reason=said.format(worded(args.title, ctx.language)))
        given = {"answer": answer.value, "who": answer.who}
        return Evidence(answer=given, outputs=given)

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="an answer that was given stays given")


def _refuse_odd(schema: Mapping[str, Json]) -> None:
    """An answer is one value that a person types."""
    odd = sorted(set(schema) - _KEYS)
    if odd or schema.get("type", "string") not in {"string", "integer", "number", "boolean"}:
        raise Invalid(
            f"answer: {', '.join(odd) or schema['type']} is not for an answer that a person types",
            next_move="use type (string, integer, number, boolean), enum, pattern, and limits",
        )
