"""`ldap.user`: a person's account, created disabled, or its attributes brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runbook_exec.action import Action, Context, Rights, register
from runbook_exec.actions.ldap import account, record, target
from runbook_exec.actions.ldap.account import UserArgs
from runbook_exec.actions.ldap.editing import (
    DELETED,
    apply_entry,
    undo_entry,
    undo_entry_plan,
    undo_entry_reads,
)
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.dn import same_name
from runbook_exec.values import THIS


@register
class User(Action[UserArgs]):
    """A person's account: created disabled where there is none, otherwise brought up to date.

    The account is recognised by `employee_id` first and by its name second. An account that
    carries the same number under another name is the same person's, and is updated where it
    is; one that lies in Active Directory's recycle bin is restored with its identifiers, disabled.
    An entry of the wanted name that belongs to somebody else is never touched. Only the
    attributes that differ are written, and only the ones named here.
    """

    name = "ldap.user"
    rights = Rights(
        read=("read users",),
        apply=(
            "create user", "write sAMAccountName", "write userPrincipalName", "write mail", "write givenName",
            "write sn", "write displayName", "write manager", "write employeeID", "write userAccountControl",
            "reanimate tombstones",  # of somebody who comes back; on the domain, not on an OU
        ),
    )  # fmt: skip
    Args = UserArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "dn": "the account's name (DN)",
        "id": "its immutable id (objectGUID, entryUUID)",
        "sam": "its login",
        "upn": "its user principal name",
        "mail": "its mail address",
        "enabled": "whether one can log in with it, as it was before this run",
    }

    def reads(self, args: UserArgs, facts: Facts) -> Sequence[Ref]:
        name = args.name()
        refs = [target.SERVER, target.entry(str(name)), target.entry(str(name.parent))]
        refs += [target.holder(value) for value in (args.sam, args.upn, args.mail, args.manager) if value]
        if args.employee_id:
            refs.append(target.person(args.employee_id))
            known = facts.get(target.person(args.employee_id))
            if known and not known["deleted"]:
                refs.append(target.entry(str(known["dn"])))
            elif known:
                refs.append(target.deleted(str(known["id"])))
        return refs

    def plan(self, args: UserArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        name = target.inside(facts, str(args.name()))
        record.check_settable(list(args.attributes), where="attributes")
        want = account.wanted(args, spoken) | account.manager(args, facts)
        person = facts[target.person(args.employee_id)] if args.employee_id else None
        if person and not person["deleted"]:
            dn = str(person["dn"])
            target.inside(facts, dn)
            return self._update(args, facts, dn, want, others=list(person.get("others", ())))
        if facts[target.entry(str(name))] is not None:
            return self._update(args, facts, str(name), want, others=[])
        if person:
            return self._restore(args, facts, want, person)
        return self._create(args, facts, want)

    def apply(self, session: Any, args: UserArgs, change: Change, ctx: Context) -> Evidence:
        return apply_entry(session, change)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return undo_entry(change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return undo_entry_reads(back, facts)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return undo_entry_plan(back, evidence, facts)

    def _restore(
        self, args: UserArgs, facts: Facts, want: dict[str, Json], person: Mapping[str, Json]
    ) -> Change:
        """Somebody who comes back: the deleted account returns with its identifiers, shut."""
        spoken, name = target.spoken_dialect(facts), args.name()
        dn, who = str(name), args.display_name or name.name
        target.existing(facts, str(name.parent))
        gone = facts[target.deleted(str(person["id"]))]
        blocked = account.taken(args, facts, own=None)
        if not blocked and (gone is None or person["others"]):
            blocked = (
                f"employee {args.employee_id} has "
                + ("several deleted accounts" if person["others"] else f"a deleted account ({person['dn']})")
                + ": restore the right one by hand instead of creating another"
            )
        before, after = record.differing(gone, want)
        before = {DELETED: "TRUE", "enabled": (gone or {}).get("enabled"), **before}
        after = {DELETED: None, "enabled": False, **after}
        state = {**(gone or {}), **after, "dn": dn, "enabled": False, "locked": False}
        return Change(
            action=self.name,
            target=dn,
            identity=str(person["id"]),
            before=before,
            after=after,
            says={
                "en": f"The deleted account of {who} is restored, disabled",
                "de": f"Das gelöschte Konto von {who} wird wiederhergestellt, gesperrt",
            },
            effects=(
                Effect(target.entry(dn), state, whole=True),
                Effect(target.cn(name), {"live": [dn]}, whole=True),
                *account.known_as(args, facts, dn, person["id"]),
            ),
            writes=(dn,),
            outputs=account.outputs(args, state, spoken),
            notes=(
                *account.notes(args, spoken),
                "memberships that it had when it was deleted may come back with it: look at its groups",
            ),
            blocked=blocked or target.shielded(spoken, gone, who),
        )

    def _create(self, args: UserArgs, facts: Facts, want: dict[str, Json]) -> Change:
        spoken, name = target.spoken_dialect(facts), args.name()
        dn, who = str(name), args.display_name or name.name
        target.existing(facts, str(name.parent))
        after: dict[str, Json] = {"objectClass": list(spoken.person_classes)}
        after |= {kind: value for kind, value in name.rdns[0] if kind.lower() not in map(str.lower, want)}
        after |= {key: value for key, value in want.items() if value is not None}
        if spoken.surname_needed and "sn" not in after:
            after["sn"] = who
        after["enabled"] = args.enabled
        state = {**after, "dn": dn, "id": Deferred(THIS, "id"), "locked": False}
        blocked = account.taken(args, facts, own=None)
        if not blocked and args.enabled and not spoken.opens_without_password:
            blocked = "a new account has no password yet and cannot start enabled; use ldap.enabled later"
        return Change(
            action=self.name,
            target=dn,
            before=None,
            after=after,
            says={
                "en": f"An account for {who} is created" + ("" if args.enabled else ", disabled"),
                "de": f"Für {who} wird ein Konto angelegt" + ("" if args.enabled else ", gesperrt"),
            },
            effects=(
                Effect(target.entry(dn), state, whole=True),
                Effect(target.cn(name), {"live": [dn]}, whole=True),
                *account.known_as(args, facts, dn, Deferred(THIS, "id")),
            ),
            writes=(dn,),
            outputs=account.outputs(args, state, spoken),
            notes=(*account.notes(args, spoken), *account.unseen(args, facts, spoken)),
            blocked=blocked,
        )

    def _update(
        self, args: UserArgs, facts: Facts, dn: str, want: dict[str, Json], *, others: list[str]
    ) -> Change:
        spoken = target.spoken_dialect(facts)
        state = target.existing(facts, dn)
        who = target.called(state, dn)
        before, after = record.differing(state, want)
        blocked = account.somebody_else(args, spoken, state, dn, others) or account.taken(args, facts, own=dn)
        if after and not blocked:
            blocked = target.shielded(spoken, state, who)
        notes = account.notes(args, spoken)
        if not same_name(dn, str(args.name())):
            notes = (*notes, f"the account is at {dn}, not at {args.name()}; ldap.move moves it")
        what = ", ".join(after)
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before=before,
            after=after,
            says={
                "en": f"{who}'s account is brought up to date: {what}"
                if after
                else f"{who}'s account is as wanted",
                "de": f"Das Konto von {who} wird angepasst: {what}"
                if after
                else f"Das Konto von {who} ist wie gewünscht",
            },
            effects=(
                Effect(target.entry(dn), after),
                *(account.known_as(args, facts, dn, state["id"]) if after else ()),
            ),
            writes=(dn,),
            outputs=account.outputs(args, {**state, **after}, spoken),
            notes=notes,
            blocked=blocked,
        )
