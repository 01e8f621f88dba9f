"""Graph on a bad day: throttled, down, slow, deaf, forgetful; wrong keys; nobody there."""

from __future__ import annotations

from time import perf_counter

import pytest
from graph_double import applied, done, planned, tenant

from runbook_exec.action import Rights, find_provider
from runbook_exec.change import Ref
from runbook_exec.errors import Invalid, NotAllowed, Transient, Unreachable
from runbook_exec.secret import Secret

ANNA = "anna.weiss@kranich.example"
NEW = {"upn": "neu@kranich.example", "display_name": "Neu", "password": Secret("Kranich-2026-x")}
SKUS = Ref("graph.skus", "all")


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        yield running


def took(work) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def test_a_throttled_read_waits_as_long_as_it_is_asked_to(graph):
    graph.faults.on("graph-throttled", times=2, seconds=0.3)
    with graph.session() as session:
        assert 0.6 <= took(lambda: session.read([SKUS])) < 3


def test_only_the_throttled_items_of_a_batch_are_asked_again(graph):
    people = [graph.person(f"p{number}") for number in range(6)]
    graph.faults.on("graph-throttled", times=2, seconds=0.2)
    with graph.session() as session:
        found = session.read([Ref("graph.user", user["userPrincipalName"]) for user in people])
    assert all(state is not None for state in found.values())
    assert len(graph.log()) == len(people)


def test_a_batch_of_which_single_items_are_throttled_is_completed(graph):
    people = [graph.person(f"p{number}") for number in range(6)]
    graph.faults.on("graph-batch-throttled", times=4, seconds=0.1)
    with graph.session() as session:
        found = session.read([Ref("graph.user", user["userPrincipalName"]) for user in people])
    assert {state["id"] for state in found.values()} == {user["id"] for user in people}
    assert len(graph.log()) == len(people)


def test_a_single_read_is_not_touched_by_a_throttled_batch(graph):
    graph.faults.on("graph-batch-throttled", times=1, seconds=30)
    with graph.session() as session:
        assert session.read([SKUS])[SKUS]["SPB"]["enabled"] == 34


def test_a_write_that_meets_another_one_is_repeated_since_it_was_not_done(graph):
    graph.person(usageLocation="DE")
    with graph.session() as session:
        graph.faults.on("graph-busy", times=2)
        done(session, "graph.licence", user=ANNA, add=["SPB"])
        graph.faults.on("graph-busy", times=1)
        done(session, "graph.user", upn=ANNA, department="X")
    assert [entry["status"] for entry in graph.writes()] == [200, 204]


@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize("was_done", [False, True])
def test_a_create_that_a_gateway_answers_is_looked_for_and_made_once(graph, status, was_done):
    graph.faults.on("graph-gateway", times=1, status=status, done=was_done)
    with graph.session() as session:
        _, evidence = done(session, "graph.user", **NEW)
    assert [user["id"] for user in graph.cloud.users()] == [evidence.outputs["id"]]
    assert [entry["status"] for entry in graph.writes()] == [201]


def test_a_create_behind_a_dead_gateway_is_given_up_and_nothing_is_claimed(graph):
    graph.faults.on("graph-gateway", status=504)
    with graph.session() as session:
        change = planned(session, "graph.user", **NEW)
        with pytest.raises(Unreachable) as caught:
            applied(session, "graph.user", change, **NEW)
    assert caught.value.sent
    assert list(graph.cloud.users()) == []


def test_what_was_just_made_and_cannot_be_seen_yet_is_waited_for_in_the_read_back(graph):
    graph.faults.on("graph-lag", seconds=0.4)
    with graph.session() as session:
        change = planned(session, "graph.user", **NEW)
        evidence = applied(session, "graph.user", change, **NEW)
        assert session.read([Ref("graph.user", NEW["upn"])])[Ref("graph.user", NEW["upn"])] is None
        applied(session, "graph.manager", _of(evidence, graph.person("hans.chef")), user="x", manager="y")
    assert graph.cloud.user(NEW["upn"])["_manager"] == graph.cloud.user("hans.chef@kranich.example")["id"]


def _of(evidence, chief):
    from runbook_exec.change import Change

    return Change(
        action="graph.manager",
        target=NEW["upn"],
        before={"manager": None},
        after={"manager": chief["userPrincipalName"]},
        says={},
        identity=evidence.outputs["id"],
        involves={chief["userPrincipalName"]: chief["id"]},
        writes=(evidence.outputs["id"],),
    )


def test_a_read_bears_with_a_service_that_is_down(graph):
    graph.faults.on("graph-unavailable", times=2, seconds=0.2)
    with graph.session() as session:
        assert session.read([SKUS])[SKUS]["SPB"]["enabled"] == 34


