"""Logging on: by which names, and in which words AD refuses."""

from __future__ import annotations

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_passwords import try_password
from runbook_exec.sandbox.directory_refusal import Code, Refusal
from runbook_exec.sandbox.directory_rights import Actor
from runbook_exec.sandbox.directory_writes import Writes


def log_on(writes: Writes, name: str, password: str) -> Actor:
    """Who this is, if the password is right and the account may be used."""
    account = find_account(writes, name)
    if account is None:
        raise bad_credentials("52e")
    policy = writes.at(writes.base)
    code, after = try_password(account, password, policy, writes.clock())
    if after is not None:
        writes.tree.save(after)
    if code:
        raise bad_credentials(code)
    return Actor(account.one("sAMAccountName") or account.dn, account.guid)


def find_account(writes: Writes, name: str) -> Entry | None:
    """The account behind a DN, a UPN, a login at the domain, or a login after the domain's short name."""
    domain, slash, login = name.partition("\\")
    if slash:
        right = names.fold(domain) in {_short(writes.base), _dns(writes.base)}
        return _by(writes, "sAMAccountName", login) if right else None
    if (found := _by(writes, "userPrincipalName", name)) is not None:
        return found
    login, at, suffix = name.rpartition("@")
    if at and names.fold(suffix) in {_short(writes.base), _dns(writes.base)}:
        return _by(writes, "sAMAccountName", login)
    try:
        found = writes.tree.at(name)
    except ValueError:
        return None
    return found if found is not None and not found.deleted else None


def bad_credentials(code: str) -> Refusal:
    """A refused logon with AD's sub-code."""
    return Refusal(
        Code.invalid_credentials,
        f"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563",
    )


def _by(writes: Writes, attribute: str, value: str) -> Entry | None:
    wanted = names.fold(value)
    for entry in writes.tree:
        held = entry.one(attribute)
        is_account = "userAccountControl" in entry.attributes and not entry.deleted
        if is_account and held and names.fold(held) == wanted:
            return entry
    return None


def _short(base: str) -> str:
    return names.fold(names.first(base)[1])


def _dns(base: str) -> str:
    return names.fold(".".join(value for _, value in names.parse(base)))
