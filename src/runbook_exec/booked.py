"""Ends of memberships that runs have booked: to be done by themselves, at their time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runbook_exec import almanac
from runbook_exec.change import State
from runbook_exec.dn import canonical
from runbook_exec.run import Run


def booked_end(runs: Iterable[Run], group: str) -> State:
    """The latest time at which one of these runs takes its subject out of the group; None where none does.

    A run counts once everything that stands before that step is over: what is not agreed to yet is no promise.
    """
    wanted = canonical(group)
    found = [
        (almanac.read(line["not_before"]), run.id)
        for run in runs
        for line in _ends(run)
        if any(canonical(name) == wanted and joins is False for name, joins in _memberships(line))
    ]
    if not found:
        return None
    at, run_id = max(found)
    return {"run": run_id, "at": at.isoformat()}


def ends(run: Run) -> list[tuple[str, str]]:
    """The ends that a run has booked: of which group, and when (RFC 9557), the first one first."""
    found = [
        (str(line["not_before"]), name)
        for line in _ends(run)
        for name, joins in _memberships(line)
        if joins is False
    ]
    return [(name, at) for at, name in sorted(found)]


def _ends(run: Run) -> Iterator[Mapping[str, Any]]:
    """Planned lines with a time of their own that are still to come, with nothing open before their section."""
    if run.is_over or "undoes" in run.started:
        return
    for line in run.plan.get("lines", ()):
        over = run.record(line["step"]).status.is_over
        if not line.get("not_before") and not over:
            return
        if line.get("not_before") and not over:
            yield line


def _memberships(line: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Groups that a line leaves: as planned, or by the arguments of a line that is planned when its time has come."""
    if line.get("uses") != "ldap.group_members":
        return
    what = line.get("what") or {}
    yield from (what.get("after") or {}).items()
    removes = ((what.get("envelope") or {}).get("with") or {}).get("remove")
    for name in removes if isinstance(removes, list) else ():
        if isinstance(name, str):
            yield name, False
