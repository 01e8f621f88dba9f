"""Licences and mailboxes of the rehearsal tenant: seats, inheritance from groups, and the wait for a mailbox.

A seat is free as long as enabled + warning − consumed is above zero; suspended units are
no stock. Consumed are the users who hold the SKU, and `_others`: accounts that the
rehearsal does not model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runbook_exec.sandbox.graph_cloud import GROUPS, USERS, Body, Cloud, stamp
from runbook_exec.sandbox.graph_refusal import bad

SKUS = "graph_skus"
MAILBOX_AFTER = 1.0
"""Seconds from the licence to the mailbox, unless the fault mailbox-late says otherwise."""


class Licensing:
    """Who holds which SKU, and what that brings."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.shelf = cloud, cloud.shelf

    def add_sku(
        self,
        part: str,
        *,
        sku_id: str,
        enabled: int,
        warning: int = 0,
        suspended: int = 0,
        plans: Mapping[str, str] | None = None,
        excludes: Sequence[str] = (),
    ) -> Body:
        """Add a subscription: its units and its service plans (name → id)."""
        body: Body = {
            "id": f"tenant_{sku_id}",
            "skuId": sku_id,
            "skuPartNumber": part,
            "appliesTo": "User",
            "capabilityStatus": "Enabled" if enabled else "Warning" if warning else "Suspended",
            "prepaidUnits": {"enabled": enabled, "warning": warning, "suspended": suspended, "lockedOut": 0},
            "servicePlans": [
                {
                    "servicePlanId": plan_id,
                    "servicePlanName": name,
                    "provisioningStatus": "Success",
                    "appliesTo": "User",
                }
                for name, plan_id in (plans or {}).items()
            ],
            "_excludes": list(excludes),
            "_others": 0,
        }
        self.shelf.put(SKUS, sku_id, body)
        return body

    def sku(self, part: str) -> Body:
        """The SKU of this part number or id; KeyError if the tenant has none."""
        for sku_id, body in self.shelf.items(SKUS):
            if part in {sku_id, body["skuPartNumber"]}:
                return body
        raise KeyError(part)

    def settle_seats(self, part: str, consumed: int) -> None:
        """Make the consumed units what they shall be: holders who are not modelled make up the rest."""
        sku = self.sku(part)
        sku["_others"] = consumed - self._holders(sku["skuId"])
        self.shelf.put(SKUS, sku["skuId"], sku)

    def consumed(self, sku: Body) -> int:
        full = self.cloud.faults.look("licences-exhausted")
        if full is not None and full.get("sku", sku["skuPartNumber"]) == sku["skuPartNumber"]:
            return self.units(sku)
        return int(sku["_others"]) + self._holders(sku["skuId"])

    @staticmethod
    def units(sku: Body) -> int:
        return int(sku["prepaidUnits"]["enabled"]) + int(sku["prepaidUnits"]["warning"])

    def free(self, sku: Body) -> int:
        return self.units(sku) - self.consumed(sku)

    def license_group(self, key: str, parts: Iterable[str]) -> None:
        """Attach SKUs to a group; its members inherit them."""
        group = self.cloud.group(key)
        if group is None:
            raise KeyError(key)
        group["_licences"] = [self.sku(part)["skuId"] for part in parts]
        self.shelf.put(GROUPS, group["id"], group)
        for member in group["_members"]:
            self.inherit(member)

    def inherit(self, user_id: str) -> None:
        """Bring a user's inherited licences in line with the groups that they are in."""
        user = self.shelf.get(USERS, user_id)
        if user is None:
            return
        old: dict[str, dict[str, str]] = user.get("_inherited", {})
        new: dict[str, dict[str, str]] = {}
        user["_inherited"] = {}
        for group in self.cloud.groups():
            if user_id in group["_members"] and group.get("_licences"):
                kept = old.get(group["id"], {})
                new[group["id"]] = {
                    sku_id: "Active" if kept.get(sku_id) == "Active" else self._may(user, sku_id)
                    for sku_id in group["_licences"]
                }
        if new == old:
            return
        user["_inherited"] = new
        self._provision(user)
        self.shelf.put(USERS, user_id, user)

    def assign(self, key: str, add: Sequence[Mapping[str, Any]], remove: Sequence[str]) -> Body:
        """What assignLicense does, all or nothing; raises `Refusal` in the service's words."""
        user = self.cloud.user(key)
        assert user is not None
        if add and not user.get("usageLocation"):
            raise bad("License assignment cannot be done for user with invalid usage location.")
        direct: dict[str, list[str]] = dict(user.get("_direct", {}))
        for sku_id in remove:
            if sku_id not in direct:
                if self.held(user).get(sku_id):
                    raise bad(
                        "User license is inherited from a group membership and it cannot be removed directly from the user."
                    )
                raise bad("User does not have a corresponding license.")
            del direct[sku_id]
        changed = {**user, "_direct": direct}
        for entry in add:
            sku_id = str(entry.get("skuId"))
            if self.shelf.get(SKUS, sku_id) is None:
                raise bad(f"License {sku_id} does not correspond to a valid company License.")
            if sku_id not in user.get("_direct", {}) and not self.held(user).get(sku_id):
                trouble = self._may(changed, sku_id)
                if trouble != "Active":
                    raise self._trouble(trouble, self.sku(sku_id))
            direct[sku_id] = list(entry.get("disabledPlans") or ())
        self._provision(changed)
        return self.cloud.keep(USERS, user, changed)

    def held(self, user: Body) -> dict[str, list[str]]:
        """SKU id → where it comes from: `direct`, and the ids of groups; only those in force."""
        held: dict[str, list[str]] = {sku_id: ["direct"] for sku_id in user.get("_direct", {})}
        for group_id, skus in user.get("_inherited", {}).items():
            for sku_id, state in skus.items():
                if state == "Active":
                    held.setdefault(sku_id, []).append(group_id)
        return held

    def shown(self, user: Body) -> Body:
        """`assignedLicenses` and `licenseAssignmentStates` of a user."""
        direct = user.get("_direct", {})
        states = [self._state(user, sku_id, None, "Active", plans) for sku_id, plans in direct.items()]
        for group_id, skus in user.get("_inherited", {}).items():
            states += [self._state(user, sku_id, group_id, state, []) for sku_id, state in skus.items()]
        return {
            "assignedLicenses": [
                {"skuId": sku_id, "disabledPlans": direct.get(sku_id, [])} for sku_id in self.held(user)
            ],
            "licenseAssignmentStates": states,
        }

    def mailbox_ready(self, user: Body) -> bool:
        """Whether the user's mailbox exists by now. With the fault off, a late one comes in its usual time."""
        since = user.get("_mailbox_from")
        late = self.cloud.faults.look("mailbox-late")
        wait = MAILBOX_AFTER if late is None else float(late.get("seconds", 60))
        return since is not None and self.cloud.clock() >= since + wait

    def give_mailbox(self, key: str, settings: Mapping[str, Any] | None = None) -> None:
        """Give a user (or a shared mailbox's account) a mailbox at once, with these settings."""
        user = self.cloud.user(key)
        if user is None:
            raise KeyError(key)
        user["_mailbox_from"] = 0.0
        user["_mailbox"] = {**_new_mailbox(), **(settings or {})}
        _give_address(user)
        self.shelf.put(USERS, user["id"], user)

    def _state(self, user: Body, sku_id: str, group: str | None, state: str, plans: list[str]) -> Body:
        return {
            "skuId": sku_id,
            "assignedByGroup": group,
            "state": "Active" if state == "Active" else "Error",
            "error": "None" if state == "Active" else state,
            "disabledPlans": plans,
            "lastUpdatedDateTime": user.get("_licensed", user["createdDateTime"]),
        }

    def _may(self, user: Body, sku_id: str) -> str:
        sku = self.sku(sku_id)
        held = {self.sku(other)["skuPartNumber"] for other in self.held(user)}
        if held & set(sku["_excludes"]):
            return "MutuallyExclusiveViolation"
        return "Active" if self.free(sku) > 0 else "CountViolation"

    @staticmethod
    def _trouble(trouble: str, sku: Body) -> Exception:
        if trouble == "CountViolation":
            return bad(
                f"Subscription with SKU {sku['skuId']} does not have any available licenses.",
            )
        return bad(
            "License assignment failed because service plans of the SKU are mutually exclusive "
            f"(MutuallyExclusiveViolation): {sku['skuId']}."
        )

    def _holders(self, sku_id: str) -> int:
        return sum(sku_id in self.held(user) for user in self.cloud.users())

    def _provision(self, user: Body) -> None:
        """A first licence with an Exchange plan starts the making of a mailbox; without one it goes."""
        user["_licensed"] = stamp(self.cloud.clock())
        mail = any(self._has_exchange(sku_id) for sku_id in self.held(user))
        if mail and user.get("_mailbox_from") is None:
            user["_mailbox_from"] = self.cloud.clock()
            user["_mailbox"] = user.get("_mailbox") or _new_mailbox()
            _give_address(user)
        elif not mail and user.get("_mailbox", {}).get("userPurpose") == "user":
            user["_mailbox_from"] = None

    def _has_exchange(self, sku_id: str) -> bool:
        sku = self.shelf.get(SKUS, sku_id)
        plans = sku["servicePlans"] if sku else []
        return any(plan["servicePlanName"].startswith("EXCHANGE_S_") for plan in plans)


def _give_address(user: Body) -> None:
    user["mail"] = user.get("mail") or user["userPrincipalName"]
    if not any(entry.startswith("SMTP:") for entry in user["proxyAddresses"]):
        user["proxyAddresses"] = [*user["proxyAddresses"], f"SMTP:{user['mail']}"]


def _new_mailbox() -> Body:
    return {
        "archiveFolder": None,
        "timeZone": "UTC",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "",
        "timeFormat": "",
        "userPurpose": "user",
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": {"dateTime": "2026-01-01T00:00:00.0000000", "timeZone": "UTC"},
            "scheduledEndDateTime": {"dateTime": "2026-01-02T00:00:00.0000000", "timeZone": "UTC"},
        },
        "language": {"locale": None, "displayName": None},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": "UTC"},
        },
    }
