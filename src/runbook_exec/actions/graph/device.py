"""The devices that a user owns, as Entra knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import below_user, kind, kind_of
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State, Words
from runbook_exec.errors import Refused
from runbook_exec.way_back import remaining

KIND, OWNERS = "graph.devices", "graph.device_owners"
Name = Annotated[str, msgspec.Meta(min_length=1)]


def _devices(key: str, body: Any) -> State:
    return {
        str(entry["id"]): {
            "name": str(entry.get("displayName") or entry["id"]),
            "enabled": bool(entry.get("accountEnabled")),
            "device_id": entry.get("deviceId"),
            "system": entry.get("operatingSystem"),
            "from_directory": entry.get("trustType") == "ServerAd",
        }
        for entry in body["value"]
        if kind_of(entry) == "device"
    }


def _owners(key: str, body: Any) -> State:
    return {"owners": sorted(str(entry["id"]) for entry in body["value"])}


kind("devices", below_user("ownedDevices"), _devices)
kind(
    "device_owners",
    lambda key: (Message(path=path("devices", key, "registeredOwners", select="id")),),
    _owners,
)


class DeviceArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose devices: UPN or id", min_length=1)]
    state: Annotated[
        Literal["disabled", "enabled", "deleted"], msgspec.Meta(description="what becomes of them in Entra")
    ]
    only: Annotated[
        list[Name],
        msgspec.Meta(description="devices by name; empty: every one that nobody else owns as well"),
    ] = msgspec.field(default_factory=list)


@register
class Device(Action[DeviceArgs]):
    """Disable, enable or delete the devices of a user in Entra.

    A disabled device gets no token; what is on it stays. A device that somebody else owns as well is
    left alone unless it is named. A deleted one is gone for good, and must be joined anew; its
    recovery key goes with it. A device that comes from Active Directory comes
    back with the next sync unless its computer account is disabled there. Wiping is
    `graph.managed_device`.
    """

    name = "graph.device"
    Args = DeviceArgs
    rights = Rights(read=("User.Read.All", "Device.Read.All"), apply=("Device.ReadWrite.All",))
    outputs: ClassVar[Mapping[str, str]] = {"devices": "the devices that were meant, by name"}

    def reads(self, args: DeviceArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        devices = facts.get(Ref(KIND, user.key)) or {}
        return (user, Ref(KIND, user.key), *(Ref(OWNERS, device) for device in devices))

    def can_undo(self, values: Mapping[str, Json]) -> bool:
        return values.get("state") != "deleted"

    def plan(self, args: DeviceArgs, facts: Facts) -> Change:
        key = person.ref(args.user).key
        user = person.existing(facts.get(person.ref(key)), key)
        devices: Mapping[str, Any] = facts.get(Ref(KIND, key)) or {}
        meant = _meant(args, facts, devices, person.called(user, key))
        wanted: Json = None if args.state == "deleted" else args.state == "enabled"
        labels = {
            _label(device, devices): device for device in meant if devices[device]["enabled"] is not wanted
        }
        after: dict[str, Json] = dict.fromkeys(labels, wanted)
        shared = [entry["name"] for device, entry in devices.items() if device not in meant and not args.only]
        return Change(
            action=self.name,
            target=key,
            before={label: devices[device]["enabled"] for label, device in labels.items()},
            after=after,
            says=_says(person.called(user, key), after),
            identity=user.get("id"),
            involves=dict(labels),
            effects=_effects(user, key, devices, dict.fromkeys(labels.values(), wanted)),
            writes=(*person.names(user, key), *labels.values()),
            outputs={"devices": [devices[device]["name"] for device in meant]},
            notes=(*_about(shared), *_synced([devices[device] for device in labels.values()])),
            destructive=bool(after) and wanted is None,
        )

    def apply(self, session: Session, args: DeviceArgs, change: Change, ctx: Context) -> Evidence:
        for label, enabled in (change.after or {}).items():
            where = path("devices", str(change.involves[label]))
            if enabled is not None:
                session.send(Message(method="PATCH", path=where, body={"accountEnabled": enabled}), ctx)
                continue
            asked = Message(method="DELETE", path=where)
            reply = session.attempt(asked, ctx)
            if not reply.ok and reply.status != 404:  # the read-back tells whether it is gone
                raise trouble(asked, reply)
        return Evidence(answer={"devices": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        if None in (change.after or {}).values():
            return Irreversible(reason="a deleted device must be joined anew")
        return opposite(change, _says(change.target, dict(change.before or {})))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref(KIND, user.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, devices = facts.get(ref), facts.get(Ref(KIND, ref.key)) or {}
        there = {label: devices.get(str(back.involves[label])) for label in back.after or ()}
        left = remaining(back, {label: entry["enabled"] if entry else None for label, entry in there.items()})
        after = dict(left.after or {})
        changed = {str(back.involves[label]): enabled for label, enabled in after.items()}
        return replace(
            left,
            says=_says(person.called(user, back.target), after) if after else back.says,
            effects=_effects(user, ref.key, devices, changed),
            writes=(*person.names(user, ref.key), *changed),
        )


def _meant(args: DeviceArgs, facts: Facts, devices: Mapping[str, Any], who: str) -> list[str]:
    """The devices that the step is about, by id."""
    if not args.only:
        return [
            device
            for device in devices
            if len((facts.get(Ref(OWNERS, device)) or {"owners": []})["owners"]) < 2
        ]
    names = {name.casefold(): name for name in args.only}
    found = {entry["name"].casefold(): device for device, entry in devices.items()}
    unknown = [name for folded, name in names.items() if folded not in found and args.state != "deleted"]
    if unknown:
        known = ", ".join(entry["name"] for entry in devices.values()) or "none"
        raise Refused(f"{who} owns no device {unknown[0]}", next_move=f"they own: {known}")
    return [device for device, entry in devices.items() if entry["name"].casefold() in names]


def _label(device: str, devices: Mapping[str, Any]) -> str:
    name = str(devices[device]["name"])
    alone = sum(entry["name"] == name for entry in devices.values()) == 1
    return name if alone else f"{name} ({device})"


def _effects(
    user: Any, key: str, devices: Mapping[str, Any], changed: Mapping[str, Json]
) -> tuple[Effect, ...]:
    if not changed:
        return ()
    shown = {
        device: {**entry, "enabled": changed[device]} if device in changed else entry
        for device, entry in devices.items()
        if changed.get(device, True) is not None
    }
    return tuple(Effect(Ref(KIND, ref.key), shown, whole=True) for ref in person.refs_of(user, key))


def _about(shared: Sequence[str]) -> list[Words]:
    if not shared:
        return []
    names = ", ".join(shared)
    return [
        {
            "en": f"left alone, since somebody else owns it as well: {names}",
            "de": f"bleibt, da es noch jemand anderem gehört: {names}",
        }
    ]


def _synced(devices: Sequence[Any]) -> list[Words]:
    names = ", ".join(entry["name"] for entry in devices if entry["from_directory"])
    if not names:
        return []
    return [
        {
            "en": f"comes from Active Directory, whose next sync may undo this: {names}",
            "de": f"kommt aus dem Active Directory, dessen nächster Abgleich das rückgängig machen kann: {names}",
        }
    ]


def _says(who: str, after: Mapping[str, Json]) -> dict[str, str]:
    if not after:
        return {"en": f"The devices of {who} are as wanted", "de": f"Die Geräte von {who} sind wie gewünscht"}
    names, how = ", ".join(after), next(iter(after.values()))
    words = {
        None: ("deleted", "gelöscht"),
        True: ("enabled", "freigegeben"),
        False: ("disabled", "gesperrt"),
    }[how]
    return {"en": f"Devices of {who} are {words[0]} in Entra: {names}",
            "de": f"Geräte von {who} werden in Entra {words[1]}: {names}"}  # fmt: skip
