"""Gives the rehearsal company what is only in the cloud: guests, cloud groups, licences, mailboxes, who was deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runbook_exec.sandbox.belongings import Belongings
from runbook_exec.sandbox.company import Company
from runbook_exec.sandbox.company_model import Group, Guest, Person
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_roles import ROLES


class Tenants:
    """Adds to a tenant in which the sync has already put everybody who comes from the directory."""

    def __init__(self, cloud: Cloud, company: Company) -> None:
        self.cloud, self.company, self.licensing = cloud, company, Licensing(cloud)
        self._ids: dict[str, str] = {
            str(user["employeeId"]): user["id"] for user in cloud.users() if user.get("employeeId")
        }

    def move_in(self) -> None:
        """Everything, in the order in which one part needs the other."""
        self._places()
        self._accounts()
        for guest in self.company.guests:
            self._guest(guest)
        for contact in self.company.contacts:
            addresses = [f"SMTP:{contact.mail}", f"smtp:{contact.proxy}"]
            self.cloud.add_contact(
                {"displayName": contact.name, "mail": contact.mail, "proxyAddresses": addresses}
            )
        self._mailboxes()
        for group in self.company.groups:
            if group.home == "cloud":
                self._group(group)
        self._licences()
        Belongings(self.cloud, self.company, self._ids).hand_out()

    def _places(self) -> None:
        """Where each person uses the services; some have it from the directory, one has it nowhere."""
        for person in self.company.people + self.company.externals:
            location = person.country if person.usage_location is None else person.usage_location
            if location and not person.usage_location_synced:
                self._set(person.id, usageLocation=location)
            if person.other_mail:
                self._set(person.id, otherMails=[person.other_mail])

    def _accounts(self) -> None:
        for account in self.company.accounts:
            if not account.ou:
                made = self.cloud.add_user(
                    {
                        "displayName": account.name,
                        "userPrincipalName": account.upn,
                        "mailNickname": account.upn.partition("@")[0],
                    }
                )
                self._ids[account.id] = made["id"]
        for role in self.company.roles:
            holders = [self._ids[holder] for holder in role.holders]
            self.cloud.shelf.put(ROLES, role.role, {"members": holders})

    def _guest(self, guest: Guest) -> None:
        name = f"{guest.mail.replace('@', '_')}#EXT#@{self.company.tenant}"
        made = self.cloud.add_user(
            {
                "displayName": guest.name,
                "givenName": guest.given,
                "surname": guest.surname,
                "mail": guest.mail,
                "userPrincipalName": name,
                "mailNickname": name.partition("@")[0],
                "userType": "Guest",
                "externalUserState": "Accepted",
                "creationType": "Invitation",
            }
        )
        self._ids[guest.id] = made["id"]

    def _mailboxes(self) -> None:
        """A shared mailbox has an account that nobody signs in with."""
        for box in self.company.mailboxes:
            made = self.cloud.add_user(
                {
                    "displayName": box.name,
                    "userPrincipalName": box.upn,
                    "mailNickname": box.address,
                    "mail": box.upn,
                    "proxyAddresses": [f"SMTP:{box.upn}"],
                    "accountEnabled": False,
                    "usageLocation": "DE",
                }
            )
            self._ids[box.address] = made["id"]
            self.licensing.give_mailbox(made["id"], {"userPurpose": "shared"})

    def _group(self, group: Group) -> None:
        mail = f"{group.mail}@{self.company.mail_domain}" if group.mail else ""
        body: Body = {
            "displayName": group.name,
            "description": group.says,
            "mailNickname": group.mail or group.name.replace(" ", "-"),
            "mailEnabled": bool(mail),
            "securityEnabled": group.kind not in {"distribution", "team"},
            "isAssignableToRole": group.kind == "role-assignable",
            **({"mail": mail, "proxyAddresses": [f"SMTP:{mail}"]} if mail else {}),
        }
        if group.kind == "team":
            body |= {"groupTypes": ["Unified"], "resourceProvisioningOptions": ["Team"]}
        if group.rule:
            body |= {
                "groupTypes": ["DynamicMembership"],
                "membershipRule": group.rule,
                "membershipRuleProcessingState": "On",
            }
        members = [self._ids[person] for person in group.people] or self._counted(group)
        self.cloud.add_group(body, members=members, owners=[self._ids[owner] for owner in group.owners])

    def _counted(self, group: Group) -> list[str]:
        """Members of a dynamic group as its rule means it; the tenant of the rehearsal does not evaluate rules."""
        fits: dict[str, Callable[[Person], bool]] = {
            "DYN_Alle_Mitarbeitenden": lambda person: True,
            "DYN_Brno": lambda person: person.site == "Brno",
            "DYN_Produktion": lambda person: person.department == "Produktion",
        }
        rule = fits.get(group.name)
        return [self._ids[person.id] for person in self.company.people if rule and rule(person)]

    def _licences(self) -> None:
        """Direct ones first, then those from groups; in the end the counts are the company's."""
        for sku in self.company.skus:
            self.licensing.settle_seats(sku.part, 0)
        for group in self.company.groups:
            if group.licence:
                self.licensing.license_group(group.name, [group.licence])
        for person in self.company.people + self.company.externals:
            self._assign(self._ids[person.id], self.company.direct(person.id))
        for box in self.company.mailboxes:
            self._assign(self._ids[box.address], (box.sku,) if box.sku else ())
        for sku in self.company.skus:
            self.licensing.settle_seats(sku.part, sku.consumed)
        for person in self.company.people:
            self._settle_in(person)

    def _assign(self, user_id: str, parts: tuple[str, ...]) -> None:
        if parts:
            wanted = [{"skuId": self.licensing.sku(part)["skuId"]} for part in parts]
            self.licensing.assign(user_id, wanted, [])

    def _settle_in(self, person: Person) -> None:
        """They have had their mailbox for long, in their language."""
        locale = {"de": "de-DE", "en": "en-GB", "cs": "cs-CZ"}[person.lang]
        zone = "Europe/Prague" if person.country == "CZ" else "Europe/Berlin"
        settings = {"timeZone": zone, "language": {"locale": locale, "displayName": locale}}
        self.licensing.give_mailbox(self._ids[person.id], settings)

    def _set(self, person_id: str, **values: Any) -> None:
        body = self.cloud.shelf.get(USERS, self._ids[person_id])
        assert body is not None
        self.cloud.keep(USERS, body, {**body, **values})
