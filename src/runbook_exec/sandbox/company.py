"""Kranich Fördertechnik GmbH, the rehearsal company, read from `data/*.yaml`.

company = load()
company.person("1007").upn          # juergen.mueller@kranich.example
company.edge("1a").joiners[0].surname  # Mueller
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import msgspec

from runbook_exec import document
from runbook_exec.sandbox.company_model import (
    Account,
    Computer,
    Contact,
    Device,
    DirectoryRole,
    Edge,
    Group,
    Guest,
    InboxRule,
    Joiner,
    Mailbox,
    OneDrive,
    Person,
    Profile,
    Record,
    Site,
    Sku,
    Unit,
)

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Row = dict[str, Any]

_FILES = ("company", "people", "accounts", "groups", "cloud", "joiners", "edges")


@dataclass(frozen=True, kw_only=True)
class Company:
    """The whole company. Every lookup raises KeyError for what it does not have."""

    name: str
    domain: str
    base: str
    mail_domain: str
    tenant: str
    units: tuple[Unit, ...]
    sites: tuple[Site, ...]
    profiles: tuple[Profile, ...]
    people: tuple[Person, ...]
    """The employees."""
    externals: tuple[Person, ...]
    guests: tuple[Guest, ...]
    leavers: tuple[Person, ...]
    """People who left, with accounts that still stand in the directory."""
    deleted: tuple[Person, ...]
    accounts: tuple[Account, ...]
    contacts: tuple[Contact, ...]
    computers: tuple[Computer, ...]
    groups: tuple[Group, ...]
    skus: tuple[Sku, ...]
    mailboxes: tuple[Mailbox, ...]
    roles: tuple[DirectoryRole, ...]
    devices: tuple[Device, ...]
    inbox_rules: tuple[InboxRule, ...]
    onedrives: tuple[OneDrive, ...]
    joiners: tuple[Joiner, ...]
    edges: tuple[Edge, ...]

    @property
    def humans(self) -> tuple[Person, ...]:
        """Everybody whose account is not deleted: employees, externals, leavers."""
        return self.people + self.externals + self.leavers

    def person(self, person_id: str) -> Person:
        """An employee, external, leaver or deleted person by employee id."""
        return _by(person_id, self.humans + self.deleted, "id")

    def account(self, account_id: str) -> Person | Guest | Account:
        """Anything with an account: a person, a guest, or an account that is nobody's everyday one."""
        everything: tuple[Person | Guest | Account, ...] = (
            *self.humans,
            *self.deleted,
            *self.guests,
            *self.accounts,
        )
        return _by(account_id, everything, "id")

    def unit(self, key: str) -> Unit:
        return _by(key, self.units, "key")

    def site(self, name: str) -> Site:
        return _by(name, self.sites, "name")

    def profile(self, name: str) -> Profile:
        return _by(name, self.profiles, "name")

    def group(self, name: str) -> Group:
        return _by(name, self.groups, "name")

    def sku(self, part: str) -> Sku:
        return _by(part, self.skus, "part")

    def mailbox(self, address: str) -> Mailbox:
        return _by(address, self.mailboxes, "address")

    def joiner(self, key: str) -> Joiner:
        return _by(key, self.joiners, "key")

    def edge(self, edge_id: str) -> Edge:
        return _by(edge_id, self.edges, "id")

    def from_groups(self, person_id: str) -> tuple[str, ...]:
        """Part numbers that a person has from licence groups."""
        return tuple(group.licence for group in self.groups if group.licence and person_id in group.people)

    def direct(self, person_id: str) -> tuple[str, ...]:
        """Part numbers that a person has directly: those by role that no group gives, and extra ones."""
        given = self.from_groups(person_id)
        by_role = [part for part in self.person(person_id).skus if part not in given]
        return (*by_role, *(sku.part for sku in self.skus if person_id in sku.holders))

    def holders(self, part: str) -> frozenset[str]:
        """Ids of all who take a seat of a SKU; shared mailboxes by their address."""
        people = {p.id for p in self.humans if part in self.direct(p.id) + self.from_groups(p.id)}
        return frozenset(people | {box.address for box in self.mailboxes if box.sku == part})


@cache
def load() -> Company:
    """Read the company's data files."""
    raw: Row = {}
    for name in _FILES:
        text = resources.files("runbook_exec.sandbox").joinpath("data", f"{name}.yaml").read_bytes()
        raw |= document.parse(text, file=f"{name}.yaml").data
    return _company(raw)


def edge(edge_id: str) -> Edge:
    """The edge case of this id."""
    return load().edge(edge_id)


