"""The one pen of a run: turns what happens into chained events, durable before anyone goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from runbook_exec.change import Json
from runbook_exec.journal import Event, Kind, Run, after
from runbook_exec.values import plain

Append = Callable[[Event, bool], Event]
"""Stores an event durably and gives it back sealed; True as second argument: the run is over."""

Watch = Callable[[Event, Run], None]
"""Told of each event once it is durable."""


class Scribe:
    """Writes the events of one run in order, from any thread, and keeps the run up to date."""

    def __init__(
        self, run: Run, append: Append, *, who: str, clock: Callable[[], datetime], watch: Watch
    ) -> None:
        self.run = run
        self.who = who
        self._append, self._clock, self._watch = append, clock, watch
        self._lock = threading.Lock()

    def add(self, kind: Kind, body: Mapping[str, Json]) -> Run:
        """Append one event; a secret in it becomes its rule. Raises `JournalError` or `Busy`: then nothing may have an effect."""
        kept = plain(body)
        with self._lock:
            event = Event(
                client=self.run.client,
                run=self.run.id,
                seq=self.run.seq + 1,
                at=self._clock().astimezone(UTC).isoformat(timespec="microseconds"),
                who=self.who,
                kind=kind,
                body=kept,
                before=self.run.head,
            )
            sealed = self._append(event, kind in {Kind.DONE, Kind.CANCELLED})
            self.run = after(self.run, sealed)
            self._watch(sealed, self.run)
            return self.run
