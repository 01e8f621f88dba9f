"""Moves the rehearsal company into the directory double: accounts, groups, contacts, computers, and who has left."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, time, timedelta

from runbook_exec.sandbox.company import Company
from runbook_exec.sandbox.company_model import Account, Person
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.directory_accounts import windows_time

Values = dict[str, list[str]]

_SCOPE = {"share": -2147483644, "sensitive": -2147483640}
"""groupType by kind of group: domain local, universal; all others are global security groups."""
_GLOBAL = -2147483646


def move_in(directory: Directory, company: Company) -> None:
    """Put everybody and everything in, those who will be deleted too: history goes on from here."""
    for person in company.humans + company.deleted:
        directory.add(person.dn, _account_of(person, company), password=_nobody_knows_it())
    for account in company.accounts:
        if account.ou:
            directory.add(f"CN={account.name},{account.ou}", _account(account), password=_nobody_knows_it())
    for person in company.leavers:
        directory.change(person.dn, {"userAccountControl": ["514"]})
    for person in company.humans + company.deleted:
        if person.manager:
            directory.change(person.dn, {"manager": [company.person(person.manager).dn]})
    for contact in company.contacts:
        addresses = [f"SMTP:{contact.mail}", f"smtp:{contact.proxy}"]
        values = _present(displayName=contact.name, mail=contact.mail, targetAddress=f"SMTP:{contact.mail}")
        directory.add(
            f"CN={contact.name},{contact.ou}",
            {"objectClass": ["contact"], **values, "proxyAddresses": addresses},
        )
    for computer in company.computers:
        named = _present(sAMAccountName=f"{computer.name}$", operatingSystem="Windows 11 Enterprise")
        directory.add(f"CN={computer.name},{computer.ou}", {"objectClass": ["computer"], **named})
    _found_groups(directory, company)


def move_out(directory: Directory, person: Person) -> str:
    """Put a person into the recycle bin; returns the entry's id."""
    found = directory.get(person.dn)
    assert found is not None
    directory.remove(found.guid)
    return found.guid


def _found_groups(directory: Directory, company: Company) -> None:
    groups = [group for group in company.groups if group.home == "ad"]
    for group in groups:
        values = _present(
            sAMAccountName=group.name,
            displayName=group.name,
            description=group.says,
            groupType=str(_SCOPE.get(group.kind, _GLOBAL)),
            managedBy=company.person(group.owners[0]).dn if group.owners else "",
        )
        directory.add(group.dn, {"objectClass": ["group"], **values})
    for group in groups:
        members = [company.person(person).dn for person in group.people]
        members += [company.group(name).dn for name in group.groups]
        directory.change(group.dn, {"member": members})


def _account_of(person: Person, company: Company) -> Values:
    local = person.upn.partition("@")[0]
    values = _present(
        sAMAccountName=person.sam,
        userPrincipalName=person.upn,
        mail=person.upn,
        mailNickname=local,
        givenName=person.given,
        sn=person.surname,
        displayName=person.name,
        employeeID=person.id,
        department=person.department,
        title=person.title,
        company=company.name if person.kind != "external" else "",
        l=person.site,
        c=person.country,
        preferredLanguage=person.lang,
        accountExpires=_end_of(person.account_expires) if person.account_expires else "",
        adminCount="1" if person.admin_count else "",
        msExchUsageLocation=person.country if person.usage_location_synced else "",
    )
    addresses = [f"SMTP:{person.upn}", f"smtp:{local}@{company.tenant}"]
    return {"objectClass": ["user"], **values, "proxyAddresses": addresses}


def _account(account: Account) -> Values:
    values = _present(
        sAMAccountName=account.sam,
        userPrincipalName=account.upn,
        displayName=account.name,
        adminCount="1" if account.kind == "admin" else "",
    )
    return {"objectClass": ["user"], **values}


def _present(**values: str) -> Values:
    """Attributes that have a value."""
    return {name: [value] for name, value in values.items() if value}


def _end_of(day: str) -> str:
    """The Windows time at which a last day is over (UTC)."""
    over = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
    return str(windows_time(over))


def _nobody_knows_it() -> str:
    return f"Aa1-{secrets.token_urlsafe(18)}"
