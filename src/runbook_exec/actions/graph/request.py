"""Any request to Graph, for what has no action of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import pen
from runbook_exec.actions.graph.message import Message
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Json, Nature, Ref, same
from runbook_exec.errors import Failed, Invalid, Refused
from runbook_exec.secret import Secret


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to see that it is so."""

    path: Annotated[str, msgspec.Meta(description="what to GET")]
    has: Annotated[dict[str, Json], msgspec.Meta(description="properties with the values they must have")]


class RequestArgs(Args, frozen=True, kw_only=True):
    path: Annotated[
        str, msgspec.Meta(description="below /v1.0, with its query: /users/anna@…/manager", pattern="^/")
    ]
    method: Annotated[
        Literal["GET", "POST", "PATCH", "PUT", "DELETE"], msgspec.Meta(description="GET only reads")
    ] = "GET"
    body: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="the JSON body; secrets may stand in it")
    ] = None
    proof: Annotated[
        Proof | None,
        msgspec.Meta(
            description="what to read, and what it must show: then nothing is sent where it is so already"
        ),
    ] = None


@register
class Request(Action[RequestArgs]):
    """Send one request of your own to Graph. A GET only reads and gives its answer to later steps.

    Anything else is *blind*: the plan shows the exact request, and a crash in the middle leaves
    it to a person. With `proof` it is looked at first (nothing is sent where it is so
    already) and afterwards (it failed where it is not). What an answer gives away once (a pass,
    a client secret, a recovery key) is a secret to later steps, and not kept. Known traps are refused: above all
    `DELETE …/members/{id}` without `/$ref`, which deletes the person. Which permission it takes is
    known to Graph alone: `doctor` cannot check it.
    """

    name = "graph.request"
    nature = Nature.BLIND
    undoable = False
    destructive = True
    Args = RequestArgs
    outputs: ClassVar[Mapping[str, str]] = {"body": "the answer's body"}
    rights = Rights()

    def reads(self, args: RequestArgs, facts: Facts) -> Sequence[Ref]:
        _check(args)
        if args.method == "GET":
            return (Ref("graph.request", args.path),)
        return (Ref("graph.request", args.proof.path),) if args.proof else ()

    def plan(self, args: RequestArgs, facts: Facts) -> Change:
        _check(args)
        target = args.path.partition("?")[0]
        if args.method == "GET":
            found = facts.get(Ref("graph.request", args.path))
            return self._settled(
                target, found["body"] if found else None, f"{target} is read", f"{target} wird gelesen"
            )
        if args.proof and _shows(args.proof, facts.get(Ref("graph.request", args.proof.path))):
            return self._settled(target, None, f"{target} is as wanted", f"{target} ist wie gewünscht")
        return Change(
            action=self.name,
            target=target,
            before=None,
            after=None,
            says={
                "en": f"{args.method} {target} is sent to Graph",
                "de": f"{args.method} {target} wird an Graph gesendet",
            },
            certainty=Certainty.BLIND,
            writes=(target,),
            request={"method": args.method, "path": args.path, "body": args.body},
            notes=() if args.proof else ("nothing tells beforehand or afterwards whether it is so",),
            destructive=args.method == "DELETE",
        )

    def apply(self, session: Session, args: RequestArgs, change: Change, ctx: Context) -> Evidence:
        asked = Message(method=args.method, path=args.path, body=_revealed(args.body))
        body = session.send(asked, ctx, lag=0)
        if args.proof:
            ref = Ref("graph.request", args.proof.path)
            if not _shows(args.proof, session.read([ref])[ref]):
                raise Failed(
                    f"{args.method} {args.path} was accepted, but {args.proof.path} does not show it",
                    next_move="look at the far side: some changes take minutes to show",
                )
        return Evidence(answer={"request": f"{args.method} {change.target}"}, outputs={"body": _sealed(body)})

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a request of your own has no known way back")

    def _settled(self, target: str, body: Json, en: str, de: str) -> Change:
        return Change(
            action=self.name,
            target=target,
            before={},
            after={},
            says={"en": en, "de": de},
            outputs={"body": _sealed(body)},
        )


def _check(args: RequestArgs) -> None:
    where, _, _ = args.path.partition("?")
    parts = pen.segments(where, "")
    if re.search(r"[\x00-\x20\x7f\\#]|//|/\.\.?(/|$)", args.path) or any(
        part in {".", ".."} for part in parts
    ):
        raise Invalid(
            f"{args.path!r} is no path below /v1.0", next_move="write it like /users/anna@example.org"
        )
    if parts and parts[0].lower() == "$batch":
        raise Refused(
            "a $batch hides what it does from the plan", next_move="write one step for each request"
        )
    if args.method == "GET" and (args.body or args.proof):
        raise Invalid("a GET has neither body nor proof", next_move="remove them, or name another method")
    if pen.deletes_the_member(args.method, parts):
        raise Refused(
            f"DELETE {where} would delete the person, not the membership", next_move="end the path in /$ref"
        )


def _shows(proof: Proof, state: Any) -> bool:
    body = state["body"] if state else None
    return isinstance(body, Mapping) and all(same(body.get(name), value) for name, value in proof.has.items())


_SECRETS = frozenset(
    {"temporaryaccesspass", "secrettext", "password", "newpassword", "key", "accesstoken", "refreshtoken"}
)
"""Properties, in lower case, by which Graph gives a secret away."""


def _sealed(value: Json, name: str = "") -> Json:
    """The answer with what must not be kept as a `Secret`."""
    if isinstance(value, str) and name.lower() in _SECRETS:
        return Secret(value, rule=f"{name} from Graph")
    if isinstance(value, Mapping):
        return {key: _sealed(item, key) for key, item in value.items()}
    return [_sealed(item, name) for item in value] if isinstance(value, list | tuple) else value


def _revealed(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _revealed(item) for key, item in value.items()}
    return [_revealed(item) for item in value] if isinstance(value, list | tuple) else value
