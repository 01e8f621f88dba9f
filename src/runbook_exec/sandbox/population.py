"""Brings the rehearsal company to life: directory first, then a sync, then the cloud's own, then the leavers.

History is played, not painted: who is in a recycle bin was there before and was deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_exec.sandbox import residents
from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.company_model import Person
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.rehearsal import Rehearsal
from runbook_exec.sandbox.sync import Sync
from runbook_exec.sandbox.sync_export import anchor_of
from runbook_exec.sandbox.tenants import Tenants

_EXPORT_ERROR = "InvalidSoftMatch: another object holds the same value (rehearsed, edge case 10a)"


def seed(rehearsal: Rehearsal) -> None:
    """Put everybody and everything of the company into the empty directory and the empty tenant."""
    company = load()
    directory = Directory(rehearsal.shelf, rehearsal.faults)
    cloud = Cloud(rehearsal.shelf, rehearsal.faults)
    sync = Sync(directory, cloud, company=company)
    with rehearsal.shelf.together():
        residents.move_in(directory, company)
        sync.cycle()
        Tenants(cloud, company).move_in()
        for person in company.deleted:
            _delete(rehearsal, person)
        for person in company.people:
            if person.cloud_disabled:
                _disable_in_cloud(sync, person)
        sync.cycle()


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Nothing listens: the company only is."""
    return {}


def _delete(rehearsal: Rehearsal, person: Person) -> None:
    """Delete a person on the day on which it happened, here and there."""
    then = datetime.now(UTC) - timedelta(days=person.deleted_days)
    guid = residents.move_out(Directory(rehearsal.shelf, rehearsal.faults, clock=lambda: then), person)
    cloud = Cloud(rehearsal.shelf, rehearsal.faults, clock=then.timestamp)
    user = cloud.anchored(anchor_of(guid))
    assert user is not None
    cloud.soft_delete(user["id"])
    if "cloud-bin" not in person.bins:
        cloud.purge(user["id"])


def _disable_in_cloud(sync: Sync, person: Person) -> None:
    user = sync.cloud.user(person.upn)
    assert user is not None
    sync.cloud.change_user(user["id"], {"accountEnabled": False})
    sync.hold(user["onPremisesImmutableId"], _EXPORT_ERROR)
