"""Retiring and wiping a device that Intune manages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import below_user, kind
from runbook_exec.actions.graph.message import Message, literal, path
from runbook_exec.actions.graph.session import APPLICATION, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State, Words
from runbook_exec.errors import Refused

KIND, KEYS, APP = "graph.managed_devices", "graph.recovery_keys", Ref(APPLICATION, "wipe")
_NAMES = {"wipe": {"wipe", "factoryReset"}, "retire": {"retire", "removeCompanyData"}}
"""What Intune calls the two orders among the results of a device's actions."""
_VOID = frozenset({"failed", "canceled", "notSupported"})


def _devices(key: str, body: Any) -> State:
    return {
        str(entry["id"]): {
            "name": str(entry.get("deviceName") or entry["id"]),
            "device_id": entry.get("azureADDeviceId"),
            "system": entry.get("operatingSystem"),
            "encrypted": bool(entry.get("isEncrypted")),
            "owned_by": entry.get("managedDeviceOwnerType"),
            "state": _under_way(entry),
            "last_sync": entry.get("lastSyncDateTime"),
        }
        for entry in body["value"]
    }


def _under_way(entry: Any) -> str:
    """`wipe` or `retire` once it was ordered, whatever stage it is in; else `managed`."""
    results = entry.get("deviceActionResults") or ()
    ordered = {str(r.get("actionName")) for r in results if r.get("actionState") not in _VOID}
    state = str(entry.get("managementState") or "managed")
    return next((how for how, names in _NAMES.items() if names & ordered or state.startswith(how)), "managed")


def _keys(key: str, body: Any) -> State:
    """That keys are there, and since when; never a key itself."""
    return {"keys": {str(entry["id"]): entry.get("createdDateTime") for entry in body["value"]}}


kind("managed_devices", below_user("managedDevices"), _devices)
kind(
    "recovery_keys",
    lambda key: (
        Message(path=path("informationProtection", "bitlocker", "recoveryKeys", filter=f"deviceId eq {literal(key)}")),
    ),
    _keys,
)  # fmt: skip


class ManagedDeviceArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose device: UPN or id", min_length=1)]
    device: Annotated[str, msgspec.Meta(description="its name, or its id in Intune", min_length=1)]
    how: Annotated[
        Literal["retire", "wipe"],
        msgspec.Meta(description="retire: company data goes, the person's own stays; wipe: everything goes"),
    ]
    keep_user_data: Annotated[bool, msgspec.Meta(description="a wipe that leaves the person's own files")] = (
        False
    )


@register
class ManagedDevice(Action[ManagedDeviceArgs]):
    """Retire or wipe a device through Intune. Nothing brings back what was on it.

    An encrypted Windows device is wiped only if a recovery key of it was seen in Entra: without one, what is
    still needed from its disk is lost even to a laboratory. The key itself is not read here (`graph.request` can,
    and hands it on as a secret). Needs an application of its own, named as `wipe:` in the connection. Counts as done once Intune has
    the order; the device obeys when it is next online, and the plan says when it last was. A private
    device is retired only.
    """

    name = "graph.managed_device"
    undoable = False
    destructive = True
    Args = ManagedDeviceArgs
    rights = Rights(
        read=("User.Read.All", "DeviceManagementManagedDevices.Read.All",
              ("BitlockerKey.ReadBasic.All", "BitlockerKey.Read.All")),
        apply=("DeviceManagementManagedDevices.PrivilegedOperations.All",),
    )  # fmt: skip
    outputs: ClassVar[Mapping[str, str]] = {"device_id": "the device's id in Entra"}

    def reads(self, args: ManagedDeviceArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        refs = [user, Ref(KIND, user.key), APP]
        devices = facts.get(Ref(KIND, user.key)) or {}
        return [*refs, *(Ref(KEYS, str(devices[key]["device_id"])) for key in _found(args.device, devices))]

    def plan(self, args: ManagedDeviceArgs, facts: Facts) -> Change:
        key = person.ref(args.user).key
        user = person.existing(facts.get(person.ref(key)), key)
        who = person.called(user, key)
        devices: Mapping[str, Any] = facts.get(Ref(KIND, key)) or {}
        device = _only(args.device, devices, who)
        entry = devices[device]
        keys = (facts.get(Ref(KEYS, str(entry["device_id"]))) or {"keys": {}})["keys"]
        done = entry["state"] == args.how
        after: dict[str, Json] = {} if done else {"state": args.how}
        shown = {**devices, device: {**entry, "state": args.how}}
        return Change(
            action=self.name,
            target=str(entry["name"]),
            before={} if done else {"state": entry["state"]},
            after=after,
            says=_says(str(entry["name"]), who, args, done=done),
            identity=device,
            involves={who: user.get("id")},
            effects=tuple(Effect(Ref(KIND, ref.key), shown, whole=True) for ref in person.refs_of(user, key))
            if after
            else (),
            writes=(device, *person.names(user, key)),
            outputs={"device_id": entry["device_id"]},
            notes=tuple(_notes(entry, keys)),
            destructive=bool(after),
            blocked="; ".join(_why_not(args, entry, keys, facts)) if after else "",
        )

    def apply(self, session: Session, args: ManagedDeviceArgs, change: Change, ctx: Context) -> Evidence:
        how = str((change.after or {})["state"])
        where = path("deviceManagement", "managedDevices", str(change.identity), how)
        body = {"keepEnrollmentData": False, "keepUserData": args.keep_user_data} if how == "wipe" else None
        ref = Ref(KIND, str(next(iter(change.involves.values()))))

        def ordered() -> Json:
            entry = (session.read([ref])[ref] or {}).get(str(change.identity))
            return True if entry is None or entry["state"] == how else None

        session.create(Message(method="POST", path=where, body=body, by="wipe"), ctx, ordered)
        return Evidence(answer={"device": change.identity, "ordered": how})

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="what was on the device is gone; it is set up anew")


