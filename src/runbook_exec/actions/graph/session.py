"""An open line to one tenant: reading many things at once, and writing what a change permits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING

from runbook_exec.action import Context
from runbook_exec.actions.graph import audits, reading
from runbook_exec.actions.graph.connection import of_its_own
from runbook_exec.actions.graph.message import CONFLICT, Message, Reply, trouble
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import NoPen, Unreachable
from runbook_exec.far_log import FarLog

if TYPE_CHECKING:
    from runbook_exec.actions.graph.wire import Wire

APPLICATION = "graph.application"
"""Kind of fact: which application of its own the connection names for `roles` or `wipe`."""
READ_PATIENCE = 60.0
"""Seconds for which reads bear with a service that throttles or is down."""
MOST_ATTEMPTS = 3
"""How often a create without an answer is sent, looking before each repetition."""
LAG = 15.0
"""Seconds for which a 404 on a write to something just read counts as lag."""


class Session:
    """What the actions get. `write=False` has no pen: the transport refuses, whatever is asked."""

    def __init__(self, wire: Wire, *, write: bool) -> None:
        # One step has the session at a time, so what is permitted is the session's own.
        self.wire, self._write = wire, write
        self._permitted: frozenset[str] = frozenset()
        self._etags: dict[str, str] = {}
        self._apart: dict[str, Wire] = {}

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        """Everything at once: equal requests are sent once, several go in batches of 20."""
        known: dict[Ref, State] = {ref: self._application(ref.key) for ref in refs if ref.kind == APPLICATION}
        wanted = {ref: reading.requests(ref) for ref in refs if ref not in known}
        unique = list(dict.fromkeys(asked for parts in wanted.values() for asked in parts))
        if not unique:
            return known
        replies = dict(zip(unique, self.wire.ask_all(unique, patience=READ_PATIENCE), strict=True))
        for asked, reply in replies.items():
            replies[asked] = self._whole(reply)
            self._remember(asked, reply)
        for ref, parts in wanted.items():
            known[ref] = reading.state(ref, [replies[asked] for asked in parts])
        return known

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self._write:
            raise NoPen("a session that only reads was asked for permission to write")
        before, self._permitted = self._permitted, frozenset(writes)
        try:
            yield
        finally:
            self._permitted = before

    def history(self, since: str, until: str, *, base: str, only: Sequence[str] | None) -> FarLog:
        """What the tenant's audit log tells; see `far_log.Rememberer`. A directory's `base` says nothing here."""
        asked = audits.request(since, until)
        reply = self._whole(self.wire.ask(asked, patience=READ_PATIENCE))
        if not reply.ok:
            raise trouble(asked, reply)
        return audits.log(reply.body["value"], only)

    def get(self, path: str) -> Json:
        """A read outside of the usual kinds; None where it does not exist."""
        asked = Message(path=path)
        reply = self.wire.ask(asked, patience=READ_PATIENCE)
        if reply.status == 404:
            return None
        if not reply.ok:
            raise trouble(asked, reply)
        return reply.body

    def send(
        self, asked: Message, ctx: Context, *, lag: float = LAG, holds: Callable[[], bool] | None = None
    ) -> Json:
        """A write and its body; a bad reply raises.

        Things just read that answer 404 are asked again for `lag` seconds. Where the object has
        another version than we read, `holds` says whether what this change goes out from is
        still so: somebody else's unrelated edit is no obstacle.
        """
        reply = self.attempt(asked, ctx, lag=lag)
        if reply.status == 412 and holds is not None and holds():
            reply = self.attempt(asked, ctx, lag=lag)
        if not reply.ok:
            raise trouble(asked, reply)
        return reply.body

    def attempt(self, asked: Message, ctx: Context, *, lag: float = 0.0) -> Reply:
        """A write and its reply, good or bad."""
        asked = self._matching(asked)
        self._etags.pop(_owner(asked), None)  # the write makes a new version
        until, pause = monotonic() + min(lag, left(ctx)), 0.25
        while True:
            wire = self._wire(asked.by)
            reply = wire.ask(asked, patience=left(ctx), permitted=self._permitted, say=ctx.say)
            if reply.status != 404 or monotonic() + pause > until:
                return reply
            sleep(pause)
            pause *= 2

    def create(self, asked: Message, ctx: Context, found: Callable[[], Json], *, same_as: str = "") -> Json:
        """A POST that makes something. Without an answer it is looked for, and only then sent again.

        `found` gives the thing if it is there and is the one that was wanted, else None. It is
        asked, too, where Graph refuses with the words `same_as`: "already a member" counts as
        done only after the state was read.
        """
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                reply = self.attempt(asked, ctx, lag=LAG)
            except Unreachable as error:
                there = found() if error.sent else None
                if there is not None:
                    return there
                if not error.sent or attempt == MOST_ATTEMPTS:
                    raise
                ctx.say("no answer, and nothing is there yet: asking again")
                continue
            if reply.ok:
                return reply.body
            if not any(words in reply.words for words in (CONFLICT, same_as) if words):
                raise trouble(asked, reply)
            # After a lost answer a POST may meet the fruit of the first, not yet seen everywhere.
            wait = LAG if attempt > 1 else 0.0
            there = awaited(found, min(wait, left(ctx))) if attempt > 1 or same_as else None
            if there is None:
                raise trouble(asked, reply)
            return there
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Hang up every line that was opened."""
        for wire in (self.wire, *self._apart.values()):
            wire.close()

    def roles_of(self, name: str) -> list[str]:
        """The permissions of an application of its own; raises where the connection names none."""
        return self._wire(name).roles()

    def _application(self, name: str) -> State:
        """Whether the connection names an application of its own for this; nothing is asked."""
        keys = self.wire.connection.apart.get(name)
        return None if keys is None else {"client_id": keys.get("client_id")}

    def _wire(self, name: str) -> Wire:
        """The line of this application, opened when it is first needed."""
        if not name:
            return self.wire
        if name not in self._apart:
            wire = type(self.wire)(of_its_own(self.wire.connection, name), write=self._write)
            self._apart[name] = wire
        return self._apart[name]

    def _whole(self, reply: Reply) -> Reply:
        """The reply with all its pages."""
        body = reply.body
        while reply.ok and isinstance(body, dict) and body.get("@odata.nextLink"):
            link = str(body["@odata.nextLink"])
            asked = Message(path=link.removeprefix(self.wire.connection.url))
            page = self.wire.ask(asked, patience=READ_PATIENCE)
            if not page.ok:
                raise trouble(asked, page)
            body = {**page.body, "value": [*body["value"], *page.body["value"]]}
        return Reply(status=reply.status, headers=reply.headers, body=body)

    def _remember(self, asked: Message, reply: Reply) -> None:
        etag = reply.body.get("@odata.etag") if reply.ok and isinstance(reply.body, dict) else None
        if etag and reply.body.get("id"):
            self._etags[str(reply.body["id"])] = str(etag)

    def _matching(self, asked: Message) -> Message:
        """A PATCH of something whose version we read goes only to that version."""
        version = self._etags.get(_owner(asked))
        if asked.method != "PATCH" or asked.path.count("/") != 2 or version is None:
            return asked
        return Message(
            method=asked.method,
            path=asked.path,
            body=asked.body,
            headers={**asked.headers, "If-Match": version},
            by=asked.by,
        )


def awaited(found: Callable[[], Json], seconds: float) -> Json:
    """What `found` finds within so many seconds, looked for at once and then ever less often."""
    until, pause = monotonic() + seconds, 0.25
    while (there := found()) is None and monotonic() + pause <= until:
        sleep(pause)
        pause *= 2
    return there


def _owner(asked: Message) -> str:
    """The id of the object that a request is about."""
    return (asked.path.split("/") + [""] * 3)[2]


def left(ctx: Context) -> float:
    """Seconds until the step's deadline."""
    return max(0.0, (ctx.deadline - ctx.now()).total_seconds())
