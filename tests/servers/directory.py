"""What a contract test needs of a directory, whichever server it is: run one step as the executor does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook_exec.action import Context, find, find_provider, make_args
from runbook_exec.actions.ldap.dn import parse
from runbook_exec.change import Change, Evidence
from runbook_exec.plan import gather


@dataclass(frozen=True)
class Done:
    """One step that was planned, applied, read back and verified."""

    change: Change
    evidence: Evidence
    missing: str
    again: Change


@dataclass
class Desk:
    """Drives actions against one server; planning uses the identity that can only read."""

    server: Any

    def name(self, cn: str, *, below: str = "") -> str:
        return str(parse(below or self.server.people).child("CN", cn))

    @contextmanager
    def session(self, *, write: bool = False, connection: dict | None = None):
        with find_provider("ldap").open(connection or self.server.connection, write=write) as session:
            yield session

    def plan(self, name: str, **args: Any) -> Change:
        action = find(name)
        made = make_args(action, args)
        with self.session(connection=self.server.reader) as session:
            return action.plan(made, gather(action, made, session.read))

    def apply(self, name: str, change: Change, **args: Any) -> Evidence:
        action = find(name)
        with self.session(write=True) as session, session.permit(change.writes):
            return action.apply(session, make_args(action, args), change, context())

    def run(self, name: str, **args: Any) -> Done:
        """Plan, apply, read again, plan again, verify."""
        action, change = find(name), self.plan(name, **args)
        assert not change.blocked, change.blocked
        evidence = self.apply(name, change, **args)
        with self.session() as session:
            missing = action.verify(session, make_args(action, args), change, evidence)
        again = self.plan(name, **args)
        if action.rereads:
            assert again.is_empty, (again.before, again.after)
        return Done(change, evidence, missing, again)

    def undo(self, name: str, done: Done, **args: Any) -> Change:
        back = find(name).undo(done.change, done.evidence)
        assert isinstance(back, Change), back
        self.apply(name, back, **args)
        return back

    def entry(self, dn: str) -> dict | None:
        from runbook_exec.actions.ldap.target import entry

        with self.session() as session:
            return session.read([entry(dn)])[entry(dn)]

    def group(self, cn: str, *members: str) -> str:
        """A group made behind the product's back."""
        dn = str(parse(self.server.groups).child("CN", cn))
        with self.server.raw() as raw:
            assert raw.add(dn, *self.server.group_classes(cn, members)), raw.result
        return dn


def context() -> Context:
    now = datetime.now(UTC)
    return Context(
        client="c", run="r", step="s", language="en", project=Path(), now=lambda: now, deadline=now,
        say=lambda text: None, record=lambda body: None, ask=lambda question: None,
    )  # fmt: skip
