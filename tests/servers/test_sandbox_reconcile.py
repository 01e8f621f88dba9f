"""Changes made behind our back in the rehearsal company are found, and our own are not taken for them."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from rehearsal_desk import company

from runbook_exec.sandbox.graph_asked import Asked
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_service import Service
from runbook_exec.sandbox.graph_tenant import APPLY, WRITE_ROLES
from runbook_exec.sandbox.rehearsal import open_rehearsal

PERIOD = (
    "--from",
    (datetime.now(UTC) - timedelta(days=1)).date().isoformat(),
    "--to",
    (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
)
ACCESS = ("-i", "person=1012", "-i", "access=projects", "-i", "reason=she prepares the offers")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Laura Hoffmann has got a share by a run; nobody else has done anything."""
    with company(tmp_path_factory.mktemp("reconcile")) as made:
        made("run", "grant-access", *ACCESS, "--yes")
        (run,) = [row["run"] for row in made("status", "--json").json]
        made("sandbox", "decide", run, "--as", "thomas.klein@kranich.example")
        made("sandbox", "decide", run, "--as", "martin.keller@kranich.example")
        assert made("resume", run).code == 0
        made.run = run
        made.clean = made("reconcile", *PERIOD, "--all", "--json")  # before the tests do their mischief
        yield made


def behind(desk, method, path, body, *, app="someone-else", name="Intune"):
    """A request of another application, noted by the tenant's own log."""
    rehearsal = open_rehearsal(desk.sandbox)
    with closing(rehearsal.shelf):
        asked = Asked(
            method=method,
            path=path,
            url="",
            options={},
            headers={},
            body=body,
            app=name,
            app_id=app,
            roles=WRITE_ROLES,
        )
        answer = Service(Cloud(rehearsal.shelf, rehearsal.faults)).answer(asked)
        assert answer.status < 300, answer


def test_what_a_run_did_is_not_outside(desk):
    said = desk.clean
    assert said.json["outside"] == []
    assert said.json["explained"] == 1
    assert said.json["read"] == ["ldap", "graph"]
    assert said.code == 0


def a_colleague_adds_a_member(desk):
    with desk.ldap() as connection:
        connection.search(
            "DC=corp,DC=kranich,DC=example",
            "(mail=katrin.engel@kranich.example)",
            attributes=["distinguishedName"],
        )
        member = connection.response[0]["dn"]
        connection.search("DC=corp,DC=kranich,DC=example", "(cn=DL_Share_Projekte_RW)", attributes=["member"])
        share = connection.response[0]
        if member not in share["attributes"]["member"]:
            connection.modify(share["dn"], {"member": [("MODIFY_ADD", [member])]})


def another_application_sets_a_country(desk):
    behind(desk, "PATCH", ("users", "katrin.engel@kranich.example"), {"usageLocation": "AT"})


def test_a_membership_that_a_colleague_added_is_found(desk):
    a_colleague_adds_a_member(desk)
    said = desk("reconcile", *PERIOD)  # the group was written by the run, so it is looked at
    assert said.code == 9
    assert "member: added CN=Katrin Engel" in said.out
    assert "keeps only the last change" in said.out


def test_a_change_in_the_cloud_names_its_author(desk):
    another_application_sets_a_country(desk)
    found = desk("reconcile", *PERIOD, "--all", "--json").json["outside"]
    change = next(
        each
        for each in found
        if each["side"] == "graph" and each["what"] == "UsageLocation" and each["by"] == "Intune"
    )
    assert (change["by"], change["application"], change["our_application"]) == (
        "Intune",
        "someone-else",
        False,
    )


def test_our_own_application_without_a_run_is_told_loudly(desk):
    behind(
        desk,
        "PATCH",
        ("users", "daniel.fuchs@kranich.example"),
        {"usageLocation": "CH"},
        app=APPLY,
        name="apply",
    )
    said = desk("reconcile", *PERIOD, "--all")
    assert "made by OUR application, and no run explains it" in said.out


def test_the_list_is_a_spreadsheet_too(desk, tmp_path):
    a_colleague_adds_a_member(desk)
    another_application_sets_a_country(desk)
    file = tmp_path / "outside.csv"
    said = desk("reconcile", *PERIOD, "--all", "--csv", str(file), "--lang", "de")
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert {row["Seite"] for row in rows} == {"ldap", "graph"}
    assert "außerhalb des Journals" in said.out
    assert "member: hinzugefügt CN=Katrin Engel" in said.out


def test_a_base_looks_below_it_alone(desk):
    with desk.ldap() as connection:
        connection.search(
            "DC=corp,DC=kranich,DC=example", "(mail=lena.vogt@kranich.example)", attributes=["cn"]
        )
        connection.modify(connection.response[0]["dn"], {"description": [("MODIFY_REPLACE", ["seen"])]})
    below = "OU=Wuppertal,OU=Standorte,DC=corp,DC=kranich,DC=example"
    found = desk("reconcile", *PERIOD, "--base", below, "--json").json["outside"]
    assert "description" in {each["what"] for each in found}
    elsewhere = desk("reconcile", *PERIOD, "--base", "OU=Extern,DC=corp,DC=kranich,DC=example", "--json").json
    assert "description" not in {each["what"] for each in elsewhere["outside"]}


def test_a_side_that_cannot_be_read_is_told_and_never_taken_for_clean(desk):
    desk.fault("directory-down")
    try:
        said = desk("reconcile", *PERIOD, "--json")
    finally:
        desk("sandbox", "fault", "directory-down", "--off")
    assert [each["side"] for each in said.json["not_read"]] == ["ldap"]
    assert said.code in {4, 9}


def test_a_period_that_a_log_cannot_reach_is_not_taken_for_clean(desk):
    said = desk("reconcile", "--from", "2020-01-01", "--to", "2020-12-31")
    assert said.code == 4
    assert "before the earliest that its log can show" in said.out


def test_a_run_that_was_erased_explains_nothing_and_is_named(tmp_path):
    with company(tmp_path) as made:
        made("run", "grant-access", *ACCESS, "--yes")
        (run,) = [row["run"] for row in made("status", "--json").json]
        made("sandbox", "decide", run, "--as", "thomas.klein@kranich.example")
        made("sandbox", "decide", run, "--as", "martin.keller@kranich.example")
        assert made("resume", run).code == 0
        assert made("subject", "erase", "1012", "--reason", "request 4711", "--yes").code == 0
        assert f"Erased since: {run}." in made("reconcile", *PERIOD).out
        found = made("reconcile", *PERIOD, "--all")
        assert found.code == 9
        assert f"at the time ran {run}, erased since" in found.out
