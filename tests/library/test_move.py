"""A move to another role, and a change of name, in the rehearsal company; by the real command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from rehearsal_desk import company

LONG_AGO = (datetime.now(UTC).date() - timedelta(days=30)).isoformat()
LATER = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
GISELA = {
    "person": "1047",
    "day": LONG_AGO,
    "from": "quality",
    "to": "purchasing",
    "manager": "ines.scholz@kranich.example",
    "job_title": "Strategische Einkäuferin",
}
LAURA = {
    "person": "1008",
    "day": LONG_AGO,
    "from": "finance",
    "to": "finance",
    "manager": "claudia.reuter@kranich.example",
    "job_title": "Debitorenbuchhalterin",
    "new_surname": "Hoffmann",
    "new_display_name": "Laura M. Hoffmann",
    "new_address": "laura.m.hoffmann@kranich.example",
}
HEINZ = {
    "person": "1031",
    "day": LONG_AGO,
    "from": "production",
    "to": "sales",
    "manager": "thomas.klein@kranich.example",
    "job_title": "Vertriebsinnendienst",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("moves")) as made:
        for part in ("SPB", "SPE_F1"):
            made.buy(part, 60)
        yield made


def order(desk, about, **changes):
    """An inputs file for a move."""
    name = f"move-{about['person']}-{len(list(desk.folder.glob('move-*.json')))}.json"
    (desk.folder / name).write_text(json.dumps({**about, **changes}))
    return name


def begun(desk, file):
    """The run up to its gate."""
    said = desk("run", "move-employee", "--inputs", file, "--rehearse", "--json")
    assert said.code == 10, said.all
    return said.json["run"]


def agreed(desk, run, *people):
    """What the command says once these people agreed."""
    for who in people:
        said = desk("sandbox", "decide", run, "--as", who)
        assert said.code == 0, said.all
    return desk("resume", run, "--rehearse", "--json")


def groups(entry):
    return {dn.partition(",")[0].removeprefix("CN=") for dn in entry.get("memberOf", ())}


def done(desk, run):
    return [event["body"]["step"] for event in desk.events(run) if event["kind"] == "step.result"]


CHIEF, INES, GISELA_ARNDT, THOMAS, ANDREAS, CLAUDIA = (
    f"{name}@kranich.example"
    for name in (
        "henrike.kranich",
        "ines.scholz",
        "gisela.arndt",
        "thomas.klein",
        "andreas.koch",
        "claudia.reuter",
    )
)


def test_the_old_role_goes_after_the_new_one_came_and_a_second_run_finds_nothing_left(desk):
    """Gisela Arndt goes from quality to purchasing; her office is none of its business (edge case 8b)."""
    run = begun(desk, order(desk, GISELA))
    said = agreed(desk, run, CHIEF, INES)
    assert said.code == 0, said.all
    entry = desk.entry("1047")
    assert "GG_Rolle_Einkauf" in groups(entry)
    assert "GG_Rolle_Qualitaet" not in groups(entry)
    assert "GG_VPN_Zugang" in groups(entry), "what both roles have stays"
    assert entry["manager"] == [desk.entry("1049")["dn"]]
    assert entry["title"] == ["Strategische Einkäuferin"]
    steps = done(desk, run)
    assert steps.index("join") < steps.index("unexplained") < steps.index("leave")
    (ticket,) = [ticket for ticket in desk.tickets() if "(1047)" in ticket["title"]]
    assert ticket["status"] == "closed"

    said = desk("plan", "move-employee", "--inputs", order(desk, GISELA), "--json")
    open_ones = {
        line["step"]
        for line in said.json["lines"]
        if line["status"] == "change"
        and line["certainty"] != "human"
        and line.get("before") != {"read": False}
    }
    assert open_ones <= {"before", "ticket", "close"}, open_ones


def test_one_manager_alone_does_not_move_anybody(desk):
    run = begun(desk, order(desk, GISELA, person="1048", manager=INES))
    before = desk.entry("1048")
    said = agreed(desk, run, INES)
    assert said.code == 10, said.all
    assert desk.entry("1048") == before
    assert desk("cancel", run, "--reason", "tried").code == 0


def test_a_licence_is_swapped_in_one_go(desk):
    """Heinz Pohl goes from the shop floor to sales: F3 goes, Business Premium comes, and the team of sales."""
    run = begun(desk, order(desk, HEINZ))
    said = agreed(desk, run, THOMAS, ANDREAS)
    assert said.code == 0, said.all
    user = desk.graph("/users/heinz.pohl@kranich.example?$select=assignedLicenses")
    parts = {sku["skuId"]: sku["skuPartNumber"] for sku in desk.graph("/subscribedSkus")["value"]}
    assert {parts[each["skuId"]] for each in user["assignedLicenses"]} == {"SPB"}
    member_of = desk.graph("/users/heinz.pohl@kranich.example/memberOf?$select=displayName")["value"]
    assert "Team Vertrieb" in {group["displayName"] for group in member_of}
    assert "GG_Team_Montage" in groups(desk.entry("1031")), (
        "what no role explains stays until somebody says why"
    )


def test_a_name_changes_and_the_old_address_stays_as_an_alias(desk):
    """Laura Schmitt marries and is called Hoffmann (edge case 12a)."""
    run = begun(desk, order(desk, LAURA))
    said = agreed(desk, run, CLAUDIA)
    assert said.code == 0, said.all
    entry = desk.entry("1008")
    assert entry["mail"] == entry["userPrincipalName"] == ["laura.m.hoffmann@kranich.example"]
    addresses = entry["proxyAddresses"]
    assert [one for one in addresses if one.startswith("SMTP:")] == ["SMTP:laura.m.hoffmann@kranich.example"]
    assert "smtp:laura.schmitt@kranich.example" in addresses
    assert entry["sAMAccountName"] == ["lschmitt"], "the login stays"
    user = desk.graph("/users/laura.m.hoffmann@kranich.example?$select=displayName")
    assert user["displayName"] == "Laura M. Hoffmann"


@pytest.mark.parametrize(
    ("about", "changes", "told"),
    [
        (
            LAURA,
            {"person": "1009", "new_address": "laura.hoffmann@kranich.example"},
            "somebody else has the new address",
        ),
        (LAURA, {"person": "1009", "new_surname": ""}, "takes all three"),
        (GISELA, {"person": "1048", "to": "quality"}, "the role or the name must change"),
        (GISELA, {"person": "1048", "manager": "robert.frey@kranich.example"}, "not the one who moves"),
        (GISELA, {"person": "1048", "manager": "nobody@kranich.example"}, "one person with an account"),
        (GISELA, {"person": "1048", "from": "finance"}, "not in the group of the old role"),
    ],
    ids=["address taken", "half a name", "no change", "own manager", "no manager", "another role"],
)
def test_an_order_that_makes_no_sense_is_refused(desk, about, changes, told):
    before = desk.deeds()
    said = desk("run", "move-employee", "--inputs", order(desk, about, **changes), "--rehearse")
    assert said.code == 6, said.all
    assert told in " ".join(said.all.split())
    assert desk.deeds() == before


def test_a_move_is_taken_back(desk):
    run = begun(desk, order(desk, GISELA, person="1048", manager=INES))
    before = groups(desk.entry("1048"))
    assert agreed(desk, run, INES, GISELA_ARNDT).code == 0
    assert groups(desk.entry("1048")) != before
    said = desk("undo", run, "--yes", "--json")
    assert said.code == 10, said.all
    said = agreed(desk, said.json["run"], INES, GISELA_ARNDT)
    assert said.code == 0, said.all
    assert groups(desk.entry("1048")) == before
    assert desk.entry("1048")["title"] == ["Qualitätsprüfer"]


def test_a_busy_cloud_delays_a_move_and_does_not_break_it(desk):
    desk.fault("graph-throttled", times=2, figures={"seconds": 1})
    run = begun(desk, order(desk, GISELA, person="1048", manager=INES, day=LATER))
    said = desk("sandbox", "decide", run, "--as", INES)
    assert said.code == 0, said.all
    desk.fault("graph-throttled", times=3, figures={"seconds": 1})
    said = agreed(desk, run, GISELA_ARNDT)
    assert said.code == 10, said.all
    assert "not before" in said.all
    assert "GG_Rolle_Einkauf" not in groups(desk.entry("1048")), "nothing is done before the day"
    assert desk("cancel", run, "--reason", "tried").code == 0
