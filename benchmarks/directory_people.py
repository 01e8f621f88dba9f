"""The people and groups of the directory benchmark, and putting the directory back as it was."""

from __future__ import annotations

from dataclasses import dataclass

from servers import slapd

GROUPS = ("staff", "finance", "vpn", "printers")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who starts on Monday."""

    number: int

    @property
    def login(self) -> str:
        return f"person{self.number}"

    @property
    def dn(self) -> str:
        return f"cn=Person {self.number},{slapd.PEOPLE}"

    @property
    def password(self) -> str:
        return f"Kranich-{self.number}-Pw!"

    @property
    def attributes(self) -> dict[str, str]:
        return {
            "cn": f"Person {self.number}",
            "uid": self.login,
            "mail": f"{self.login}@corp.example",
            "givenName": "Person",
            "sn": str(self.number),
            "displayName": f"Person {self.number}",
            "employeeNumber": str(1000 + self.number),
            "l": "Wuppertal",
            "title": "Engineer",
        }


def people(count: int) -> list[Person]:
    return [Person(number=number) for number in range(count)]


def groups() -> list[str]:
    return [f"cn={cn},{slapd.GROUPS}" for cn in GROUPS]


def clean(server: slapd.Slapd) -> None:
    """Nobody is there, and the groups are as at first."""
    with server.raw() as admin:
        for group in groups():
            admin.modify(group, {"member": [("MODIFY_REPLACE", [slapd.FILLER])]})
        admin.search(server.people, "(objectClass=inetOrgPerson)", attributes=["cn"])
        for entry in admin.response:
            admin.delete(entry["dn"])
