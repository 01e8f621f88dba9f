"""The directory: accounts, groups and entries over LDAP, on Active Directory and OpenLDAP alike."""

from runbook_exec.actions.ldap import (
    attributes,
    enabled,
    entry,
    expiry,
    group_members,
    move,
    password,
    provider,
    snapshot,
    unlock,
    user,
)

__all__ = [
    "attributes",
    "enabled",
    "entry",
    "expiry",
    "group_members",
    "move",
    "password",
    "provider",
    "snapshot",
    "unlock",
    "user",
]
