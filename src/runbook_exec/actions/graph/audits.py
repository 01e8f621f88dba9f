"""Entra's own log of changes (`directoryAudits`) in the shape that all far sides share. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from runbook_exec.actions.graph.message import Message, path
from runbook_exec.change import Words
from runbook_exec.far_log import FarChange, FarLog

AUDIT_LOG = "AuditLog.Read.All"
"""The least permission that reading it takes."""
PAGE = "999"
REACH = 30
"""Days at most; 7 without a P1 or P2 licence."""

_RETENTION: Words = {
    "en": "Entra keeps its audit log for 7 days, or 30 days with a P1 or P2 licence: what is older is not there. An entry "
    "can take minutes to appear. Mailbox settings, sign-ins and file accesses are in other logs.",
    "de": "Entra behält sein Überwachungsprotokoll 7 Tage, mit einer P1- oder P2-Lizenz 30 Tage: Älteres fehlt. Ein Eintrag "
    "kann Minuten brauchen. Postfacheinstellungen, Anmeldungen und Dateizugriffe stehen in anderen Protokollen.",
}
_SYNC_ACCOUNT, _SYNC_APP = "sync_", "microsoft.azure.syncfabric"
_NOTES = frozenset({"Included Updated Properties", "TargetId.UserType", "Action Client Name"})
"""What stands among the properties and is none."""
_MEMBERSHIPS = {"Add member to group": "added", "Remove member from group": "removed"}


def request(since: str, until: str) -> Message:
    """What must be asked; the rest comes page by page."""
    first, end = (_stamp(moment) for moment in (since, until))
    return Message(
        path=path(
            "auditLogs",
            "directoryAudits",
            filter=f"activityDateTime ge {first} and activityDateTime lt {end}",
            top=PAGE,
        )
    )


def _stamp(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def log(entries: Sequence[Mapping[str, Any]], only: Sequence[str] | None) -> FarLog:
    """All changes that came off; `only` restricts them to these ids or names."""
    wanted = None if only is None else {key.casefold() for key in only}
    found = [change for entry in entries if entry.get("result") == "success" for change in _changes(entry)]
    if wanted is not None:
        found = [
            c for c in found if {c.identity, c.value_id, c.object.casefold(), c.value.casefold()} & wanted
        ]
    return FarLog(
        changes=tuple(sorted(found, key=lambda c: (c.at, c.object, c.what))),
        limits=(_RETENTION,),
        reach=REACH,
    )


def _changes(entry: Mapping[str, Any]) -> Iterator[FarChange]:
    by, application, sync = _who(entry.get("initiatedBy") or {})
    common: dict[str, Any] = {
        "side": "graph",
        "at": str(entry["activityDateTime"]).replace("Z", "+00:00"),
        "by": by,
        "application": application,
        "sync": sync,
        "mark": str(entry.get("id", "")),
    }
    activity, targets = str(entry.get("activityDisplayName", "")), entry.get("targetResources") or ()
    if activity in _MEMBERSHIPS and targets:
        yield _membership(activity, targets, common)
        return
    for target in targets:
        about = {**common, "object": _name(target), "identity": str(target.get("id") or "").lower()}
        names = [str(each.get("displayName")) for each in target.get("modifiedProperties") or ()]
        told = [name for name in names if name not in _NOTES]
        whole = activity.startswith(("Add user", "Add group", "Delete", "Hard Delete", "Restore"))
        if whole or not told:
            yield FarChange(**about, what="object" if whole else activity, how=activity)
            continue
        for name in told:
            yield FarChange(**about, what=name, how=activity)


def _membership(activity: str, targets: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> FarChange:
    """The member is the first target; the group stands among its properties, and often as the second."""
    member, properties = targets[0], targets[0].get("modifiedProperties") or ()
    values = {str(each.get("displayName")): _value(each) for each in properties}
    group = next((each for each in targets[1:] if each.get("type") == "Group"), {})
    return FarChange(
        **common,
        object=values.get("Group.DisplayName") or _name(group),
        identity=(values.get("Group.ObjectID") or str(group.get("id") or "")).lower(),
        what="member",
        how=_MEMBERSHIPS[activity],
        value=_name(member),
        value_id=str(member.get("id") or "").lower(),
    )


def _value(each: Mapping[str, Any]) -> str:
    """The new value, or the old one where it was taken away: JSON in a text."""
    text = each.get("newValue") or each.get("oldValue") or ""
    try:
        found = json.loads(text)
    except ValueError:
        return str(text)
    first = found[0] if isinstance(found, list) and found else found
    return "" if first is None or first == [] else str(first)


def _name(target: Mapping[str, Any]) -> str:
    return str(target.get("userPrincipalName") or target.get("displayName") or target.get("id") or "")


def _who(initiated: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(who, by which application's id, whether it was a directory synchronisation)."""
    user, app = initiated.get("user") or {}, initiated.get("app") or {}
    name = str(user.get("userPrincipalName") or user.get("displayName") or app.get("displayName") or "")
    account = str(user.get("userPrincipalName") or "").lower()
    sync = account.startswith(_SYNC_ACCOUNT) or str(app.get("displayName") or "").lower() == _SYNC_APP
    return name, str(app.get("appId") or "").lower(), sync
