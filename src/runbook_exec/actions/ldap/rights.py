"""What an identity may do in the directory, as far as the directory tells."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec.action import Finding, Rights
from runbook_exec.actions.ldap.dialect import Raw, sid_text
from runbook_exec.actions.ldap.session import LdapSession
from runbook_exec.actions.ldap.wire import BASE, EVERYTHING

TOO_MUCH = {
    "512": "Domain Admins",
    "518": "Schema Admins",
    "519": "Enterprise Admins",
    "544": "Administrators",
    "548": "Account Operators",
}
"""Last part of the identifiers of groups that no runbook needs ([MS-DTYP] 2.4.2.4)."""


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
    if session.dialect.deleted_control and not session.reader.deleted_visible:
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
    needed = [right if isinstance(right, str) else right[0] for right in rights.apply]
    known, unknown = _effective(session), []
    for right in sorted(set(needed)):
        verb, _, thing = right.partition(" ")
        if known is None or verb not in {"create", "write"} or not thing:
            unknown.append(right)
        elif thing.lower() not in known[verb]:
            yield Finding(
                ok=False,
                what=f"the account may not {right} below {', '.join(map(str, session.to.allowed))}",
                next_move=f"delegate: {right}",
            )
    if unknown:
        yield Finding(ok=True, what=f"needed, and not to be found out from here: {', '.join(unknown)}")


def _effective(session: LdapSession) -> dict[str, set[str]] | None:
    """What AD says we may create and write below the allowed bases; None where it says nothing.

    allowedChildClassesEffective and allowedAttributesEffective are computed per entry
    ([MS-ADTS] 3.1.1.4.5), so attributes are asked of one account and one group that exist.
    """
    asked = ("allowedChildClassesEffective", "allowedAttributesEffective")
    creates: set[str] = set()
    writes: set[str] = set()
    told = False
    for base in map(str, session.to.allowed):
        for dn, raw in session.wire.search(base, EVERYTHING, scope=BASE, attributes=(*asked, "objectClass")):
            told = told or bool(dn and any(name in raw for name in asked))
            creates |= {one.decode().lower() for one in raw.get(asked[0], ())}
        for query in (session.dialect.person_filter, "(objectClass=group)"):
            for _, raw in session.wire.search(base, query, attributes=asked)[:1]:
                writes |= {one.decode().lower() for one in raw.get(asked[1], ())}
    return {"create": creates, "write": writes} if told else None
