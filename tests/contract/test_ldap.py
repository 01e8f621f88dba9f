"""One suite for every directory: OpenLDAP, a Samba domain controller, and the rehearsal's double."""

from __future__ import annotations

import itertools

import pytest
from servers import directory_double, samba, slapd
from servers.directory import Desk

from runbook_exec.action import Rights, find, find_provider
from runbook_exec.actions.ldap import target
from runbook_exec.change import Irreversible, Ref
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused, RunbookError
from runbook_exec.secret import Secret

PASSWORD = "Rund-um-die-Uhr-2031!"
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["slapd", "samba", "double"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ldap")
    started = {
        "slapd": lambda: slapd.running(folder / "slapd"),
        "samba": lambda: samba.running(folder / "samba", samba.golden(tmp_path_factory)),
        "double": lambda: directory_double.running(folder / "double"),
    }
    with started[request.param]() as running:
        yield running


@pytest.fixture
def desk(server):
    return Desk(server)


@pytest.fixture
def joiner(desk):
    """The arguments of a person nobody else has."""
    number = next(_numbers)

    def make(**more):
        return {
            "ou": desk.server.people,
            "cn": f"Anna Weiß {number}",
            "employee_id": f"E{number}",
            "sam": f"a.weiss{number}",
            "upn": f"a.weiss{number}@{domain(desk)}",
            "mail": f"anna.weiss{number}@kranich.example",
            "given_name": "Anna",
            "surname": "Weiß",
            "display_name": f"Anna Weiß {number}",
            **more,
        }

    return make


@pytest.fixture
def person(desk, joiner):
    """The name of an account that exists."""
    return desk.run("ldap.user", **joiner()).change.target


@pytest.fixture
def open_person(desk, person):
    """The name of an account that lets its owner in with PASSWORD."""
    desk.run("ldap.password", dn=person, password=Secret(PASSWORD))
    desk.run("ldap.enabled", dn=person, enabled=True)
    return person


def domain(desk):
    return {"double": "kranich.example"}.get(desk.server.name, "corp.example")


def is_ad(desk):
    return desk.server.name != "slapd"


def title(text):
    return {"title": [("MODIFY_REPLACE", [text])]}


# --- accounts --------------------------------------------------------------------------------------


def test_an_account_is_created_disabled_with_all_its_attributes(desk, joiner):
    args = joiner(attributes={"title": "Disponentin", "l": ["Wuppertal"]})
    done = desk.run("ldap.user", **args)
    entry = desk.entry(done.change.target)
    assert entry["enabled"] is False
    assert (entry["mail"], entry["title"], entry["l"]) == (args["mail"], "Disponentin", "Wuppertal")
    assert done.evidence.outputs["id"] == entry["id"]
    assert done.change.says["de"] == f"Für {args['display_name']} wird ein Konto angelegt, gesperrt"
    assert not desk.server.can_log_in(done.change.target, PASSWORD)


def test_a_second_run_changes_nothing_even_when_the_account_is_open_by_then(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    desk.run("ldap.password", dn=dn, password=Secret(PASSWORD))
    desk.run("ldap.enabled", dn=dn, enabled=True)
    again = desk.plan("ldap.user", **args)
    assert again.is_empty
    assert again.outputs["enabled"] is True


def test_creating_an_account_is_undone_by_deleting_it(desk, joiner):
    args = joiner()
    done = desk.run("ldap.user", **args)
    desk.undo("ldap.user", done, **args)
    assert desk.entry(done.change.target) is None


def test_only_the_attribute_that_differs_is_written_and_undone(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    done = desk.run("ldap.user", **args | {"display_name": "Anna Weiß-Kranz"})
    assert set(done.change.after) == {"displayName"}
    desk.behind_our_back("modify", dn, title("Leiterin"))
    desk.undo("ldap.user", done, **args)
    assert desk.entry(dn)["displayName"] == args["display_name"]
    assert desk.entry(dn)["title"] == "Leiterin"


def test_the_manager_is_found_by_the_sign_in_name(desk, joiner):
    boss = joiner(cn=f"Chef {next(_numbers)}")
    above = desk.run("ldap.user", **boss).change.target
    number = next(_numbers)
    other = joiner(cn=f"Neu {number}", employee_id=f"E{number}", sam=f"neu{number}", upn="", mail="")
    done = desk.run("ldap.user", **other | {"manager": boss["mail"].upper()})
    assert target.parse(desk.entry(done.change.target)["manager"]) == target.parse(above)


def test_an_account_that_was_moved_is_recognised_by_its_number(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    desk.behind_our_back("modify_dn", dn, dn.partition(",")[0], True, desk.server.left)
    again = desk.plan("ldap.user", **args)
    assert again.is_empty
    assert desk.server.left.lower() in again.target.lower()
    assert "ldap.move moves it" in again.notes[-1]


def test_an_entry_of_somebody_else_is_not_touched(desk, joiner):
    desk.run("ldap.user", **joiner())
    other = joiner(employee_id="somebody-else")
    assert "belongs to employee" in desk.plan("ldap.user", **other).blocked


def test_a_login_that_is_taken_blocks_the_plan(desk, joiner):
    desk.run("ldap.user", **joiner())
    number = next(_numbers)
    change = desk.plan("ldap.user", **joiner(cn=f"Anna Weiss {number}", employee_id=f"E{number}"))
    assert f"the login {joiner()['sam']} is taken" in change.blocked


def test_an_entry_that_appeared_since_planning_is_not_overwritten(desk, joiner):
    args = joiner()
    change = desk.plan("ldap.user", **args)
    desk.run("ldap.user", **args)
    with pytest.raises(Refused, match="somebody was faster"):
        desk.apply("ldap.user", change, **args)


def test_an_ou_that_does_not_exist_is_noticed_while_planning(desk, joiner):
    with pytest.raises(Refused, match="there is no entry"):
        desk.plan("ldap.user", **joiner(ou=f"OU=Nirgendwo,{desk.server.people}"))


def test_a_name_outside_the_allowed_bases_is_refused_twice(desk, joiner):
    narrow = {**desk.server.connection, "allowed_bases": [desk.server.groups]}
    change = desk.plan("ldap.user", **joiner())
    with (
        desk.session(write=True, connection=narrow) as session,
        session.permit(change.writes),
        pytest.raises(Refused, match="not below"),
    ):
        session.add(change.target, change.after)
    action, refs = find("ldap.enabled"), [target.SERVER, target.entry(change.target)]
    with desk.session(connection=narrow) as session:
        facts = session.read(refs)
    with pytest.raises(Refused, match="not below"):
        action.plan(action.Args(dn=change.target, enabled=True), facts)


@pytest.mark.parametrize(
    "cn",
    ["Weiß, Anna", "a+b", 'say "hi"', "back\\slash", "#1", " lead", "trail ", "a=b", "a;b<c>", "two\nlines",
     "\u202eevil", "O'Neill", "İpek", "аdmin", "*)(cn=*", "{{ 7*7 }}", "x" * 64],
    ids=ascii,
)  # fmt: skip
def test_a_hostile_name_is_created_read_and_deleted_as_it_is(desk, cn):
    if desk.server.name == "double" and "\n" in cn:
        pytest.skip("AD takes no line feed in a name (MS-ADTS 3.1.1.5.1.2); Samba does")
    number = next(_numbers)
    args = {"ou": desk.server.people, "cn": cn, "sam": f"h{number}", "employee_id": f"H{number}"}
    done = desk.run("ldap.user", **args)
    entry = desk.entry(done.change.target)
    assert entry["cn"] == cn
    assert target.parse(entry["dn"]).name == cn
    assert target.parse(entry["dn"]).parent.canonical == target.canonical(desk.server.people)
    desk.undo("ldap.user", done, **args)


@pytest.mark.parametrize("cn", ["nul\0,DC=evil", "x" * 300], ids=["nul", "300 letters"])
def test_what_only_some_servers_take_stays_one_name_or_is_refused_in_words(desk, cn):
    args = {"ou": desk.server.people, "cn": cn, "sam": f"n{next(_numbers)}"}
    change = desk.plan("ldap.user", **args)
    refused = ""
    try:
        desk.apply("ldap.user", change, **args)
    except RunbookError as error:
        refused = error.what
    there = desk.entry(change.target)
    assert there is None if refused else there["cn"] == cn
    assert not refused or "cannot create" in refused


# --- passwords and switches ------------------------------------------------------------------------


def test_a_password_is_set_and_proven_while_the_account_stays_disabled(desk, person):
    done = desk.run("ldap.password", dn=person, password=Secret(PASSWORD), must_change=True)
    assert done.missing == ""
    assert desk.entry(person)["enabled"] is False
    assert not desk.server.can_log_in(person, PASSWORD)


def test_a_password_that_is_not_the_one_is_noticed(desk, open_person):
    action = find("ldap.password")
    change = desk.plan("ldap.password", dn=open_person, password=Secret(PASSWORD))
    evidence = desk.apply("ldap.password", change, dn=open_person, password=Secret(PASSWORD))
    other = action.Args(dn=open_person, password=Secret("Eine-andere-2031!"))
    with desk.session() as session:
        assert "fails" in action.verify(session, other, change, evidence)


def test_a_password_never_shows_in_a_plan_or_evidence(desk, person):
    done = desk.run("ldap.password", dn=person, password=Secret(PASSWORD))
    assert PASSWORD not in repr(done)
    assert "userPassword" not in desk.entry(person)
    assert isinstance(find("ldap.password").undo(done.change, done.evidence), Irreversible)


def test_a_weak_password_is_refused_in_words(desk, person):
    change = desk.plan("ldap.password", dn=person, password=Secret("kurz"))
    with pytest.raises(Failed, match="refuse this password"):
        desk.apply("ldap.password", change, dn=person, password=Secret("kurz"))


def test_an_empty_password_is_never_sent(desk, person):
    change = desk.plan("ldap.password", dn=person, password=Secret(""))
    with pytest.raises(Invalid, match="empty"):
        desk.apply("ldap.password", change, dn=person, password=Secret(""))
    with desk.session() as session:
        assert session.proves(person, "") == (False, "52e")


def test_an_account_is_enabled_and_then_lets_its_owner_in(desk, person):
    desk.run("ldap.password", dn=person, password=Secret(PASSWORD))
    done = desk.run("ldap.enabled", dn=person, enabled=True)
    assert desk.server.can_log_in(person, PASSWORD)
    desk.undo("ldap.enabled", done, dn=person, enabled=True)
    assert not desk.server.can_log_in(person, PASSWORD)


def test_a_locked_account_is_unlocked(desk, open_person):
    for _ in range(12):
        if desk.entry(open_person)["locked"]:
            break
        assert not desk.server.can_log_in(open_person, "wrong")
    assert desk.entry(open_person)["locked"] is True
    assert desk.entry(open_person)["enabled"] is True
    desk.run("ldap.unlock", dn=open_person)
    assert desk.server.can_log_in(open_person, PASSWORD)
    assert desk.plan("ldap.unlock", dn=open_person).is_empty


# --- groups ----------------------------------------------------------------------------------------


def test_memberships_are_added_one_by_one_and_a_colleagues_survives(desk, person, joiner):
    number = next(_numbers)
    fresh = {"cn": f"Bob {number}", "employee_id": f"E{number}", "sam": f"b{number}", "upn": "", "mail": ""}
    colleague = desk.run("ldap.user", **joiner(**fresh)).change.target
    one, two = desk.group(f"g{next(_numbers)}"), desk.group(f"g{next(_numbers)}")
    args = {"member": person, "add": [one, two]}
    change = desk.plan("ldap.group_members", **args)
    desk.behind_our_back("modify", one, {"member": [("MODIFY_ADD", [colleague])]})
    desk.apply("ldap.group_members", change, **args)
    assert {person.lower(), colleague.lower()} <= desk.members(one)
    assert desk.plan("ldap.group_members", **args).is_empty
    done = desk.run("ldap.group_members", member=person, remove=[one])
    assert person.lower() not in desk.members(one)
    assert colleague.lower() in desk.members(one)
    assert person.lower() in desk.members(two)
    desk.undo("ldap.group_members", done, member=person, remove=[one])
    assert person.lower() in desk.members(one)


def test_a_membership_that_a_colleague_made_meanwhile_is_no_failure(desk, person):
    group = desk.group(f"g{next(_numbers)}")
    change = desk.plan("ldap.group_members", member=person, add=[group])
    desk.behind_our_back("modify", group, {"member": [("MODIFY_ADD", [person])]})
    desk.apply("ldap.group_members", change, member=person, add=[group])
    gone = desk.plan("ldap.group_members", member=person, remove=[group])
    desk.behind_our_back("modify", group, {"member": [("MODIFY_DELETE", [person])]})
    desk.apply("ldap.group_members", gone, member=person, remove=[group])
    assert person.lower() not in desk.members(group)


def test_a_group_whose_name_is_hostile_takes_members(desk, person):
    group = desk.group(f"R&D, *(x)=\\ {next(_numbers)}")
    desk.run("ldap.group_members", member=person, add=[group])
    assert person.lower() in desk.members(group)


def test_twenty_groups_are_read_in_few_searches(desk, person):
    groups = [desk.group(f"many{next(_numbers)}") for _ in range(20)]
    with desk.session() as session:
        asked = []
        search = session.wire.search
        session.wire.search = lambda *a, **k: asked.append(a) or search(*a, **k)
        refs = [ref for dn in groups for ref in (target.group(dn), target.membership(person, dn))]
        found = session.read([target.entry(person), *refs])
    assert all(found[target.group(dn)]["dn"] for dn in groups)
    assert len(asked) <= 4


def test_a_group_of_names_never_loses_its_last_member(desk, person):
    if is_ad(desk):
        pytest.skip("groups of Active Directory may be empty")
    group = desk.group(f"g{next(_numbers)}", person)
    desk.behind_our_back("modify", group, {"member": [("MODIFY_DELETE", [slapd.FILLER])]})
    assert "last member" in desk.plan("ldap.group_members", member=person, remove=[group]).blocked


def test_the_protected_groups_are_left_alone(desk, person):
    if not is_ad(desk):
        pytest.skip("adminCount is Active Directory's")
    admins = next(dn for dn in (f"CN=Domain Admins,CN=Users,{desk.server.base}",) if desk.entry(dn))
    assert "protected group" in desk.plan("ldap.group_members", member=person, add=[admins]).blocked


# --- attributes, moves, entries --------------------------------------------------------------------


def test_single_values_are_added_and_removed_beside_others(desk, person):
    many = "otherTelephone" if is_ad(desk) else "telephoneNumber"
    desk.run("ldap.attributes", dn=person, add={many: ["+49 1", "+49 2"]}, set={"title": "Leiterin"})
    change = desk.plan("ldap.attributes", dn=person, remove={many: ["+49 1"]}, add={many: ["+49 3"]})
    desk.behind_our_back("modify", person, {many: [("MODIFY_ADD", ["+49 9"])]})
    evidence = desk.apply("ldap.attributes", change, dn=person)
    assert desk.entry(person)[many] == ["+49 2", "+49 3", "+49 9"]
    desk.apply("ldap.attributes", find("ldap.attributes").undo(change, evidence), dn=person)
    assert desk.entry(person)[many] == ["+49 1", "+49 2", "+49 9"]


def test_a_value_that_somebody_changed_meanwhile_is_not_overwritten(desk, person):
    desk.run("ldap.attributes", dn=person, set={"title": "Leiterin"})
    change = desk.plan("ldap.attributes", dn=person, set={"title": "Prokuristin"})
    desk.behind_our_back("modify", person, title("Geschäftsführerin"))
    with pytest.raises(Refused, match="somebody changed it"):
        desk.apply("ldap.attributes", change, dn=person)
    assert desk.entry(person)["title"] == "Geschäftsführerin"


def test_an_attribute_is_emptied_and_comes_back(desk, person):
    desk.run("ldap.attributes", dn=person, set={"title": "Leiterin"})
    done = desk.run("ldap.attributes", dn=person, set={"TITLE": None})
    assert "title" not in desk.entry(person)
    desk.undo("ldap.attributes", done, dn=person)
    assert desk.entry(person)["title"] == "Leiterin"


def test_an_attribute_that_the_directory_does_not_know_is_named(desk, person):
    change = desk.plan("ldap.attributes", dn=person, set={"kranichSchuhgroesse": "42"})
    with pytest.raises(Failed, match=r"know one of the attributes|lacks an attribute"):
        desk.apply("ldap.attributes", change, dn=person)


def test_an_entry_moves_with_its_memberships_and_comes_back(desk, person):
    group = desk.group(f"g{next(_numbers)}")
    desk.run("ldap.group_members", member=person, add=[group])
    before = desk.entry(person)
    args = {"dn": person, "to": desk.server.left, "cn": f"Weiß, Anna {next(_numbers)}"}
    done = desk.run("ldap.move", **args)
    new = done.change.after["dn"]
    assert done.missing == ""
    assert desk.entry(person) is None
    assert desk.entry(new)["id"] == before["id"]
    assert any(target.canonical(member) == target.canonical(new) for member in desk.members(group))
    desk.undo("ldap.move", done, **args)
    assert desk.entry(person)["id"] == before["id"]


def test_an_entry_that_was_moved_since_planning_is_found_and_refused(desk, person):
    change = desk.plan("ldap.enabled", dn=person, enabled=True)
    desk.behind_our_back("modify_dn", person, person.partition(",")[0], True, desk.server.left)
    with pytest.raises(Refused, match="that entry is now"):
        desk.apply("ldap.enabled", change, dn=person, enabled=True)


def test_another_entry_that_took_the_name_is_not_touched(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    change = desk.plan("ldap.attributes", dn=dn, set={"title": "Leiterin"})
    desk.behind_our_back("delete", dn)
    number = next(_numbers)
    desk.run("ldap.user", **joiner(employee_id=f"E{number}", sam=f"x{number}", upn="", mail=""))
    with pytest.raises(Refused, match="another one has taken its name"):
        desk.apply("ldap.attributes", change, dn=dn, set={"title": "Leiterin"})


def test_an_ou_is_created_adjusted_and_deleted_and_written_again(desk):
    dn = f"OU=Lager {next(_numbers)},{desk.server.people}"
    made = {"dn": dn, "classes": ["organizationalUnit"], "attributes": {"description": "Halle 3"}}
    assert desk.run("ldap.entry", **made).evidence.outputs["id"] == desk.entry(dn)["id"]
    desk.run("ldap.entry", **made | {"attributes": {"description": "Halle 4"}})
    gone = desk.run("ldap.entry", dn=dn, present=False)
    assert gone.change.destructive
    assert desk.entry(dn) is None
    desk.undo("ldap.entry", gone, dn=dn, present=False)
    assert desk.entry(dn)["description"] == "Halle 4"
    desk.run("ldap.entry", dn=dn, present=False)


def test_an_ou_that_is_not_empty_is_not_deleted(desk, person):
    change = desk.plan("ldap.entry", dn=desk.server.people, present=False)
    with pytest.raises(Refused, match="keeps entries below"):
        desk.apply("ldap.entry", change, dn=desk.server.people, present=False)
    assert desk.entry(person)


def test_a_snapshot_holds_attributes_and_groups_and_no_secret(desk, open_person):
    group = desk.group(f"g{next(_numbers)}")
    desk.run("ldap.group_members", member=open_person, add=[group])
    change = desk.plan("ldap.snapshot", dn=open_person)
    evidence = desk.apply("ldap.snapshot", change, dn=open_person)
    assert [target.canonical(dn) for dn in evidence.outputs["groups"]] == [target.canonical(group)]
    assert evidence.outputs["entry"]["displayName"] == desk.entry(open_person)["displayName"]
    assert not {"userpassword", "unicodepwd"} & {name.lower() for name in evidence.outputs["entry"]}


# --- what identity.propose and wait.until read -----------------------------------------------------


def test_people_and_holders_are_found_whatever_the_case(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    asked = {
        "person": Ref("ldap.person", args["employee_id"].lower()),
        "nobody": Ref("ldap.person", "nobody-has-this"),
        "sam": Ref("ldap.holder", args["sam"].upper()),
        "mail": Ref("ldap.holder", args["mail"].casefold()),
        "free": Ref("ldap.holder", "free.name@kranich.example"),
        "cn": Ref("ldap.cn", f"{args['cn'].lower()},{desk.server.people.lower()}"),
        "free_cn": Ref("ldap.cn", f"weiß, anna,{desk.server.people.lower()}"),
    }
    with desk.session() as session:
        read = session.read(list(asked.values()))
    found = {name: read[ref] for name, ref in asked.items()}
    own = [desk.entry(dn)["dn"]]
    assert (found["person"]["dn"], found["person"]["deleted"]) == (own[0], False)
    assert found["person"]["display_name"] == args["display_name"]
    assert found["nobody"] is None
    assert found["sam"]["live"] == own
    assert found["mail"]["live"] == own
    assert found["free"]["live"] == []
    assert found["cn"]["live"] == own
    assert found["free_cn"]["live"] == []


def test_a_deleted_account_is_seen_only_where_the_right_is_there(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    desk.behind_our_back("delete", dn)
    ref = target.holder(args["sam"])
    with desk.session() as session:
        found = session.read([ref])[ref]
    assert found["live"] == []
    assert found["deleted_visible"] is True
    assert len(found["deleted"]) == is_ad(desk)
    if desk.server.name == "samba":
        with desk.session(connection=desk.server.reader) as session:
            assert session.read([ref])[ref]["deleted_visible"] is False


def test_somebody_who_comes_back_gets_the_deleted_account_again(desk, joiner):
    args = joiner()
    first = desk.run("ldap.user", **args)
    desk.run("ldap.password", dn=first.change.target, password=Secret(PASSWORD))
    desk.run("ldap.enabled", dn=first.change.target, enabled=True)
    desk.behind_our_back("delete", first.change.target)
    again = desk.run("ldap.user", **args | {"display_name": "Anna Weiß-Kranz"})
    same = desk.entry(again.change.target)["id"] == first.evidence.outputs["id"]
    assert same is (desk.server.name == "double")  # Samba and OpenLDAP keep no recycle bin by default
    assert desk.entry(again.change.target)["enabled"] is False
    assert desk.entry(again.change.target)["displayName"] == "Anna Weiß-Kranz"
    desk.undo("ldap.user", again)
    assert desk.entry(again.change.target) is None


# --- pens and rights -------------------------------------------------------------------------------


def test_a_session_that_reads_cannot_write_even_around_our_own_check(desk, person):
    with desk.session() as session:
        with pytest.raises(NoPen), session.permit([person]):
            pass
        with pytest.raises(NoPen):
            session.modify(person, [])
        with pytest.raises(NoPen):
            session.wire._ldap.add(desk.name("smuggled"), ["top"], {"cn": "smuggled"})
        with pytest.raises(NoPen):
            session.wire._ldap.extend.standard.modify_password(person, new_password=PASSWORD)
    assert desk.entry(desk.name("smuggled")) is None


def test_only_what_the_change_names_is_written(desk, person):
    with desk.session(write=True) as session:
        with pytest.raises(Refused, match="does not name it"):
            session.delete(person)
        with session.permit([desk.server.people]), pytest.raises(Refused, match="does not name it"):
            session.delete(person)
    assert desk.entry(person)


def test_a_missing_right_is_said_in_words(desk, person):
    with (
        desk.session(write=True, connection=desk.server.reader) as session,
        session.permit([person]),
        pytest.raises(NotAllowed, match="does not let this account do it"),
    ):
        session.delete(person)


def test_doctor_names_what_works_and_what_is_missing(desk, person):
    provider = find_provider("ldap")
    rights = Rights(read=("read users",), apply=("create user", "write displayName", "Reset Password"))
    good = provider.check(desk.server.connection, rights)
    assert good[0].ok
    assert "verified TLS" in good[0].what
    assert ("Active Directory" if is_ad(desk) else "RFC 4519") in good[0].what
    assert not [finding for finding in good if "may not" in finding.what]
    if is_ad(desk):
        poor = provider.check(desk.server.reader, rights)
        assert [finding.ok for finding in poor if "may not create user" in finding.what] == [False]
        assert [finding.ok for finding in poor if "may not write displayName" in finding.what] == [False]
    if desk.server.name == "samba":
        assert any("Domain Admins" in finding.what for finding in good)
