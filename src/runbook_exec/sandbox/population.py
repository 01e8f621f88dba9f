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
from runbook_exec.sandbox.directory_history import backdate
from runbook_exec.sandbox.graph_audit import TABLE as AUDITS
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.rehearsal import Rehearsal
from runbook_exec.sandbox.sync import Sync
from runbook_exec.sandbox.sync_export import anchor_of
from runbook_exec.sandbox.tenants import Tenants

FOUNDED = 400
"""Days ago: longer than any log is kept."""
_EXPORT_ERROR = "InvalidSoftMatch: another object holds the same value (rehearsed, edge case 10a)"


def seed(rehearsal: Rehearsal) -> None:
    """Put everybody and everything of the company into the empty directory and the empty tenant."""
    company, begun = load(), datetime.now(UTC) - timedelta(hours=1)
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
        _age(directory, rehearsal, begun)


def _age(directory: Directory, rehearsal: Rehearsal, begun: datetime) -> None:
    """The company was not founded today: its logs must not tell its whole making as today's changes."""
    directory.tree.refresh()
    since, founded = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (begun, begun - timedelta(days=FOUNDED)))
    aged = [entry.draft() for entry in directory.tree]
    for entry in aged:
        backdate(entry, since, founded)
    directory.tree.save(*aged)
    for key, _ in list(rehearsal.shelf.items(AUDITS)):
        rehearsal.shelf.drop(AUDITS, key)


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
