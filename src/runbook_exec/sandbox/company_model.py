"""What the rehearsal company is made of: people, groups, licences, and the cases that make it hard.

Frozen records, one a line of `data/*.yaml`; an unknown or missing field is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records."""


class Unit(Record, frozen=True):
    """An organizational unit. What stands in one that is not `synced` is not in the cloud."""

    key: str
    dn: str
    synced: bool


class Site(Record, frozen=True):
    """A location: the OU keys of its people and computers, and its country (ISO 3166)."""

    name: str
    people: str
    computers: str
    country: str


class Profile(Record, frozen=True):
    """A role profile: what everybody of a role has."""

    name: str
    department: str
    role_group: str
    skus: tuple[str, ...]


PersonKind = Literal["employee", "external", "leaver", "deleted"]


class Person(Record, frozen=True):
    """A human with an account in the directory, now or until it was deleted."""

    id: str
    """The employee id; externals have one that begins with E."""
    kind: PersonKind
    given: str
    """Empty for people of one name."""
    surname: str
    sam: str
    upn: str
    """User principal name and primary mail address in one."""
    title: str
    ou: str
    """DN of the unit that the account stands in (or stood in)."""
    country: str
    manager: str = ""
    """Employee id; of an external: the sponsor."""
    profile: str = ""
    department: str = ""
    site: str = ""
    lang: Literal["de", "en", "cs"] = "de"
    skus: tuple[str, ...] = ()
    """Part numbers that the person has by role, directly or through a licence group."""
    apprentice: bool = False
    part_time: bool = False
    office: str = ""
    """A protected office: works council chair, whistle-blowing officer, data protection officer."""
    hr: Mapping[str, str] = {}
    """What the personnel file says: dates of leave, resignation, contract."""
    account_expires: str = ""
    usage_location: str | None = None
    """Set in the cloud in place of the country; empty: none at all."""
    usage_location_synced: bool = False
    admin_count: bool = False
    cloud_disabled: bool = False
    litigation_hold: bool = False
    forwards_to: str = ""
    other_mail: str = ""
    bins: tuple[str, ...] = ()
    """Where a deleted one still lies: `bin` (directory), `cloud-bin` (tenant)."""
    deleted_days: int = 0
    left_days: int = 0

    @property
    def name(self) -> str:
        """As shown to people."""
        return f"{self.given} {self.surname}".strip()

    @property
    def dn(self) -> str:
        """Where the account stands; names in this company need no escaping."""
        return f"CN={self.name},{self.ou}"


class Guest(Record, frozen=True):
    """Somebody from outside who was invited into the tenant."""

    id: str
    given: str
    surname: str
    mail: str
    sponsor: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.surname}"


class Account(Record, frozen=True):
    """An account that is not a person's everyday one. `ou` is empty for those of the cloud alone."""

    id: str
    kind: Literal["admin", "break-glass", "cloud-only", "service", "look-alike"]
    name: str
    sam: str = ""
    upn: str = ""
    ou: str = ""
    owner: str = ""
    """Employee id of the human whose account it is."""


class Contact(Record, frozen=True):
    """A mail contact: an address of somebody else's, with one of ours on it."""

    id: str
    name: str
    mail: str
    proxy: str
    ou: str


class Computer(Record, frozen=True):
    id: str
    name: str
    ou: str


class Group(Record, frozen=True):
    """A group with its direct members. `home` says where it is made: in the directory or the cloud."""

    name: str
    kind: str
    home: Literal["ad", "cloud"]
    says: str
    """What membership means, in words for people."""
    people: tuple[str, ...] = ()
    """Ids of direct members, those by profile included."""
    groups: tuple[str, ...] = ()
    """Names of groups nested in this one."""
    owners: tuple[str, ...] = ()
    licence: str = ""
    rule: str = ""
    """Membership rule of a dynamic group."""
    mail: str = ""
    dn: str = ""


class Sku(Record, frozen=True):
    """A subscription. `holders` have it beyond their role; `booked` seats wait for joiners."""

    part: str
    id: str
    name: str
    seats: int
    consumed: int
    booked: int = 0
    state: Literal["Enabled", "Warning"] = "Enabled"
    holders: tuple[str, ...] = ()
    unused_days: Mapping[str, int] = {}
    """Person → days since the product was last used."""


class Mailbox(Record, frozen=True):
    """A shared mailbox."""

    address: str
    name: str
    upn: str
    size_gb: float
    members: tuple[str, ...]
    confidential: bool = False
    archive: bool = False
    sku: str = ""


class DirectoryRole(Record, frozen=True):
    """A role of the tenant and the ids of the accounts that hold it."""

    role: str
    holders: tuple[str, ...]


class Device(Record, frozen=True):
    id: str
    name: str
    owners: tuple[str, ...]
    recovery_key: bool
    system: str = "Windows"


class InboxRule(Record, frozen=True):
    person: str
    name: str
    hidden: bool
    forwards_to: str
    deletes: bool


class OneDrive(Record, frozen=True):
    person: str
    unlicensed_days: int
    size_gb: float


class Joiner(Record, frozen=True):
    """Somebody who is to come, as HR announces it."""

    key: str
    employee_id: str
    given_name: str
    surname: str
    language: Literal["de", "en", "cs"]
    location: str
    profile: str
    department: str
    job_title: str
    manager: str
    start_date: str
    private_mail: str = ""
    booked: bool = False

    def inputs(self) -> dict[str, dict[str, str]]:
        """The inputs of onboard-employee."""
        told = {name: str(value) for name, value in msgspec.structs.asdict(self).items()}
        if not self.private_mail:
            del told["private_mail"]
        return {"person": {name: value for name, value in told.items() if name not in {"key", "booked"}}}


Seen = Literal["directory", "cloud", "joiner", "data"]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One case in which a rehearsal meets reality. Tests name it by its id (`1a`)."""

    id: str
    says: str
    seen: tuple[Seen, ...]
    """Where it can be met: in a double from the start, when a joiner comes, or told here only."""
    people: tuple[Person, ...] = ()
    joiners: tuple[Joiner, ...] = ()
    accounts: tuple[Person | Guest | Account, ...] = ()
    groups: tuple[Group, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    contacts: tuple[Contact, ...] = ()
    computers: tuple[Computer, ...] = ()
    devices: tuple[Device, ...] = ()
