"""What an identity may do in the directory, as far as the directory tells."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec.action import Finding, Rights
from runbook_exec.actions.ldap.dialect import Raw, sid_text
from runbook_exec.actions.ldap.session import LdapSession

TOO_MUCH = {
    "512": "Domain Admins",
    "518": "Schema Admins",
    "519": "Enterprise Admins",
    "544": "Administrators",
    "548": "Account Operators",
}
"""Last part of the identifiers of groups that no runbook needs ([MS-DTYP] 2.4.2.4)."""


_CREATES, _WRITES = "allowedChildClassesEffective", "allowedAttributesEffective"

_ENOUGH = 25
"""Entries that are asked, so that one with rights of its own does not speak for all."""

_NOT_ONE_THING = {"", "entries", "properties"}
"""Rights that name no single class or attribute."""


def findings(session: LdapSession, rights: Rights) -> list[Finding]:
    """What works, which rights are missing, which are too much, and what cannot be found out here."""
    return [
        Finding(
            ok=True,
            what=f"{session.to.where} answers over verified TLS, is {session.dialect.title}, "
            f"and lets {session.to.user} in",
        ),
        *_bases(session),
        *_deleted(session),
        *_groups(session.wire.root),
        *_missing(session, rights),
    ]


def _bases(session: LdapSession) -> Iterator[Finding]:
    for dn in dict.fromkeys([str(session.to.base), *map(str, session.to.allowed)]):
        if session.reader.one(dn) is None:
            yield Finding(
                ok=False, what=f"{dn} does not exist or cannot be read", next_move="correct it, or grant read"
            )
        else:
            yield Finding(ok=True, what=f"{dn} can be read")


def _deleted(session: LdapSession) -> Iterator[Finding]:
    if session.dialect.deleted_control and not session.reader.people.deleted_visible:
        yield Finding(
            ok=False,
            what="deleted objects cannot be seen, so nobody knows whether a login was used before",
            next_move="grant List Contents and Read Property on CN=Deleted Objects",
        )


def _groups(root: Raw) -> Iterator[Finding]:
    held = {sid_text(sid).rpartition("-")[2] for sid in root.get("tokenGroups", ())}
    for rid in sorted(held & set(TOO_MUCH)):
        yield Finding(
            ok=False,
            what=f"the account is a member of {TOO_MUCH[rid]}, which is far more than any runbook needs",
            next_move="use an account with rights delegated on the OUs instead",
        )


def _missing(session: LdapSession, rights: Rights) -> Iterator[Finding]:
    needed = sorted({right if isinstance(right, str) else right[0] for right in rights.apply})
    known = _effective(session) if session.dialect.tells_rights else None
    below = " or ".join(map(str, session.to.allowed))
    unknown = []
    for right in needed:
        verb, _, thing = right.partition(" ")
        if known is None or verb not in known or thing in _NOT_ONE_THING:
            unknown.append(right)
        elif thing.lower() not in known[verb]:
            yield Finding(ok=False, what=f"may not {right} below {below}", next_move=f"delegate: {right}")
    if unknown:
        yield Finding(
            ok=True, known=False, what=f"needed, and not to be found out from here: {', '.join(unknown)}"
        )
    if not needed and known and any(known.values()):
        yield Finding(
            ok=True,
            what="planning uses an identity that may write; one that only reads would make the directory "
            "itself guard the dry run",
            next_move="add planning: with the user and password of an account that only reads",
        )


def _effective(session: LdapSession) -> dict[str, set[str]]:
    """What the directory says we may create and write below the allowed bases.

    It says so per entry: of a base, which kinds of entries may be created below it; of some
    accounts and groups that nothing shields, which of their attributes may be written.
    """
    creates: set[str] = set()
    writes: set[str] = set()
    for base in map(str, session.to.allowed):
        for kind in ("organizationalUnit", "container"):
            below = session.wire.search(base, f"(objectClass={kind})", attributes=(_CREATES,), most=_ENOUGH)
            creates |= {one.decode().lower() for _, raw in below for one in raw.get(_CREATES, ())}
        for kind in (session.dialect.person_filter, "(objectClass=group)"):
            query = f"(&{kind}(!(adminCount=1)))"
            some = session.wire.search(base, query, attributes=(_WRITES,), most=_ENOUGH)
            writes |= {one.decode().lower() for _, raw in some for one in raw.get(_WRITES, ())}
    return {"create": creates, "write": writes}