def _company(raw: Row) -> Company:
    units = _records(raw.pop("ous"), Unit)
    where = {unit.key: unit.dn for unit in units}
    domain = str(raw["mail_domain"])
    profiles, sites = _records(raw["profiles"], Profile), _records(raw["sites"], Site)

    def human(row: Row, **more: Any) -> Row:
        upn = f"{row.pop('address')}@{domain}"
        return {**row, "upn": upn, "country": "DE", **more}

    people = []
    for row in raw["people"]:
        profile, site = _by(row["profile"], profiles, "name"), _by(row["site"], sites, "name")
        by_role = {"department": profile.department, "skus": profile.skus}
        place = {"kind": "employee", "ou": where[site.people], "country": site.country}
        people.append(by_role | human(row) | place)
    former = {"ou": where["wuppertal-people"], "kind": "deleted"}
    bare = Company(
        **{key: str(raw[key]) for key in ("name", "domain", "base", "mail_domain", "tenant")},
        units=units,
        sites=sites,
        profiles=profiles,
        people=_records(people, Person),
        externals=_records(
            [human(r, kind="external", ou=where["externals"]) for r in raw["externals"]], Person
        ),
        guests=_records(raw["guests"], Guest),
        leavers=_records([human(r, kind="leaver", ou=where[r.pop("in")]) for r in raw["leavers"]], Person),
        deleted=_records([human(r, bins=r.pop("in"), **former) for r in raw["deleted"]], Person),
        accounts=_records([_placed(row, where) for row in raw["accounts"]], Account),
        contacts=_records([_placed(row, where) for row in raw["contacts"]], Contact),
        computers=_records([_placed(row, where) for row in raw["computers"]], Computer),
        groups=_records([_grouped(row, raw["people"], where["groups"]) for row in raw["groups"]], Group),
        skus=_records(raw["skus"], Sku),
        mailboxes=_records(
            [{**row, "upn": f"{row['address']}@{domain}"} for row in raw["mailboxes"]], Mailbox
        ),
        roles=_records(raw["roles"], DirectoryRole),
        devices=_records(raw["devices"], Device),
        inbox_rules=_records(raw["inbox_rules"], InboxRule),
        onedrives=_records(raw["onedrives"], OneDrive),
        joiners=_records(raw["joiners"], Joiner),
        edges=(),
    )
    return replace(bare, edges=tuple(_edge(row, bare) for row in raw["edges"]))


def _placed(row: Row, where: Mapping[str, str]) -> Row:
    """A row whose `in` is a unit's key gets its DN; `cloud` is no unit."""
    return {**{k: v for k, v in row.items() if k != "in"}, "ou": where.get(row["in"], "")}


def _grouped(row: Row, people: list[Row], ou: str) -> Row:
    """A group's row with members by profile counted out."""
    row = dict(row)
    profiles = row.pop("profiles", ())
    members = [person["id"] for person in people if person["profile"] in profiles]
    members += [person for person in row.get("people", ()) if person not in members]
    owner = row.pop("owner", None)
    owners = row.get("owners", [owner] if owner else [])
    dn = f"CN={row['name']},{ou}" if row["home"] == "ad" else ""
    return {**row, "people": members, "owners": owners, "dn": dn}


def _edge(row: Row, company: Company) -> Edge:
    """An edge case with its names resolved to the things they name."""
    found: dict[str, Any] = {
        "people": [company.person(key) for key in row.get("people", ())],
        "joiners": [company.joiner(key) for key in row.get("joiners", ())],
        "accounts": [company.account(key) for key in row.get("accounts", ())],
        "groups": [company.group(key) for key in row.get("groups", ())],
        "mailboxes": [company.mailbox(key) for key in row.get("mailboxes", ())],
        "contacts": [_by(key, company.contacts, "id") for key in row.get("contacts", ())],
        "computers": [_by(key, company.computers, "id") for key in row.get("computers", ())],
        "devices": [_by(key, company.devices, "id") for key in row.get("devices", ())],
    }
    return Edge(
        id=row["id"], says=row["says"], seen=tuple(row["seen"]), **{k: tuple(v) for k, v in found.items()}
    )


def _records(rows: Iterable[Row], kind: type[R]) -> tuple[R, ...]:
    """Rows as records; an unknown or missing field raises."""
    return tuple(msgspec.convert(row, kind) for row in rows)


def _by(value: str, among: Iterable[T], field: str) -> T:
    for record in among:
        if getattr(record, field) == value:
            return record
    raise KeyError(value)
