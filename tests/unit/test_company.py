"""The rehearsal company is as COMPANY says, and nothing in it points at something that is not there."""

from __future__ import annotations

import itertools
import string
from collections import Counter
from pathlib import Path

import pytest

from runbook_exec import document, inputs
from runbook_exec.errors import Problems
from runbook_exec.sandbox.company import edge, load

PROJECT = Path(__file__).parents[2]
COMPANY = load()


def read(path):
    return document.parse((PROJECT / path).read_bytes(), file=path).data


def test_fifty_people_work_in_nine_departments():
    assert len(COMPANY.people) == 50
    assert Counter(person.department for person in COMPANY.people) == {
        "Geschäftsführung": 2,
        "Personal": 3,
        "Finanzen": 5,
        "Vertrieb": 9,
        "Konstruktion": 8,
        "Produktion": 11,
        "Logistik": 5,
        "IT": 3,
        "Qualität und Einkauf": 4,
    }


def test_languages_apprentices_part_timers_externals_and_guests_are_counted():
    assert Counter(person.lang for person in COMPANY.people) == {"de": 41, "en": 5, "cs": 4}
    assert sum(person.apprentice for person in COMPANY.people) == 3
    assert sum(person.part_time for person in COMPANY.people) == 2
    assert (len(COMPANY.externals), len(COMPANY.guests)) == (4, 3)


def test_ids_logins_and_addresses_are_used_once():
    everybody = COMPANY.humans + COMPANY.deleted
    for values in (
        [person.id for person in everybody],
        [person.sam.casefold() for person in everybody]
        + [a.sam.casefold() for a in COMPANY.accounts if a.sam],
        [person.upn for person in everybody] + [box.upn for box in COMPANY.mailboxes],
    ):
        assert len(values) == len(set(values))


def test_logins_fit_the_directory():
    for person in COMPANY.humans + COMPANY.deleted:
        assert 1 <= len(person.sam) <= 20
        assert set(person.sam) <= set(string.ascii_lowercase + "-")
        assert person.upn.isascii()
        assert not set(person.name) & set(',+"\\<>;=#')


def test_everybody_reports_to_somebody_who_exists():
    for person in COMPANY.humans:
        if person.manager:
            COMPANY.person(person.manager)


def test_forty_six_groups_are_of_the_kinds_that_rehearsals_need():
    assert len(COMPANY.groups) == 46
    kinds = Counter(group.kind for group in COMPANY.groups)
    assert (kinds["role"], kinds["chain"], kinds["licence"], kinds["dynamic"]) == (10, 4, 4, 3)
    assert (kinds["team"], kinds["distribution"], kinds["mail-security"], kinds["role-assignable"]) == (
        5,
        4,
        2,
        2,
    )
    assert kinds["share"] == 6
    assert all(g.name.startswith("DL_Share_") and g.name.endswith(("_R", "_RW")) for g in of_kind("share"))
    assert COMPANY.group("SG_Sensibel_Lohn").owners == ("1003",)
    assert COMPANY.person("1003").department == "Personal"
    assert COMPANY.group("GG_Betriebsrat").kind == "works-council"


def of_kind(kind):
    return [group for group in COMPANY.groups if group.kind == kind]


def test_members_and_owners_of_groups_exist():
    for group in COMPANY.groups:
        for person in group.people + group.owners:
            COMPANY.person(person)
        for name in group.groups:
            assert COMPANY.group(name).home == group.home


def test_role_groups_hang_in_share_groups():
    nested = {name for group in of_kind("share") for name in group.groups}
    direct = {group.name for group in of_kind("role")} & nested
    assert len(direct) == 10


def test_the_chain_has_four_levels():
    chain = ["GG_Team_Montage", "GG_Bereich_Fertigung", "GG_Standort_Wuppertal", "GG_Alle_Kranich"]
    assert [group.name for group in of_kind("chain")] == chain
    for lower, upper in itertools.pairwise(chain):
        assert lower in COMPANY.group(upper).groups


def test_the_circle_is_a_circle():
    start = at = COMPANY.group("GG_Projekt_Adler")
    seen = []
    while at.name not in seen:
        seen.append(at.name)
        at = COMPANY.group(at.groups[0])
    assert at == start
    assert len(seen) == 3


def test_every_person_of_a_profile_is_in_its_role_group():
    for person in COMPANY.people:
        assert person.id in COMPANY.group(COMPANY.profile(person.profile).role_group).people


@pytest.mark.parametrize("sku", COMPANY.skus, ids=lambda sku: sku.part)
def test_as_many_seats_are_taken_as_the_subscription_says(sku):
    assert len(COMPANY.holders(sku.part)) == sku.consumed
    assert sku.consumed <= sku.seats


