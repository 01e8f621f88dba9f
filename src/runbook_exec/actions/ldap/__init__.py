"""The directory: accounts, groups and entries over LDAP, on Active Directory and OpenLDAP alike."""

from runbook_exec.actions.ldap import enabled, group_members, password, provider, user

__all__ = ["enabled", "group_members", "password", "provider", "user"]
