"""An open line to Exchange: one call of the read script for many things, one of the write script a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runbook_exec.action import Context, still_ours
from runbook_exec.actions.exchange.shell import Shell
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import Invalid, NoPen, Refused

MAILBOX, PERMISSION, RULES = "exchange.mailbox", "exchange.permission", "exchange.rules"
_MISSING = {"missing": True}


class Session:
    """Reads `exchange.mailbox`, `exchange.permission` and `exchange.rules`.

    Without `write` it runs the read script and nothing else.
    """

    def __init__(self, shell: Shell, *, write: bool) -> None:
        self.shell, self._write = shell, write
        self._permitted: frozenset[str] = frozenset()

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        if not refs:
            return {}
        asked = {"read": [_asked(ref) for ref in refs]}
        found: list[Any] = self.shell.run("read.ps1", asked, writes=False, seconds=self.shell.timeout)
        return {ref: None if one == _MISSING else one for ref, one in zip(refs, found, strict=True)}

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self._write:
            raise NoPen("a session that only reads was asked for permission to write")
        before, self._permitted = self._permitted, frozenset(writes)
        try:
            yield
        finally:
            self._permitted = before

    def send(self, order: Mapping[str, Json], ctx: Context) -> Json:
        """Have the write script make one change to a mailbox that the plan names."""
        if not self._write:
            raise NoPen("a session that only reads was asked to write", where=self.shell.where)
        if order["of"] not in self._permitted:
            raise Refused(f"{order['of']} is not in the plan", where=self.shell.where)
        still_ours()
        left = (ctx.deadline - ctx.now()).total_seconds()
        return self.shell.run("write.ps1", {"write": dict(order)}, writes=True, seconds=left)


def _asked(ref: Ref) -> dict[str, str]:
    of, _, who = ref.key.partition(" ")
    if ref.kind not in {MAILBOX, PERMISSION, RULES} or not of or bool(who) != (ref.kind == PERMISSION):
        raise Invalid(
            f"exchange cannot read {ref.kind} {ref.key!r}",
            next_move="read exchange.mailbox, exchange.rules, or exchange.permission of `mailbox person`",
        )
    return {"kind": ref.kind.partition(".")[2], "of": of, **({"who": who} if who else {})}
