"""The directory double where it goes beyond Samba: what AD does, and what a rehearsal needs."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import uuid
from contextlib import contextmanager

import ldap3
import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from ldap3.core.exceptions import LDAPExceptionError
from ldaptor.protocols import pureldap
from servers import directory_double

from runbook_exec.sandbox.directory_operations import LOG

GOOD = "Rehearsal-1x"
NUMBERS = itertools.count(1)
SHOW_DELETED = [("1.2.840.113556.1.4.417", True, None)]


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    with directory_double.running(tmp_path_factory.mktemp("directory") / "company") as running:
        yield running


@pytest.fixture
def runbook(double):
    with double.raw() as connection:
        yield connection


@pytest.fixture
def plan(double):
    connection = double.bound("svc-runbook-plan")
    yield connection
    connection.unbind()


@pytest.fixture
def add(double, runbook):
    """Add a user and return the DN; the login is unique unless it is given."""

    def make(name="", **more):
        number = next(NUMBERS)
        dn = f"CN={name or f'Person {number}'},{double.people}"
        kind = more.pop("kind", "user")
        values = {"sAMAccountName": f"person{number}", **more}
        assert runbook.add(dn, kind, values), runbook.result
        return dn

    return make


def quoted(password):
    return f'"{password}"'.encode("utf-16-le")


def account(add, name="", **more):
    return add(name, userAccountControl="512", unicodePwd=quoted(GOOD), **more)


def read(connection, dn, *names, controls=None):
    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names), controls=controls)
    found = [entry["raw_attributes"] for entry in connection.response if entry["type"] == "searchResEntry"]
    return {name: [value.decode() for value in values] for name, values in found[0].items() if values}


def refused(connection, code, win=""):
    assert connection.result["description"] == code, connection.result
    return connection.result["message"].startswith(win)


@contextmanager
def encrypted(double):
    """A bare encrypted line to the double."""
    context = ssl.create_default_context(cafile=str(double.rehearsal.certificates.ca))
    with (
        socket.create_connection(("127.0.0.1", double.ports["ldaps"]), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as line,
    ):
        yield line


# Names


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Müller", "Muller"),
        ("Meißner", "MEISSNER"),
        ("Müller", "MÜLLER"),
        ("Nguyễn", "nguyen"),
        ("İpek", "ipek"),
        ("Ødegård", "Odegard"),
    ],
)
def test_names_that_differ_by_case_and_accents_alone_are_one_name(double, runbook, add, first, second):
    tail = f" {next(NUMBERS)}"
    add(first + tail)
    assert not runbook.add(f"CN={second}{tail},{double.people}", "user", {"sAMAccountName": "andere"})
    assert refused(runbook, "entryAlreadyExists", "00002071")


@pytest.mark.parametrize(("first", "second"), [("аdmin", "admin"), ("oe", "ö"), ("æ", "a")])
def test_names_that_only_look_alike_are_two(add, first, second):
    tail = f" {next(NUMBERS)}"
    add(first + tail)
    add(second + tail)


def test_logins_and_upns_are_compared_without_accents_too(double, runbook, add):
    number = next(NUMBERS)
    add(sAMAccountName=f"müller{number}", userPrincipalName=f"mueller{number}@kranich.example")
    dn = f"CN=zweite {number},{double.people}"
    assert not runbook.add(dn, "user", {"sAMAccountName": f"MULLER{number}"})
    assert refused(runbook, "entryAlreadyExists", "00000524")
    upn = f"MUELLER{number}@kranich.example"
    assert not runbook.add(dn, "user", {"sAMAccountName": f"z{number}", "userPrincipalName": upn})
    assert refused(runbook, "constraintViolation", "000021C8")


def test_a_search_finds_a_person_without_typing_the_accents(double, runbook, add):
    dn = add(f"Jürgen Groß {next(NUMBERS)}")
    name = dn.partition(",")[0].removeprefix("CN=").replace("ü", "u").replace("ß", "ss")
    runbook.search(double.people, f"(cn={name})")
    assert [entry["dn"] for entry in runbook.response] == [dn]


@pytest.mark.parametrize("login", ["x" * 21, "a/b", "a*b", "semi;kolon", "punkt.", "   "])
def test_a_login_that_windows_does_not_take_is_refused(double, runbook, login):
    assert not runbook.add(f"CN=Wer {next(NUMBERS)},{double.people}", "user", {"sAMAccountName": login})
    assert refused(runbook, "other", "00000523")


def test_a_login_of_20_characters_is_taken_and_a_group_may_have_more(double, runbook, add):
    add(sAMAccountName="l" * 20)
    values = {"sAMAccountName": "GG_" + "g" * 40}
    assert runbook.add(f"CN=lang {next(NUMBERS)},{double.groups}", "group", values)


@pytest.mark.parametrize(
    ("name", "code"), [("Zei\\0Ale", "namingViolation"), ("Null\\00", "invalidDNSyntax")]
)
def test_a_name_holds_neither_line_feed_nor_null(double, runbook, name, code):
    assert not runbook.add(f"CN={name},{double.people}", "user", {})
    assert refused(runbook, code)


def test_a_value_longer_than_the_schema_allows_is_refused(double, runbook, add):
    dn = add()
    assert not runbook.modify(dn, {"employeeID": [(MODIFY_REPLACE, ["1" * 17])]})
    assert refused(runbook, "constraintViolation", "00002082")
    assert not runbook.add(f"CN={'n' * 65},{double.people}", "user", {})
    assert refused(runbook, "constraintViolation", "00002082")


def test_an_address_that_differs_by_case_alone_is_the_same_address(runbook, add):
    dn = add(proxyAddresses=["SMTP:a@kranich.example"])
    assert not runbook.modify(dn, {"proxyAddresses": [(MODIFY_ADD, ["smtp:a@kranich.example"])]})
    assert refused(runbook, "attributeOrValueExists")


# Passwords


def test_an_account_is_not_enabled_without_a_password(runbook, add, double):
    dn = add()
    enable = {"userAccountControl": [(MODIFY_REPLACE, ["512"])]}
    assert not runbook.modify(dn, enable)
    assert refused(runbook, "unwillingToPerform", "0000052D")
    assert runbook.modify(dn, {"unicodePwd": [(MODIFY_REPLACE, [quoted(GOOD)])]})
    assert runbook.modify(dn, enable)
    enabled = {"sAMAccountName": "gleich", "userAccountControl": "512"}
    assert not runbook.add(f"CN=Gleich,{double.people}", "user", enabled)
    assert refused(runbook, "unwillingToPerform", "0000052D")


@pytest.mark.parametrize("password", ["abc", "alllowercase", "Kurz-1", "Xanna-1234", "Schneider-99"])
def test_a_password_that_is_short_simple_or_holds_the_name_is_refused(runbook, add, password):
    number = next(NUMBERS)
    dn = add(
        sAMAccountName="anna" if password.startswith("Xanna") else f"q{number}", displayName="Anna Schneider"
    )
    assert not runbook.modify(dn, {"unicodePwd": [(MODIFY_REPLACE, [quoted(password)])]})
    assert refused(runbook, "constraintViolation", "0000052D")
    assert runbook.delete(dn)


def test_a_refused_password_changes_nothing_else_of_the_same_request(runbook, add):
    dn = account(add)
    edits = {"title": [(MODIFY_REPLACE, ["Chef"])], "unicodePwd": [(MODIFY_REPLACE, [quoted("abc")])]}
    assert not runbook.modify(dn, edits)
    assert read(runbook, dn, "title") == {}


def test_no_password_is_ever_read(runbook, add):
    dn = account(add)
    assert "unicodePwd" not in read(runbook, dn, "unicodePwd", "userPassword", "sAMAccountName")
    runbook.search(dn, "(unicodePwd=*)", ldap3.BASE)
    assert runbook.response == []


def test_an_empty_password_logs_in_as_nobody(double):
    """Said byte by byte, since ldap3 knows better than to send it (RFC 4513 5.1.2)."""
    bind = pureldap.LDAPMessage(pureldap.LDAPBindRequest(dn="svc-runbook@kranich.example", auth=""), id=1)
    ask = pureldap.LDAPMessage(pureldap.LDAPSearchRequest(baseObject=double.base), id=2)
    with encrypted(double) as line:
        line.sendall(bind.toWire() + ask.toWire())
        answer = line.recv(4096)
        while b"000004DC" not in answer:
            answer += line.recv(4096)
    assert answer.startswith(bytes.fromhex("300c02010161070a010004000400"))


# Encryption


def test_the_certificate_names_the_address_and_is_signed_by_our_own_authority(double):
    with encrypted(double) as line:
        assert line.version() in {"TLSv1.2", "TLSv1.3"}


def test_nobody_logs_in_over_an_open_line(double):
    connection = ldap3.Connection(double.server(tls=False), "svc-runbook@kranich.example", "egal")
    assert not connection.bind()
    assert refused(connection, "strongerAuthRequired", "00002028")
    connection.unbind()


def test_starttls_encrypts_an_open_line(double):
    password = double.password_of("svc-runbook")
    connection = ldap3.Connection(double.server(tls=False), "svc-runbook@kranich.example", password)
    connection.open()
    assert connection.start_tls()
    assert connection.bind()
    assert connection.extend.standard.who_am_i() == "u:CORP\\svc-runbook"
    connection.unbind()


def test_a_request_in_the_same_breath_as_the_handshakes_end_is_answered(double):
    """A client may send both in one packet; the request must not wait for another one."""
    arrives, leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(double.rehearsal.certificates.ca))
    line = context.wrap_bio(arrives, leaves, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", double.ports["ldaps"]), timeout=10) as raw:
        while True:
            try:
                line.do_handshake()
            except ssl.SSLWantReadError:
                raw.sendall(leaves.read())
                arrives.write(raw.recv(65536))
            else:
                break
        ask = pureldap.LDAPSearchRequest(baseObject="", scope=0, attributes=[b"dnsHostName"])
        line.write(pureldap.LDAPMessage(ask, id=1).toWire())
        raw.sendall(leaves.read())
        answer = b""
        while b"dc01.corp" not in answer:
            arrives.write(raw.recv(65536))
            try:
                answer += line.read(65536)
            except ssl.SSLWantReadError:
                continue


def test_what_was_said_in_clear_before_starttls_is_forgotten(double):
    start = pureldap.LDAPMessage(pureldap.LDAPStartTLSRequest(), id=1).toWire()
    smuggled = pureldap.LDAPMessage(pureldap.LDAPSearchRequest(baseObject="", scope=0), id=2).toWire()
    context = ssl.create_default_context(cafile=str(double.rehearsal.certificates.ca))
    with socket.create_connection(("127.0.0.1", double.ports["ldap"]), timeout=10) as raw:
        raw.sendall(start + smuggled)
        assert b"1.3.6.1.4.1.1466.20037" in raw.recv(4096)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as line:
            ask = pureldap.LDAPSearchRequest(baseObject=double.base)
            line.sendall(pureldap.LDAPMessage(ask, id=7).toWire())
            answer = line.recv(4096)
    assert b"\x02\x01\x07" in answer[:8], "the first answer is to the first encrypted request"


# What it says about itself


def test_a_client_that_reads_the_schema_first_works(double):
    server = double.server(get_info=ldap3.ALL)
    password = double.password_of("svc-runbook")
    with ldap3.Connection(server, "svc-runbook@kranich.example", password) as connection:  # binds and unbinds
        assert "1.2.840.113556.1.4.800" in [one[0] for one in server.info.supported_features]
        assert server.info.other["defaultNamingContext"] == [double.base]
        assert server.info.vendor_name == []
        assert server.schema.attribute_types["employeeID"].single_value
        assert "user" in server.schema.object_classes
        connection.search(
            double.base, "(sAMAccountName=svc-runbook)", attributes=["objectGUID", "whenCreated"]
        )
        entry = connection.entries[0]
        assert uuid.UUID(entry.objectGUID.value.strip("{}"))
        assert entry.whenCreated.value.year >= 2026


def test_the_root_tells_an_account_its_groups(runbook, double):
    runbook.search("", "(objectClass=*)", ldap3.BASE, attributes=["tokenGroups", "dnsHostName"])
    found = runbook.response[0]["raw_attributes"]
    assert found["dnsHostName"] == [b"dc01.corp.kranich.example"]
    assert len(found["tokenGroups"]) == 1
    assert found["tokenGroups"][0].endswith((513).to_bytes(4, "little"))


# Rights


def test_the_planning_account_reads_everything_and_writes_nothing(double, plan, add):
    dn = add(title="Chefin")
    assert read(plan, dn, "title") == {"title": ["Chefin"]}
    assert not plan.modify(dn, {"title": [(MODIFY_REPLACE, ["x"])]})
    assert refused(plan, "insufficientAccessRights", "00002098")
    assert not plan.add(f"CN=neu,{double.people}", "user", {})
    assert refused(plan, "insufficientAccessRights")
    assert not plan.delete(dn)
    assert not plan.modify_dn(dn, "CN=anders")
    assert read(plan, dn, "allowedAttributesEffective") == {}


def test_delegation_does_not_reach_who_carries_admin_count(double, runbook, add):
    dn = account(add)
    double.face.change(dn, {"adminCount": ["1"]})
    assert not runbook.modify(dn, {"title": [(MODIFY_REPLACE, ["x"])]})
    assert refused(runbook, "insufficientAccessRights")
    assert read(runbook, dn, "allowedAttributesEffective") == {}
    assert not runbook.modify(f"CN=Domain Admins,CN=Users,{double.base}", {"member": [(MODIFY_ADD, [dn])]})
    assert refused(runbook, "insufficientAccessRights")


def test_a_domain_admin_reaches_them(double, add):
    admin, protected = account(add), account(add)
    group = double.face.get(f"CN=Domain Admins,CN=Users,{double.base}")
    double.face.change(group.guid, {"member": [*group.attributes["member"], admin]})
    double.face.change(protected, {"adminCount": ["1"]})
    connection = ldap3.Connection(double.server(), admin, GOOD, auto_bind=True)
    assert connection.modify(protected, {"title": [(MODIFY_REPLACE, ["x"])]})
    connection.unbind()


def test_back_links_are_never_written(runbook, add, double):
    dn = add()
    for name in ("memberOf", "directReports", "managedObjects"):
        assert not runbook.modify(dn, {name: [(MODIFY_ADD, [double.groups])]})
        assert refused(runbook, "unwillingToPerform", "0000209A")


# The recycle bin


def test_who_comes_back_brings_attributes_id_and_memberships(double, runbook, add):
    dn = account(add, employeeID="10042", manager=add("Chefin Weiß"))
    number = next(NUMBERS)
    group = f"CN=Gruppe {number},{double.groups}"
    assert runbook.add(group, "group", {"sAMAccountName": f"gruppe{number}", "member": dn})
    before = double.face.get(dn)
    assert runbook.delete(dn)
    assert read(runbook, group, "member") == {}
    gone = double.face.get(before.guid).dn
    back = f"CN=Wieder {number},{double.left}"
    edits = {"isDeleted": [(MODIFY_DELETE, [])], "distinguishedName": [(MODIFY_REPLACE, [back])]}
    assert runbook.modify(gone, edits, controls=SHOW_DELETED), runbook.result
    after = double.face.get(before.guid)
    assert (after.dn, after.deleted) == (back, False)
    assert after.one("employeeID") == "10042"
    assert after.attributes["manager"] == before.attributes["manager"]
    assert read(runbook, group, "member") == {"member": [back]}
    assert double.can_log_in(back, GOOD)


def deleted(double, runbook, dn):
    guid = double.face.get(dn).guid
    assert runbook.delete(dn)
    return double.face.get(guid).dn


def test_the_bin_is_seen_only_with_the_control_and_only_by_who_may(double, runbook, plan, add):
    dn = add(employeeID=f"bin{next(NUMBERS)}")
    number = read(runbook, dn, "employeeID")["employeeID"][0]
    deleted(double, runbook, dn)
    blind = double.bound("svc-inventar")

    def seen(connection, controls):
        connection.search(double.base, f"(employeeID={number})", controls=controls)
        return len([entry for entry in connection.response if entry["type"] == "searchResEntry"])

    assert [seen(who, SHOW_DELETED) for who in (runbook, plan, blind)] == [1, 1, 0]
    assert [seen(who, None) for who in (runbook, plan, blind)] == [0, 0, 0]
    blind.search(f"CN=Deleted Objects,{double.base}", "(objectClass=*)", controls=SHOW_DELETED)
    assert refused(blind, "noSuchObject")
    blind.unbind()


def test_nobody_comes_back_to_a_taken_place_or_login(double, runbook, add):
    number = next(NUMBERS)
    gone = deleted(double, runbook, add(f"Weg {number}", sAMAccountName=f"weg{number}"))

    def restore(to):
        edits = {"isDeleted": [(MODIFY_DELETE, [])], "distinguishedName": [(MODIFY_REPLACE, [to])]}
        return runbook.modify(gone, edits, controls=SHOW_DELETED)

    other = add(f"Weg {number}", sAMAccountName=f"anderer{number}")
    assert not restore(other)
    assert refused(runbook, "entryAlreadyExists", "00002071")
    assert not restore(f"CN=Weg,OU=nix,{double.base}")
    assert refused(runbook, "noSuchObject")
    assert runbook.modify(other, {"sAMAccountName": [(MODIFY_REPLACE, [f"weg{number}"])]})
    assert not restore(f"CN=Zurück {number},{double.people}")
    assert refused(runbook, "entryAlreadyExists", "00000524")


def test_who_may_only_read_brings_nobody_back(double, runbook, plan, add):
    gone = deleted(double, runbook, add())
    back = f"CN=Zurück {next(NUMBERS)},{double.people}"
    edits = {"isDeleted": [(MODIFY_DELETE, [])], "distinguishedName": [(MODIFY_REPLACE, [back])]}
    assert not plan.modify(gone, edits, controls=SHOW_DELETED)
    assert refused(plan, "insufficientAccessRights")


def test_a_deleted_entry_is_not_changed_and_not_deleted_again(double, runbook, add):
    gone = deleted(double, runbook, add())
    assert not runbook.modify(gone, {"title": [(MODIFY_REPLACE, ["x"])]}, controls=SHOW_DELETED)
    assert refused(runbook, "unwillingToPerform")
    assert not runbook.delete(gone)
    assert refused(runbook, "noSuchObject")


def test_a_whole_unit_is_deleted_only_with_the_control_for_it(double, runbook):
    unit = f"OU=Weg {next(NUMBERS)},{double.base}"
    assert runbook.add(unit, "organizationalUnit")
    assert runbook.add(f"CN=Drin {next(NUMBERS)},{unit}", "contact")
    assert not runbook.delete(unit)
    assert refused(runbook, "notAllowedOnNonLeaf", "00002015")
    assert runbook.delete(unit, controls=[("1.2.840.113556.1.4.805", True, None)])


# Searching


def test_an_entry_is_named_by_its_id(double, runbook, add):
    dn = add()
    by_id = f"<GUID={double.face.get(dn).guid}>"
    assert read(runbook, by_id, "distinguishedName") == {"distinguishedName": [dn]}
    assert runbook.modify(by_id, {"title": [(MODIFY_REPLACE, ["Chefin"])]})
    assert read(runbook, dn, "title") == {"title": ["Chefin"]}


def test_more_than_asked_for_is_said_to_be_more(double, runbook, add):
    add(), add()
    runbook.search(double.people, "(objectClass=user)", size_limit=1)
    assert len(runbook.response) == 1
    assert runbook.result["description"] == "sizeLimitExceeded"


def test_a_control_that_is_critical_and_unknown_is_refused(double, runbook):
    runbook.search(double.base, "(objectClass=*)", controls=[("1.2.3.4", True, None)])
    assert refused(runbook, "unavailableCriticalExtension")


def test_an_unknown_attribute_matches_nothing_not_even_negated(double, runbook):
    for query in ("(fooBar=x)", "(!(fooBar=x))"):
        runbook.search(double.groups, query)
        assert runbook.response == []


def test_missing_entries_are_answered_with_what_does_exist_above(double, runbook):
    runbook.search(f"OU=tief,OU=nix,{double.groups}", "(objectClass=*)")
    assert runbook.result["description"] == "noSuchObject"
    assert runbook.result["dn"] == double.groups


# The rehearsal's own


def test_every_write_that_was_asked_for_is_in_the_log_and_no_reading(double, runbook, plan, add):
    before = len(list(double.rehearsal.shelf.items(LOG)))
    dn = add()
    runbook.search(double.base, "(objectClass=*)")
    plan.delete(dn)
    entries = [body for _, body in double.rehearsal.shelf.items(LOG)][before:]
    assert [(e["who"], e["operation"], e["dn"], e["result"]) for e in entries] == [
        ("svc-runbook", "add", dn, 0),
        ("svc-runbook-plan", "delete", dn, 50),
    ]
    assert double.writes()[-1] == ("add", dn)


def test_a_busy_directory_refuses_a_write_and_does_nothing(double, runbook, add):
    dn = add()
    double.rehearsal.faults.on("directory-busy", times=1)
    title = {"title": [(MODIFY_REPLACE, ["Chefin"])]}
    assert not runbook.modify(dn, title)
    assert refused(runbook, "busy")
    assert read(runbook, dn, "title") == {}
    assert runbook.modify(dn, title)


def test_a_lost_answer_leaves_the_write_done_and_the_line_dead(double, add):
    dn, connection = add(), double.bound()
    double.rehearsal.faults.on("directory-lost-answer", times=1)
    with pytest.raises(LDAPExceptionError):
        connection.modify(dn, {"title": [(MODIFY_REPLACE, ["Chefin"])]})
    assert double.face.get(dn).one("title") == "Chefin"
    connection.strategy.close()


def test_a_directory_that_is_down_takes_no_connection_and_drops_the_old_ones(double):
    connection = double.bound()
    double.rehearsal.faults.on("directory-down")
    try:
        with pytest.raises(LDAPExceptionError):
            connection.search(double.base, "(objectClass=*)")
        with pytest.raises(OSError), encrypted(double):  # noqa: PT011 - reset or closed, as the kernel has it
            pass
    finally:
        double.rehearsal.faults.off("directory-down")
        connection.strategy.close()
    double.bound().unbind()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 40,
        b"GET / HTTP/1.1\r\n\r\n",
        bytes.fromhex("3003020101"),
        bytes.fromhex("300c020101a7070402787830818200"),
        bytes.fromhex("30050201014200")[:5] + b"\xff" * 30,
    ],
)
def test_garbage_ends_its_own_connection_only(double, garbage):
    with socket.create_connection(("127.0.0.1", double.ports["ldap"]), timeout=10) as line:
        line.sendall(garbage)
        line.shutdown(socket.SHUT_WR)
        while line.recv(4096):
            pass
    double.bound().unbind()


def test_a_filter_of_absurd_depth_ends_its_own_connection_only(double):
    deep = b"\x87\x02cn"
    for _ in range(3000):
        deep = b"\xa2\x83" + len(deep).to_bytes(3, "big") + deep
    head = b"\x04\x00" + b"\x0a\x01\x02" + b"\x0a\x01\x00" + b"\x02\x01\x00" * 2 + b"\x01\x01\x00"
    body = head + deep + b"\x30\x00"
    search = b"\x02\x01\x05\x63\x83" + len(body).to_bytes(3, "big") + body
    with socket.create_connection(("127.0.0.1", double.ports["ldap"]), timeout=10) as line:
        line.sendall(b"\x30\x83" + len(search).to_bytes(3, "big") + search)
        answer = b""
        while part := line.recv(4096):
            answer += part
    assert b"could not be decoded" in answer
    double.bound().unbind()


def test_several_clients_write_at_once_and_nothing_is_lost(double, runbook):
    number = next(NUMBERS)
    group = f"CN=Alle {number},{double.groups}"
    assert runbook.add(group, "group", {"sAMAccountName": f"alle{number}"})
    names = [f"CN=Viele {number} {n},{double.people}" for n in range(20)]

    def work(mine):
        connection = double.bound()
        for dn in mine:
            login = dn.partition(",")[0].removeprefix("CN=Viele ").replace(" ", "-")
            assert connection.add(dn, "user", {"sAMAccountName": f"v{login}"}), connection.result
            assert connection.modify(group, {"member": [(MODIFY_ADD, [dn])]})
        connection.unbind()

    threads = [threading.Thread(target=work, args=(names[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read(runbook, group, "member")["member"]) == sorted(names)


def test_everything_survives_a_restart_at_the_same_address(tmp_path):
    folder = tmp_path / "company"
    with directory_double.running(folder) as double:
        dn = double.face.add(
            f"CN=Anna Weiß,{double.people}", {"objectClass": ["user"], "sAMAccountName": ["anna"]}, GOOD
        )
        before, ports = double.face.everything(deleted=True), double.ports
    with directory_double.running(folder) as double:
        assert double.ports == ports
        assert double.face.everything(deleted=True) == before
        assert double.can_log_in(double.face.get(dn).dn, GOOD)


def test_a_taken_port_is_no_obstacle(tmp_path):
    folder = tmp_path / "company"
    with directory_double.running(folder) as double:
        ports = double.ports
    with socket.create_server(("127.0.0.1", ports["ldaps"])), directory_double.running(folder) as double:
        assert double.ports["ldaps"] != ports["ldaps"]
        double.bound().unbind()
