"""`ldap.user`: a person's account, created disabled, or its attributes brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.dialect import Dialect
from runbook_exec.actions.ldap.dn import Dn, parse, same_name
from runbook_exec.actions.ldap.editing import apply_entry, undo_entry
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref, State
from runbook_exec.errors import Invalid, Refused
from runbook_exec.values import THIS

_SIMPLE = ("sam", "upn", "mail", "given_name", "surname", "display_name", "employee_id")


class UserArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="full name (DN) of the account; or give ou and cn")] = ""
    ou: Annotated[str, Meta(description="name (DN) of the OU to create it in")] = ""
    cn: Annotated[str, Meta(description="common name within the OU, as plain text; it is escaped here")] = ""
    employee_id: Annotated[str, Meta(description="the person's immutable number: whose account it is")] = ""
    sam: Annotated[str, Meta(description="login (sAMAccountName, uid)")] = ""
    upn: Annotated[str, Meta(description="user principal name; left out where the server has none")] = ""
    mail: Annotated[str, Meta(description="primary mail address")] = ""
    given_name: Annotated[str, Meta(description="given name")] = ""
    surname: Annotated[str, Meta(description="family name")] = ""
    display_name: Annotated[str, Meta(description="name that people see")] = ""
    manager: Annotated[
        str,
        Meta(description="the manager's login, UPN or mail address; written as the name (DN) it belongs to"),
    ] = ""
    enabled: Annotated[
        bool, Meta(description="how a new account starts; one that exists is left as it is (ldap.enabled)")
    ] = False
    attributes: Annotated[
        dict[str, record.Wanted],
        Meta(description="further attributes by their LDAP names; empty or null means absent"),
    ] = field(default_factory=dict)

    def name(self) -> Dn:
        """The account's name, built and checked."""
        if self.dn:
            if self.ou or self.cn:
                raise Invalid("dn stands beside ou or cn", next_move="give dn, or ou and cn")
            return parse(self.dn)
        if not self.ou or not self.cn:
            raise Invalid("the account has no name", next_move="give dn, or ou and cn")
        parent = parse(self.ou)
        return parent.child("CN" if str(parent)[:1].isupper() else "cn", self.cn)


@register
class User(Action[UserArgs]):
    """A person's account: created disabled where there is none, otherwise brought up to date.

    The account is recognised by `employee_id` first and by its name second. An account that
    carries the same number under another name is the same person's, and is updated where it
    is; an entry of the wanted name that belongs to somebody else is never touched. Only the
    attributes that differ are written, and only the ones named here.
    """

    name = "ldap.user"
    rights = Rights(
        read=("read users",),
        apply=(
            "create user", "write sAMAccountName", "write userPrincipalName", "write mail", "write givenName",
            "write sn", "write displayName", "write manager", "write employeeID", "write userAccountControl",
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
        return refs

    def plan(self, args: UserArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        name = target.inside(facts, str(args.name()))
        record.check_settable(list(args.attributes), where="attributes")
        want = _wanted(args, spoken) | _manager(args, facts)
        person = facts[target.person(args.employee_id)] if args.employee_id else None
        if person and not person["deleted"]:
            dn = str(person["dn"])
            target.inside(facts, dn)
            return self._update(args, facts, dn, want, others=list(person.get("others", ())))
        if facts[target.entry(str(name))] is not None:
            return self._update(args, facts, str(name), want, others=[])
        return self._create(args, facts, want, deleted=person)

    def apply(self, session: Any, args: UserArgs, change: Change, ctx: Context) -> Evidence:
        return apply_entry(session, change)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return undo_entry(change, evidence)

    def _create(self, args: UserArgs, facts: Facts, want: dict[str, Json], *, deleted: State) -> Change:
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
        blocked = _taken(args, facts, own=None)
        if not blocked and deleted is not None:
            blocked = (
                f"employee {args.employee_id} has a deleted account ({deleted['dn']}): "
                "restore it instead of creating a second one"
            )
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
                *_known_as(args, facts, dn, Deferred(THIS, "id")),
            ),
            writes=(dn,),
            outputs=_outputs(args, state, spoken),
            notes=(*_notes(args, spoken), *_unseen(args, facts, spoken)),
            blocked=blocked,
        )

    def _update(
        self, args: UserArgs, facts: Facts, dn: str, want: dict[str, Json], *, others: list[str]
    ) -> Change:
        spoken = target.spoken_dialect(facts)
        state = target.existing(facts, dn)
        who = target.called(state, dn)
        before, after = record.differing(state, want)
        blocked = _somebody_else(args, spoken, state, dn, others) or _taken(args, facts, own=dn)
        if after and not blocked:
            blocked = target.shielded(spoken, state, who)
        notes = _notes(args, spoken)
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
                *(_known_as(args, facts, dn, state["id"]) if after else ()),
            ),
            writes=(dn,),
            outputs=_outputs(args, {**state, **after}, spoken),
            notes=notes,
            blocked=blocked,
        )


