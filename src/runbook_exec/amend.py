"""A finding turned into a proposed change of the runbook's own text, as a diff. Pure.

Only changes that leave a runbook which loads are proposed. They are proposals: nothing is
changed until a person edits the file, in whatever way the desk reviews its runbooks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_exec import duration
from runbook_exec.errors import Invalid
from runbook_exec.findings import Finding, Sort
from runbook_exec.model import Runbook, Step


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """One proposed change: to which item, why, and what becomes of the lines."""

    step: str
    sort: Sort
    insert: str
    """A line to stand in the item, without its indent; a comment where only a person can word the change."""


def amendments(found: Iterable[Finding], runbook: Runbook) -> list[Amendment]:
    """What each finding suggests, once an item and sort."""
    steps = {step.id: step for step in runbook.steps()}
    proposed: list[Amendment] = []
    for finding in found:
        step = steps.get(finding.step.partition("[")[0])
        if step is None or any((a.step, a.sort) == (step.id, finding.sort) for a in proposed):
            continue
        line = _line(finding, step)
        if line:
            proposed.append(Amendment(step=step.id, sort=finding.sort, insert=line))
    return proposed


def _line(finding: Finding, step: Step) -> str:
    match finding.sort:
        case Sort.UNREACHABLE if finding.settled and step.retry.attempts <= 1:
            return "retry: {attempts: 3, backoff: 10s}"
        case Sort.LATE if "deadline" in step.args:
            return f"# the deadline ({step.args['deadline']}) was too short: twice that is {_double(step.args['deadline'])}"
        case Sort.DRIFT | Sort.REFUSED:
            return "# consider an assert.that before this item that finds the same before anything is changed"
        case Sort.DOUBT | Sort.RESOLVED:
            return "# consider what could be read here to tell whether it happened, so that nobody has to be asked"
        case Sort.EXPIRED:
            return "# nobody decided in time: a fallback, or a longer expires"
        case Sort.FAILED:
            return "# say in the item what has to be true first, or which item makes it so"
    return ""


def _double(length: Any) -> str:
    """Twice a length of time as it is written; an expression stays one."""
    try:
        return duration.words(duration.seconds(length) * 2)
    except Invalid:
        return f"2 × {length}"


def diff(
    source: str, file: str, proposed: Sequence[Amendment], loads: Callable[[str], bool]
) -> tuple[str, list[Amendment]]:
    """The proposals as one unified diff, and those that the text has no place for.

    `loads` tells whether a text is a runbook; a proposal after which it is none is not made.
    """
    text, left = source, []
    for amendment in proposed:
        amended = _with(text, amendment)
        if amended is None or not loads(amended):
            left.append(amendment)
        else:
            text = amended
    lines = difflib.unified_diff(
        source.splitlines(keepends=True), text.splitlines(keepends=True), f"a/{file}", f"b/{file}", n=2
    )
    return "".join(lines), left


def _with(text: str, amendment: Amendment) -> str | None:
    """The text with the line put below the item's id; None where the item is not written over several lines."""
    pattern = re.compile(rf"^(\s*)- id: [\"']?{re.escape(amendment.step)}[\"']?\s*(#.*)?$", re.MULTILINE)
    found = list(pattern.finditer(text))
    if len(found) != 1:
        return None
    end = found[0].end()
    return f"{text[:end]}\n{found[0][1]}  {amendment.insert}{text[end:]}"