def _found(given: str, devices: Mapping[str, Any]) -> list[str]:
    folded = given.strip().casefold()
    return [key for key, entry in devices.items() if folded in {key.casefold(), entry["name"].casefold()}]


def _only(given: str, devices: Mapping[str, Any], who: str) -> str:
    found = _found(given, devices)
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(
            f"{who} has {len(found)} managed devices called {given}",
            next_move="give the id: " + ", ".join(found),
        )
    known = ", ".join(entry["name"] for entry in devices.values()) or "none"
    raise Refused(f"Intune manages no device {given} of {who}", next_move=f"it manages: {known}")


def _why_not(args: ManagedDeviceArgs, entry: Any, keys: Mapping[str, Json], facts: Facts) -> list[str]:
    why = []
    if facts.get(APP) is None:
        why.append(
            "the connection names no application of its own for wipe: add wipe: (client_id, client_secret) to it"
        )
    if entry["state"] in {"wipe", "retire"}:
        why.append(f"{entry['name']} has been ordered to {entry['state']} already")
    if args.how == "wipe" and entry["owned_by"] == "personal":
        why.append(f"{entry['name']} is the person's own: retire it, which leaves what is theirs")
    if args.how == "wipe" and entry["system"] == "Windows" and entry["encrypted"] and not keys:
        why.append(
            f"no recovery key of {entry['name']} is in Entra: have one saved first, or what is on its disk is lost"
        )
    return why  # fmt: skip


def _notes(entry: Any, keys: Mapping[str, Json]) -> list[Words]:
    last = entry["last_sync"] or "never"
    return [
        {"en": f"it was last online {last}", "de": f"zuletzt online: {entry['last_sync'] or 'nie'}"},
        {
            "en": f"recovery keys in Entra: {len(keys)}",
            "de": f"Wiederherstellungsschlüssel in Entra: {len(keys)}",
        },
    ]


def _says(name: str, who: str, args: ManagedDeviceArgs, *, done: bool) -> dict[str, str]:
    if done:
        return {
            "en": f"{name} of {who} has its order already",
            "de": f"{name} von {who} hat den Auftrag schon",
        }
    if args.how == "retire":
        return {
            "en": f"{name} of {who} is retired: company data goes from it",
            "de": f"{name} von {who} wird außer Dienst gestellt: Firmendaten verschwinden davon",
        }
    kept = (" but the person's files", " bis auf eigene Dateien") if args.keep_user_data else ("", "")
    return {
        "en": f"{name} of {who} is wiped: everything on it goes{kept[0]}",
        "de": f"{name} von {who} wird gelöscht: alles darauf verschwindet{kept[1]}",
    }
