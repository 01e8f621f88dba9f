"""What Entra's audit log tells: the double keeps it in Microsoft's shape, and it is read page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from graph_double import done, tenant

from runbook_exec.actions.graph import audits
from runbook_exec.errors import NotAllowed
from runbook_exec.sandbox.graph_sync import SyncInbox
from runbook_exec.sandbox.graph_tenant import APPLY

ANNA = "anna.weiss@kranich.example"


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        yield running


def history(graph, only=None, **more):
    now = datetime.now(UTC)
    with graph.session(write=False) as session:
        begin, end = now - timedelta(minutes=5), now + timedelta(minutes=5)
        return session.history(begin.isoformat(), end.isoformat(), base="", only=only, **more)


def test_a_change_is_told_with_its_time_its_property_and_its_application(graph):
    person = graph.person()
    with graph.session() as session:
        done(session, "graph.user", upn=ANNA, department="IT")
    (change,) = history(graph).changes
    assert (change.object, change.identity, change.what) == (ANNA, person["id"], "Department")
    assert (change.how, change.application, change.sync) == ("Update user", APPLY, False)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(change.at)) < timedelta(minutes=1)


def test_a_membership_is_about_the_group_and_names_the_member(graph):
    person = graph.person()
    group = graph.cloud.add_group({"displayName": "Projekte", "securityEnabled": True, "mailEnabled": False})
    with graph.session() as session:
        done(session, "graph.group_members", group="Projekte", add=[ANNA])
    (change,) = history(graph).changes
    assert (change.object, change.identity, change.how) == ("Projekte", group["id"], "added")
    assert (change.value, change.value_id) == (ANNA, person["id"])


def test_the_hybrid_sync_is_told_from_people_and_applications(graph):
    inbox = SyncInbox(graph.cloud)
    about = {"userPrincipalName": ANNA, "displayName": "Anna", "mailNickname": "anna"}
    inbox.put_user("anchor", about)
    inbox.put_user("anchor", {**about, "department": "IT"})
    inbox.put_user("anchor", {**about, "department": "IT"})
    inbox.remove_user("anchor")
    changes = history(graph).changes
    assert [(c.what, c.how) for c in changes] == [
        ("object", "Add user"),
        ("Department", "Update user"),
        ("object", "Delete user"),
    ]
    assert all(change.sync for change in changes)


def test_what_was_asked_for_alone_is_told(graph):
    graph.person()
    other = graph.person("bo.berg")
    with graph.session() as session:
        done(session, "graph.user", upn=ANNA, department="IT")
        done(session, "graph.user", upn="bo.berg@kranich.example", department="IT")
    assert {c.object for c in history(graph, only=[other["id"]]).changes} == {"bo.berg@kranich.example"}


def test_a_long_log_is_read_page_by_page(graph, monkeypatch):
    graph.person()
    with graph.session() as session:
        for number in range(5):
            done(session, "graph.user", upn=ANNA, department=f"D{number}")
    monkeypatch.setattr(audits, "PAGE", "2")
    assert len(history(graph).changes) == 5
    asked = [entry for entry in graph.log() if entry["path"] == "/auditLogs/directoryAudits"]
    assert len(asked) == 3


def test_the_log_holds_no_password(graph):
    from runbook_exec.secret import Secret

    with graph.session() as session:
        done(session, "graph.user", upn=ANNA, display_name="Neu", password=Secret("Kranich-2026-x"))
        done(session, "graph.access_pass", user=ANNA)
    kept = repr([body for _, body in graph.rehearsal.shelf.items("graph_audits")])
    assert "Kranich-2026-x" not in kept
    assert {change.how for change in history(graph).changes} == {"Add user", "Admin registered security info"}


def test_without_the_permission_the_missing_right_is_named(graph):
    app = graph.rehearsal.shelf.get("graph_apps", graph.connection(write=False)["client_id"])
    app["roles"] = [role for role in app["roles"] if role != audits.AUDIT_LOG]
    graph.rehearsal.shelf.put("graph_apps", graph.connection(write=False)["client_id"], app)
    with pytest.raises(NotAllowed):
        history(graph)


def test_how_long_the_log_is_kept_is_said():
    assert "7 days" in audits.log([], None).limits[0]["en"]


def test_a_change_that_failed_is_none():
    entry = {
        "activityDateTime": "2026-11-25T01:00:00Z",
        "result": "failure",
        "targetResources": [{"id": "a"}],
    }
    assert audits.log([entry], None).changes == ()
