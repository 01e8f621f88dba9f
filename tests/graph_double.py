"""The Graph double for tests: a fresh tenant on its own port, its rehearsal in hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from runbook_exec.action import Context, find, find_provider, make_args
from runbook_exec.change import Change, Evidence
from runbook_exec.plan import gather, gathered
from runbook_exec.references import looked_up
from runbook_exec.sandbox import graph
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_http import Front
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_server import listen
from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal


class Tenant:
    """A running double, seen from both sides."""

    def __init__(self, rehearsal: Rehearsal, port: int) -> None:
        self.rehearsal, self.faults = rehearsal, rehearsal.faults
        self.cloud = Cloud(rehearsal.shelf, rehearsal.faults)
        self.licensing = Licensing(self.cloud)
        self.settings = graph.connection(rehearsal, port)["graph"]

    def connection(self, *, write: bool = True, **other):
        values = dict(self.settings)
        planning = values.pop("planning")
        values |= other if write else {**planning, **other}
        return {key: looked_up(key, value, "test") for key, value in values.items()}

    @contextmanager
    def session(self, *, write: bool = True):
        provider = find_provider("graph")
        with provider.open(self.connection(write=write), write=write) as session:
            yield session

    def log(self):
        return [entry for _, entry in self.rehearsal.shelf.items("graph_log")]

    def writes(self):
        return [entry for entry in self.log() if entry["method"] != "GET"]

    def person(self, name="anna.weiss", **properties):
        upn = properties.pop("upn", f"{name}@kranich.example")
        display = properties.pop("displayName", name.replace(".", " ").title())
        return self.cloud.add_user(
            {"userPrincipalName": upn, "displayName": display, "mailNickname": name} | properties
        )


@contextmanager
def tenant(folder: Path) -> Iterator[Tenant]:
    """A tenant without people, served until the block ends."""
    rehearsal = open_rehearsal(folder)
    graph.seed(rehearsal)
    port, server = asyncio.run_coroutine_threadsafe(listen(rehearsal, Front(rehearsal).app), _loop()).result(
        10
    )
    try:
        yield Tenant(rehearsal, port)
    finally:
        server.should_exit = True  # it hangs up by itself within a tenth of a second
        rehearsal.shelf.close()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all doubles of this process, in a thread that ends with it."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def context(seconds: float = 20.0) -> Context:
    """What an action gets from the executor, with a deadline in a moment."""
    return Context(
        client="test",
        run="r1",
        step="s1",
        language="en",
        project=Path(),
        now=lambda: datetime.now(UTC),
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
        say=lambda text: None,
        record=lambda body: None,
        ask=lambda question: None,
    )


def planned(session, name: str, **values) -> Change:
    """The change that the action plans from what the session reads."""
    action = find(name)
    args = make_args(action, values)
    return action.plan(args, gather(action, args, session.read))


def done(session, name: str, *, seconds: float = 20.0, **values) -> tuple[Change, Evidence]:
    """Plan and apply as the executor does; the read-back must find nothing left."""
    action, change = find(name), planned(session, name, **values)
    args = make_args(action, values)
    evidence = applied(session, name, change, seconds=seconds, **values)
    if action.rereads:
        again = planned(session, name, **values)
        assert again.is_empty, (again.before, again.after)
        # After a crash the far side is measured by these: another target or id would be somebody else's work.
        assert again.target == change.target
        assert change.identity in {None, again.identity}
    assert action.verify(session, args, change, evidence) == ""
    return change, evidence


def applied(session, name: str, change: Change, *, seconds: float = 20.0, **values) -> Evidence:
    action = find(name)
    assert change.blocked == ""
    with session.permit(change.writes):
        evidence = action.apply(session, make_args(action, values), change, context(seconds))
    assert isinstance(evidence, Evidence)
    return evidence


def undone(session, name: str, change: Change, evidence: Evidence, **_: object) -> Change:
    """Take a change back as an undo does: held against the world, applied without arguments, read back."""
    back = left(session, name, change, evidence)
    assert (back.conflicts, back.blocked) == ({}, "")
    assert not back.is_empty
    with session.permit(back.writes):
        find(name).apply(session, None, back, context())
    again = left(session, name, change, evidence)
    assert again.is_empty, (again.before, again.after)
    return back


def left(session, name: str, change: Change, evidence: Evidence) -> Change:
    """What is still to be taken back."""
    action = find(name)
    back = action.undo(change, evidence)
    assert isinstance(back, Change)
    facts = gathered(name, lambda facts: action.undo_reads(back, evidence, facts), session.read)
    return action.undo_plan(back, evidence, facts)
