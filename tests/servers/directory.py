"""What a contract test needs of a directory, whichever server it is: run one step as the executor does."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ldap3

from runbook_exec.action import Context, find, find_provider, make_args
from runbook_exec.change import Change, Evidence
from runbook_exec.dn import parse
from runbook_exec.plan import gather, gathered


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
        """Take one step back as an undo does: held against the world, applied without arguments, read back."""
        back = self.left(name, done)
        assert not back.is_empty, back.conflicts
        assert not back.blocked, back.blocked
        with self.session(write=True) as session, session.permit(back.writes):
            find(name).apply(session, None, back, context())
        again = self.left(name, done)
        assert again.is_empty, (again.before, again.after)
        assert not again.conflicts
        return back

    def left(self, name: str, done: Done) -> Change:
        """What is still to be taken back."""
        action = find(name)
        back = action.undo(done.change, done.evidence)
        assert isinstance(back, Change), back
        with self.session(connection=self.server.reader) as session:
            facts = gathered(name, lambda facts: action.undo_reads(back, done.evidence, facts), session.read)
            return action.undo_plan(back, done.evidence, facts)

    def entry(self, dn: str) -> dict | None:
        from runbook_exec.actions.ldap.target import entry

        with self.session() as session:
            return session.read([entry(dn)])[entry(dn)]

    @contextmanager
    def raw(self):
        """A bare connection, as a colleague with another tool would have it."""
        with ExitStack() as closing:
            raw = self.server.raw()
            if isinstance(raw, ldap3.Connection):
                closing.callback(raw.unbind)
            else:
                raw = closing.enter_context(raw)
            yield raw

    def behind_our_back(self, kind: str, *args: Any) -> None:
        """One write of somebody else: `modify`, `delete`, `modify_dn`, `add`."""
        with self.raw() as raw:
            assert getattr(raw, kind)(*args), raw.result

    def group(self, cn: str, *members: str) -> str:
        """A group made behind the product's back."""
        dn = str(parse(self.server.groups).child("CN", cn))
        classes, attributes = getattr(self.server, "group_classes", ad_group)(cn, members)
        self.behind_our_back("add", dn, classes, attributes)
        return dn

    def members(self, group: str) -> set[str]:
        return {member.lower() for member in self.entry(group).get("member", [])}


def ad_group(cn: str, members: tuple[str, ...]) -> tuple[list[str], dict]:
    """A global security group of Active Directory."""
    login = "".join(char for char in cn if char.isalnum())
    attributes = {"sAMAccountName": login, "groupType": "-2147483646"}
    return ["top", "group"], attributes | ({"member": list(members)} if members else {})


def context() -> Context:
    now = datetime.now(UTC)
    return Context(
        client="c", run="r", step="s", language="en", project=Path(), now=lambda: now, deadline=now,
        say=lambda text: None, record=lambda body: None, ask=lambda question: None,
    )  # fmt: skip
