"""What the directory's actions share: the things they read, and what they say about them."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.dialect import Dialect
from runbook_exec.actions.ldap.dialects import dialect
from runbook_exec.actions.ldap.groups import IN
from runbook_exec.change import Facts, Json, Ref, State
from runbook_exec.dn import Dn, canonical, parse
from runbook_exec.errors import Invalid, Refused

SERVER = Ref("ldap.server", "")


def entry(dn: str) -> Ref:
    """Everything about one entry."""
    return Ref("ldap.entry", canonical(dn))


def place(identity: str) -> Ref:
    """Where the entry of an immutable id is now."""
    return Ref("ldap.place", identity)


def deleted(identity: str) -> Ref:
    """A deleted entry, as the directory still keeps it."""
    return Ref("ldap.deleted", identity)


def group(dn: str) -> Ref:
    """A group without its members."""
    return Ref("ldap.group", canonical(dn))


def membership(member: str, of: str) -> Ref:
    """Whether one entry is a direct member of one group."""
    return Ref("ldap.membership", canonical(member) + IN + canonical(of))


def groups_of(member: str) -> Ref:
    """The groups that one entry is a direct member of."""
    return Ref("ldap.groups", canonical(member))


def holder(value: str) -> Ref:
    """Who holds a login or an address."""
    return Ref("ldap.holder", value.casefold())


def person(employee_id: str) -> Ref:
    """The account of an employee."""
    return Ref("ldap.person", employee_id)


def cn(name: Dn) -> Ref:
    """Who has this common name in this OU."""
    return Ref("ldap.cn", f"{name.name.lower()},{name.parent.canonical}")


def spoken_dialect(facts: Facts) -> Dialect:
    """The dialect of the server that the facts come from."""
    server = facts.get(SERVER)
    if server is None:
        raise Invalid("the directory did not say what kind it is", next_move="add dialect: to its connection")
    return dialect(str(server["dialect"]))


def inside(facts: Facts, dn: str) -> Dn:
    """The name, if it lies where this environment may write; otherwise a refusal."""
    name = parse(dn)
    allowed = [str(base) for base in (facts.get(SERVER) or {}).get("allowed_bases", ())]
    if any(name.is_inside(parse(base)) for base in allowed):
        return name
    raise Refused(
        f"{dn} is not below {' or '.join(allowed)}",
        next_move="correct the name, or allowed_bases: of this environment",
    )


def existing(facts: Facts, dn: str) -> Mapping[str, Json]:
    """The entry of this name; a refusal where there is none."""
    state = facts[entry(dn)]
    if state is None:
        raise Refused(
            f"there is no entry {dn}", next_move="correct the name, or create the entry in an earlier step"
        )
    return state


def called(state: State, dn: str) -> str:
    """What people call the thing: its display name, or its common name."""
    for name in ("displayName", "cn", "ou"):
        value = record.get(state, name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and value.strip():
            return value
    return parse(dn).name or dn


def identity(state: State) -> str | None:
    """The immutable id as text; None while an earlier step has still to create the entry."""
    value = (state or {}).get("id")
    return value if isinstance(value, str) else None


def shielded(spoken: Dialect, state: State, name: str) -> str:
    """Why a protected account is left alone; '' where it is none."""
    if not spoken.protected(state):
        return ""
    return (
        f"{name} is or was an administrator (adminCount=1): the directory shields the account from delegated "
        "rights, and runbooks leave it alone. Let its administrators do this by hand; if the flag is a "
        "leftover, they clear it and restore inheritance first"
    )


def listing(items: list[str], language: str) -> str:
    """`a, b and c`, `a, b und c`."""
    joint = {"en": " and ", "de": " und "}[language]
    return joint.join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