def test_a_throttled_write_is_repeated_since_it_was_not_done(graph):
    graph.person(usageLocation="DE")
    with graph.session() as session:
        change = planned(session, "graph.licence", user=ANNA, add=["SPB"])
        graph.faults.on("graph-throttled", times=1, seconds=0.2)
        applied(session, "graph.licence", change, user=ANNA, add=["SPB"])
    assert len(graph.writes()) == 1


def test_patience_ends_with_the_deadline_and_says_how_long_graph_wants(graph):
    graph.person(usageLocation="DE")
    with graph.session() as session:
        change = planned(session, "graph.user", upn=ANNA, department="X")
        graph.faults.on("graph-throttled", seconds=30)
        with pytest.raises(Transient) as caught:
            applied(session, "graph.user", change, seconds=1, upn=ANNA, department="X")
    assert caught.value.after == 30


def test_a_create_without_an_answer_is_found_and_not_repeated(graph):
    graph.faults.on("graph-lost-answer", times=1)
    with graph.session() as session:
        _, evidence = done(session, "graph.user", **NEW)
    assert [user["id"] for user in graph.cloud.users()] == [evidence.outputs["id"]]
    assert [entry["status"] for entry in graph.writes()] == [201]


def test_a_create_without_an_answer_and_unseen_for_a_while_ends_in_one_account(graph):
    graph.faults.on("graph-lost-answer", times=1)
    graph.faults.on("graph-lag", seconds=0.3)
    with graph.session() as session:
        change = planned(session, "graph.user", **NEW)
        # The second try meets the first, which nobody can see yet.
        evidence = applied(session, "graph.user", change, **NEW)
    assert [user["id"] for user in graph.cloud.users()] == [evidence.outputs["id"]]
    assert [entry["status"] for entry in graph.writes()] == [201, 400]


def test_somebody_elses_account_never_passes_for_ours(graph):
    with graph.session() as session:
        change = planned(session, "graph.user", **NEW)
        graph.person(upn="neu@kranich.example", displayName="Jemand anders")
        with pytest.raises(Exception, match="Another object with the same value"):
            applied(session, "graph.user", change, **NEW)


def test_a_membership_without_an_answer_is_read_and_counts(graph):
    user = graph.person()
    graph.cloud.add_group({"displayName": "Finanzen"})
    graph.faults.on("graph-lost-answer", times=1)
    with graph.session() as session:
        done(session, "graph.group_members", group="Finanzen", add=[ANNA])
    assert graph.cloud.group("Finanzen")["_members"] == [user["id"]]
    assert len(graph.writes()) == 1


@pytest.mark.parametrize("stale", [False, True])
def test_a_licence_swap_without_an_answer_is_looked_for(graph, stale):
    user = graph.person(usageLocation="DE")
    graph.licensing.assign(user["id"], [{"skuId": graph.licensing.sku("SPB")["skuId"]}], [])
    values = {"user": ANNA, "add": ["POWER_BI_PRO"], "remove": ["SPB"]}
    with graph.session() as session:
        change = planned(session, "graph.licence", **values)
        graph.faults.on("graph-lost-answer", times=1)
        if stale:
            graph.faults.on("graph-stale", seconds=0.3)
        applied(session, "graph.licence", change, **values)
        assert planned(session, "graph.licence", **values).is_empty
    assert [entry["status"] for entry in graph.writes()] == ([200, 400] if stale else [200])


def test_an_access_pass_without_an_answer_is_made_anew(graph):
    graph.person()
    graph.faults.on("graph-lost-answer", times=1)
    with graph.session() as session:
        _, evidence = done(session, "graph.access_pass", user=ANNA)
        assert evidence.outputs["access_pass"].reveal()
    assert len(list(graph.rehearsal.shelf.items("graph_passes"))) == 1


def test_a_patch_without_an_answer_tells_that_it_was_sent(graph):
    graph.person()
    with graph.session() as session:
        change = planned(session, "graph.user", upn=ANNA, department="X")
        graph.faults.on("graph-lost-answer", times=1)
        with pytest.raises(Unreachable) as caught:
            applied(session, "graph.user", change, upn=ANNA, department="X")
    assert caught.value.sent
    assert graph.cloud.user(ANNA)["department"] == "X"


def test_a_user_too_young_to_be_seen_by_every_server_is_waited_for(graph):
    graph.person(usageLocation="DE")
    with graph.session() as session:
        change = planned(session, "graph.licence", user=ANNA, add=["SPB"])
        body = graph.cloud.user(ANNA)
        graph.rehearsal.shelf.put(
            "graph_users", body["id"], {**body, "_visible_from": graph.cloud.clock() + 0.4}
        )
        applied(session, "graph.licence", change, user=ANNA, add=["SPB"])
    assert [entry["status"] for entry in graph.writes()].count(404) >= 1


