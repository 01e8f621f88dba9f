"""Devices of the double: as Entra knows them, as Intune manages them, and their recovery keys."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body, stamp
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

DEVICES, MANAGED, KEYS = "graph_devices", "graph_managed", "graph_recovery_keys"
READ = ("Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All")
WRITE = ("Device.ReadWrite.All",)
MANAGE = ("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All")
WIPE = ("DeviceManagementManagedDevices.PrivilegedOperations.All",)
KEY = ("BitlockerKey.ReadBasic.All", "BitlockerKey.Read.All")


class Devices:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def route(self, routes: Routes) -> None:
        routes.add("GET", "users/{}/ownedDevices", self.owned)
        routes.add("GET", "devices/{}/registeredOwners", self.owners)
        routes.add("PATCH", "devices/{}", self.change)
        routes.add("DELETE", "devices/{}", self.delete)
        routes.add("GET", "users/{}/managedDevices", self.managed)
        routes.add("POST", "deviceManagement/managedDevices/{}/wipe", lambda *a: self.end("wipe", *a))
        routes.add("POST", "deviceManagement/managedDevices/{}/retire", lambda *a: self.end("retire", *a))
        routes.add("GET", "informationProtection/bitlocker/recoveryKeys", self.keys)

    def add(self, name: str, owners: Sequence[str], *, key: bool, system: str = "Windows") -> Body:
        """A device that is joined and managed; the first owner is its user."""
        made = stamp(self.cloud.clock())
        body: Body = {
            "id": str(uuid.uuid4()),
            "deviceId": str(uuid.uuid4()),
            "displayName": name,
            "accountEnabled": True,
            "operatingSystem": system,
            "trustType": "AzureAd",
            "isManaged": True,
            "approximateLastSignInDateTime": made,
            "_owners": list(owners),
        }
        self.shelf.put(DEVICES, body["id"], body)
        managed = {"id": str(uuid.uuid4()), "azureADDeviceId": body["deviceId"], "deviceName": name}
        managed |= {"operatingSystem": system, "managementState": "managed", "isEncrypted": True}
        managed |= {"managedDeviceOwnerType": "company", "lastSyncDateTime": made, "_user": owners[0]}
        self.shelf.put(MANAGED, managed["id"], managed)
        if key:
            kept = {"id": str(uuid.uuid4()), "deviceId": body["deviceId"], "createdDateTime": made}
            self.shelf.put(KEYS, kept["id"], {**kept, "volumeType": "operatingSystemVolume"})
        return body

    def of(self, user_id: str) -> list[Body]:
        """The devices that a user owns, alone or with others."""
        return [body for _, body in self.shelf.items(DEVICES) if user_id in body["_owners"]]

    def owned(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        found = self.of(self.users.find(key)["id"])
        value = [{"@odata.type": "#microsoft.graph.device", **_public(body)} for body in found]
        return Answer(status=200, body={"value": value})

    def owners(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        value = [{"@odata.type": "#microsoft.graph.user", "id": who} for who in self._find(key)["_owners"]]
        return Answer(status=200, body={"value": value})

    def change(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        body, fields = self._find(key), asked.fields
        check_known(fields, ("accountEnabled", "displayName", "operatingSystem", "isManaged", "isCompliant"))
        self.shelf.put(DEVICES, body["id"], {**body, **fields})
        return Answer(status=204)

    def delete(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        self.shelf.drop(DEVICES, self._find(key)["id"])
        return Answer(status=204)

    def managed(self, asked: Asked, key: str) -> Answer:
        asked.need(*MANAGE, *WIPE)
        user_id = self.users.find(key)["id"]
        found = [_public(body) for _, body in self.shelf.items(MANAGED) if body["_user"] == user_id]
        return Answer(status=200, body={"value": found})

    def end(self, how: str, asked: Asked, key: str) -> Answer:
        asked.need(*WIPE)
        body = self.shelf.get(MANAGED, key)
        if body is None:
            raise missing(key)
        now = stamp(self.cloud.clock())
        order = {
            "actionName": how,
            "actionState": "pending",
            "startDateTime": now,
            "lastUpdatedDateTime": now,
        }
        results = [*body.get("deviceActionResults", ()), order]
        self.shelf.put(
            MANAGED, key, {**body, "managementState": f"{how}Pending", "deviceActionResults": results}
        )
        return Answer(status=204)

    def keys(self, asked: Asked) -> Answer:
        asked.need(*KEY)
        found = [body for _, body in self.shelf.items(KEYS)]
        page = asked.query.page(found, url=asked.url, known=frozenset({"id", "deviceId"}))
        return Answer(status=200, body=page)

    def _find(self, key: str) -> Body:
        body = self.shelf.get(DEVICES, key)
        if body is None:
            raise missing(key)
        return body


def _public(body: Body) -> Body:
    return {name: value for name, value in body.items() if not name.startswith("_")}
