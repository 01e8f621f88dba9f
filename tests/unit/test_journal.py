from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_exec.errors import JournalError
from runbook_exec.journal import FIRST, Event, check_chain, encoded, event_hash
from runbook_exec.replay import replay

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def chain(bodies):
    before, events = FIRST, []
    for number, body in enumerate(bodies, 1):
        event = Event(
            client="c", run="r", seq=number, at="2026-03-02T07:00:00", who="mia",
            kind="step.evidence" if number > 1 else "run.started", body=body, before=before,
        ).hashed()  # fmt: skip
        events.append(event)
        before = event.hash
    return events


BODIES = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=2, max_size=6)


@given(BODIES)
def test_an_untouched_chain_holds(bodies):
    check_chain(chain(bodies))


@settings(max_examples=200)
@given(BODIES, st.data())
def test_any_touched_event_breaks_the_chain(bodies, data):
    events = chain(bodies)
    index = data.draw(st.integers(0, len(events) - 1))
    how = data.draw(st.sampled_from(["body", "who", "at", "kind", "remove", "swap", "repeat"]))
    if how == "remove":
        if index == len(events) - 1:
            return  # a cut-off end is found by checkpoints, not by the chain
        del events[index]
    elif how == "swap":
        if index == 0:
            return
        events[index - 1], events[index] = events[index], events[index - 1]
    elif how == "repeat":
        events.insert(index, events[index])
    else:
        body = {"changed": True, **events[index].body, "x": "touched"}
        touched = {"stored": encoded(body)} if how == "body" else {how: "somebody else"}
        events[index] = replace(events[index], **touched)
    with pytest.raises(JournalError):
        check_chain(events)


def test_the_chain_covers_the_bytes_that_are_kept_not_how_the_body_reads():
    (event,) = chain([{"name": "Anna"}])
    check_chain([replace(event, body={})])
    with pytest.raises(JournalError):
        check_chain([replace(event, stored=b"{}")])


def test_moving_text_from_one_field_to_the_next_changes_the_hash():
    (event,) = chain([{}])
    assert event_hash(replace(event, who="mi", kind="arun.started")) != event.hash


def test_a_run_of_a_newer_schema_is_refused():
    with pytest.raises(JournalError, match="schema 99"):
        replay(chain([{"schema": 99}]))


def test_nothing_is_no_run():
    with pytest.raises(JournalError, match="no events"):
        replay([])
