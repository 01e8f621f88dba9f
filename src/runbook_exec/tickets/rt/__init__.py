"""Request Tracker 5 by its REST 2 interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runbook_exec.change import Json
from runbook_exec.tickets.rt.desk import RequestTracker
from runbook_exec.tickets.rt.wire import Wire, opened


@contextmanager
def open_desk(connection: Mapping[str, Json], *, write: bool) -> Iterator[RequestTracker]:
    """The desk behind `url` (https; http on this machine alone).

    Keys: `url`, `token` (of a user of RT), `queue` (where a ticket goes that names none), `closed_as`
    (`resolved`) and `open_as` (`open`): the statuses that closing and opening again set, `closed` (a
    list: `[resolved, rejected, deleted]`): those that count as closed, `ca` (a file with certificates),
    `timeout` (30 seconds), `client`, which the application adds.
    """
    with opened(connection, write=write) as client:
        yield RequestTracker(Wire(client), connection, write=write)
