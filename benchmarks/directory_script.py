"""What somebody who knows ldap3 would write instead: the same writes, on one connection."""

from __future__ import annotations

import ssl

import ldap3
from directory_people import Person, groups
from servers import slapd

LOCKED = "000001010000Z"


def run(server: slapd.Slapd, people: list[Person], *, reads: bool) -> None:
    """All of it, stopping at the first refusal. With `reads` it looks before and after, and logs in once."""
    user, password = slapd.ADMIN, slapd.PASSWORD
    with _bound(server, user, password) as line, _bound(server, user, password) as door:
        for person in people:
            _one(line, person, reads=reads)
            assert not reads or door.rebind(person.dn, person.password)


def _one(line: ldap3.Connection, person: Person, *, reads: bool) -> None:
    dn = person.dn
    assert not reads or not _there(line, dn)
    _done(line, line.add(dn, "inetOrgPerson", {**person.attributes, "pwdAccountLockedTime": LOCKED}))
    assert not reads or _there(line, dn)
    _done(line, line.extend.standard.modify_password(dn, new_password=person.password))
    # A password opens the account on this server; nobody has handed it over yet.
    _done(line, line.modify(dn, {"pwdAccountLockedTime": [("MODIFY_REPLACE", [LOCKED])]}))
    assert not reads or _there(line, dn)
    for group in groups():
        assert not reads or not _is_member(line, group, dn)
        _done(line, line.modify(group, {"member": [("MODIFY_ADD", [dn])]}))
        assert not reads or _is_member(line, group, dn)
    _done(line, line.modify(dn, {"pwdAccountLockedTime": [("MODIFY_DELETE", [])]}))
    assert not reads or _there(line, dn)


def _bound(server: slapd.Slapd, user: str, password: str) -> ldap3.Connection:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(server.certificates.ca))
    there = ldap3.Server("127.0.0.1", port=server.port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
    return ldap3.Connection(there, user, password, auto_bind=True)


def _done(line: ldap3.Connection, done: object) -> None:
    assert done, line.result


def _there(line: ldap3.Connection, dn: str) -> bool:
    return bool(line.search(dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=["*", "+"]))


def _is_member(line: ldap3.Connection, group: str, dn: str) -> bool:
    return bool(line.search(group, f"(member={dn})", search_scope=ldap3.BASE, attributes=["objectClass"]))
