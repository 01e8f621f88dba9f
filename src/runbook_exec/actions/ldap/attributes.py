"""`ldap.attributes`: chosen attributes of any entry, whole or value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.editing import apply_entry, undo_entry, undo_entry_plan, undo_entry_reads
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State
from runbook_exec.errors import Invalid


class AttributesArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the entry")]
    set: Annotated[
        dict[str, record.Wanted], Meta(description="attributes to have exactly this value; null means absent")
    ] = field(default_factory=dict)
    add: Annotated[
        dict[str, list[str]], Meta(description="single values to have, beside whatever else is there")
    ] = field(default_factory=dict)
    remove: Annotated[
        dict[str, list[str]], Meta(description="single values not to have; all others stay")
    ] = field(default_factory=dict)


@register
class Attributes(Action[AttributesArgs]):
    """Changes chosen attributes of an entry, and no others.

    `set` decides about an attribute as a whole. `add` and `remove` decide about single values
    of one that has many, such as proxyAddresses: the other values are neither in the plan nor
    written. The old value is named in the write, so the server refuses if somebody changed it
    after it was read. Passwords, memberships and account switches have actions of their own.
    """

    name = "ldap.attributes"
    rights = Rights(read=("read users",), apply=("write properties",))
    Args = AttributesArgs

    def reads(self, args: AttributesArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: AttributesArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        target.inside(facts, args.dn)
        _check(args)
        state = target.existing(facts, args.dn)
        dn, who = str(state["dn"]), target.called(state, args.dn)
        before, after = record.differing(state, {k: record.normal(k, v) for k, v in args.set.items()})
        laid: dict[str, Json] = dict(after)
        for name, wanted in _single_values(args).items():
            differing = _values(state, name, wanted)
            if differing:
                spelled = record.spelling(state, name)
                before[spelled] = {value: not wants for value, wants in differing.items()}
                after[spelled] = differing
                laid[spelled] = record.laid(state, name, differing)
        what = ", ".join(after)
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before=before,
            after=after,
            says={
                "en": f"{who}: {what} {'is' if len(after) == 1 else 'are'} changed"
                if after
                else f"{who} is as wanted",
                "de": f"{who}: {what} {'wird' if len(after) == 1 else 'werden'} geändert"
                if after
                else f"{who} ist wie gewünscht",
            },
            effects=(Effect(target.entry(dn), laid),),
            writes=(dn,),
            blocked=target.shielded(spoken, state, who) if after else "",
        )

    def apply(self, session: Any, args: AttributesArgs, change: Change, ctx: Context) -> Evidence:
        return apply_entry(session, change)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return undo_entry(change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return undo_entry_reads(back, facts)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return undo_entry_plan(back, evidence, facts)


def _check(args: AttributesArgs) -> None:
    """Every attribute is settable, and nothing is asked for and against at once."""
    record.check_settable(list(args.set), where="set")
    record.check_settable(list(args.add), where="add")
    record.check_settable(list(args.remove), where="remove")
    whole = {name.lower() for name in args.set}
    for where, named in (("add", args.add), ("remove", args.remove)):
        both = [name for name in named if name.lower() in whole]
        if both:
            raise Invalid(f"{both[0]} stands in set and in {where}", where=where, next_move="name it once")
    for name, values in args.add.items():
        against = {key.lower(): gone for key, gone in args.remove.items()}.get(name.lower(), [])
        if set(values) & set(against):
            raise Invalid(
                f"{name} has a value in add and in remove", where="remove", next_move="keep one of them"
            )


def _single_values(args: AttributesArgs) -> dict[str, dict[str, bool]]:
    wanted: dict[str, dict[str, bool]] = {}
    for named, wants in ((args.add, True), (args.remove, False)):
        for name, values in named.items():
            key = next((known for known in wanted if known.lower() == name.lower()), name)
            wanted.setdefault(key, {}).update({value: wants for value in values if value})
    return wanted


def _values(state: State, name: str, wanted: Mapping[str, bool]) -> dict[str, bool]:
    """The single values that are not as wanted yet."""
    present = record.as_list(record.get(state, name))
    return {
        value: wants
        for value, wants in wanted.items()
        if any(record.same_value(name, value, one) for one in present) != wants
    }
