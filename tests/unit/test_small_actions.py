"""Waiting, checking, secrets, people and identities, run by the real executor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import Bench

from runbook_exec.action import find, make_args
from runbook_exec.change import Ref
from runbook_exec.errors import Invalid
from runbook_exec.journal import Kind
from runbook_exec.plan import gather
from runbook_exec.run import RunStatus
from runbook_exec.secret import Secret
from runbook_exec.testing import FarSide, registered

WAIT = """
- id: mailbox
  title: {en: Wait, de: Warten}
  uses: wait.until
  with: {read: memory.thing, of: box, has: {kind: shared}, deadline: 2m, every: 30s}
- {id: copy, title: {en: C, de: C}, uses: memory.thing, with: {key: a, set: {of: "{{ mailbox.state.name }}"}}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far)


def appear(bench, after: float, **things):
    """The far side brings these things about once the clock has gone on that far."""
    begun = bench.clock()
    forward = bench.clock.forward

    def moved(seconds):
        forward(seconds)
        if (bench.clock() - begun).total_seconds() >= after:
            bench.far.things.update(things)

    bench.clock.forward = moved


def test_a_wait_ends_when_it_is_so_and_gives_what_was_read(bench):
    appear(bench, 60, box={"kind": "shared", "name": "info"})
    run = bench.start(bench.runbook(WAIT))
    assert run.status is RunStatus.DONE
    assert bench.far.things["a"]["of"] == "info"


def test_what_a_wait_brings_is_known_later_in_the_plan(bench):
    line = bench.plan(bench.runbook(WAIT)).line("copy")
    assert "mailbox" in line.reason


def test_a_wait_fails_at_its_deadline_and_says_what_for(bench):
    run = bench.start(bench.runbook(WAIT))
    assert run.status is RunStatus.FAILED
    assert "kind = shared" in run.record("mailbox").error["what"]
    assert (bench.clock() - bench.clock.__class__().time).total_seconds() == 120


def test_a_wait_that_the_plan_saw_fulfilled_is_no_drift_while_the_far_side_is_slower(bench):
    bench.far.things["box"] = box = {"kind": "shared", "name": "info"}

    def vanish(event, run):
        if event.kind == Kind.PLANNED:
            bench.far.things.pop("box")

    bench.on_event = vanish
    appear(bench, 30, box=box)
    assert bench.start(bench.runbook(WAIT)).status is RunStatus.DONE


ASSERT = """
- {id: word, title: {en: W, de: W}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- id: check
  title: {en: Check, de: Prüfen}
  uses: assert.that
  with: {that: "{{ seats > 0 }}", says: {en: no seat is left, de: kein Platz ist frei}}
- {id: after, title: {en: A, de: A}, uses: memory.thing, with: {key: b, set: {colour: red}}}
"""


def test_a_condition_that_does_not_hold_refuses_the_plan_with_its_reason(bench):
    plan = bench.plan(bench.runbook(ASSERT), seats=0)
    assert plan.refusals == ("step 'check' cannot be done: no seat is left",)
    assert bench.plan(bench.runbook(ASSERT), seats=1).refusals == ()


def test_a_condition_that_only_shows_on_the_way_stops_the_run_there(bench):
    text = ASSERT.replace("seats > 0", "word.id == 'x'")
    run = bench.start(bench.runbook(text))
    assert run.status is RunStatus.FAILED
    assert run.record("check").error["what"] == "no seat is left"
    assert bench.far.writes == ["a"]


def test_without_a_person_a_human_step_waits(bench):
    runbook = bench.runbook("- {id: laptop, title: {en: Hand over, de: Übergeben}, mode: read-do}")
    run = bench.start(runbook)
    assert run.status is RunStatus.WAITING
    assert "a person has to confirm: Hand over" in run.record("laptop").note


def made(**args):
    action = find("secret.generate")
    arguments = make_args(action, args)
    return action.apply(None, arguments, action.plan(arguments, {}), None).outputs["value"]


@pytest.mark.parametrize("length", [12, 20, 127])
def test_a_secret_has_every_kind_of_character_and_none_that_looks_like_another(length):
    for _ in range(200):
        text = made(length=length).reveal()
        assert len(text) == length
        assert any(c.islower() for c in text)
        assert any(c.isupper() for c in text)
        assert any(c.isdigit() for c in text)
        assert any(not c.isalnum() for c in text)
        assert not set(text) & set("0O1lI|")


@given(st.text("abcdef", min_size=3, max_size=3))
def test_a_secret_never_holds_a_name_that_is_to_be_avoided(name):
    assert name not in made(length=40, avoid=[f"svc-{name}"]).reveal().casefold()


def test_names_too_short_for_the_directory_to_mind_are_no_obstacle():
    assert made(avoid=["a", "bc", ""]).reveal()


def test_a_rule_that_nothing_satisfies_is_said_and_does_not_run_for_ever():
    from itertools import product

    with pytest.raises(Invalid, match="no secret can be made"):
        made(length=127, avoid=["".join(p) for p in product("abcdefghijkmnopqrstuvwxyz", repeat=3)])


def test_two_secrets_differ_and_neither_shows_itself():
    one, other = made(), made()
    assert one.reveal() != other.reveal()
    assert isinstance(one, Secret)
    assert f"{one!r}" == "***"


def test_all_candidates_of_an_identity_are_read_in_one_round():
    action, rounds = find("identity.propose"), []

    def read(refs):
        rounds.append(list(refs))
        return dict.fromkeys(refs)

    args = make_args(
        action,
        {
            "employee_id": "1",
            "given_name": "Anna",
            "surname": "Weiß",
            "domain": "k.example",
            "ou": "OU=X,DC=k",
        },
    )
    gather(action, args, read)
    (only,) = rounds
    assert Ref("ldap.holder", "aweiss") in only
    assert Ref("graph.holder", "anna.weiss@k.example") in only
    assert Ref("ldap.cn", "anna weiss,ou=x,dc=k") in only
    assert len(only) < 30


def test_the_other_candidates_are_read_only_where_the_first_ones_are_taken():
    action, asked = find("identity.propose"), []
    given = {"employee_id": "1", "given_name": "Anna", "surname": "Weiß", "domain": "k.example"}
    args = make_args(action, {**given, "sources": ["ldap"]})

    def read(refs):
        asked.append(len(refs))
        taken = {"live": ["CN=Somebody"], "deleted": [], "deleted_visible": True}
        gone = {f"anna.weiss{n}@k.example" for n in ("", *range(2, 9))}
        return {ref: taken if ref.key in gone else None for ref in refs}

    change = action.plan(args, gather(action, args, read))
    assert change.outputs["upn"] == "anna.weiss9@k.example"
    assert len(asked) == 2
