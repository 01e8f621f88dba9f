"""What the hybrid sync may do to the tenant, and how Entra resolves its collisions.

Entra never stops a sync over a duplicate name: the user gets a placeholder name at the
tenant's own domain, a duplicate address is left out, and both are noted on the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runbook_exec.sandbox.graph_audit import Audits
from runbook_exec.sandbox.graph_cloud import GROUPS, USERS, Body, Cloud, addresses, stamp
from runbook_exec.sandbox.graph_licensing import Licensing

TENANT_DOMAIN = "kranich.onmicrosoft.com"


class SyncInbox:
    """The directory as the sync sees it: objects by their source anchor."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.licensing = cloud, Licensing(cloud)
        self.audits = Audits(cloud)

    def put_user(self, anchor: str, attributes: Mapping[str, Any]) -> Body:
        """Create or update the user of this anchor; cloud-only properties stay as they are."""
        known = self.cloud.anchored(anchor)
        wanted: Body = {**(known or {"id": ""}), **attributes}
        notes: list[Body] = []
        wanted["proxyAddresses"] = self._free_addresses(wanted, notes)
        wanted["userPrincipalName"] = self._free_name(wanted, notes)
        wanted |= {
            "onPremisesSyncEnabled": True,
            "onPremisesImmutableId": anchor,
            "onPremisesLastSyncDateTime": stamp(self.cloud.clock()),
            "onPremisesProvisioningErrors": notes,
        }
        if known is None:
            del wanted["id"]
            made = self.cloud.add_user(wanted)
            self.audits.synced(None, made)
            return made
        kept = self.cloud.keep(USERS, known, wanted)
        self.audits.synced(known, kept)
        return kept

    def remove_user(self, anchor: str) -> None:
        """The object left the sync's scope: its cloud user is soft-deleted."""
        known = self.cloud.anchored(anchor)
        if known is not None:
            self.cloud.soft_delete(known["id"])
            self.audits.synced(known, None)

    def put_group(self, anchor: str, attributes: Mapping[str, Any], members: Iterable[str]) -> Body:
        """Create or update a synced group; `members` are ids of cloud users and groups."""
        wanted = {
            **attributes,
            "onPremisesSyncEnabled": True,
            "onPremisesLastSyncDateTime": stamp(self.cloud.clock()),
            "_anchor": anchor,
        }
        known = next((g for g in self.cloud.groups() if g.get("_anchor") == anchor), None)
        if known is None:
            group = self.cloud.add_group(wanted, members=members)
            touched = set(group["_members"])
            self.audits.synced(None, group)
        else:
            group = self.cloud.keep(GROUPS, known, {**known, **wanted, "_members": list(members)})
            touched = set(group["_members"]) ^ set(known["_members"])
            self.audits.synced(known, group)
        if group.get("_licences"):
            for member in touched:
                self.licensing.inherit(member)
        return group

    def _free_addresses(self, wanted: Body, notes: list[Body]) -> list[str]:
        taken = set().union(*(addresses(o) for o in self._others(wanted["id"])))
        free = []
        for entry in wanted.get("proxyAddresses") or ():
            if entry.partition(":")[2].casefold() in taken:
                notes.append(self._note("proxyAddresses", entry))
            else:
                free.append(entry)
        return free

    def _free_name(self, wanted: Body, notes: list[Body]) -> str:
        name = str(wanted["userPrincipalName"])
        taken = {str(o.get("userPrincipalName", "")).casefold() for o in self._others(wanted["id"])}
        if name.casefold() not in taken:
            return name
        notes.append(self._note("userPrincipalName", name))
        digits = self.cloud.faults.random.randrange(1000, 10000)
        return f"{name.partition('@')[0]}{digits}@{TENANT_DOMAIN}"

    def _others(self, own: str) -> list[Body]:
        everything = (*self.cloud.users(), *self.cloud.groups(), *self.cloud.contacts())
        return [other for other in everything if other["id"] != own]

    def _note(self, name: str, value: str) -> Body:
        return {
            "category": "PropertyConflict",
            "occurredDateTime": stamp(self.cloud.clock()),
            "propertyCausingError": name,
            "value": value,
        }
