"""Each Graph action's life against the double over HTTPS: planned, done, read back, taken back."""

from __future__ import annotations

import pytest
from graph_double import applied, context, done, left, planned, tenant, undone

from runbook_exec.action import Rights, find, find_provider, make_args
from runbook_exec.actions.graph.provider import measured
from runbook_exec.change import Ref
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused
from runbook_exec.secret import Secret

ANNA = "anna.weiss@kranich.example"


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        yield running


def read(session, kind, key):
    ref = Ref(kind, key)
    return session.read([ref])[ref]


def test_a_cloud_user_is_made_changed_and_taken_back(graph):
    first = {
        "upn": "Max.Extern@kranich.example",
        "display_name": "Max Extern",
        "password": Secret("Kranich-2026-x"),
    }
    with graph.session() as session:
        change, evidence = done(session, "graph.user", **first)
        assert read(session, "graph.user", "max.extern@kranich.example")["id"] == evidence.outputs["id"]
        more = {**first, "department": "Einkauf", "usage_location": "DE"}
        again, told = done(session, "graph.user", **more)
        assert again.before == {"department": None, "usageLocation": None}
        undone(session, "graph.user", again, told, **more)
        assert graph.cloud.user("max.extern@kranich.example")["department"] is None
        undone(session, "graph.user", change, evidence, **first)
        assert read(session, "graph.user", "max.extern@kranich.example") is None
    assert [gone["_name"] for gone in graph.cloud.deleted("user")] == ["max.extern@kranich.example"]
    assert "Kranich-2026-x" not in str(graph.log())


def test_a_licence_is_given_with_its_location_and_taken_back(graph):
    graph.person(displayName="Anna Weiß")
    values = {"user": ANNA, "add": ["SPB"], "usage_location": "DE"}
    with graph.session() as session:
        change, evidence = done(session, "graph.licence", **values)
        assert read(session, "graph.licences", ANNA) == {"SPB": "direct"}
        assert read(session, "graph.skus", "all")["SPB"]["free"] == 0
        undone(session, "graph.licence", change, evidence, **values)
        assert read(session, "graph.licences", ANNA) == {}
        assert read(session, "graph.user", ANNA)["usageLocation"] is None


def test_a_licence_swap_is_one_request(graph):
    user = graph.person(usageLocation="DE")
    graph.licensing.assign(user["id"], [{"skuId": graph.licensing.sku("SPB")["skuId"]}], [])
    with graph.session() as session:
        done(session, "graph.licence", user=ANNA, add=["POWER_BI_PRO"], remove=["SPB"])
        assert read(session, "graph.licences", ANNA) == {"POWER_BI_PRO": "direct"}
    assert [e["path"].rpartition("/")[2] for e in graph.writes()] == ["assignLicense"]


def test_the_licence_of_a_group_is_told_from_a_direct_one(graph):
    user = graph.person(usageLocation="DE")
    graph.cloud.add_group({"displayName": "LG_SPB"}, members=[user["id"]])
    graph.licensing.license_group("LG_SPB", ["SPB"])
    with graph.session() as session:
        assert read(session, "graph.licences", ANNA) == {"SPB": "group"}
        assert planned(session, "graph.licence", user=ANNA, add=["SPB"]).is_empty
        assert "comes from a group" in planned(session, "graph.licence", user=ANNA, remove=["SPB"]).blocked


def test_exhausted_seats_stop_the_plan_with_figures(graph):
    graph.person(usageLocation="DE")
    graph.faults.on("licences-exhausted", sku="SPB")
    with graph.session() as session:
        change = planned(session, "graph.licence", user=ANNA, add=["SPB"])
    assert change.blocked.startswith("no seat of SPB is free: 34 consumed of 34 enabled")


