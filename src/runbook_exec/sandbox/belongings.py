"""Gives the people of the rehearsal company what they have in the cloud: ways to sign in, devices, files, access.

What the data does not name follows from the person: who works on the shop floor has a telephone and no
authenticator, and every tenth person has registered nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_exec.sandbox.company import Company
from runbook_exec.sandbox.company_model import Person
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud, stamp
from runbook_exec.sandbox.graph_consents import Consents
from runbook_exec.sandbox.graph_devices import Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_roles import ROLES
from runbook_exec.sandbox.graph_users import Users

DAY = 86_400.0
SHOP_FLOOR = frozenset({"production", "logistics"})
ROLE_GROUPS = {
    "Rolle Helpdesk-Administratoren": "Helpdesk Administrator",
    "Rolle Benutzer-Administratoren": "User Administrator",
}
"""Role-assignable groups and the role that they bring."""
APPLICATIONS: Mapping[str, frozenset[str]] = {
    "Zeiterfassung": frozenset(),
    "CRM Vertrieb": frozenset({"sales", "management"}),
    "Personalakte": frozenset({"hr"}),
    "ERP Berichte": frozenset({"finance", "purchasing", "management"}),
}
"""Enterprise applications and the profiles that are assigned to them one by one; empty: everybody, through a group."""
EVERYBODY = "DYN_Alle_Mitarbeitenden"


class Belongings:
    """Adds to a tenant in which everybody and every group is there."""

    def __init__(self, cloud: Cloud, company: Company, ids: Mapping[str, str]) -> None:
        self.cloud, self.company, self.ids = cloud, company, ids
        users = Users(cloud, Licensing(cloud))
        self.methods, self.devices, self.drives = Methods(users), Devices(users), Drives(users)
        self.consents, self.mailboxes = Consents(users), Mailboxes(users)

    def hand_out(self) -> None:
        """Everything that somebody has."""
        self._roles()
        for number, person in enumerate(self.company.people):
            self._ways_to_sign_in(number, person)
            self._signed_in(number, person)
            if person.profile not in SHOP_FLOOR:
                self.drives.add(self._user(person.id), size_gb=1 + number % 7)
        for drive in self.company.onedrives:
            self.drives.add(self._user(drive.person), size_gb=drive.size_gb)
        for device in self.company.devices:
            owners = [self.ids[owner] for owner in device.owners]
            self.devices.add(device.name, owners, key=device.recovery_key, system=device.system)
        for rule in self.company.inbox_rules:
            to = [{"emailAddress": {"name": rule.forwards_to, "address": rule.forwards_to}}]
            actions = {"forwardTo": to, **({"delete": True} if rule.deletes else {})}
            self.mailboxes.add_rule(self.ids[rule.person], rule.name, hidden=rule.hidden, actions=actions)
        for guest in self.company.guests:
            body = self._user(guest.id)
            self.cloud.shelf.put(USERS, body["id"], {**body, "_sponsors": [self.ids[guest.sponsor]]})
        self._applications()

    def _roles(self) -> None:
        for group, role in ROLE_GROUPS.items():
            found = self.cloud.group(group)
            assert found is not None
            self.cloud.shelf.put(ROLES, role, {"members": [found["id"]]})

    def _ways_to_sign_in(self, number: int, person: Person) -> None:
        """Most have an authenticator and a telephone; the IT people a key; some have nothing yet."""
        if number % 10 == 9:
            return
        user, phone = self.ids[person.id], f"+49 202 555{number:04d}"
        on_the_floor = person.profile in SHOP_FLOOR
        if not on_the_floor:
            name = f"Telefon von {person.given or person.surname}"
            self.methods.add(user, "microsoftAuthenticator", displayName=name, default=True)
        self.methods.add(user, "phone", phoneNumber=phone, phoneType="mobile", default=on_the_floor)
        if person.profile == "it":
            self.methods.add(user, "fido2", displayName="Sicherheitsschlüssel", model="NFC")

    def _signed_in(self, number: int, person: Person) -> None:
        days = 100 if person.hr.get("leave") else 1 + number % 5
        moment = stamp(self.cloud.clock() - days * DAY)
        body = self._user(person.id)
        activity: dict[str, Any] = {"lastSignInDateTime": moment, "lastNonInteractiveSignInDateTime": moment}
        self.cloud.shelf.put(USERS, body["id"], {**body, "signInActivity": activity})

    def _applications(self) -> None:
        everybody = self.cloud.group(EVERYBODY)
        assert everybody is not None
        made = {name: self.consents.add_application(name) for name in (*APPLICATIONS, "Microsoft Graph")}
        for person in self.company.people:
            for name, profiles in APPLICATIONS.items():
                if not profiles:
                    self.consents.give(self.ids[person.id], made[name], group=everybody["id"])
                elif person.profile in profiles:
                    self.consents.give(self.ids[person.id], made[name])
        notes = self.consents.add_application("Notizen überall")
        for person in self.company.people:
            if person.profile == "sales":
                scope = "Files.Read.All Mail.Read User.Read offline_access"
                self.consents.consent(self.ids[person.id], notes["id"], made["Microsoft Graph"]["id"], scope)

    def _user(self, key: str) -> Body:
        body = self.cloud.shelf.get(USERS, self.ids[key])
        assert body is not None
        return body