def test_subscriptions_have_the_figures_that_make_trouble():
    figures = {sku.part: (sku.seats, sku.consumed) for sku in COMPANY.skus}
    assert figures == {
        "SPB": (34, 33),
        "SPE_F1": (14, 14),
        "O365_w/o Teams Bundle_M3": (4, 3),
        "Microsoft_Teams_Enterprise_New": (4, 4),
        "EXCHANGEENTERPRISE": (2, 1),
        "AAD_PREMIUM_P2": (3, 3),
        "VISIOCLIENT": (3, 3),
        "POWER_BI_PRO": (5, 4),
        "FLOW_FREE": (10000, 17),
    }
    assert COMPANY.sku("POWER_BI_PRO").state == "Warning"
    visio = COMPANY.sku("VISIOCLIENT").unused_days
    assert len(visio) == 2
    assert all(days > 90 and person in COMPANY.holders("VISIOCLIENT") for person, days in visio.items())


def test_more_joiners_are_booked_than_seats_are_free():
    sku = COMPANY.sku("SPB")
    booked = [j for j in COMPANY.joiners if j.booked and "SPB" in COMPANY.profile(j.profile).skus]
    assert len(booked) == sku.booked == 2
    assert sku.seats - sku.consumed == 1


def test_the_tenant_double_has_the_same_subscriptions():
    from runbook_exec.sandbox.graph_tenant import SUBSCRIPTIONS

    theirs = {
        part: (sku_id, enabled, warning, used) for part, sku_id, enabled, warning, used, _ in SUBSCRIPTIONS
    }
    ours = {
        sku.part: (sku.id, *((0, sku.seats) if sku.state == "Warning" else (sku.seats, 0)), sku.consumed)
        for sku in COMPANY.skus
    }
    assert theirs == ours


def test_eight_shared_mailboxes_two_of_them_confidential():
    boxes = {box.address: box for box in COMPANY.mailboxes}
    assert len(boxes) == 8
    assert {box.address for box in boxes.values() if box.confidential} == {"betriebsrat", "hinweisgeber"}
    assert boxes["einkauf"].size_gb == 49.3
    assert [(box.archive, box.size_gb) for box in boxes.values() if box.size_gb > 50] == [(True, 61.0)]
    for box in boxes.values():
        assert all(COMPANY.person(member) for member in box.members)


def test_every_case_of_the_fifteen_is_there():
    assert {int(case.id[:-1]) for case in COMPANY.edges} == set(range(1, 16))
    assert len({case.id for case in COMPANY.edges}) == len(COMPANY.edges)
    for case in COMPANY.edges:
        assert case.says
        assert any((case.people, case.joiners, case.accounts, case.devices))
        assert ("joiner" in case.seen) == bool(case.joiners)


def test_joiners_work_where_the_company_is():
    for joiner in COMPANY.joiners:
        assert COMPANY.profile(joiner.profile).department == joiner.department
        COMPANY.site(joiner.location)
        assert joiner.manager in {person.upn for person in COMPANY.people}


def test_joiners_are_known_by_ids_that_nobody_at_work_has():
    ids = Counter(joiner.employee_id for joiner in COMPANY.joiners)
    assert set(ids.values()) == {1}
    assert not set(ids) & {person.id for person in COMPANY.humans}
    assert set(ids) & {person.id for person in COMPANY.deleted} == {"0987", "0954"}


def test_names_are_as_hard_as_they_should_be():
    assert len(edge("12g").joiners[0].surname) == 64
    assert edge("12j").accounts[0].sam == "\u0430dmin"
    assert edge("12h").people[0].surname.startswith("\u0130")
    assert edge("12f").people[0].given == ""
    assert edge("13a").people[0].sam == "mschmidtbauerlindenthaler"[:20]
    assert edge("13b").people[0].dn.startswith("CN=Thomas Klein,OU=Benutzer,OU=Wuppertal")
    assert edge("13c").computers[0].name == "AKRUEGER"


def test_managers_go_wrong_in_every_way():
    loop, other = edge("5b").people
    assert (loop.manager, other.manager) == (other.id, loop.id)
    assert edge("5c").people[0].manager == edge("5c").people[0].id
    assert edge("5d").people[0].manager == ""
    assert edge("14c").accounts[0].manager == edge("5a").accounts[0].id


def test_last_ones_are_last():
    assert edge("4a").groups[0].owners == (edge("4a").people[0].id,)
    assert edge("4b").groups[0].people == (edge("4b").people[0].id,)
    admins = next(role.holders for role in COMPANY.roles if role.role == "Global Administrator")
    kinds = Counter(COMPANY.account(holder).kind for holder in admins)
    assert kinds == {"admin": 1, "break-glass": 2}


def test_one_sku_comes_directly_and_from_a_group():
    person = edge("6a").people[0].id
    assert "SPB" in COMPANY.direct(person)
    assert "SPB" in COMPANY.from_groups(person)