def test_the_last_seat_taken_meanwhile_is_told_by_graph(graph):
    graph.person(usageLocation="DE")
    with graph.session() as session:
        change = planned(session, "graph.licence", user=ANNA, add=["SPB"])
        graph.faults.on("licences-exhausted")
        with pytest.raises(Refused, match="does not have any available licenses"):
            applied(session, "graph.licence", change, user=ANNA, add=["SPB"])


def test_suites_that_exclude_each_other_are_told_by_graph(graph):
    user = graph.person(usageLocation="DE")
    graph.licensing.assign(user["id"], [{"skuId": graph.licensing.sku("SPB")["skuId"]}], [])
    values = {"user": ANNA, "add": ["EXCHANGEENTERPRISE"]}
    with graph.session() as session, pytest.raises(Refused, match="mutually exclusive") as caught:
        applied(session, "graph.licence", planned(session, "graph.licence", **values), **values)
    assert "remove" in caught.value.next_move


def test_memberships_are_added_and_ended_one_by_one(graph):
    anna, otto = graph.person(), graph.person("otto.alt")
    group = graph.cloud.add_group({"displayName": "Finanzen"}, members=[otto["id"]])
    values = {"group": "Finanzen", "add": [ANNA], "remove": ["otto.alt@kranich.example"]}
    with graph.session() as session:
        change, evidence = done(session, "graph.group_members", **values)
        assert graph.cloud.group("Finanzen")["_members"] == [anna["id"]]
        undone(session, "graph.group_members", change, evidence, **values)
    assert graph.cloud.group(group["id"])["_members"] == [otto["id"]]
    assert all(entry["path"].endswith("$ref") for entry in graph.writes())


def test_what_somebody_changed_since_is_left_alone(graph):
    anna = graph.person(displayName="Anna Weiß", department="Vertrieb", jobTitle="Azubi")
    with graph.session() as session:
        values = {"upn": ANNA, "department": "Einkauf", "job_title": "Leiterin"}
        change, evidence = done(session, "graph.user", **values)
        graph.cloud.change_user(anna["id"], {"department": "Finanzen"})
        back = left(session, "graph.user", change, evidence)
        assert back.after == {"jobTitle": "Azubi"}
        assert back.conflicts == {"department": {"left": "Einkauf", "found": "Finanzen"}}


def test_an_account_that_somebody_gave_a_licence_stays(graph):
    first = {"upn": ANNA, "display_name": "Anna Weiß", "password": Secret("Kranich-2026-x")}
    with graph.session() as session:
        change, evidence = done(session, "graph.user", **first, usage_location="DE")
        spb = graph.licensing.sku("SPB")["skuId"]
        graph.licensing.assign(evidence.outputs["id"], [{"skuId": spb}], [])
        back = left(session, "graph.user", change, evidence)
        assert back.is_empty
        assert back.conflicts == {"licences": {"left": None, "found": {"SPB": "direct"}}}


def test_a_person_who_is_called_otherwise_by_now_is_found_by_id(graph):
    anna = graph.person(displayName="Anna Weiß")
    group = graph.cloud.add_group({"displayName": "Finanzen"})
    with graph.session() as session:
        change, evidence = done(session, "graph.group_members", group="Finanzen", add=[ANNA])
        graph.cloud.change_user(anna["id"], {"userPrincipalName": "anna.kranz@kranich.example"})
        graph.cloud.change_group(group["id"], {"displayName": "Geld"})
        assert "verlässt Geld" in undone(session, "graph.group_members", change, evidence).says["de"]
    assert graph.cloud.group(group["id"])["_members"] == []


