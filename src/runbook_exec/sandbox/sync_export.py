"""What the hybrid sync reads from the directory and how it looks in the cloud. Pure."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_exec.sandbox.company import Company
from runbook_exec.sandbox.directory import Found
from runbook_exec.sandbox.directory_names import is_under, key


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One object as the cloud shall have it."""

    anchor: str
    """Source anchor: the objectGUID's bytes in base64, Graph's onPremisesImmutableId."""
    guid: str
    dn: str
    attributes: Mapping[str, Any]
    links: tuple[str, ...] = ()
    """Names in the directory: a user's manager, a group's members."""


def anchor_of(guid: str) -> str:
    """The source anchor of an objectGUID in text form."""
    return base64.b64encode(uuid.UUID(guid).bytes_le).decode()


def users(everything: Sequence[Found], company: Company) -> list[Exported]:
    """Accounts of people in scope, disabled ones too: they arrive switched off."""
    found = (
        entry for entry in everything if entry.attributes["objectClass"][-1] in {"user", "inetOrgPerson"}
    )
    return [_user(entry, company) for entry in found if in_scope(entry.dn, company)]


def groups(everything: Sequence[Found], company: Company) -> list[Exported]:
    """Security groups in scope."""
    found = (entry for entry in everything if entry.attributes["objectClass"][-1] == "group")
    return [_group(entry) for entry in found if in_scope(entry.dn, company)]


def in_scope(dn: str, company: Company) -> bool:
    """Whether the nearest unit above that the sync knows is one that it copies."""
    above = [unit for unit in company.units if is_under(dn, unit.dn)]
    return bool(above) and max(above, key=lambda unit: len(key(unit.dn))).synced


def _user(entry: Found, company: Company) -> Exported:
    one = entry.one
    sam = one("sAMAccountName") or ""
    attributes: dict[str, Any] = {
        "accountEnabled": entry.enabled,
        "userPrincipalName": one("userPrincipalName") or f"{sam}@{company.mail_domain}",
        "displayName": one("displayName") or one("cn"),
        "mailNickname": one("mailNickname") or sam,
        "onPremisesSamAccountName": sam,
        "onPremisesDistinguishedName": entry.dn,
        "onPremisesDomainName": company.domain,
        "onPremisesUserPrincipalName": one("userPrincipalName"),
    }
    attributes |= {theirs: one(ours) for ours, theirs in _SAME.items()}
    addresses = list(entry.attributes.get("proxyAddresses", ()))
    if mail := one("mail"):
        attributes["mail"] = mail
        # Entra derives the primary address from `mail` where the directory lists none.
        attributes["proxyAddresses"] = addresses or [f"SMTP:{mail}"]
    elif addresses:
        attributes["proxyAddresses"] = addresses
    if location := one("msExchUsageLocation"):
        attributes |= {"usageLocation": location, "_usage_location_synced": True}
    manager = one("manager")
    return Exported(
        anchor=anchor_of(entry.guid),
        guid=entry.guid,
        dn=entry.dn,
        attributes=attributes,
        links=(manager,) if manager else (),
    )


def _group(entry: Found) -> Exported:
    attributes = {
        "displayName": entry.one("displayName") or entry.one("cn"),
        "description": entry.one("description"),
        "mailNickname": entry.one("sAMAccountName"),
        "onPremisesSamAccountName": entry.one("sAMAccountName"),
        "securityEnabled": True,
        "mailEnabled": False,
    }
    members = tuple(entry.attributes.get("member", ()))
    return Exported(
        anchor=anchor_of(entry.guid), guid=entry.guid, dn=entry.dn, attributes=attributes, links=members
    )


_SAME = {
    "givenName": "givenName",
    "sn": "surname",
    "department": "department",
    "title": "jobTitle",
    "company": "companyName",
    "l": "city",
    "c": "country",
    "employeeID": "employeeId",
    "preferredLanguage": "preferredLanguage",
    "physicalDeliveryOfficeName": "officeLocation",
    "mobile": "mobilePhone",
}
"""Attribute in the directory → property in the cloud, copied as it is."""
