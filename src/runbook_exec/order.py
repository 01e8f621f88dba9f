"""In which order steps are carried out: as written, but do-confirm items when their section ends. Pure.

What is done from memory is confirmed as one list, after it was done: at the section's end, or
earlier where a gate, or a step that reads one of the items, comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runbook_exec.model import Mode, Runbook, Step
from runbook_exec.recover import reads

Batch = tuple[Step, ...]
"""Steps that run side by side; or a list that is confirmed together."""


def carried_out(runbook: Runbook) -> Iterator[Batch]:
    """Every step once."""
    for section in runbook.sections:
        yield from _batches(replace(runbook, sections=(section,)))


def is_list(batch: Batch) -> bool:
    """True for items that are confirmed together."""
    return all(map(is_plain_item, batch))


def is_plain_item(step: Step) -> bool:
    """A do-confirm item without conditions, texts or secrets of its own."""
    return (
        step.mode is Mode.DO_CONFIRM
        and step.uses == "people.confirm"
        and not (step.when or step.for_each or step.parallel or step.not_before)
        and set(step.args) <= {"title"}
    )


def _batches(alone: Runbook) -> Iterator[Batch]:
    put_off: list[Step] = []
    for batch in alone.batches():
        if put_off and _needs(batch, {step.id for step in put_off}):
            yield tuple(put_off)
            put_off = []
        if is_list(batch):
            put_off += batch
        else:
            yield batch
    if put_off:
        yield tuple(put_off)


def _needs(batch: Batch, ids: set[str]) -> bool:
    return any(step.gate or reads(step) & ids for step in batch)
