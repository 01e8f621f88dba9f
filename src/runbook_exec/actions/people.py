"""What only a person can do: read it, do it, confirm it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Answer, Args, Context, Question, register
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Nature, Waiting
from runbook_exec.errors import Refused
from runbook_exec.secret import Secret

_Words = str | dict[str, str]


class ConfirmArgs(Args, frozen=True, kw_only=True):
    title: Annotated[_Words, msgspec.Meta(description="what is to be done, in one line; or one by language")]
    text: Annotated[_Words, msgspec.Meta(description="how it is done, and what to look out for")] = ""
    items: Annotated[list[_Words], msgspec.Meta(description="points that are ticked off one by one")] = (
        msgspec.field(default_factory=list)
    )
    reveal: Annotated[
        dict[str, Secret],
        msgspec.Meta(description="secrets, each with its label, shown once in a terminal and kept nowhere"),
    ] = msgspec.field(default_factory=dict)
    people: Annotated[
        int,
        msgspec.Meta(
            description="how many different people must confirm; 2 is challenge and response", ge=1, le=2
        ),
    ] = 1


@register
class Confirm(Action[ConfirmArgs]):
    """A person reads the item, does it and confirms it; the log keeps who it was.

    Where nobody sits at the terminal the run waits, and `runbook resume` asks. With
    `people: 2` a second, different person confirms too: one reads out, the other answers.
    Secrets in `reveal` are shown once, in a terminal, and are neither logged nor kept.
    """

    name = "people.confirm"
    nature = Nature.HUMAN
    undoable = False
    rereads = False
    Args = ConfirmArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "who": "who confirmed; two names with a comma",
        "text": "what they remarked",
    }

    def plan(self, args: ConfirmArgs, facts: Facts) -> Change:
        after = {
            "confirmed": True,
            "text": args.text,
            "items": list(args.items),
            "reveal": dict(args.reveal),
            "people": args.people,
        }
        two = args.people > 1
        return Change(
            action=self.name,
            target=_in(args.title, "en"),
            before={"confirmed": False},
            after={name: value for name, value in after.items() if value},
            says={
                "en": f"{'Two people confirm' if two else 'A person confirms'}: {_in(args.title, 'en')}",
                "de": f"{'Zwei Personen bestätigen' if two else 'Eine Person bestätigt'}: {_in(args.title, 'de')}",
            },
            certainty=Certainty.HUMAN,
        )

    def apply(self, session: Any, args: ConfirmArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        title = _in(args.title, ctx.language)
        answers: list[Answer] = msgspec.field(default_factory=list)
        for number in range(args.people):
            answer = ctx.ask(_question(args, ctx.language, second=number == 1))
            if answer is None:
                return Waiting(reason=_waits(title, ctx.language, given=answers))
            if any(_same_person(answer, earlier) for earlier in answers):
                raise Refused(
                    f"both confirmations came from {answer.who}; two different people are needed",
                    where=f'step "{ctx.step}"',
                    next_move="fetch a second person, then `runbook resume` asks both again",
                )
            answers.append(answer)
        outputs = {
            "who": ", ".join(answer.who for answer in answers),
            "text": "\n".join(answer.text for answer in answers if answer.text),
        }
        return Evidence(answer=outputs, outputs=outputs)

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a person did it, so a person has to take it back")


def _question(args: ConfirmArgs, language: str, *, second: bool) -> Question:
    title = _in(args.title, language)
    if second:
        title += {"de": " (zweite Person)"}.get(language, " (second person)")
    return Question(
        title=title,
        text=_in(args.text, language),
        items=tuple(_in(item, language) for item in args.items),
        reveal={} if second else args.reveal,
    )


def _waits(title: str, language: str, *, given: list[Answer]) -> str:
    if given:
        who = given[0].who
        return {"de": f"{who} hat bestätigt, eine zweite Person fehlt: {title}"}.get(
            language, f"{who} has confirmed, a second person is missing: {title}"
        )
    return {"de": f"eine Person muss bestätigen: {title}"}.get(language, f"a person has to confirm: {title}")


def _same_person(one: Answer, other: Answer) -> bool:
    return one.who.strip().casefold() == other.who.strip().casefold()


def _in(words: _Words, language: str) -> str:
    if isinstance(words, str):
        return words
    return words.get(language) or words.get("en") or next(iter(words.values()), "")
