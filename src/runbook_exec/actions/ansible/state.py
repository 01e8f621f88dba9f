"""What check mode found, as the state that plans are made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from runbook_exec.actions.ansible.request import Request, parsed
from runbook_exec.actions.ansible.results import Difference, Outcome, Report, Result
from runbook_exec.change import (
    Certainty,
    Change,
    Effect,
    Evidence,
    Facts,
    Irreversible,
    Json,
    Ref,
    State,
    same,
)
from runbook_exec.errors import Failed
from runbook_exec.way_back import nothing_left

LONGEST_TEXT = 1000


def of(report: Report, hosts: tuple[str, ...]) -> dict[str, Json]:
    """The state of `ansible.check`.

    `hosts`: on which hosts; `pending`: "host: task" → {module, before, after} of each task that
    would change something; `skipped`: [{host, task, reason, unseen}] of those that were not run.
    """
    pending: dict[str, Json] = {}
    for result in report.of(Outcome.CHANGED):
        for name, body in _pending(result):
            pending[_free(name, pending)] = body
    return {
        "hosts": list(hosts),
        "pending": pending,
        "skipped": [
            {"host": r.host, "task": r.task, "reason": r.reason, "unseen": r.unseen}
            for r in report.of(Outcome.SKIPPED)
        ],
    }


NOTHING_PENDING: Mapping[str, Json] = {"pending": {}, "skipped": []}


def change(action: str, request: Request, facts: Facts) -> Change:
    """The change that a request means, from what check mode said about it."""
    found = facts[request.ref]
    if found is None:
        raise Failed(
            "nothing is known about this request: check mode was not run",
            where=request.target,
            next_move="plan again",
        )
    pending: Mapping[str, Mapping[str, Json]] = found["pending"]
    hosts: list[str] = found["hosts"]
    skipped = found["skipped"]
    settled: State = {**found, **NOTHING_PENDING}
    return Change(
        action=action,
        target=request.target,
        identity=found.get("source"),
        before={name: body["before"] for name, body in pending.items()},
        after={name: body["after"] for name, body in pending.items()},
        says=_says(request, pending, hosts),
        certainty=Certainty.REPORTED,
        effects=(Effect(request.ref, settled, whole=True),),
        writes=tuple(hosts),
        outputs={"hosts": hosts},
        notes=tuple(_note(item) for item in skipped),
        destructive=_destroys(request),
        blocked=_blocked(skipped),
    )


def back(action: str, undone: Change, evidence: Evidence) -> Change | Irreversible:
    """The change that takes one back, by the request that its step named for that."""
    inverse = evidence.undo.get("back") or next((parsed(e.ref.key).back for e in undone.effects), None)
    if not inverse:
        return Irreversible(reason=f"{undone.target}: the step names no `undo:`")
    request = parsed({"hosts": evidence.undo.get("hosts") or list(undone.writes), **inverse})
    hosts, done = ", ".join(request.hosts), undone.target.rpartition(": ")[2]
    return Change(
        action=action,
        target=request.target,
        before=undone.after,
        after=undone.before,
        says={
            "en": f"{request.title} takes back on {hosts} what {done} did",
            "de": f"{request.title} nimmt auf {hosts} zurück, was {done} tat",
        },
        certainty=Certainty.BLIND,
        effects=undone.effects[:1],
        request=request.plain(),
        writes=request.hosts,
        destructive=True,
    )


def back_reads(back: Change) -> tuple[Ref, ...]:
    """What check mode says about the inverse, and about the request that it takes back."""
    return (parsed(back.request or {}).ref, *(effect.ref for effect in back.effects))


def back_remaining(back: Change, facts: Facts) -> Change:
    """The inverse as check mode reports it; nothing where the host is no longer as the run left it.

    Check mode of the request itself tells: it would change again what somebody changed since. What
    it never came to change, since the step failed on the way, is no change of theirs.
    """
    inverse = parsed(back.request or {})
    left = change(back.action, inverse, facts)
    others: dict[str, Json] = {}
    for effect in back.effects:
        pending: Mapping[str, Mapping[str, Json]] = (facts.get(effect.ref) or {"pending": {}})["pending"]
        for task, body in pending.items():
            was, made = (back.after or {}).get(task), (back.before or {}).get(task)
            if not (same(body["before"], was) and same(body["after"], made)):
                others[task] = {"left": body["after"], "found": body["before"]}
    if left.is_empty or not others:
        return replace(left, says=back.says, destructive=True)
    return replace(nothing_left(left, others), says=back.says)


def _pending(result: Result) -> Iterator[tuple[str, dict[str, Json]]]:
    """A changed task always counts, also where its module shows no difference."""
    name = f"{result.host}: {result.task}"
    if result.hidden:
        yield name, {"module": result.module, "before": None, "after": "takes a secret, so it is not shown"}
    for difference in result.differences:
        before, after = _narrow(difference)
        if before == after:
            before, after = None, f"changed by {result.module}, which shows no difference"
        label = f"{name} ({difference.thing})" if difference.thing else name
        yield label, {"module": result.module, "before": before, "after": after}


def _narrow(difference: Difference) -> tuple[Json, Json]:
    """Only what differs; a long text is cut, with its digest, so that drift in its tail still shows."""
    before, after = difference.before, difference.after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return {n: before.get(n) for n in names}, {n: after.get(n) for n in names}
    return _cut(before or None), _cut(after or None)


def _cut(value: Json) -> Json:
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    return f"{value[:LONGEST_TEXT]}… ({len(value)} characters, SHA-256 {digest}…)"


def _free(name: str, taken: Mapping[str, Json]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name} #{number}" in taken:
        number += 1
    return f"{name} #{number}"


def _says(request: Request, pending: Mapping[str, Json], hosts: list[str]) -> dict[str, str]:
    where = ", ".join(hosts)
    if not pending:
        return {
            "en": f"{request.title} finds nothing to change on {where}",
            "de": f"{request.title} findet auf {where} nichts zu ändern",
        }
    tasks = list(dict.fromkeys(name.partition(": ")[2].partition(" (")[0] for name in pending))
    what = "; ".join(tasks[:4]) + (f" (+{len(tasks) - 4})" if len(tasks) > 4 else "")
    count = len(pending)
    return {
        "en": f"{request.title} makes {count} change{'s' if count != 1 else ''} on {where}: {what}",
        "de": f"{request.title} macht {count} Änderung{'en' if count != 1 else ''} auf {where}: {what}",
    }


def _note(item: Mapping[str, Json]) -> str:
    how = "cannot be seen by check mode" if item["unseen"] else "was skipped"
    return f'{item["host"]}: "{item["task"]}" {how}: {item["reason"]}'


def _blocked(skipped: list[Mapping[str, Json]]) -> str:
    """A task that check mode cannot look at would make both this plan and the read-back a guess."""
    unseen = list(dict.fromkeys(item["task"] for item in skipped if item["unseen"]))
    if not unseen:
        return ""
    return (
        "check mode cannot look at "
        + ", ".join(f'"{task}"' for task in unseen)
        + ": use a module that supports it, or give the command creates: or removes:"
    )


def _destroys(request: Request) -> bool:
    return request.values.get("state") == "absent" and bool(request.module)
