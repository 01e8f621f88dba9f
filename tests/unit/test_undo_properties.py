"""Whatever a run does and others do meanwhile: undone, the run's own values are back, and theirs are kept."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

from estate import Estate
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_exec.run import RunStatus
from runbook_exec.testing import FarSide, registered

KEYS, NAMES, VALUES = st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from([1, 2, 3])
SETS = st.dictionaries(NAMES, st.one_of(VALUES, st.none()), min_size=1)
STEPS = st.lists(st.tuples(KEYS, SETS), min_size=1, max_size=5)
THINGS = st.dictionaries(KEYS, st.dictionaries(NAMES, VALUES))
EDITS = st.lists(st.tuples(KEYS, st.sampled_from("xyzpq"), st.one_of(VALUES, st.none())), max_size=4)


def yaml(steps):
    lines = []
    for number, (key, values) in enumerate(steps):
        told = ", ".join(f"{name}: {'null' if value is None else value}" for name, value in values.items())
        title = "{en: S, de: S}"
        lines.append(
            f"- {{id: s{number}, title: {title}, uses: memory.thing, with: {{key: {key}, set: {{{told}}}}}}}"
        )
    return "\n".join(lines)


def edited(things, edits):
    """Somebody else sets or removes values of things that exist."""
    for key, name, value in edits:
        if key not in things:
            continue
        if value is None:
            things[key].pop(name, None)
        else:
            things[key][name] = value


def set_twice(steps):
    """(key, name) of values that more than one step sets."""
    seen = [(key, name) for key, values in steps for name in values]
    return {one for one in seen if seen.count(one) > 1}


@settings(max_examples=60, deadline=None)
@given(things=THINGS, steps=STEPS, edits=EDITS)
def test_run_then_undo_restores_the_world_and_keeps_what_others_did(things, steps, edits):
    things = {key: {"id": f"{key}-1", **values} for key, values in things.items()}
    with tempfile.TemporaryDirectory() as folder, registered(FarSide(**things)) as far:
        estate = Estate(Path(folder), far)
        before = estate.world()
        run = estate.run(yaml(steps))
        assert run.status is RunStatus.DONE
        left = estate.world()
        edited(far.things, edits)
        now = estate.world()
        plan = estate.plan_undo(run)
        if not plan.is_empty:
            shown = {line.step: copy.deepcopy(line.change) for line in plan.lines}
            back = estate.undo(run)
            assert back.status is RunStatus.DONE
            assert all(back.steps[step].status.is_over for step in shown)
        after = estate.world()
        twice = set_twice(steps)
        for key in {*before, *left, *now}:
            mine, theirs = left.get(key, {}), now.get(key, {})
            for name in {*mine, *theirs, *before.get(key, {})}:
                if (key, name) in twice:
                    continue  # set back by hand to what a step in between had left, it cannot be told from ours
                if mine.get(name) != theirs.get(name):
                    # somebody changed it since: it is as they left it
                    assert after.get(key, {}).get(name) == theirs.get(name)
                elif key in before:
                    assert after[key].get(name) == before[key].get(name)
            if mine == theirs and key not in before:
                assert key not in after  # made by the run, and untouched


@settings(max_examples=60, deadline=None)
@given(things=THINGS, steps=STEPS)
def test_undoing_twice_and_running_again_change_nothing_that_they_should_not(things, steps):
    things = {key: {"id": f"{key}-1", **values} for key, values in things.items()}
    with tempfile.TemporaryDirectory() as folder, registered(FarSide(**things)) as far:
        estate = Estate(Path(folder), far)
        run = estate.run(yaml(steps))
        done = estate.world()
        if estate.plan_undo(run).is_empty:
            return
        estate.undo(run)
        assert estate.run(yaml(steps)).status is RunStatus.DONE
        assert estate.world() == done