def test_a_licence_that_no_seat_is_free_for_is_not_promised_back(graph):
    anna, otto = graph.person(usageLocation="DE"), graph.person("otto.alt", usageLocation="DE")
    spb = [{"skuId": graph.licensing.sku("SPB")["skuId"]}]
    graph.licensing.assign(anna["id"], spb, [])
    with graph.session() as session:
        change, evidence = done(session, "graph.licence", user=ANNA, remove=["SPB"])
        graph.licensing.assign(otto["id"], spb, [])
        assert "no seat of SPB is free" in left(session, "graph.licence", change, evidence).blocked


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ({"onPremisesSyncEnabled": True}, "use ldap.group_members"),
        ({"groupTypes": ["DynamicMembership"]}, "its rule decides"),
        ({"mailEnabled": True, "mail": "alle@kranich.example"}, "changed in Exchange"),
        ({"isAssignableToRole": True}, "its own application and gate"),
    ],
)
def test_a_group_that_is_governed_elsewhere_is_refused_by_us_and_by_graph(graph, kind, told):
    graph.person()
    graph.cloud.add_group({"displayName": "Anders", **kind})
    values = {"group": "Anders", "add": [ANNA]}
    with graph.session() as session:
        change = planned(session, "graph.group_members", **values)
        assert told in change.blocked
        action, args = find("graph.group_members"), make_args(find("graph.group_members"), values)
        with session.permit(change.writes), pytest.raises((Refused, NotAllowed)):
            action.apply(session, args, change, context())
    assert graph.cloud.group("Anders")["_members"] == []


def test_two_groups_of_one_name_are_not_guessed_between(graph):
    graph.person()
    for _ in range(2):
        graph.cloud.add_group({"displayName": "Doppelt"})
    with graph.session() as session, pytest.raises(Refused, match="2 groups are called doppelt"):
        planned(session, "graph.group_members", group="doppelt", add=[ANNA])


def test_a_manager_is_set_changed_and_removed(graph):
    graph.person(), graph.person("hans.chef"), graph.person("ilse.alt")
    with graph.session() as session:
        done(session, "graph.manager", user=ANNA, manager="ilse.alt@kranich.example")
        values = {"user": ANNA, "manager": "Hans.Chef@kranich.example"}
        change, evidence = done(session, "graph.manager", **values)
        undone(session, "graph.manager", change, evidence, **values)
        assert read(session, "graph.manager", ANNA)["userPrincipalName"] == "ilse.alt@kranich.example"
        done(session, "graph.manager", user=ANNA, manager="")
        assert read(session, "graph.manager", ANNA) is None


def test_mailbox_settings_are_set_and_taken_back(graph):
    graph.person()
    graph.licensing.give_mailbox(ANNA)
    values = {"user": ANNA, "language": "cs-CZ", "time_zone": "Central Europe Standard Time"}
    with graph.session() as session:
        change, evidence = done(session, "graph.mailbox_settings", **values)
        assert read(session, "graph.mailbox", ANNA)["language"]["locale"] == "cs-CZ"
        undone(session, "graph.mailbox_settings", change, evidence, **values)
        assert read(session, "graph.mailbox", ANNA)["timeZone"] == "UTC"


def test_a_bare_language_means_its_main_country(graph):
    graph.person()
    graph.licensing.give_mailbox(ANNA)
    with graph.session() as session:
        done(session, "graph.mailbox_settings", user=ANNA, language="de")
        assert read(session, "graph.mailbox", ANNA)["language"]["locale"] == "de-DE"
        with pytest.raises(Invalid, match="names no language and country"):
            planned(session, "graph.mailbox_settings", user=ANNA, language="xx")


def test_a_mailbox_comes_only_some_time_after_the_licence(graph):
    graph.person(usageLocation="DE")
    graph.faults.on("mailbox-late", seconds=3600)
    with graph.session() as session:
        done(session, "graph.licence", user=ANNA, add=["SPB"])
        assert read(session, "graph.mailbox", ANNA) is None
        with pytest.raises(Refused, match="has no mailbox"):
            planned(session, "graph.mailbox_settings", user=ANNA, language="de-DE")


