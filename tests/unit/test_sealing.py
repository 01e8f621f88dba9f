from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.errors import JournalError
from runbook_exec.journal import FIRST, Event, Kind, check_chain, event_hash
from runbook_exec.sealing import (
    ERASED,
    NONCE,
    RULES,
    SEALED,
    Key,
    as_kept,
    key_of,
    opened,
    remains,
    sealed,
    stands_in_clear,
)

KEY = Key(id="k1", secret=b"s" * 32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["step", "lines", "error", "reason", "status", "x", "changed", "digest", "editor", "inputs"]
)
BODIES = st.dictionaries(
    NAMES | st.text(max_size=4).filter(lambda name: not name.startswith("$")), JSON, max_size=6
)


def event(kind=Kind.FAILED, **body):
    return Event(
        client="c", run="r1", seq=2, at="2026-03-02T07:00:00", who="mia", kind=kind, body=body, before=FIRST
    )


def shut(one, key=KEY):
    return sealed(one, key, os.urandom(NONCE))


@given(st.sampled_from([*Kind, "brand.new"]), BODIES)
def test_whatever_is_sealed_opens_as_it_was(kind, body):
    made = shut(replace(event(), kind=kind, body=body))
    assert made.body == body
    again = as_kept(made)
    assert (opened(again, KEY.secret) if key_of(again) else again).body == body


@given(BODIES)
def test_a_kind_that_nobody_thought_of_is_sealed_whole(body):
    made = as_kept(shut(replace(event(), kind="brand.new", body=body)))
    assert set(made.body) == ({"$key", SEALED} if body else set())


def test_every_kind_of_event_was_thought_of():
    """A kind that is missing is sealed whole; decide what of it an auditor needs once a person is erased."""
    assert {*Kind} - {*RULES} == {Kind.HELD, Kind.RELEASED, Kind.ERASED}


@pytest.mark.parametrize(
    ("kind", "body", "left"),
    [
        (Kind.FAILED, {"step": "a", "error": {"kind": "late", "what": "Anna"}}, {"step": "a", "error": {"kind": "late"}}),
        (Kind.INTENT, {"step": "a", "nature": "writes", "change": {"target": "Anna"}, "digest": "0f"},
         {"step": "a", "nature": "writes"}),
        (Kind.PLANNED, {"digest": "0f", "lines": [{"step": "a", "uses": "ldap.user", "says": {"en": "Anna"}}]},
         {"digest": "0f", "lines": [{"step": "a", "uses": "ldap.user"}]}),
        (Kind.STARTED, {"requester": "mia", "subject": "1042", "inputs": {"name": "Anna"}, "ticket": "7"},
         {"requester": "mia", "ticket": "7"}),
        (Kind.DECIDED, {"person": "boss", "verdict": "approve", "reason": "Anna asked", "text": "Anna"},
         {"person": "boss", "verdict": "approve"}),
    ],
)  # fmt: skip
def test_what_auditors_need_stays_open_and_what_is_about_people_does_not(kind, body, left):
    kept = as_kept(shut(event(kind, **body)))
    assert {name: value for name, value in kept.body.items() if not name.startswith("$")} == left
    assert b"Anna" not in kept.stored


def test_an_open_field_that_holds_more_than_a_plain_value_is_sealed():
    kept = as_kept(shut(event(Kind.RESULT, step={"name": "Anna"}, changed=[{"who": "Anna"}])))
    assert set(kept.body) == {"$key", SEALED}


@pytest.mark.parametrize("change", [{"run": "r2"}, {"seq": 3}, {"kind": Kind.SKIPPED}, {"client": "d"}])
def test_a_sealed_body_opens_at_its_own_place_alone(change):
    moved = replace(as_kept(shut(event(reason="Anna"))), **change)
    with pytest.raises(JournalError, match="does not open it"):
        opened(moved, KEY.secret)


def test_another_key_does_not_open_it():
    with pytest.raises(JournalError, match="run r1, event 2"):
        opened(as_kept(shut(event(reason="Anna"))), b"x" * 32)


@pytest.mark.parametrize("box", ["", "?", "AAAA", "A" * 200, 7])
def test_a_damaged_box_is_said_to_be_one(box):
    kept = as_kept(shut(event(reason="Anna")))
    with pytest.raises(JournalError, match="cannot be read"):
        opened(replace(kept, body={**kept.body, SEALED: box}), KEY.secret)


def test_two_events_that_say_the_same_are_not_seen_to():
    assert shut(event(reason="Anna")).stored != shut(event(reason="Anna")).stored


def test_the_chain_holds_over_what_is_kept_with_the_key_and_without():
    first = shut(replace(event(Kind.STARTED, subject="1042"), seq=1))
    second = shut(replace(event(reason="Anna"), before=first.hash))
    check_chain([first, second])
    check_chain([remains(as_kept(one), "2026-11-25") for one in (first, second)])
    assert event_hash(as_kept(second)) == second.hash


def test_what_is_left_of_an_erased_event_says_so():
    left = remains(as_kept(shut(event(step="a", error={"kind": "late", "what": "Anna"}))), "2026-11-25")
    assert left.body == {"step": "a", "error": {"kind": "late", "what": "(erased)"}, ERASED: "2026-11-25"}


def test_an_event_of_an_older_version_is_seen_to_stand_in_clear():
    old = event(Kind.SKIPPED, step="a", reason="Anna").hashed()
    assert stands_in_clear(as_kept(old))
    assert not stands_in_clear(as_kept(shut(old)))
    assert not stands_in_clear(as_kept(event(Kind.RESUMED, program="1").hashed()))
