"""Which changes of a far side are explained by runs, and which were made outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runbook_exec.audit.outside import Presence, hold, things_of, written
from runbook_exec.far_log import FarChange
from runbook_exec.journal import Event

T0 = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
ANNA, GUID = "CN=Anna,OU=People,DC=x", "0f0f0f0f-0000-4000-8000-000000000001"
GROUP, GROUP_ID = "CN=GG_Lohn,OU=Groups,DC=x", "0f0f0f0f-0000-4000-8000-000000000002"
OURS, THEIRS = "app-ours", "app-theirs"


def event(kind, seconds, **body):
    at = (T0 + timedelta(seconds=seconds)).isoformat()
    return Event(client="c", run="r1", seq=1, at=at, who="mia", kind=kind, body=body, before="")


def run(change, *, seconds=2, kind="step.result", **result):
    end = [event(kind, seconds, step="a", **result)] if kind else []
    return [event("step.intent", 0, step="a", change=change), *end]


def attribute(**after):
    return {
        "action": "ldap.attributes",
        "target": ANNA,
        "identity": GUID,
        "before": dict.fromkeys(after),
        "after": after,
    }


def far(what="department", *, at=1, side="ldap", **more):
    moment = (T0 + timedelta(seconds=at)).isoformat()
    found = {"object": ANNA, "identity": GUID, "what": what, **more}
    return FarChange(side=side, at=moment, **found)


def held(events, *changes):
    wrote = list(written("r1", events, T0 + timedelta(days=1)))
    presence = Presence(run="r1", begin=T0, end=T0 + timedelta(hours=1), things=things_of(events))
    return hold(changes, wrote, [presence], frozenset({OURS}))


def test_what_a_run_wrote_is_explained():
    found = held(run(attribute(department="IT")), far())
    assert (found.explained, found.outside) == (1, ())


@pytest.mark.parametrize(
    "change",
    [
        far("title"),
        far(at=3600),
        far(at=-3600),
        far(object="CN=Bo,DC=x", identity="0f0f0f0f-0000-4000-8000-000000000009"),
    ],
    ids=["another attribute", "too late", "too early", "another entry"],
)
def test_what_no_run_wrote_is_outside(change):
    found = held(run(attribute(department="IT")), change)
    assert found.explained == 0
    assert [each.change for each in found.outside] == [change]


def test_an_outside_change_names_the_run_that_was_about_the_thing():
    (each,) = held(run(attribute(department="IT")), far("title")).outside
    assert each.runs == ("r1",)
    (later,) = held(run(attribute(department="IT")), far("title", at=9999)).outside
    assert later.runs == ()


def test_a_moved_entry_is_known_by_its_id():
    assert held(run(attribute(department="IT")), far(object="CN=Anna,OU=Elsewhere,DC=x")).explained == 1


def test_an_entry_is_known_by_its_name_where_there_is_no_id():
    assert (
        held(run(attribute(department="IT")), far(object="cn=anna, ou=people, dc=x", identity="")).explained
        == 1
    )


@pytest.mark.parametrize(
    ("after", "what"),
    [({"enabled": False}, "userAccountControl"), ({"password": "rule"}, "unicodePwd"), ({"locked": False}, "lockoutTime"),
     ({"dn": ANNA}, "name"), ({"must_change": True}, "pwdLastSet")],
)  # fmt: skip
def test_what_the_far_side_calls_otherwise_is_known(after, what):
    assert held(run(attribute(**after)), far(what)).explained == 1


def test_a_new_entry_explains_all_that_it_came_with():
    new = {"action": "ldap.user", "target": ANNA, "identity": None, "before": None, "after": {"sn": "Berg"}}
    events = run(new, evidence={"id": GUID})
    assert held(events, far("entry", object="x"), far("pwdLastSet", object="x")).explained == 2


def membership():
    return {
        "action": "ldap.group_members", "target": ANNA, "identity": GUID, "involves": {GROUP: GROUP_ID},
        "before": {GROUP: False}, "after": {GROUP: True}, "writes": [GROUP],
    }  # fmt: skip


def test_a_membership_is_explained_by_group_and_member_together():
    group = {"object": GROUP, "identity": GROUP_ID}
    assert held(run(membership()), far("member", value=ANNA, **group)).explained == 1
    assert held(run(membership()), far("member", value="CN=Bo,DC=x", **group)).explained == 0
    assert held(run(membership()), far("member", **group)).explained == 1  # Samba does not say whose


def test_a_membership_explains_no_other_change_of_the_member_or_the_group():
    found = held(run(membership()), far("department"), far("description", object=GROUP, identity=GROUP_ID))
    assert found.explained == 0


def cloud(**more):
    return far("Department", side="graph", **{"application": OURS, "by": "apply", **more})


def test_in_the_cloud_only_our_application_is_explained():
    events = run(attribute(department="IT"))
    assert held(events, cloud()).explained == 1
    assert held(events, cloud(application=THEIRS, by="Intune")).explained == 0
    assert held(events, cloud(application="", by="admin@x.example")).explained == 0


def test_our_application_without_a_run_is_the_loudest_case():
    (each,) = held(run(attribute(department="IT")), cloud(at=9999)).outside
    assert each.ours
    (other,) = held(run(attribute(department="IT")), cloud(application=THEIRS, at=9999)).outside
    assert not other.ours


def test_a_synchronisation_is_counted_by_itself():
    found = held(run(attribute(department="IT")), cloud(sync=True, application="", by="Sync_X"))
    assert (found.synced, found.explained, found.outside) == (1, 0, ())


def test_an_intent_without_a_result_may_have_happened_until_now():
    assert held(run(attribute(department="IT"), kind=""), far(at=3600)).explained == 1


def test_clocks_may_differ_by_some_seconds():
    assert held(run(attribute(department="IT")), far(at=-30), far(at=40)).explained == 2


def test_what_an_erased_run_may_have_made_is_outside_and_says_so():
    gone = Presence(run="r0", begin=T0, end=T0 + timedelta(hours=1), things=frozenset(), erased=True)
    changes = [
        far(application=OURS, side="graph"),
        far(),
        far(application=THEIRS, side="graph"),
        far(at=9000),
    ]
    found = hold(changes, [], [gone], frozenset({OURS}))
    assert [each.erased for each in found.outside] == [("r0",), ("r0",), (), ()]
