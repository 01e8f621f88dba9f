"""A guest with a sponsor and an end, in the rehearsal company; by the real command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from rehearsal_desk import company

TODAY = datetime.now(UTC).date()
LEA, THOMAS, MARTIN = (
    "lea.sturm@agentur.example",
    "thomas.klein@kranich.example",
    "martin.keller@kranich.example",
)
ORDER = {
    "mail": LEA,
    "display_name": "Lea Sturm",
    "company": "Agentur Sturm",
    "sponsor": THOMAS,
    "first_day": (TODAY - timedelta(days=60)).isoformat(),
    "last_day": (TODAY + timedelta(days=60)).isoformat(),
    "teams": ["Team Messe 2027"],
    "reason": "She builds the stand for the trade fair.",
}
PAST = {"last_day": (TODAY - timedelta(days=2)).isoformat()}
TEAM = "Team Messe 2027"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("externals")) as made:
        yield made


def order(desk, **changes):
    name = f"external-{len(list(desk.folder.glob('external-*.json')))}.json"
    (desk.folder / name).write_text(json.dumps({**ORDER, **changes}))
    return name


def played(desk, **changes):
    """The run after sponsor and IT agreed."""
    said = desk("run", "onboard-external", "--inputs", order(desk, **changes), "--rehearse", "--json")
    assert said.code == 10, said.all
    run = said.json["run"]
    for who in (THOMAS, MARTIN):
        assert desk("sandbox", "decide", run, "--as", who).code == 0
    return run, desk("resume", run, "--rehearse", "--json")


def guest(desk, mail):
    found = desk.graph(f"/users?$filter=mail%20eq%20'{mail}'&$select=id,userType,accountEnabled,companyName")
    return next((one for one in found["value"]), None)


def teams(desk, user):
    return {
        group["displayName"] for group in desk.graph(f"/users/{user}/memberOf?$select=displayName")["value"]
    }


def test_a_guest_has_a_sponsor_and_teams_and_the_run_waits_for_the_end(desk):
    _, said = played(desk)
    assert said.code == 10, said.all
    assert "not before" in said.all
    one = guest(desk, LEA)
    assert (one["userType"], one["companyName"]) == ("Guest", "Agentur Sturm")
    assert TEAM in teams(desk, one["id"])
    sponsors = desk.graph(f"/users/{one['id']}/sponsors?$select=id")["value"]
    assert [each["id"] for each in sponsors] == [desk.graph(f"/users/{THOMAS}?$select=id")["id"]]


def test_at_the_end_the_guest_is_out_and_a_busy_cloud_does_not_prevent_it(desk):
    desk.fault("graph-throttled", times=3, figures={"seconds": 1})
    _, said = played(desk, mail="max.sturm@agentur.example", display_name="Max Sturm", **PAST)
    assert said.code == 0, said.all
    one = guest(desk, "max.sturm@agentur.example")
    assert one["accountEnabled"] is False
    assert TEAM not in teams(desk, one["id"])


def test_taken_back_the_guest_is_gone(desk):
    run, said = played(desk, mail="eva.sturm@agentur.example", display_name="Eva Sturm")
    assert said.code == 10, said.all
    said = desk("undo", run, "--yes", "--json")
    assert said.code == 10, said.all
    for who in (THOMAS, MARTIN):
        assert desk("sandbox", "decide", said.json["run"], "--as", who).code == 0
    said = desk("resume", said.json["run"], "--json")
    assert said.code == 0, said.all
    assert guest(desk, "eva.sturm@agentur.example") is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"last_day": (TODAY + timedelta(days=121)).isoformat()}, "at most 180 days"),
        ({"last_day": (TODAY - timedelta(days=61)).isoformat()}, "at most 180 days"),
        ({"sponsor": "nobody@kranich.example"}, "nobody@kranich.example"),
        ({"teams": ["Team Nirgends"]}, "Team Nirgends"),
    ],
    ids=["too long", "ends before it begins", "no sponsor", "no such team"],
)
def test_an_order_that_makes_no_sense_is_refused(desk, changes, told):
    before = desk.deeds()
    file = order(desk, **{"mail": "odd@agentur.example", **changes})
    said = desk("run", "onboard-external", "--inputs", file, "--rehearse")
    assert said.code == 6, said.all
    assert told in " ".join(said.all.split())
    assert desk.deeds() == before