def test_profiles_of_the_inventory_are_those_of_the_company():
    profiles = read("inventory/profiles.yaml")
    assert list(profiles) == [profile.name for profile in COMPANY.profiles]
    known = {group.dn for group in COMPANY.groups if group.dn}
    for profile in COMPANY.profiles:
        ours = profiles[profile.name]
        assert set(ours["title"]) == {"en", "de"}
        assert tuple(ours["skus"]) == profile.skus
        assert ours["groups"][0] == COMPANY.group(profile.role_group).dn
        assert set(ours["groups"]) <= known


def test_locations_of_the_inventory_are_those_of_the_company():
    locations = read("inventory/locations.yaml")
    for site in COMPANY.sites:
        assert locations[site.name]["ou"] == COMPANY.unit(site.people).dn
        assert locations[site.name]["usage_location"] == site.country
    assert len(locations) == len(COMPANY.sites)


def test_nine_applications_have_an_owner_and_one_has_a_shared_password():
    applications = read("inventory/applications.yaml")
    assert len({entry["id"] for entry in applications}) == 9
    assert sum(entry.get("shared_password", False) for entry in applications) == 1
    for entry in applications:
        assert entry["owner"] in {person.upn for person in COMPANY.people}
        assert set(entry["profiles"]) <= {profile.name for profile in COMPANY.profiles}
        assert all(set(entry[part]) == {"en", "de"} for part in ("granted", "removed", "evidence"))


SCHEMA = {
    "type": "object",
    "required": ["person"],
    "properties": {"person": read("runbooks/schemas/person.yaml")},
}


@pytest.mark.parametrize("joiner", COMPANY.joiners, ids=lambda joiner: joiner.key)
def test_what_hr_says_of_a_joiner_is_accepted(joiner):
    assert inputs.checked(joiner.inputs(), SCHEMA) == joiner.inputs()


@pytest.mark.parametrize("file", sorted((PROJECT / "runbooks/examples").glob("*.yaml")), ids=lambda f: f.stem)
def test_an_example_is_a_joiner_of_the_company(file):
    values = inputs.from_file(file.read_bytes(), file=str(file), schema=SCHEMA)
    assert inputs.checked(values, SCHEMA) == COMPANY.joiner(file.stem).inputs()


def anna(**changes):
    return {"person": COMPANY.joiner("anna-berg").inputs()["person"] | changes}


@pytest.mark.parametrize(
    "name",
    [
        "O'Neill",
        "van der Berg",
        "García Márquez",
        "Nguyễn",
        "Đorđe",
        "İpek",
        "Davis, Jr.",
        "'t Hooft",
        "Weiß",
        "ʻOhana",
    ],
)
def test_real_names_are_accepted(name):
    assert inputs.checked(anna(surname=name), SCHEMA)["person"]["surname"] == name


def test_a_person_of_one_name_has_no_given_name():
    assert inputs.checked(anna(given_name="", surname="Suharto"), SCHEMA)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surname", ""),
        ("surname", " "),
        ("surname", "x" * 65),
        ("surname", "{{ 7*7 }}"),
        ("surname", "Berg\x00"),
        ("surname", "Berg\u202egreB"),
        ("surname", "Berg\n"),
        ("surname", " Berg"),
        ("surname", 'Berg"; rm'),
        ("surname", "Berg,OU=Admins"),
        ("surname", "12345"),
        ("given_name", "*)(uid=*"),
        ("given_name", "x" * 300),
        ("employee_id", "10 51"),
        ("employee_id", ""),
        ("employee_id", "12345678901234567"),
        ("language", "fr"),
        ("location", "Berlin"),
        ("profile", "salez"),
        ("manager", "thomas.klein"),
        ("manager", "thomas klein@kranich.example"),
        ("start_date", "04.01.2027"),
        ("start_date", "2027-02-29"),
        ("private_mail", "anna at home"),
        ("job_title", ""),
        ("department", "=cmd"),
    ],
)
def test_nonsense_is_refused(field, value):
    with pytest.raises(Problems) as refused:
        inputs.checked(anna(**{field: value}), SCHEMA)
    assert all(f"input person.{field}" in str(problem) for problem in refused.value.problems)


def test_every_property_of_a_person_is_described():
    schema = read("runbooks/schemas/person.yaml")
    assert all(part["description"] for part in schema["properties"].values())
    assert schema["properties"]["profile"]["enum"] == [profile.name for profile in COMPANY.profiles]
    assert schema["properties"]["location"]["enum"] == [site.name for site in COMPANY.sites]


def test_the_page_about_the_company_tells_every_case_and_figure():
    page = (PROJECT / "docs/sandbox/company.md").read_text()
    for case in COMPANY.edges:
        assert f"| {case.id} | {case.says} | {', '.join(case.seen)} |" in page
    for sku in COMPANY.skus:
        assert f"| {sku.part} | {sku.seats} | {sku.consumed} |" in page
