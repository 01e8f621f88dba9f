"""What somebody who knows ldap3 would write instead: the same writes, on one connection.

Bare, it writes and never looks. Careful, it does for each step what a run promises: it says
durably what it is about to do, looks before and after, tries the password, and says durably that it is done.
"""

from __future__ import annotations

import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import ldap3
from directory_people import Person, groups
from servers import slapd

LOCKED = "000001010000Z"


def bare(server: slapd.Slapd, people: list[Person]) -> None:
    with _bound(server) as line:
        for person in people:
            _create(line, person)
            _set_password(line, person)
            _join(line, person)
            _open(line, person)


def careful(server: slapd.Slapd, people: list[Person], log: Path) -> None:
    with _bound(server) as line, _bound(server) as door, closing(_log(log)) as book:
        for person in people:
            with _step(book, "create", person):
                assert not _is_there(line, person)
                _create(line, person)
                assert _is_there(line, person)
            with _step(book, "password", person):
                assert _is_there(line, person)
                _set_password(line, person)
                assert _is_there(line, person)
                door.rebind(person.dn, person.password)  # refused even if right: the account is shut
            with _step(book, "join", person):
                assert not _memberships(line, person)
                _join(line, person)
                assert _memberships(line, person) == len(groups())
            with _step(book, "open", person):
                assert _is_there(line, person)
                _open(line, person)
                assert _is_there(line, person)


# The writes


def _create(line: ldap3.Connection, person: Person) -> None:
    attributes = {**person.attributes, "pwdAccountLockedTime": LOCKED}
    _done(line, line.add(person.dn, "inetOrgPerson", attributes))


def _set_password(line: ldap3.Connection, person: Person) -> None:
    _done(line, line.extend.standard.modify_password(person.dn, new_password=person.password))
    # A password opens the account on this server, and nobody has handed it over yet.
    _done(line, line.modify(person.dn, {"pwdAccountLockedTime": [("MODIFY_REPLACE", [LOCKED])]}))


def _join(line: ldap3.Connection, person: Person) -> None:
    for group in groups():
        _done(line, line.modify(group, {"member": [("MODIFY_ADD", [person.dn])]}))


def _open(line: ldap3.Connection, person: Person) -> None:
    _done(line, line.modify(person.dn, {"pwdAccountLockedTime": [("MODIFY_DELETE", [])]}))


def _done(line: ldap3.Connection, done: object) -> None:
    assert done, line.result


# Looking, and writing down


def _is_there(line: ldap3.Connection, person: Person) -> bool:
    return bool(line.search(person.dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=["*", "+"]))


def _memberships(line: ldap3.Connection, person: Person) -> int:
    line.search(slapd.GROUPS, f"(member={person.dn})", attributes=["objectClass"])
    return len(line.entries)


def _log(file: Path) -> sqlite3.Connection:
    book = sqlite3.connect(file, isolation_level=None)
    book.execute("PRAGMA journal_mode=WAL")
    book.execute("PRAGMA synchronous=FULL")
    book.execute("CREATE TABLE IF NOT EXISTS log (what TEXT, who TEXT, state TEXT)")
    return book


@contextmanager
def _step(book: sqlite3.Connection, what: str, person: Person) -> Iterator[None]:
    book.execute("INSERT INTO log VALUES (?, ?, 'begun')", (what, person.dn))
    yield
    book.execute("INSERT INTO log VALUES (?, ?, 'done')", (what, person.dn))


def _bound(server: slapd.Slapd) -> ldap3.Connection:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(server.certificates.ca))
    there = ldap3.Server("127.0.0.1", port=server.port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
    return ldap3.Connection(there, slapd.ADMIN, slapd.PASSWORD, auto_bind=True)
