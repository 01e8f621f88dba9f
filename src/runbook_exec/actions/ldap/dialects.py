"""Which dialect a server speaks: read from its root entry, and given to `plan` as a fact (`ldap.server`)."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_exec.actions.ldap.active_directory import ActiveDirectory
from runbook_exec.actions.ldap.dialect import Dialect, Raw
from runbook_exec.actions.ldap.rfc4519 import Rfc4519
from runbook_exec.errors import Invalid

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (ActiveDirectory(), Rfc4519())}


def dialect(name: str) -> Dialect:
    """The dialect of this name, as an environment or the `ldap.server` fact gives it."""
    if name not in DIALECTS:
        raise Invalid(f"{name!r} is no LDAP dialect", next_move="dialect: " + " or ".join(DIALECTS))
    return DIALECTS[name]


def detect(root: Raw) -> Dialect:
    """The dialect of a server, from its root entry ([MS-ADTS] 3.1.1.3.4.3: LDAP_CAP_ACTIVE_DIRECTORY_OID)."""
    return DIALECTS["ad" if b"1.2.840.113556.1.4.800" in root.get("supportedCapabilities", ()) else "rfc4519"]
