"""The same work as a run of ours: a runbook that somebody would write, in a project of its own."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import msgspec
from directory_people import Person, groups
from servers import slapd

from runbook_exec import conduct
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.settings import find_project

RUNBOOK = """
runbook: new-people
title: {en: New people, de: Neue Leute}
ticket: optional
subject: people who start together
inputs:
  type: object
  required: [people]
  properties: {people: {type: array, items: {type: object}}}
guards: {max_changes: 1000}
sections:
  - title: {en: Accounts, de: Konten}
    steps:
      - id: account
        title: {en: Create the account, de: Konto anlegen}
        for_each: "{{ people }}"
        as: person
        uses: ldap.user
        with:
          ou: "{{ site.people }}"
          cn: "{{ person.name }}"
          employee_id: "{{ person.employee_id }}"
          sam: "{{ person.login }}"
          mail: "{{ person.mail }}"
          given_name: "{{ person.given_name }}"
          surname: "{{ person.surname }}"
          display_name: "{{ person.name }}"
          attributes: {l: "{{ person.location }}", title: "{{ person.job_title }}"}
      - id: first_password
        title: {en: Make a first password, de: Erstes Kennwort erzeugen}
        for_each: "{{ people }}"
        as: person
        uses: secret.generate
        with: {length: 16, avoid: ["{{ person.login }}"]}
      - id: password
        title: {en: Set the first password, de: Erstes Kennwort setzen}
        for_each: "{{ people }}"
        as: person
        uses: ldap.password
        with: {dn: "{{ person.dn }}", password: "{{ first_password.each[person.number].value }}"}
        irreversible: a new account had no password before
      - id: groups
        title: {en: Add to the groups, de: In die Gruppen aufnehmen}
        for_each: "{{ people }}"
        as: person
        uses: ldap.group_members
        with: {member: "{{ person.dn }}", add: "{{ site.groups }}"}
      - id: open
        title: {en: Open the account, de: Konto freischalten}
        for_each: "{{ people }}"
        as: person
        uses: ldap.enabled
        with: {dn: "{{ person.dn }}", enabled: true}
"""


class OwnRun:
    """Called, it plans and executes the runbook to its end, through sessions of its own."""

    def __init__(self, folder: Path, server: slapd.Slapd, people: list[Person]) -> None:
        folder.mkdir()
        (folder / "password").write_text(slapd.PASSWORD)
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / "new-people.yaml").write_text(RUNBOOK)
        connection = {**server.connection, "password": f"file:{folder / 'password'}"}
        site = {"people": server.people, "groups": groups()}
        real = {"kind": "real", "site": site, "connections": {"ldap": connection}}
        settings = {"client": "bench", "environments": {"real": real}}
        (folder / "runbook.yaml").write_bytes(msgspec.json.encode(settings))
        self.app = App(find_project(folder), environment="real", desk=Desk(who="bench", language="en"))
        self.inputs = {"people": [_row(person) for person in people]}
        self._numbers = count(1)

    def __call__(self) -> None:
        plan = self.app.plan(self.app.load("new-people"), self.inputs)
        assert plan.changes == 4 * len(self.inputs["people"]), plan.changes
        run = conduct.start(self.app, plan, run=f"r{next(self._numbers)}")
        assert run.is_over, run.why


def _row(person: Person) -> dict[str, object]:
    told = person.attributes
    return {
        "number": person.number,
        "dn": person.dn,
        "name": told["cn"],
        "employee_id": told["employeeNumber"],
        "login": told["uid"],
        "mail": told["mail"],
        "given_name": told["givenName"],
        "surname": told["sn"],
        "location": told["l"],
        "job_title": told["title"],
    }
