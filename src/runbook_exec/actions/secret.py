"""Secrets by rule: made when the run reaches them, never planned, never kept."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.change import Change, Evidence, Facts, Nature
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

_ALPHABETS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "special": "!#$%&*+-./:=?@_",
}
_LOOK_ALIKE = frozenset("0O1lI|5S2Z8B./:_")
_NAMES = {
    "lower": "small letters",
    "upper": "capitals",
    "digit": "digits",
    "special": "special characters",
}
_MOST_TRIES = 1000


class GenerateArgs(Args, frozen=True, kw_only=True):
    length: Annotated[int, msgspec.Meta(description="characters", ge=12, le=127)] = 20
    classes: Annotated[
        list[Literal["lower", "upper", "digit", "special"]],
        msgspec.Meta(
            description="kinds of characters; each occurs at least once. AD wants three", min_length=3
        ),
    ] = msgspec.field(default_factory=lambda: ["lower", "upper", "digit", "special"])
    readable: Annotated[
        bool, msgspec.Meta(description="leave out characters that look alike (0 O, 1 l I, 5 S, …)")
    ] = True
    avoid: Annotated[
        list[str],
        msgspec.Meta(
            description="names that must not occur in it: AD refuses a password that holds the login or a name"
        ),
    ] = msgspec.field(default_factory=list)


@register
class Generate(Action[GenerateArgs]):
    """Make a random secret by rule: a first password, for instance.

    The plan shows the rule and never a value: the secret is made from the system's random
    source when the run reaches the step, stays in memory, and is not written anywhere.
    Later steps take it as `{{ step.value }}`, by itself, not inside a text.
    With three or more kinds of characters it satisfies Active Directory's complexity rule.
    """

    name = "secret.generate"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = GenerateArgs
    outputs: ClassVar[Mapping[str, str]] = {"value": "the secret"}

    def plan(self, args: GenerateArgs, facts: Facts) -> Change:
        rule = _rule(args)
        return Change(
            action=self.name,
            target="a new secret",
            before=None,
            after={"value": Secret.planned(rule)},
            says={"en": f"Make a new secret: {rule}", "de": f"Neues Geheimnis erzeugen: {_rule_de(args)}"},
            outputs={"value": Secret.planned(rule)},
        )

    def apply(self, session: Any, args: GenerateArgs, change: Change, ctx: Context) -> Evidence:
        rule = _rule(args)
        return Evidence(answer={"rule": rule}, outputs={"value": Secret(_made(args), rule=rule)})


def _made(args: GenerateArgs) -> str:
    """Draws until every kind occurs and no name does; each draw is uniform over the whole alphabet."""
    kinds = [_alphabet(kind, readable=args.readable) for kind in dict.fromkeys(args.classes)]
    alphabet = "".join(kinds)
    parts = [part for name in args.avoid for part in _parts(name)]
    for _ in range(_MOST_TRIES):
        text = "".join(secrets.choice(alphabet) for _ in range(args.length))
        if all(set(kind) & set(text) for kind in kinds) and not any(p in text.casefold() for p in parts):
            return text
    raise Invalid("no secret can be made by this rule", next_move="allow more length or avoid fewer names")


def _parts(name: str) -> list[str]:
    """The pieces of a name that AD looks for: whole, and split at its delimiters, from three letters on."""
    cut = name.casefold()
    for delimiter in ",.-_#\t":
        cut = cut.replace(delimiter, " ")
    return [part for part in {name.casefold(), *cut.split()} if len(part) >= 3]


def _alphabet(kind: str, *, readable: bool) -> str:
    return "".join(c for c in _ALPHABETS[kind] if not (readable and c in _LOOK_ALIKE))


def _rule(args: GenerateArgs) -> str:
    kinds = ", ".join(_NAMES[kind] for kind in dict.fromkeys(args.classes))
    return f"{args.length} characters of {kinds}{', easy to read' if args.readable else ''}"


_NAMES_DE = {
    "lower": "Kleinbuchstaben",
    "upper": "Großbuchstaben",
    "digit": "Ziffern",
    "special": "Sonderzeichen",
}


def _rule_de(args: GenerateArgs) -> str:
    kinds = ", ".join(_NAMES_DE[kind] for kind in dict.fromkeys(args.classes))
    return f"{args.length} Zeichen aus {kinds}{', gut lesbar' if args.readable else ''}"
