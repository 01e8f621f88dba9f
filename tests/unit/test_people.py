"""The file that says who is who: one entry is one human, and what contradicts itself is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from runbook_exec.errors import Invalid
from runbook_exec.people import NOBODY
from runbook_exec.people_file import parse
from runbook_exec.sandbox import company
from runbook_exec.visible import visible

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1n0h1C3q5f0m0W6dyq2Yw2Yy0dC0mZq3yCyfzqz0AB"
FILE = f"""
people:
  Mia.Berg@x.example:
    name: Mia Berg
    employee_id: '7'
    accounts: [mia, adm-mia]
    also: [adm-mia@tenant.example, "CN=Mia Berg,OU=People,DC=x"]
    keys: ["{KEY} mia@laptop"]
    roles: [owner]
  noor@x.example: {{name: Noor, accounts: [noor], manager: '7', office: works council}}
groups:
  Leads: [mia.berg@x.example, noor@x.example]
delegations:
  - {{from: noor@x.example, to: '7', since: '2026-03-01', until: '2026-03-02'}}
break_glass: [noor@x.example]
services: [svc]
"""


def read(text: str = FILE):
    return parse(text, file="people.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read(text)
    return [f"{p.where} {p.what}" for p in getattr(caught.value, "problems", (caught.value,))]


def test_every_name_of_a_human_is_the_same_human():
    who = read()
    for name in (
        "mia.berg@x.example",
        "MIA.BERG@X.EXAMPLE",
        "7",
        "ADM-mia@tenant.example",
        "cn=mia berg,ou=people,dc=x",
    ):
        assert who.find(name) == who.of_account("adm-mia") == who.of_account("mia")


def test_what_is_not_there_is_nobody():
    who = read()
    for name in ("", "mia", "root", None, 7, "nobody@x.example"):
        assert who.find(name) is None
    assert who.of_account("Mia") is None
    assert who.of_account("svc") is None
    assert who.members("gone") == who.holders("gone") == frozenset()
    assert NOBODY.members("") == frozenset()


def test_groups_roles_offices_and_delegations_are_read():
    who = read()
    assert who.members("leads") == {"mia.berg@x.example", "noor@x.example"}
    assert who.holders("Owner") == {"mia.berg@x.example"}
    assert [p.name for p in who.confidential()] == ["Noor"]
    assert who.acts_for("mia.berg@x.example", date(2026, 3, 2)) == {"noor@x.example"}
    assert who.acts_for("mia.berg@x.example", date(2026, 3, 3)) == frozenset()
    assert who.acts_for("mia.berg@x.example", date(2026, 2, 28)) == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "accounts: [noor]",
            "accounts: [mia]",
            "people.yaml:10:43 the account 'mia' is Mia.Berg@x.example's already",
        ),
        ("manager: '7'", "employee_id: '7'", "the name '7' is Mia.Berg@x.example's already"),
        ("manager: '7'", f'keys: ["{KEY}"]', "this key is Mia.Berg@x.example's already"),
        ("services: [svc]", "services: [mia]", "'mia' is a human's account"),
        ("break_glass: [noor@", "break_glass: [ghost@", "'ghost@x.example' is nobody in this file"),
        ("to: '7'", "to: '8'", "'8' is nobody in this file"),
        ("manager: '7'", "manager: '9'", "'9' is nobody in this file"),
        ("  Leads:", "  leads: []\n  Leads:", "the group 'Leads' stands here twice"),
        ("until: '2026-03-02'", "", "'until' is missing"),
        ("until: '2026-03-02'", "until: tomorrow", "tomorrow"),
        (f"{KEY} mia@laptop", "a secret", "does not have the form"),
        (f"{KEY} mia@laptop", f"{KEY}\\nroot {KEY}", "does not have the form"),
        ("noor@x.example: {", "n\u043eor@x.example: {", "is no sign-in name in plain Latin letters"),
        (
            "name: Noor",
            "name: N\u043eor",
            "N\u043e‹U+043E›or holds characters that are not what they look like",
        ),
        ("name: Noor", 'name: "No\u202eor"', "invisible character U+202E"),
        ("name: Noor", "nmae: Noor", "'nmae' is not known here"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_place(old, new, told):
    assert old in FILE
    found = problems(FILE.replace(old, new, 1))
    assert all(line.startswith("people.yaml:") for line in found)
    assert any(told in line for line in found), found


def test_the_rehearsal_companys_file_fits_the_company():
    file = Path(__file__).parents[2] / "inventory" / "people.yaml"
    who, whole = read(file.read_text()), company.load()
    for person in who.humans.values():
        known = whole.person(person.employee_id)
        assert (known.name, known.upn) == (person.name, person.id)
        assert known.sam in person.accounts or not person.accounts
        if person.manager:
            assert who.find(person.manager) == who.find(known.manager)
    assert who.of_account("adm-mkeller") == who.of_account("mkeller")  # edge case 7b


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u0430dmin", "\u0430‹U+0430›dmin"),
        ("\u0430\u0440\u0435", "\u0430‹U+0430›\u0440‹U+0440›\u0435‹U+0435›"),
        ("\uff41dmin", "\uff41‹U+FF41›dmin"),
        ("ad\u200bmin", "ad‹U+200B›min"),
        ("Đorđe İpek Nguyễn 5 kΩ", "Đorđe İpek Nguyễn 5 kΩ"),
        ("Иван Петров", "Иван Петров"),
        ("Ελένη", "Ελένη"),
    ],
)
def test_look_alikes_are_spelled_out_and_names_of_other_scripts_are_not(text, shown):
    assert visible(text) == shown


def test_classes_of_deferrals_say_for_how_long_and_who():
    who = read(
        FILE + "deferrals: {A: {approve: {role: owner}}, C: {within: 10d, approve: [{group: leads}]}}\n"
    )
    assert who.deferrals["A"].within is None
    assert who.may_defer("A") == {"mia.berg@x.example"}
    assert who.may_defer("C") == {"mia.berg@x.example", "noor@x.example"}
    assert who.may_defer("B") == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{E: {approve: {role: owner}}}", "'E'"),
        ("{C: {within: 10d}}", "'approve' is missing"),
        ("{C: {approve: {}}}", "people.yaml:17:"),
        ("{C: {within: soon, approve: {role: owner}}}", "people.yaml:17:"),
        ("{C: {approve: {person: ghost}}}", "'ghost' is nobody"),
    ],
)
def test_a_class_that_says_nothing_is_refused(text, said):
    assert any(said in problem for problem in problems(FILE + f"deferrals: {text}\n"))
