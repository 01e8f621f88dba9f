"""The hybrid sync of the rehearsal: every few seconds the directory's people and groups go to the cloud.

What it does like the real one: scope by unit, soft delete of what leaves the scope,
soft-deleted users that come back by their anchor, placeholder names for duplicates, the
cloud's own properties left alone, and a cloud-side disable undone. What it does not: it
never writes back to the directory, and `accountExpires` and passwords do not travel.

The real cycle takes 30 minutes. Here it is two seconds, or what the fault `sync-slow`
says; `sync-stopped` stops it.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Mapping
from time import time
from typing import Any

from runbook_exec.sandbox import sync_export as export
from runbook_exec.sandbox.company import Company, load
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud, stamp
from runbook_exec.sandbox.graph_refusal import Refusal
from runbook_exec.sandbox.graph_sync import SyncInbox
from runbook_exec.sandbox.graph_tenant import TENANT
from runbook_exec.sandbox.rehearsal import Rehearsal
from runbook_exec.sandbox.sync_export import Exported

EVERY = 2.0
"""Seconds between two cycles."""
STATE, HELD, TROUBLE = "sync_state", "sync_held", "sync_trouble"
"""Tables: anchor → what was sent last and what became of it; anchor → why it is not sent; why the last cycle broke."""

_TICK = 0.25
_SHOWN_EVERY = 60.0
_tasks: set[asyncio.Task[None]] = set()


class Sync:
    """One sync engine between one directory and one tenant."""

    def __init__(
        self,
        directory: Directory,
        cloud: Cloud,
        *,
        company: Company | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self.directory, self.cloud, self.clock = directory, cloud, clock
        self.company = company or load()
        self.inbox = SyncInbox(cloud)
        self.shelf = cloud.shelf
        self._seen: object = None
        self._shown = 0.0

    def cycle(self) -> int:
        """Bring the cloud in line with the directory; returns how many objects were written.

        Costs next to nothing while nobody has written anything since the last cycle.
        """
        written = 0
        if self.shelf.stamp() != self._seen:
            with self.shelf.together():
                written = self._users_and_groups()
        if written or self.clock() - self._shown > _SHOWN_EVERY:
            self._show()
        self._seen = self.shelf.stamp()
        return written

    def hold(self, anchor: str, reason: str) -> None:
        """From now on this object has an export error: the cloud keeps what it has."""
        self.shelf.put(HELD, anchor, {"reason": reason})

    def _users_and_groups(self) -> int:
        everything = self.directory.everything()
        users = export.users(everything, self.company)
        groups = export.groups(everything, self.company)
        written = self._leave({user.anchor for user in users}, {group.anchor for group in groups})
        live = {
            str(u["onPremisesImmutableId"]): u for u in self.cloud.users() if u.get("onPremisesImmutableId")
        }
        written += sum(self._send_user(user, live.get(user.anchor)) for user in users)
        ids = self._ids([*users, *groups])
        written += sum(self._send_manager(user, ids) for user in users)
        # Twice: a group can hold one that comes only after it.
        for _ in range(2):
            ids = self._ids([*users, *groups])
            written += sum(self._send_group(group, ids) for group in groups)
        return written

    def _leave(self, users: set[str], groups: set[str]) -> int:
        """What is no longer in scope: users are soft-deleted, groups are gone for good."""
        gone = [u for u in self.cloud.users() if u.get("onPremisesSyncEnabled")]
        gone = [u for u in gone if u["onPremisesImmutableId"] not in users]
        for user in gone:
            self.inbox.remove_user(user["onPremisesImmutableId"])
            self.shelf.drop(STATE, user["onPremisesImmutableId"])
        lost = [g for g in self.cloud.groups() if g.get("_anchor") and g["_anchor"] not in groups]
        for group in lost:
            self.cloud.soft_delete(group["id"])
            self.cloud.purge(group["id"])
            self.shelf.drop(STATE, group["_anchor"])
        return len(gone) + len(lost)

    def _send_user(self, user: Exported, known: Body | None) -> int:
        if self.shelf.get(HELD, user.anchor) is not None:
            return 0
        last = self.shelf.get(STATE, user.anchor)
        sent = dict(user.attributes)
        if known is not None and last == {"sent": sent, "got": _of(known, sent)}:
            return 0
        if known is None:
            self._bring_back(user.anchor)
        try:
            body = self._put(user.anchor, sent)
        except Refusal as refusal:
            self.shelf.put(STATE, user.anchor, {"sent": sent, "error": refusal.message})
            return 0
        self.shelf.put(STATE, user.anchor, {"sent": sent, "got": _of(body, sent)})
        return 1

    def _put(self, anchor: str, sent: dict[str, Any]) -> Body:
        """A user whose mail somebody else has comes without it, as Entra does it."""
        try:
            return self.inbox.put_user(anchor, sent)
        except Refusal:
            return self.inbox.put_user(anchor, {**sent, "mail": None})

    def _bring_back(self, anchor: str) -> None:
        """A soft-deleted user of this anchor is the same person: restored, not made again."""
        for gone in self.cloud.deleted("user"):
            if gone.get("onPremisesImmutableId") == anchor:
                try:
                    self.cloud.restore(gone["id"])
                except Refusal:  # somebody has the name by now: the sync will give a placeholder
                    self.cloud.restore(gone["id"], name=f"{gone['id']}@{self.company.tenant}")
                return

    def _send_manager(self, user: Exported, ids: Mapping[str, str]) -> int:
        mine = ids.get(user.dn)
        body = None if mine is None else self.shelf.get(USERS, mine)
        manager = next((ids[dn] for dn in user.links if dn in ids), None)
        if body is None or body.get("_manager") == manager or self.shelf.get(HELD, user.anchor) is not None:
            return 0
        self.cloud.keep(USERS, body, {**body, "_manager": manager})
        return 1

    def _send_group(self, group: Exported, ids: Mapping[str, str]) -> int:
        members = [ids[dn] for dn in group.links if dn in ids]
        sent = {**group.attributes, "members": sorted(members)}
        mine = ids.get(group.dn)
        known = None if mine is None else self.cloud.group(mine)
        if known is not None and self.shelf.get(STATE, group.anchor) == {"sent": sent}:
            return 0
        self.inbox.put_group(group.anchor, group.attributes, members)
        self.shelf.put(STATE, group.anchor, {"sent": sent})
        return 1

    def _ids(self, exported: list[Exported]) -> dict[str, str]:
        """Name in the directory → id in the cloud, of all that has arrived."""
        by_anchor = {str(u.get("onPremisesImmutableId")): u["id"] for u in self.cloud.users()}
        by_anchor |= {str(g.get("_anchor")): g["id"] for g in self.cloud.groups()}
        return {one.dn: by_anchor[one.anchor] for one in exported if one.anchor in by_anchor}

    def _show(self) -> None:
        """The tenant says when it was last synced."""
        self._shown = self.clock()
        organisation = self.shelf.get("graph_org", TENANT)
        if organisation is not None:
            organisation["onPremisesLastSyncDateTime"] = stamp(self._shown)
            self.shelf.put("graph_org", TENANT, organisation)


def seed(rehearsal: Rehearsal) -> None:
    """Nothing of its own: the company's people were synced when they moved in."""


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Run in the background; there is nothing to connect to."""
    task = asyncio.create_task(_run(rehearsal))
    _tasks.add(task)  # a task that nobody holds may vanish
    task.add_done_callback(_tasks.discard)
    return {}


async def _run(rehearsal: Rehearsal) -> None:
    faults = rehearsal.faults
    engine = Sync(Directory(rehearsal.shelf, faults), Cloud(rehearsal.shelf, faults))
    last = time()
    while True:
        await asyncio.sleep(_TICK)
        slow = faults.look("sync-slow")
        every = EVERY if slow is None else float(slow.get("seconds", 1800))
        if time() - last < every:
            continue
        last = time()
        if faults.look("sync-stopped") is None:
            _cycle_or_log(engine)


def _cycle_or_log(engine: Sync) -> None:
    """A cycle that breaks is told in the log and in the status, and the next one is tried, as the real engine does."""
    try:
        engine.cycle()
    except Exception as error:  # noqa: BLE001 - whatever it is, the doubles beside the sync go on
        traceback.print_exc(file=sys.stderr)
        engine.shelf.put(TROUBLE, "last", {"error": f"{type(error).__name__}: {error}"})
    else:
        if engine.shelf.get(TROUBLE, "last") is not None:
            engine.shelf.drop(TROUBLE, "last")


def _of(body: Body, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Of what the cloud has, the part that the sync masters."""
    return {name: body.get(name) for name in sent}
