"""`ldap.entry`: any entry (an OU, a group, a contact) present with its attributes, or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.editing import (
    ACCOUNTS,
    apply_entry,
    undo_entry,
    undo_entry_plan,
    undo_entry_reads,
)
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.dn import Dn, parse
from runbook_exec.errors import Invalid
from runbook_exec.values import THIS


class EntryArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the entry")]
    present: Annotated[bool, Meta(description="true: it is there; false: it is deleted")] = True
    classes: Annotated[
        list[str], Meta(description="object classes of a new entry, for example [organizationalUnit]")
    ] = field(default_factory=list)
    attributes: Annotated[
        dict[str, record.Wanted], Meta(description="attributes it has; null means absent")
    ] = field(default_factory=dict)
    members: Annotated[
        list[str],
        Meta(
            description="first members (DNs) of a new group that cannot be empty; later: ldap.group_members"
        ),
    ] = field(default_factory=list)


@register
class Entry(Action[EntryArgs]):
    """Creates, adjusts or deletes an entry that is no account: an OU, a group, a contact.

    An entry that exists keeps its classes and whatever is not named here. Deleting takes one
    entry and never what lies below it. Taking a deletion back writes the entry again from what
    was read before; Active Directory gives it a new identifier, so a deleted security group or
    account comes back only from the recycle bin, and the plan says so.
    """

    name = "ldap.entry"
    destructive = True
    rights = Rights(read=("read users",), apply=("create entries", "delete entries", "write properties"))
    Args = EntryArgs
    outputs: ClassVar[Mapping[str, str]] = {"dn": "the entry's name (DN)", "id": "its immutable id"}

    def reads(self, args: EntryArgs, facts: Facts) -> Sequence[Ref]:
        name = parse(args.dn)
        return [target.SERVER, target.entry(args.dn), target.entry(str(name.parent))]

    def plan(self, args: EntryArgs, facts: Facts) -> Change:
        name = target.inside(facts, args.dn)
        record.check_settable(list(args.attributes), where="attributes")
        if not args.present:
            return self._gone(args, facts, name)
        if facts[target.entry(args.dn)] is None:
            return self._new(args, facts, name)
        return self._kept(args, facts)

    def apply(self, session: Any, args: EntryArgs, change: Change, ctx: Context) -> Evidence:
        return apply_entry(session, change)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return undo_entry(change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return undo_entry_reads(back, facts)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return undo_entry_plan(back, evidence, facts)

    def _new(self, args: EntryArgs, facts: Facts, name: Dn) -> Change:
        dn = str(name)
        target.existing(facts, str(name.parent))
        if not args.classes:
            raise Invalid(
                f"{dn} does not exist, and classes says not what to create", next_move="give classes"
            )
        accounts = {kind.lower() for kind in args.classes} & ACCOUNTS
        if accounts:
            raise Invalid(f"{accounts.pop()} is an account", where="classes", next_move="use ldap.user")
        after: dict[str, Json] = {"objectClass": list(args.classes)}
        after |= {
            kind: value for kind, value in name.rdns[0] if kind.lower() not in map(str.lower, args.attributes)
        }
        after |= {k: v for k, given in args.attributes.items() if (v := record.normal(k, given)) is not None}
        if args.members:
            after[target.spoken_dialect(facts).member_attribute(args.classes)] = list(args.members)
        return Change(
            action=self.name,
            target=dn,
            before=None,
            after=after,
            says={"en": f"{name.name} is created", "de": f"{name.name} wird angelegt"},
            effects=(Effect(target.entry(dn), {**after, "dn": dn, "id": Deferred(THIS, "id")}, whole=True),),
            writes=(dn,),
            outputs={"dn": dn, "id": Deferred(THIS, "id")},
        )

    def _kept(self, args: EntryArgs, facts: Facts) -> Change:
        state = target.existing(facts, args.dn)
        dn, who = str(state["dn"]), target.called(state, args.dn)
        before, after = record.differing(state, {k: record.normal(k, v) for k, v in args.attributes.items()})
        what = ", ".join(after)
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before=before,
            after=after,
            says={"en": f"{who} is adjusted: {what}", "de": f"{who} wird angepasst: {what}"}
            if after
            else {"en": f"{who} is as wanted", "de": f"{who} ist wie gewünscht"},
            effects=(Effect(target.entry(dn), after),),
            writes=(dn,),
            outputs={"dn": dn, "id": state["id"]},
            blocked=target.shielded(target.spoken_dialect(facts), state, who) if after else "",
        )

    def _gone(self, args: EntryArgs, facts: Facts, name: Dn) -> Change:
        state = facts[target.entry(args.dn)]
        if state is None:
            return Change(
                action=self.name,
                target=str(name),
                before=None,
                after=None,
                says={"en": f"{name.name} does not exist", "de": f"{name.name} gibt es nicht"},
                outputs={"dn": str(name), "id": None},
            )
        dn, who = str(state["dn"]), target.called(state, args.dn)
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before={key: value for key, value in state.items() if key.lower() not in record.SERVERS_OWN},
            after=None,
            says={"en": f"{who} is deleted", "de": f"{who} wird gelöscht"},
            effects=(Effect(target.entry(dn), None),),
            writes=(dn,),
            outputs={"dn": dn, "id": state["id"]},
            destructive=True,
            blocked=target.shielded(target.spoken_dialect(facts), state, who),
        )
