"""Reading one thing at a far side, for the steps after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.change import Assumed, Change, Deferred, Evidence, Facts, Json, Nature, Ref, State
from runbook_exec.dn import canonical
from runbook_exec.errors import Refused
from runbook_exec.values import THIS


class StateArgs(Args, frozen=True, kw_only=True):
    read: Annotated[
        str,
        msgspec.Meta(
            description="what is read: graph.owned, graph.devices, ldap.groups, …",
            pattern=r"^[a-z]+\.[a-z_]+$",
        ),
    ]
    of: Annotated[str, msgspec.Meta(description="whose or which: a UPN, a DN, an id", min_length=1)]
    only: Annotated[
        list[str], msgspec.Meta(description="attributes to read, so that the log holds no more; empty: all")
    ] = msgspec.field(default_factory=list)
    must_exist: Annotated[
        bool, msgspec.Meta(description="false: where it is not there, `found` is false and `state` is empty")
    ] = True


@register
class ReadState(Action[StateArgs]):
    """Read one thing at a far side for the steps after it.

    Nothing is written. What is read while planning is what the later steps are planned with, with
    the changes of the steps before laid over it. When the step comes it is read again: a later
    step whose arguments came out otherwise is drift.
    """

    name = "read.state"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = StateArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "found": "whether it is there",
        "state": "what was read, by attribute; empty where it is not there",
    }

    def reads(self, args: StateArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args),)

    def plan(self, args: StateArgs, facts: Facts) -> Change:
        now = facts.get(_ref(args))
        missing = now is None and args.must_exist
        return Change(
            action=self.name,
            target=f"{args.read} {args.of}",
            before={"read": False},
            after={"read": True},
            says={
                "en": f"Read {args.read} of {args.of}",
                "de": f"{args.read} von {args.of} lesen",
            },
            # What the plan stops for is unknown to the steps after it, and no second error.
            outputs={
                "found": now is not None,
                "state": Deferred(THIS, "state") if missing else _chosen(now, args.only),
            },
            blocked=f"there is no {args.read} of {args.of}" if missing else "",
        )

    def apply(self, session: Any, args: StateArgs, change: Change, ctx: Context) -> Evidence:
        if change.blocked:
            raise Refused(
                change.blocked, where=f'step "{ctx.step}"', next_move="see what became of it, then plan again"
            )
        return Evidence(answer={"found": change.outputs["found"]}, outputs=dict(change.outputs))


def _ref(args: StateArgs) -> Ref:
    """The thing under the key by which earlier steps of the plan know it too."""
    if args.read.startswith(("graph.", "exchange.")):
        return Ref(args.read, args.of.lower())
    if args.read in {"ldap.entry", "ldap.group", "ldap.groups"}:
        return Ref(args.read, canonical(args.of))
    return Ref(args.read, args.of)


def _chosen(state: State, only: Sequence[str]) -> Json:
    """The chosen attributes; what a user that is still to be made does not know yet stays unknown."""
    if state is None:
        return {}
    if not only:
        return _in_order(state)
    if isinstance(state, Assumed):
        return {name: state[name] for name in only}
    return {name: _in_order(state.get(name)) for name in only}


def _in_order(value: Json) -> Json:
    """Mappings by their keys, as the journal gives them back: a list made of one is the same after a resume."""
    if isinstance(value, Assumed):
        return value
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_in_order(item) for item in value]
    return value