def test_an_access_pass_is_made_replaced_and_ended(graph):
    graph.person()
    with graph.session() as session:
        _, first = done(session, "graph.access_pass", user=ANNA)
        change, second = done(session, "graph.access_pass", user=ANNA, lifetime="2h")
        assert [note["en"] for note in change.notes] == ["it ends the pass that is there"]
        assert first.outputs["access_pass"].reveal() != second.outputs["access_pass"].reveal()
        passes = read(session, "graph.access_passes", ANNA)["passes"]
        assert [entry["lifetimeInMinutes"] for entry in passes] == [120]
        undone(session, "graph.access_pass", change, second, user=ANNA)
        assert read(session, "graph.access_passes", ANNA) == {"passes": []}
    assert second.outputs["access_pass"].reveal() not in str(graph.log())


def test_sessions_are_revoked_and_the_moment_proves_it(graph):
    graph.person(signInSessionsValidFromDateTime="2020-01-01T00:00:00Z")
    with graph.session() as session:
        done(session, "graph.revoke_sessions", user=ANNA)
        assert read(session, "graph.user", ANNA)["signInSessionsValidFromDateTime"] > "2026"


def test_a_revocation_that_shows_late_is_waited_for(graph):
    graph.person(signInSessionsValidFromDateTime="2020-01-01T00:00:00Z")
    graph.faults.on("graph-stale", seconds=0.4)
    with graph.session() as session:
        done(session, "graph.revoke_sessions", user=ANNA)


def test_a_request_of_ones_own_reads_sends_and_proves(graph):
    group = graph.cloud.add_group({"displayName": "Frei", "visibility": "Public"})
    where = f"/groups/{group['id']}"
    with graph.session() as session:
        assert planned(session, "graph.request", path=where).outputs["body"]["displayName"] == "Frei"
        values = {"method": "PATCH", "path": where, "body": {"visibility": "Private"}}
        proof = {"path": where, "has": {"visibility": "Private"}}
        change = planned(session, "graph.request", **values, proof=proof)
        applied(session, "graph.request", change, **values, proof=proof)
        assert graph.cloud.group("Frei")["visibility"] == "Private"
        assert planned(session, "graph.request", **values, proof=proof).is_empty


def test_what_the_proof_does_not_show_has_failed(graph):
    graph.person()
    graph.faults.on("graph-stale", seconds=60)
    values = {"method": "PATCH", "path": f"/users/{ANNA}", "body": {"department": "X"}}
    proof = {"path": f"/users/{ANNA}?$select=department", "has": {"department": "X"}}
    with graph.session() as session, pytest.raises(Failed, match="does not show it"):
        applied(
            session,
            "graph.request",
            planned(session, "graph.request", **values, proof=proof),
            **values,
            proof=proof,
        )


def test_a_session_that_only_reads_has_no_pen(graph):
    graph.person(usageLocation="DE")
    values = {"user": ANNA, "add": ["SPB"]}
    with graph.session(write=False) as session:
        change = planned(session, "graph.licence", **values)
        with pytest.raises(NoPen), session.permit(change.writes):
            pass
        action = find("graph.licence")
        with pytest.raises(NoPen):
            action.apply(session, make_args(action, values), change, context())
    assert graph.writes() == []
    assert {entry["app"] for entry in graph.log()} == {"plan"}


def test_the_planning_application_cannot_write_at_the_far_side_either(graph):
    graph.person(usageLocation="DE")
    values = {"user": ANNA, "add": ["SPB"]}
    provider = find_provider("graph")
    with provider.open(graph.connection(write=False), write=True) as session:
        change = planned(session, "graph.licence", **values)
        with pytest.raises(NotAllowed, match="Insufficient privileges"):
            applied(session, "graph.licence", change, **values)


def test_a_target_outside_the_step_is_refused_before_anything_is_sent(graph):
    graph.person(usageLocation="DE"), graph.person("otto.alt", usageLocation="DE")
    values = {"user": ANNA, "add": ["SPB"]}
    action = find("graph.licence")
    with graph.session() as session:
        change = planned(session, "graph.licence", **values)
        with (
            session.permit(["otto.alt@kranich.example"]),
            pytest.raises(Refused, match="not among the targets"),
        ):
            action.apply(session, make_args(action, values), change, context())
    assert graph.writes() == []


