"""Trouble on request: which faults are switched on, for how often, and with what figures.

Each double asks `take` at the places where the real far side fails; the names and
meanings of all faults stand in `KNOWN`, so that `runbook sandbox fault` can explain them.
"""

from __future__ import annotations

import random
from typing import Any

from runbook_exec.errors import Invalid
from runbook_exec.sandbox.shelf import Shelf

KNOWN: dict[str, str] = {
    "directory-down": "the directory accepts no connection",
    "directory-busy": "the directory answers 'busy' to a write",
    "directory-lost-answer": "the directory does a write and drops the connection before answering",
    "graph-throttled": "Graph answers 429 with Retry-After (seconds=)",
    "graph-unavailable": "Graph answers 503 with Retry-After (seconds=)",
    "graph-busy": "Graph answers a write with 409: somebody else is changing the object",
    "graph-gateway": "a gateway before Graph answers a write with 502 or 504 (status=), done or not (done=)",
    "graph-batch-throttled": "Graph answers 429 to single requests of a batch (seconds=)",
    "graph-lost-answer": "Graph does a write and drops the connection before answering",
    "graph-lag": "a read of something just created answers 404 for a while (seconds=)",
    "graph-stale": "a read of something just changed shows its old values for a while (seconds=)",
    "graph-quota": "Graph allows only so many requests in ten seconds (requests=)",
    "graph-deleted-unseen": "Graph refuses to show deleted items",
    "graph-latency": "every Graph request takes longer (seconds=)",
    "licences-exhausted": "no seat is left of any SKU (or of one: sku=)",
    "mailbox-late": "a mailbox takes this long to appear (seconds=)",
    "sync-stopped": "the hybrid sync does not run",
    "sync-slow": "the hybrid sync runs only every so many seconds (seconds=; the real one: 1800)",
    "aws-throttled": "AWS answers a request with ThrottlingException",
    "aws-unavailable": "AWS answers 503",
    "aws-lost-answer": "AWS does a write and drops the connection before answering",
    "exchange-busy": "Exchange throttles a call of PowerShell",
    "exchange-lost-answer": "PowerShell does a change to a mailbox and ends before answering",
    "mail-refused": "the mail server refuses a message with 451",
}


class Faults:
    """The switchboard. State lives on the shelf, so a restart keeps what was set."""

    def __init__(self, shelf: Shelf, *, seed: int = 0) -> None:
        self._shelf = shelf
        self.random = random.Random(seed)  # noqa: S311 - rehearsal, must be repeatable

    def on(self, name: str, *, times: int | None = None, **figures: Any) -> None:
        """Switch a fault on, for `times` occasions or until it is switched off."""
        _check(name)
        self._shelf.put("faults", name, {"times": times, "figures": figures})

    def off(self, name: str) -> None:
        _check(name)
        self._shelf.drop("faults", name)

    def active(self) -> dict[str, dict[str, Any]]:
        return dict(self._shelf.items("faults"))

    def look(self, name: str) -> dict[str, Any] | None:
        """The figures of a fault that is on, without using it up; else None."""
        entry = self._shelf.get("faults", name)
        return None if entry is None else dict(entry["figures"])

    def take(self, name: str) -> dict[str, Any] | None:
        """The figures of a fault if it strikes now, counting the occasion; else None."""
        entry = self._shelf.get("faults", name)
        if entry is None:
            return None
        if entry["times"] is not None:
            entry["times"] -= 1
            if entry["times"] <= 0:
                self._shelf.drop("faults", name)
            else:
                self._shelf.put("faults", name, entry)
        return dict(entry["figures"])


def _check(name: str) -> None:
    if name not in KNOWN:
        raise Invalid(f"there is no fault {name!r}", next_move="choose one of: " + ", ".join(KNOWN))
