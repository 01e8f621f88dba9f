"""What goes wrong between us and a directory is said in words, and nothing is repeated blindly."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import directory_double, line, samba, slapd
from servers.directory import Desk

from runbook_exec.action import Rights, find, find_provider
from runbook_exec.actions.ldap import target, wire
from runbook_exec.actions.ldap.connection import read_connection
from runbook_exec.dn import parse
from runbook_exec.errors import Invalid, NotAllowed, Refused, Transient, Unreachable
from runbook_exec.sandbox import certificates
from runbook_exec.secret import Secret

PASSWORD = "Rund-um-die-Uhr-2031!"


@pytest.fixture(scope="module")
def openldap(tmp_path_factory):
    with slapd.running(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samba")
    with samba.running(folder / "samba", samba.golden(tmp_path_factory)) as running:
        yield running


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    with directory_double.running(tmp_path_factory.mktemp("double")) as running:
        yield running


@pytest.fixture
def desk(openldap):
    return Desk(openldap)


def opened(connection, *, write=False):
    return find_provider("ldap").open(connection, write=write)


def with_open(connection):
    with opened(connection):
        pass


def joiner(server, number, **more):
    cn = f"Person {number}"
    return {"ou": server.people, "cn": cn, "employee_id": str(number), "sam": f"p{number}", **more}


# --- the connection --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "key", "what"),
    [
        ({"url": "ldap://dc1"}, "url", "would send the password in clear"),
        ({"url": "http://dc1"}, "url", "is 'http://dc1'"),
        ({"url": "ldaps://dc1:99999"}, "url", "is 'ldaps://dc1:99999'"),
        ({"url": "ldaps://dc1", "starttls": True}, "starttls", "makes no sense"),
        ({"url": None}, "url", "is missing"),
        ({"user": ""}, "user", "is empty"),
        ({"password": Secret("")}, "password", "is empty, which would log in as nobody"),
        ({"password": "clear"}, "password", "is no secret"),
        ({"ca": "/nowhere/ca.pem"}, "ca", "which is no file"),
        ({"base": "corp.example"}, "", "is no distinguished name"),
        ({"allowed_bases": ["DC=other"]}, "allowed_bases", "is not below"),
        ({"dialect": "x500"}, "dialect", "is 'x500'"),
        ({"timeout": 0}, "timeout", "is 0"),
        ({"bind_dn": "cn=x"}, "bind_dn", "is not known"),
    ],
)
def test_a_wrong_connection_names_the_key_and_the_next_move(wrong, key, what):
    good = {"url": "ldaps://dc1", "user": "u", "password": Secret("p"), "base": "DC=corp"}
    with pytest.raises(Invalid) as caught:
        read_connection(good | wrong)
    assert what in caught.value.what
    assert caught.value.where.endswith(key)
    assert caught.value.next_move


def test_the_authority_is_named_from_the_project_folder(tmp_path):
    (tmp_path / "ca.pem").touch()
    given = {"project": str(tmp_path), "client": "c", "url": "ldaps://dc1", "ca": "ca.pem"}
    read = read_connection(given | {"user": "u", "password": Secret("p"), "base": "DC=corp"})
    assert read.ca == str(tmp_path / "ca.pem")


def test_a_certificate_of_another_authority_is_not_trusted(openldap, tmp_path):
    other = certificates.make(tmp_path)
    with pytest.raises(Unreachable, match="certificate cannot be trusted") as caught:
        with_open({**openldap.connection, "ca": str(other.ca)})
    assert caught.value.sent is False
    assert "ca:" in caught.value.next_move


def test_a_host_name_that_the_certificate_does_not_list_is_refused(tmp_path):
    folder = tmp_path / "slapd"
    certificates.make(folder / "tls", hosts=("dc1.corp.example",))
    with (
        slapd.running(folder) as server,
        pytest.raises(Unreachable, match=r"certificate cannot be trusted: .*not valid for '127\.0\.0\.1'"),
    ):
        with_open(server.connection)


def test_starttls_encrypts_before_the_password_is_sent(openldap):
    plain = {"url": f"ldap://127.0.0.1:{openldap.plain_port}", "starttls": True}
    with opened({**openldap.connection, **plain}) as session:  # slapd refuses a bind in clear here
        assert session.read([target.entry(openldap.people)])[target.entry(openldap.people)]


def test_starttls_works_on_a_domain_controller(domain):
    with opened({**domain.connection, "url": f"ldap://{domain.address}", "starttls": True}) as session:
        assert session.dialect.name == "ad"


def test_a_wrong_password_is_said_without_showing_it(openldap):
    with pytest.raises(NotAllowed, match="the password or the name is wrong") as caught:
        with_open({**openldap.connection, "password": Secret("not-the-one")})
    assert "not-the-one" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_reasons_of_a_domain_controller_are_told_apart(domain):
    desk = Desk(domain)
    dn = desk.run("ldap.user", **joiner(domain, 700, upn="p700@corp.example")).change.target
    login = {**domain.connection, "user": "p700@corp.example", "password": Secret(PASSWORD)}
    desk.run("ldap.password", dn=dn, password=Secret(PASSWORD), must_change=True)
    with pytest.raises(NotAllowed, match="is disabled"):
        with_open(login)
    desk.run("ldap.enabled", dn=dn, enabled=True)
    with pytest.raises(NotAllowed, match="must change its password"):
        with_open(login)
    desk.run("ldap.password", dn=dn, password=Secret(PASSWORD))
    with_open(login)
    desk.behind_our_back("modify", dn, {"accountExpires": [("MODIFY_REPLACE", ["1"])]})
    with pytest.raises(NotAllowed, match="has expired"):
        with_open(login)
    desk.behind_our_back("modify", dn, {"accountExpires": [("MODIFY_REPLACE", ["0"])]})
    for _ in range(3):
        with pytest.raises(NotAllowed, match="is wrong"):
            with_open({**login, "password": Secret("wrong")})
    with pytest.raises(NotAllowed, match="is locked"):
        with_open(login)


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_a_server_that_takes_the_call_and_says_nothing_is_given_up_in_time(openldap, scheme):
    with line.to("127.0.0.1", openldap.port) as over:
        over.silent = True
        url = {"url": f"{scheme}://127.0.0.1:{over.port}", "timeout": 1, "starttls": scheme == "ldap"}
        begun = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            with_open({**openldap.connection, **url})
        assert time.monotonic() - begun < 5
        assert "timed out" in caught.value.what
        assert caught.value.sent is False


def test_a_server_that_is_down_is_named(openldap):
    gone = {**openldap.connection, "url": f"ldaps://127.0.0.1:{slapd.free_port()}"}
    with pytest.raises(Unreachable, match="no answer") as caught:
        with_open(gone)
    assert caught.value.where.startswith("directory 127.0.0.1:")
    assert "Connection refused" in caught.value.what
    findings = find_provider("ldap").check(gone, Rights())
    assert [finding.ok for finding in findings] == [False]
    assert findings[0].next_move


# --- lines that break ------------------------------------------------------------------------------


def test_a_write_without_an_answer_says_so_and_is_found_done(desk):
    args = joiner(desk.server, 801)
    change = desk.plan("ldap.user", **args)
    with line.to("127.0.0.1", desk.server.port) as over:
        there = {**desk.server.connection, "url": f"ldaps://127.0.0.1:{over.port}"}
        with opened(there, write=True) as session, session.permit(change.writes):
            over.lose_answers = True
            with pytest.raises(Unreachable) as caught:
                find("ldap.user").apply(session, None, change, None)
    assert caught.value.sent is True
    assert desk.plan("ldap.user", **args).is_empty  # reading first shows that it was done
    assert [dn for kind, dn in desk.server.writes() if kind == "add" and "Person 801" in dn] == [
        change.target
    ]


def test_the_double_can_lose_an_answer_too(double):
    desk, args = Desk(double), joiner(double, 802)
    change = desk.plan("ldap.user", **args)
    double.rehearsal.faults.on("directory-lost-answer", times=1)
    with pytest.raises(Unreachable) as caught:
        desk.apply("ldap.user", change, **args)
    assert caught.value.sent is True
    assert desk.plan("ldap.user", **args).is_empty


def test_a_busy_directory_is_tried_again_by_the_executor(double):
    desk, args = Desk(double), joiner(double, 803)
    change = desk.plan("ldap.user", **args)
    double.rehearsal.faults.on("directory-busy", times=1)
    with pytest.raises(Transient, match="is busy"):
        desk.apply("ldap.user", change, **args)
    desk.apply("ldap.user", change, **args)


def test_a_directory_that_is_down_is_unreachable(double):
    double.rehearsal.faults.on("directory-down", times=1)
    with pytest.raises(Unreachable) as caught:
        with_open(double.connection)
    assert caught.value.sent is False
    double.rehearsal.faults.off("directory-down")


def test_a_read_goes_on_after_the_server_hung_up_on_an_idle_session(openldap):
    with line.to("127.0.0.1", openldap.port) as over:
        there = {**openldap.connection, "url": f"ldaps://127.0.0.1:{over.port}"}
        with opened(there) as session:
            over.cut()
            ref = target.entry(openldap.people)
            assert session.read([ref])[ref]["ou"] == "People"


def test_a_second_password_is_shut_again_even_though_the_server_opens_the_account(desk):
    dn = desk.run("ldap.user", **joiner(desk.server, 804)).change.target
    for password in (PASSWORD, PASSWORD + "2"):
        desk.run("ldap.password", dn=dn, password=Secret(password), must_change=True)
        assert desk.entry(dn)["enabled"] is False
        assert desk.entry(dn)["pwdReset"] == "TRUE"
        assert not desk.server.can_log_in(dn, password)


# --- the far side as witness -----------------------------------------------------------------------


def test_planning_everything_writes_nothing_as_the_servers_own_log_shows(desk):
    server = desk.server
    args = joiner(server, 805)
    dn = desk.run("ldap.user", **args).change.target
    group = desk.group("witness")
    before = server.writes()
    plans = [
        ("ldap.user", args | {"display_name": "Neu"}),
        ("ldap.user", joiner(server, 806)),
        ("ldap.password", {"dn": dn, "password": Secret(PASSWORD)}),
        ("ldap.enabled", {"dn": dn, "enabled": True}),
        ("ldap.group_members", {"member": dn, "add": [group]}),
        ("ldap.attributes", {"dn": dn, "set": {"title": "Neu"}}),
        ("ldap.move", {"dn": dn, "to": server.left}),
        ("ldap.unlock", {"dn": dn}),
        ("ldap.entry", {"dn": group, "present": False}),
        ("ldap.snapshot", {"dn": dn}),
    ]
    only_active_directory = {"ldap.expiry"}
    assert {name for name, _ in plans} | only_active_directory == {a.name for a in every_ldap_action()}
    for name, values in plans:
        for connection in (server.connection, server.reader):
            action = find(name)
            with opened(connection) as session:
                made = action.Args(**values)
                facts = {}
                while wanted := [ref for ref in action.reads(made, facts) if ref not in facts]:
                    facts.update(session.read(wanted))
                assert action.plan(made, facts).says["de"]
    assert server.writes() == before


def every_ldap_action():
    from runbook_exec.action import every_action

    return [action for action in every_action() if action.name.startswith("ldap.")]


def test_each_step_writes_exactly_what_it_said(desk):
    done = desk.run("ldap.user", **joiner(desk.server, 807))
    group = desk.group("exactly")
    before = len(desk.server.writes())
    desk.run("ldap.group_members", member=done.change.target, add=[group])
    desk.run("ldap.enabled", dn=done.change.target, enabled=True)
    written = [(kind, target.canonical(dn)) for kind, dn in desk.server.writes()[before:]]
    assert written == [("modify", target.canonical(dn)) for dn in (group, done.change.target)]


# --- many ------------------------------------------------------------------------------------------


def test_answers_of_many_pages_are_complete(desk, monkeypatch):
    dn = desk.run("ldap.user", **joiner(desk.server, 808)).change.target
    groups = {target.canonical(desk.group(f"page {number}", dn)) for number in range(8)}
    monkeypatch.setattr(wire, "PAGE", 3)
    with opened(desk.server.connection) as session:
        read = session.read([target.groups_of(dn)])[target.groups_of(dn)]
    assert {target.canonical(group) for group in read["direct"]} == groups


def test_hundreds_of_names_are_read_in_chunks(desk):
    dn = desk.run("ldap.user", **joiner(desk.server, 809)).change.target
    refs = [target.entry(desk.name(f"nobody {number}")) for number in range(230)]
    with opened(desk.server.connection) as session:
        read = session.read([*refs, target.entry(dn), target.entry("dc=elsewhere,dc=example")])
    assert [ref for ref, state in read.items() if state] == [target.entry(dn)]


def test_members_that_come_in_ranges_are_put_together(domain):
    # Samba gives ranges only when asked; AD gives them by itself from the 1501st member on.
    desk = Desk(domain)
    people = [desk.run("ldap.user", **joiner(domain, 820 + number)).change.target for number in range(5)]
    group = desk.group("ranges", *people)
    with opened(domain.connection) as session:
        found = session.wire.search(group, wire.EVERYTHING, scope=wire.BASE, attributes=("member;range=0-1",))
    assert {name.decode() for name in found[0][1]["member"]} == set(people)


# --- names on real servers -------------------------------------------------------------------------

NAMES = st.text(
    st.characters(min_codepoint=1, exclude_categories=["Cs", "Cn", "Co"]) | st.sampled_from(',+"\\<>;=# \n'),
    min_size=1,
    max_size=30,
).filter(lambda name: name.strip())


@pytest.mark.parametrize("which", ["openldap", "domain"])
def test_any_name_that_a_server_takes_comes_back_as_the_same_name(which, request):
    server = request.getfixturevalue(which)
    desk = Desk(server)
    classes = ["inetOrgPerson"] if which == "openldap" else ["top", "person", "contact"]
    with opened(server.connection, write=True) as session:

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(NAMES)
        def round_trip(name):
            dn = desk.name(name)
            with session.permit([dn]):
                try:
                    made = session.add(dn, {"objectClass": classes, "sn": "x"})
                except (Refused, NotAllowed):
                    raise
                except Exception as refused:  # noqa: BLE001 - what a server refuses must be said in words
                    assert "cannot create" in str(refused)  # noqa: PT017
                    return
                found = session.read([target.entry(dn)])[target.entry(dn)]
                try:
                    assert made == found["id"]
                    assert parse(found["dn"]).parent.canonical == parse(server.people).canonical
                    assert parse(found["dn"]).canonical == parse(dn).canonical
                finally:
                    session.delete(dn)

        round_trip()