def test_who_holds_a_name_is_found_among_the_living_and_the_deleted(graph):
    address = "weiss@kranich.example"
    anna = graph.person(proxyAddresses=["SMTP:anna.weiss@kranich.example", f"smtp:{address}"])
    gone = graph.person("o'neill")
    graph.cloud.soft_delete(gone["id"])
    contact = graph.cloud.add_contact({"displayName": "Lieferant", "mail": "liefer@kranich.example"})
    with graph.session(write=False) as session:
        values = (
            address,
            "o'neill@kranich.example",
            "liefer@kranich.example",
            "anna.weiss",
            "frei@kranich.example",
        )
        found = session.read([Ref("graph.holder", value) for value in values])
    held = {
        ref.key: (state["live"], state["deleted"], state["deleted_visible"]) for ref, state in found.items()
    }
    assert held == {
        address: ([anna["id"]], [], True),
        "o'neill@kranich.example": ([], [gone["id"]], True),
        "liefer@kranich.example": ([contact["id"]], [], True),
        "anna.weiss": ([anna["id"]], [], True),
        "frei@kranich.example": ([], [], True),
    }


def test_deleted_items_that_may_not_be_seen_are_unknown(graph):
    graph.faults.on("graph-deleted-unseen")
    with graph.session(write=False) as session:
        assert read(session, "graph.holder", "x@kranich.example")["deleted_visible"] is False


def test_many_reads_travel_together(graph):
    people = [graph.person(f"p{number}") for number in range(45)]
    with graph.session(write=False) as session:
        read(session, "graph.skus", "all")
        before = len(graph.log())
        found = session.read([Ref("graph.user", user["userPrincipalName"]) for user in people])
    assert {state["id"] for state in found.values()} == {user["id"] for user in people}
    sent = graph.log()[before:]
    assert len(sent) == len(people)
    assert all(entry["batch"] for entry in sent)  # the double refuses a batch of more than 20


def test_a_long_list_is_read_to_its_end(graph):
    user = graph.person()
    groups = [graph.cloud.add_group({"displayName": f"G{n}"}, members=[user["id"]]) for n in range(1005)]
    with graph.session(write=False) as session:
        assert read(session, "graph.membership", f"{groups[-1]['id']},{ANNA}") == {"member": True}


def test_doctor_names_what_is_missing_and_what_is_too_much(graph):
    provider = find_provider("graph")
    good = Rights(
        read=("User.Read.All",),
        apply=(("User.RevokeSessions.All", "User.ReadWrite.All"), "Sites.FullControl.All"),
    )
    findings = provider.check(graph.connection(), good)
    told = {finding.what: finding.ok for finding in findings}
    assert told["Graph answers for the tenant Kranich Fördertechnik GmbH"] is True
    assert told["the permission Sites.FullControl.All is missing"] is False
    assert any("a rehearsal has them for all actions" in what for what in told)
    assert not any(what.startswith("the permission User.ReadWrite.All") for what in told)
    assert "the permission User.RevokeSessions.All is missing" not in told
    assert all(finding.next_move for finding in findings if not finding.ok)


def test_what_a_real_application_has_too_much_is_told_by_name():
    granted = ["User.ReadWrite.All", "UserAuthMethod-TAP.ReadWrite.All", "Mail.Read"]
    told = {f.what: f for f in measured(granted, Rights(read=("User.Read.All",)))}
    spare = told["the permission UserAuthMethod-TAP.ReadWrite.All is more than these runbooks need"]
    assert not spare.ok
    assert spare.next_move
    assert not told["Mail.Read opens far more than runbooks need"].ok
    assert not any("User.ReadWrite.All is more" in what for what in told)