def _wanted(args: UserArgs, spoken: Dialect) -> dict[str, Json]:
    """The attributes that the arguments ask for; what is not named is somebody else's."""
    want = {
        spoken.names[key]: record.normal(spoken.names[key], value)
        for key in _SIMPLE
        if (value := getattr(args, key)) and key in spoken.names
    }
    twice = {key.lower() for key in want} & {key.lower() for key in args.attributes}
    if twice:
        raise Invalid(
            f"{', '.join(sorted(twice))} stands in attributes and in an argument of its own",
            where="attributes",
            next_move="name it once",
        )
    return want | {key: record.normal(key, value) for key, value in args.attributes.items()}


def _manager(args: UserArgs, facts: Facts) -> dict[str, Json]:
    """The manager's entry by login or address; one that is missing or unclear is refused."""
    if not args.manager:
        return {}
    if "manager" in map(str.lower, args.attributes):
        raise Invalid("manager stands in attributes and in an argument of its own", next_move="name it once")
    live = (facts[target.holder(args.manager)] or {}).get("live", [])
    if len(live) != 1:
        found = f"{len(live)} entries are" if live else "nobody is"
        raise Refused(
            f"the manager {args.manager!r} is unclear: {found} called that in the directory",
            next_move="correct the manager's login or address",
        )
    return {"manager": live[0]}


def _somebody_else(args: UserArgs, spoken: Dialect, state: State, dn: str, others: list[str]) -> str:
    """Why the entry that stands here is not this person's account."""
    if others:
        return f"employee number {args.employee_id} is on several accounts: {dn}, {', '.join(others)}"
    if not args.employee_id:
        return ""
    number = record.get(state, spoken.names["employee_id"])
    if number is None:
        return f"{dn} exists and carries no employee number: nobody knows whether it is {args.employee_id}'s"
    if str(number).lower() != args.employee_id.lower():
        return f"{dn} belongs to employee {number}, not to {args.employee_id}"
    return ""


def _taken(args: UserArgs, facts: Facts, *, own: str | None) -> str:
    """Who else holds the login or an address."""
    for what, value in (("login", args.sam), ("UPN", args.upn), ("mail address", args.mail)):
        live = (facts[target.holder(value)] or {}).get("live", []) if value else []
        others = [dn for dn in live if own is None or not same_name(str(dn), own)]
        if others:
            return f"the {what} {value} is taken by {others[0]}"
    return ""


def _known_as(args: UserArgs, facts: Facts, dn: str, identity: Json) -> list[Effect]:
    """How others will find this account from now on."""
    effects = []
    for value in dict.fromkeys(value.casefold() for value in (args.sam, args.upn, args.mail) if value):
        held = (facts[target.holder(value)] or {}).get("live", [])
        if not any(same_name(str(other), dn) for other in held):
            effects.append(Effect(target.holder(value), {"live": [*held, dn]}))
    if args.employee_id:
        told = {"sam": args.sam, "upn": args.upn, "mail": args.mail, "display_name": args.display_name}
        given = {key: value for key, value in told.items() if value}
        new = facts[target.person(args.employee_id)] is None
        base = (
            {**dict.fromkeys(told), "dn": dn, "id": identity, "deleted": False, "others": []} if new else {}
        )
        effects.append(Effect(target.person(args.employee_id), {**base, **given}, whole=new))
    return effects


def _outputs(args: UserArgs, state: Mapping[str, Json], spoken: Dialect) -> dict[str, Json]:
    read = {
        key: record.get(state, spoken.names[key]) if key in spoken.names else None
        for key in ("sam", "upn", "mail")
    }
    return {
        "dn": state["dn"],
        "id": state["id"],
        "enabled": bool(state.get("enabled")),
        **{key: value or getattr(args, key) or None for key, value in read.items()},
    }


def _notes(args: UserArgs, spoken: Dialect) -> tuple[str, ...]:
    left_out = [key for key in _SIMPLE if getattr(args, key) and key not in spoken.names]
    return (f"{spoken.title} has no place for: {', '.join(left_out)}",) if left_out else ()


def _unseen(args: UserArgs, facts: Facts, spoken: Dialect) -> tuple[str, ...]:
    """What cannot be known while deleted entries cannot be seen."""
    asked = [facts[target.holder(value)] for value in (args.sam, args.upn, args.mail) if value]
    if not spoken.deleted_control or all(state is None or state["deleted_visible"] for state in asked):
        return ()
    return (
        "deleted entries cannot be seen: whether this person or these names were there before is unknown",
    )
