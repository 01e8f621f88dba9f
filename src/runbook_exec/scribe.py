"""The one pen of a run: turns what happens into chained events, durable before anyone goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from runbook_exec.change import Json
from runbook_exec.checkpoint import moment
from runbook_exec.errors import Busy, JournalError, Late, Overtaken
from runbook_exec.journal import WORDS, Event, Kind
from runbook_exec.replay import after, check_next
from runbook_exec.run import Run
from runbook_exec.values import plain

Append = Callable[[Event, bool], Event]
"""Stores an event durably and gives it back sealed; True as second argument: the run is over."""

Since = Callable[[int], Sequence[Event]]
"""Reads the events beyond a sequence number: what people said meanwhile."""

Watch = Callable[[Event, Run], None]
"""Told of each event once it is durable."""


class Scribe:
    """Writes the events of one run in order, from any thread, and keeps the run up to date."""

    def __init__(
        self,
        run: Run,
        append: Append,
        *,
        who: str,
        clock: Callable[[], datetime],
        watch: Watch,
        since: Since = lambda seq: (),
    ) -> None:
        self.run = run
        self.who = who
        self.heard = 0
        """How many words of people were found in the journal so far."""
        self._append, self._clock, self._watch, self._since = append, clock, watch, since
        self._lock = threading.Lock()

    def add(self, kind: Kind, body: Mapping[str, Json], *, heard: int | None = None) -> Run:
        """Append one event; a secret in it becomes its rule. Raises `JournalError` or `Busy`: then nothing may have an effect.

        With `heard`, raises `Overtaken` where somebody said something since then: whoever
        decided by what was heard decides again.
        """
        kept, late = plain(body), False
        with self._lock:
            while True:
                if heard is not None and heard != self.heard:
                    raise Overtaken("somebody said something meanwhile", where=f"run {self.run.id}")
                event = Event(
                    client=self.run.client,
                    run=self.run.id,
                    seq=self.run.seq + 1,
                    at=self._now(),
                    who=self.who,
                    kind=kind,
                    body=kept,
                    before=self.run.head,
                )
                try:
                    sealed = self._append(event, kind in {Kind.DONE, Kind.CANCELLED})
                except Late as error:
                    if late:
                        raise JournalError(
                            error.what, where=error.where, next_move=error.next_move
                        ) from error
                    late = True  # this process stood still since it looked at the clock
                    continue
                except Overtaken as error:
                    if not self._listen():
                        raise JournalError(
                            error.what, where=error.where, next_move=error.next_move
                        ) from error
                    continue
                self.run = after(self.run, sealed)
                self._watch(sealed, self.run)
                return self.run

    def listen(self) -> int:
        """Read what people said meanwhile; gives how many words were heard so far."""
        with self._lock:
            self._listen()
            return self.heard

    def _now(self) -> str:
        """The time; never before the newest event's, whatever was done to the clock."""
        now = self._clock().astimezone(UTC)
        return max(now, moment(self.run.at) if self.run.at else now).isoformat(timespec="microseconds")

    def _listen(self) -> bool:
        found = self._since(self.run.seq)
        for event in found:
            check_next(self.run, event)
            if event.kind not in WORDS:
                raise Busy(
                    f"run {event.run} was taken over by somebody else; this process writes nothing more",
                    next_move=f"`runbook status {event.run}` shows how it goes on",
                )
            self.run = after(self.run, event)
            self._watch(event, self.run)
        self.heard += len(found)
        return bool(found)
