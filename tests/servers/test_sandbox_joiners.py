"""Names are proposed against the real rehearsal company: each collision of the edge cases is met and solved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runbook_exec import load
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.sandbox import process
from runbook_exec.sandbox.company import edge
from runbook_exec.sandbox.company import load as load_company
from runbook_exec.settings import find_project

PROJECT = Path(__file__).parents[2]
TRIAL = """\
runbook: trial
title: {en: Trial, de: Probe}
inputs:
  type: object
  required: [person]
  properties: {person: {$ref: schemas/person.yaml}}
sections:
  - title: {en: All, de: Alles}
    steps:
      - id: identity
        title: {en: Names, de: Namen}
        uses: identity.propose
        with:
          employee_id: "{{ person.employee_id }}"
          given_name: "{{ person.given_name }}"
          surname: "{{ person.surname }}"
          language: "{{ person.language }}"
          domain: "{{ site.domain }}"
          mail_domain: "{{ site.mail_domain }}"
          ou: "{{ site.locations[person.location].ou }}"
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    yield from company_in(tmp_path_factory.mktemp("project"))


@pytest.fixture
def own_app(tmp_path):
    """For a test that hires: names are never free again, not even after a deletion."""
    yield from company_in(tmp_path)


def company_in(folder):
    for name in ("runbooks", "inventory", "runbook.yaml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    (folder / "runbooks" / "trial.yaml").write_text(TRIAL)
    process.start(folder / ".runbook" / "sandbox")
    yield App(find_project(folder), environment="sandbox", desk=Desk(who="test", language="en"))
    process.stop(folder / ".runbook" / "sandbox")


def proposed(app, joiner):
    runbook = load.load(app.project.folder / "runbooks" / "trial.yaml")
    (line,) = app.plan(runbook, joiner.inputs()).lines
    return line.change.outputs


@pytest.mark.parametrize(
    ("case", "sam", "local"),
    [
        ("1a", "jamueller", "jana.mueller"),
        ("1b", "jomueller", "joerg.mueller"),
        ("1d", "aweiss", "anna.weiss"),
        ("3a", "evlindner", "eva.lindner2"),
        ("3b", "pschreiber", "paul.schreiber2"),
        ("3c", "mkowalski", "marta.kowalski2"),
        ("12g", "kwolkenbergerthalhau", None),
        ("13a", "mischmidtbauerlinden", "miriam.schmidtbauer-lindenthaler"),
        ("13b", "thklein", "thomas.klein2"),
        ("13c", "arkrueger", "arne.krueger"),
    ],
)
def test_a_collision_is_met_and_solved(app, case, sam, local):
    names = proposed(app, edge(case).joiners[0])
    assert names["sam"] == sam
    if local:
        assert names["mail"] == f"{local}@kranich.example"
    assert (names["exists"], names["rehire"]) == (False, False)


@pytest.mark.parametrize("case", ["2a", "2b"])
def test_somebody_who_comes_back_is_known(app, case):
    gone, names = edge(case).accounts[0], proposed(app, edge(case).joiners[0])
    assert names["rehire"] is True
    assert names["sam"] == gone.sam


def test_a_second_person_in_one_unit_has_a_name_of_the_entry_that_is_free(app):
    assert proposed(app, edge("13b").joiners[0])["cn"] != edge("13b").people[0].name


def test_of_two_with_one_spelling_the_second_gets_other_names(own_app):
    first, second = edge("1d").joiners[0], edge("1e").joiners[0]
    names = proposed(own_app, first)
    with ldap(own_app.environment.connections["ldap"]) as directory:
        values = {"sAMAccountName": names["sam"], "userPrincipalName": names["upn"], "mail": names["mail"]}
        directory.add(f"CN={names['cn']},{load_company().unit('wuppertal-people').dn}", "user", values)
    others = proposed(own_app, second)
    for name in ("sam", "upn", "mail", "cn"):
        assert others[name].casefold() != names[name].casefold()


def ldap(found):
    from ldap3 import Connection, Server, Tls

    server = Server(found["url"], tls=Tls(ca_certs_file=found["ca"], validate=2), get_info="NO_INFO")
    password = Path(found["password"].removeprefix("file:")).read_text()
    return Connection(server, user=found["user"], password=password, raise_exceptions=True)