def test_a_change_made_by_somebody_else_in_between_is_not_overwritten(graph):
    user = graph.person()
    with graph.session() as session:
        change = planned(session, "graph.user", upn=ANNA, department="X")
        graph.cloud.change_user(user["id"], {"department": "Y"})
        with pytest.raises(Transient, match="somebody changed this object"):
            applied(session, "graph.user", change, upn=ANNA, department="X")
    assert graph.cloud.user(ANNA)["department"] == "Y"


def test_an_unrelated_edit_by_somebody_else_is_no_obstacle(graph):
    user = graph.person()
    with graph.session() as session:
        change = planned(session, "graph.user", upn=ANNA, department="X")
        graph.cloud.change_user(user["id"], {"jobTitle": "Neu"})
        applied(session, "graph.user", change, upn=ANNA, department="X")
    changed = graph.cloud.user(ANNA)
    assert (changed["department"], changed["jobTitle"]) == ("X", "Neu")
    assert [entry["status"] for entry in graph.writes()] == [412, 204]


def test_a_wrong_secret_is_told_apart_from_a_service_that_is_away(graph):
    provider = find_provider("graph")
    with (
        provider.open(graph.connection(client_secret=Secret("falsch")), write=False) as session,
        pytest.raises(NotAllowed, match="Invalid client secret") as caught,
    ):
        session.read([SKUS])
    assert "falsch" not in str(caught.value)
    findings = provider.check(graph.connection(client_secret=Secret("falsch")), Rights())
    assert [finding.ok for finding in findings] == [False]


@pytest.mark.parametrize("name", [" ", ".", ".."])
def test_a_name_that_would_address_something_else_is_refused(graph, name):
    with graph.session() as session, pytest.raises(Invalid, match="names nothing in the cloud"):
        planned(session, "graph.revoke_sessions", user=name)
    assert graph.log() == []


def test_a_certificate_without_its_key_is_told(graph, tmp_path):
    ca = graph.settings["ca"]  # a certificate and no key
    bad = graph.connection(ca="", certificate=ca)
    with (
        pytest.raises(Invalid, match="certificate cannot be used"),
        find_provider("graph").open(bad, write=False),
    ):
        pass


@pytest.fixture
def closed_port():
    import socket

    with socket.socket() as held:  # bound and not listening: nobody answers here, nobody else takes it
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_service_that_is_away_is_told_at_once(graph, closed_port):
    provider = find_provider("graph")
    away = graph.connection(url=f"https://127.0.0.1:{closed_port}/v1.0")
    with provider.open(away, write=False) as session, pytest.raises(Unreachable) as caught:
        session.read([SKUS])
    assert not caught.value.sent
    assert caught.value.next_move


def test_a_certificate_of_somebody_else_is_not_trusted(graph, tmp_path):
    from runbook_exec.sandbox import certificates

    other = certificates.make(tmp_path / "other")
    provider = find_provider("graph")
    with (
        provider.open(graph.connection(ca=str(other.ca)), write=False) as session,
        pytest.raises(Unreachable, match="certificate"),
    ):
        session.read([SKUS])


def test_quotas_are_obeyed(graph):
    graph.faults.on("graph-quota", requests=2)
    graph.person()
    with graph.session() as session:
        session.read([SKUS])
        session.read([SKUS])
        graph.faults.off("graph-quota")
        session.read([SKUS])
    assert len(graph.log()) == 3


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": "http://graph.example/v1.0"}, "does not begin with https"),
        ({"tenannt": "x"}, "no key of a Graph connection"),
        ({"tenant": ""}, "tenant or client_id is missing"),
        ({"ca": "/nowhere/ca.pem"}, "which is no file"),
        ({"client_secret": "in clear"}, "stands there in clear"),
    ],
)
def test_a_wrong_connection_is_told_by_its_key(graph, wrong, told):
    with (
        pytest.raises(Invalid, match=told),
        find_provider("graph").open({**graph.connection(), **wrong}, write=False),
    ):
        pass


def test_azure_identity_gets_a_token_from_the_double_too(graph):
    from runbook_exec.actions.graph.connection import parsed
    from runbook_exec.actions.graph.credential import azure_credential

    connection = parsed(graph.connection())
    credential = azure_credential(
        connection, disable_instance_discovery=True, connection_verify=connection.ca
    )
    with credential:
        assert credential.get_token("https://graph.microsoft.com/.default").token.count(".") == 2
