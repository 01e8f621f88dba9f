"""The ticket system's session: reads tickets; writes only those that the plan names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from runbook_exec.action import Context, Finding, Rights, still_ours
from runbook_exec.change import Change, Effect, Facts, Json, Ref, State
from runbook_exec.errors import Invalid, NoPen, Refused, RunbookError
from runbook_exec.tickets import TicketSystem, open_desk
from runbook_exec.way_back import remaining

NEW = "new ticket"
"""The far-side name of a ticket that does not exist yet."""


class TicketSession:
    """Reads `ticket.ticket` (by id) and `ticket.key` (by the key it was opened with)."""

    def __init__(self, desk: TicketSystem, *, write: bool) -> None:
        self._desk, self._write = desk, write
        self._permitted: frozenset[str] = frozenset()

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        return {ref: self._read(ref) for ref in refs}

    def _read(self, ref: Ref) -> State:
        match ref.kind:
            case "ticket.ticket":
                return self._desk.read(ref.key)
            case "ticket.key":
                found = self._desk.find_by_key(ref.key)
                return None if found is None else self._desk.read(found)
        raise Invalid(f"a ticket system cannot read {ref.kind}", next_move="read ticket.ticket")

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self._write:
            raise NoPen("this session cannot write tickets", next_move="a dry run writes nothing")
        self._permitted = frozenset(writes)
        try:
            yield
        finally:
            self._permitted = frozenset()

    def to_write(self, ticket: str) -> TicketSystem:
        """The desk, to write this ticket (or `NEW`), if the plan names it."""
        if not self._write:
            raise NoPen("this session cannot write tickets", next_move="a dry run writes nothing")
        if ticket not in self._permitted:
            raise Refused(f"ticket {ticket} is not in the plan")
        still_ours()
        return self._desk


class TicketProvider:
    """A ticket system, by the keys of its connection.

    `system`: `local` (the default) or `rt`; then that system's own keys: for the local desk
    `folder`, `.runbook` in the project folder if left out; for Request Tracker `url`, `token`, `queue`,
    and, where they are not the usual ones, `closed`, `closed_as`, `open_as`, `ca` and `timeout`.
    """

    name = "ticket"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[TicketSession]:
        with open_desk(connection, write=write) as desk:
            yield TicketSession(desk, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Whether the system answers, and whether we may there what the runbooks need."""
        try:
            with open_desk(connection, write=False) as desk:
                return [Finding(ok=True, what=desk.about()), *_of_rights(desk.may(), rights)]
        except RunbookError as error:
            return [Finding.of(error)]


def _of_rights(may: Mapping[str, bool], rights: Rights) -> Iterator[Finding]:
    needed = [need for need in (*rights.read, *rights.apply) if isinstance(need, str)]
    if missing := sorted({need for need in needed if may.get(need) is False}):
        move = "give the connection's user these rights in the ticket system"
        yield Finding(ok=False, what=f"missing rights: {', '.join(missing)}", next_move=move)
    if may and (unknown := sorted({need for need in needed if need not in may})):
        what = f"cannot be told before there is a ticket in the queue: {', '.join(unknown)}"
        yield Finding(ok=True, known=False, what=what)


def key_of(ctx: Context, given: str) -> str:
    """What makes a write recognisable when it is repeated: the key given, or run and step."""
    return given or f"{ctx.run}/{ctx.step}"


def author_of(ctx: Context) -> str:
    """Who writes."""
    return f"runbook ({ctx.run})"


def existing(ticket: str, state: State) -> Mapping[str, Json]:
    """The ticket that was read; an error that says what to do where there is none."""
    if not ticket:
        raise Invalid(
            "no ticket is named",
            next_move="start the run with --ticket NUMBER, or skip the step: when: \"{{ run.ticket != '' }}\"",
        )
    if state is None:
        raise Refused(f"there is no ticket {ticket!r}", next_move="check the number")
    return state


def status_remaining(back: Change, facts: Facts) -> Change:
    """A way back to another status, as far as the ticket still stands as the run left it."""
    ref = Ref("ticket.ticket", str(back.identity))
    ticket = facts.get(ref)
    left = remaining(back, ticket and {"status": ticket["status"]})
    return left if left.is_empty else replace(left, effects=(Effect(ref, left.after),))
