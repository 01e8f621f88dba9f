"""What `ldap.user` is asked for, and how it fits what is there: pure questions about facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from runbook_exec.action import Args
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.dialect import Dialect
from runbook_exec.change import Effect, Facts, Json, State
from runbook_exec.dn import Dn, parse, same_name
from runbook_exec.errors import Invalid, Refused

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


def wanted(args: UserArgs, spoken: Dialect) -> dict[str, Json]:
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


def manager(args: UserArgs, facts: Facts) -> dict[str, Json]:
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


def somebody_else(args: UserArgs, spoken: Dialect, state: State, dn: str, others: list[str]) -> str:
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


def taken(args: UserArgs, facts: Facts, *, own: str | None) -> str:
    """Who else holds the login or an address."""
    for what, value in (("login", args.sam), ("UPN", args.upn), ("mail address", args.mail)):
        live = (facts[target.holder(value)] or {}).get("live", []) if value else []
        others = [dn for dn in live if own is None or not same_name(str(dn), own)]
        if others:
            return f"the {what} {value} is taken by {others[0]}"
    return ""


def known_as(args: UserArgs, facts: Facts, dn: str, identity: Json) -> list[Effect]:
    """How others will find this account from now on."""
    effects = []
    for value in dict.fromkeys(value.casefold() for value in (args.sam, args.upn, args.mail) if value):
        held = (facts[target.holder(value)] or {}).get("live", [])
        if not any(same_name(str(other), dn) for other in held):
            effects.append(Effect(target.holder(value), {"live": [*held, dn]}))
    if args.employee_id:
        told = {"sam": args.sam, "upn": args.upn, "mail": args.mail, "display_name": args.display_name}
        given = {key: value for key, value in told.items() if value}
        known = facts[target.person(args.employee_id)]
        new = known is None or bool(known["deleted"])
        base = (
            {**dict.fromkeys(told), "dn": dn, "id": identity, "deleted": False, "others": []} if new else {}
        )
        effects.append(Effect(target.person(args.employee_id), {**base, **given}, whole=new))
    return effects


def outputs(args: UserArgs, state: Mapping[str, Json], spoken: Dialect) -> dict[str, Json]:
    """What later steps read of the account."""
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


def notes(args: UserArgs, spoken: Dialect) -> tuple[str, ...]:
    """What was asked for and has no place on this server."""
    left_out = [key for key in _SIMPLE if getattr(args, key) and key not in spoken.names]
    return (f"{spoken.title} has no place for: {', '.join(left_out)}",) if left_out else ()


def unseen(args: UserArgs, facts: Facts, spoken: Dialect) -> tuple[str, ...]:
    """What cannot be known while deleted entries cannot be seen."""
    asked = [facts[target.holder(value)] for value in (args.sam, args.upn, args.mail) if value]
    if all(state is None or state["deleted_visible"] for state in asked):
        return ()
    return (
        "deleted entries cannot be seen: whether this person or these names were there before is unknown",
    )
