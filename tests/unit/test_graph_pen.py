"""What may leave this machine, whoever asks; and how names travel in addresses."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_exec.actions.graph import pen
from runbook_exec.actions.graph.message import Message, Reply, literal, path, trouble
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused, Transient
from runbook_exec.sandbox.graph_query import Query

ROOT = "https://graph.microsoft.com/v1.0"
READ_BATCH = json.dumps({"requests": [{"id": "1", "method": "GET", "url": "/users"}]}).encode()
MIXED_BATCH = json.dumps(
    {
        "requests": [
            {"id": "1", "method": "GET", "url": "/users"},
            {"id": "2", "method": "delete", "url": "/users/a"},
        ]
    }
).encode()


@pytest.mark.parametrize(
    ("method", "where", "body", "reads"),
    [
        ("GET", "/users", b"", True),
        ("POST", "/$batch", READ_BATCH, True),
        ("POST", "/$batch", MIXED_BATCH, False),
        ("POST", "/$batch", b"", False),
        ("POST", "/$batch", b"[]", False),
        ("POST", "/$batch/x", READ_BATCH, False),
        ("POST", "/users/a/checkMemberGroups", b"{}", False),
        ("HEAD", "/users", b"", False),
        ("DELETE", "/users/a", b"", False),
    ],
)
def test_only_reads_are_reads(method, where, body, reads):
    assert pen.is_read(method, pen.segments(ROOT + where, ROOT), body) is reads


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_without_permission_nothing_is_written(method):
    with pytest.raises(NoPen):
        pen.check(method, ("users", "a"), b"", None)


@pytest.mark.parametrize(
    "where",
    [
        "/groups/g/members/u",
        "/groups/g/MEMBERS/u",
        "/groups/g/owners/u",
        "/groups/g/%6Dembers/u",
        "/groups/g/members/u/",
        "/groups/g/members/u?x=/$ref",
        "/directoryRoles/r/members/u",
    ],
)
def test_the_request_that_deletes_a_person_never_leaves(where):
    with pytest.raises(Refused, match="would delete the person"):
        pen.check("DELETE", pen.segments(ROOT + where, ROOT), b"", {"g", "u"})


def test_the_one_that_ends_a_membership_may():
    pen.check("DELETE", pen.segments(f"{ROOT}/groups/g/members/u/$ref", ROOT), b"", {"G"})


@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("PATCH", "/users/otto", b"{}"),
        ("POST", "/users", b'{"userPrincipalName": "otto"}'),
        ("POST", "/users", b"nonsense"),
        ("POST", "/groups/g/members/$ref", b"{}"),
        ("POST", "/directory/deletedItems/otto/restore", b"{}"),
        ("POST", "/roleManagement/directory/roleAssignments", b'{"principalId": "otto"}'),
        ("POST", "/deviceManagement/managedDevices/otto/wipe", b"{}"),
        ("DELETE", "/teams/otto/members/anna", b""),
        ("DELETE", "/users/otto", b""),
    ],
)
def test_what_is_no_target_of_the_step_is_refused(method, where, body):
    with pytest.raises(Refused, match="not among the targets"):
        pen.check(method, pen.segments(ROOT + where, ROOT), body, {"anna"})


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80))
@example("..")
@example(" ")
@example("a/../b?c#d")
def test_any_name_stays_one_part_of_the_path(name):
    if name.strip() in {"", ".", ".."}:
        with pytest.raises(Invalid):
            path("users", name)
        return
    made = path("users", name, "manager", select="id,displayName")
    assert made.isascii()
    assert pen.segments(ROOT + made, ROOT) == ("users", name, "manager")


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40))
def test_any_value_stays_one_value_of_a_filter(value):
    bodies = [{"displayName": value}, {"displayName": value + "x"}, {"displayName": None}]
    query = Query({"$filter": f"displayName eq {literal(value)}"}, eventual=False)
    page = query.page(bodies, url="", known=frozenset({"displayName"}))
    assert bodies[0] in page["value"]
    assert bodies[2] not in page["value"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(text, seconds):
    assert Reply(status=429, headers={"retry-after": text}).after == seconds


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "x", NotAllowed),
        (403, "x", NotAllowed),
        (429, "x", Transient),
        (503, "x", Transient),
        (412, "x", Transient),
        (400, "License assignment cannot be done for user with invalid usage location", Refused),
        (400, "something new", Failed),
        (500, "", Failed),
    ],
)
def test_every_bad_reply_says_where_what_and_the_next_move(status, message, kind):
    error = trouble(
        Message(path="/users/a?$select=id"), Reply(status=status, body={"error": {"message": message}})
    )
    assert type(error) is kind
    assert error.where == "GET /users/a"
    assert error.what
    assert error.next_move
    assert trouble(Message(path="/x"), Reply(status=status, body="<html>")).what
