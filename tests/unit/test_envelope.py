"""What is approved without its values holds for whatever the values turn out to be, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import Bench

from runbook_exec.change import Change, Deferred
from runbook_exec.drift import drift, line_body
from runbook_exec.envelope import outside
from runbook_exec.errors import Invalid
from runbook_exec.plan_line import Awaits, Line, Status
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.testing import FarSide, registered
from runbook_exec.values import plain

BASE = "OU=People,DC=corp,DC=example"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12).map(
    lambda text: "".join(f"\\{byte:02x}" for byte in text.encode())
)
"""A value of a name, every byte of it escaped, so that it holds commas and equal signs as itself."""
SAYS = {"en": "x", "de": "x"}


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far)


def approved(within, args):
    later = Line(
        step="s",
        title=SAYS,
        section=0,
        status=Status.LATER,
        uses="ldap.x",
        envelope={"uses": "ldap.x", "with": plain(args), "within": within},
        awaits=Awaits.VALUE,
        needs="ask.answer",
    )
    return line_body(later)


def concrete(args, *, target, after=None, groups=(), writes=()):
    change = Change(
        action="ldap.x",
        target=target,
        before={},
        after=after or {"a": 1},
        says=SAYS,
        groups=groups,
        writes=writes,
    )
    return Line(
        step="s",
        title=SAYS,
        section=0,
        status=Status.CHANGE,
        uses="ldap.x",
        envelope={"uses": "ldap.x", "with": args},
        change=change,
    )


@given(name=NAMES, between=st.lists(NAMES, max_size=2))
def test_whatever_lies_below_the_base_passes(name, between):
    dn = ",".join([f"CN={name}", *(f"OU={each}" for each in between), BASE])
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer")})
    assert drift(line, concrete({"dn": dn}, target=dn, writes=(dn,))) is None


@given(
    name=NAMES, elsewhere=st.sampled_from(["OU=Admins,DC=corp,DC=example", "DC=corp,DC=example", "OU=People"])
)
def test_whatever_lies_elsewhere_is_drift_however_it_is_called(name, elsewhere):
    dn = f"CN={name},{elsewhere}"
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer")})
    assert drift(line, concrete({"dn": dn}, target=dn)) is not None


@given(name=NAMES)
def test_a_base_inside_a_value_is_no_base(name):
    dn = f"CN={name}\\,OU\\=People\\,DC\\=corp\\,DC\\=example,OU=Admins,DC=corp,DC=example"
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer")})
    assert drift(line, concrete({"dn": dn}, target=dn)) is not None


@pytest.mark.parametrize("target", [BASE, BASE.lower(), "anna@corp.example", "", "/users/anna"])
def test_the_container_itself_and_what_is_no_directory_name_lie_outside(target):
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer")})
    assert drift(line, concrete({"dn": target}, target=target)) is not None


@given(name=NAMES)
def test_where_it_goes_counts_as_where_it_is(name):
    here, there = f"CN={name},{BASE}", f"CN={name},OU=Admins,DC=corp,DC=example"
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer")})
    assert drift(line, concrete({"dn": here}, target=here, writes=(here, there))) is not None


GROUPS = ["CN=Share,OU=Groups,DC=corp,DC=example", "Team Blue", "0f3c"]


@given(chosen=st.lists(st.sampled_from(GROUPS), max_size=3), swap=st.booleans())
def test_the_groups_that_were_shown_pass_in_any_spelling(chosen, swap):
    names = tuple((name.swapcase() if swap else name,) for name in chosen)
    line = approved({"groups": GROUPS}, {"add": Deferred("ask", "answer")})
    assert drift(line, concrete({"add": chosen}, target="x", groups=names)) is None


@given(chosen=st.lists(st.sampled_from(GROUPS), max_size=2), other=st.text(min_size=1), at=st.integers(0, 2))
def test_one_group_that_was_not_shown_is_drift(chosen, other, at):
    names = [*chosen]
    names.insert(min(at, len(names)), f"~{other}")
    line = approved({"groups": GROUPS}, {"add": Deferred("ask", "answer")})
    now = concrete({"add": names}, target="x", groups=tuple((name,) for name in names))
    assert drift(line, now) is not None


def test_a_group_may_be_named_by_its_id_or_by_its_name():
    for name in ("Team Blue", "0f3c"):
        line = approved({"groups": [name]}, {"add": Deferred("ask", "answer")})
        assert drift(line, concrete({"add": [name]}, target="x", groups=(("Team Blue", "0f3c"),))) is None


@given(names=st.sets(st.sampled_from(["title", "Department", "l"]), min_size=1), extra=st.booleans())
def test_attributes_that_were_not_shown_are_drift(names, extra):
    after = dict.fromkeys(names, "x") | ({"adminCount": "1"} if extra else {})
    line = approved({"attributes": ["TITLE", "department", "l"]}, {"set": Deferred("ask", "answer")})
    assert (drift(line, concrete({"set": after}, target="x", after=after)) is not None) is extra


@given(start=st.text(max_size=5), middle=st.text(max_size=5), end=st.text(max_size=5))
def test_a_star_stands_for_anything_and_no_other_character_does(start, middle, end):
    change = concrete({}, target=f"[{start}.{middle}]{end}").change
    literal = f"[{start}.*]{end}"
    assert outside({"targets": [literal]}, change) == ""
    assert outside({"targets": [f"x{literal}"]}, replace(change, target=f"y[{start}.{middle}]{end}"))


@given(value=st.text(max_size=8))
def test_the_fixed_arguments_hold_beside_the_limits(value):
    line = approved({"base": [BASE]}, {"dn": Deferred("ask", "answer"), "enabled": False})
    dn = f"CN=a,{BASE}"
    assert drift(line, concrete({"dn": dn, "enabled": False}, target=dn)) is None
    assert drift(line, concrete({"dn": dn, "enabled": True}, target=dn)) is not None
    assert drift(line, concrete({"dn": dn, "enabled": False, value + "+": 1}, target=dn)) is not None


# In a run

LIMITED = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- id: two
  title: {en: Two, de: Zwei}
  uses: memory.thing
  with: {key: "x-{{ one.id }}", set: {n: 1}}
  within: {targets: "LIMIT"}
"""


def test_a_step_inside_its_limits_is_done(bench):
    run = bench.start(bench.runbook(LIMITED.replace("LIMIT", "x-id-*")))
    assert run.status is RunStatus.DONE
    assert "x-id-1" in bench.far.things


def test_a_step_that_would_leave_its_limits_stops_as_drift_and_writes_nothing(bench):
    run = bench.start(bench.runbook(LIMITED.replace("LIMIT", "x-server-*")))
    assert run.status is RunStatus.DRIFTED
    assert set(bench.far.things) == {"a"}
    assert "outside" in run.steps["two"].error["what"]


def test_limits_hold_for_what_is_known_while_planning(bench):
    steps = "- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}, within: {targets: b}}"
    plan = bench.plan(bench.runbook(steps))
    assert "a is not called like b" in plan.refusals[0]


def test_limits_that_nobody_could_approve_are_refused(bench):
    with pytest.raises(Invalid, match="nobody could approve it"):
        bench.plan(bench.runbook(LIMITED.replace("LIMIT", "{{ one.id }}")))


# Whether it is needed at all

MAYBE = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- {id: ok, when: "{{ one.id == 'no' }}", gate: {person: boss@x.example}}
- {id: two, title: {en: Two, de: Zwei}, when: "{{ one.id == 'no' }}", uses: memory.thing, with: {key: b, set: {n: 1}}}
- id: each
  title: {en: Each, de: Jedes}
  when: "{{ one.id == 'no' }}"
  for_each: "{{ ['c', 'd'] }}"
  uses: memory.thing
  with: {key: "{{ item }}", set: {n: 1}}
"""


def test_what_nobody_knew_to_be_needed_may_turn_out_not_to_be(bench):
    run = bench.start(bench.runbook(MAYBE, subject='"s"'))
    assert run.status is RunStatus.DONE
    assert {run.steps[name].status for name in ("ok", "two", "each")} == {StepStatus.SKIPPED}
    assert set(bench.far.things) == {"a"}


def test_the_plan_tells_a_gate_that_is_sure_from_one_that_is_not(bench):
    maybe = bench.plan(bench.runbook(MAYBE, subject='"s"'))
    sure = bench.plan(
        bench.runbook(MAYBE.replace("\"{{ one.id == 'no' }}\", gate", '"{{ 1 == 1 }}", gate'), subject='"s"')
    )
    assert maybe.line("ok").may_skip
    assert not sure.line("ok").may_skip
    assert maybe.digest != sure.digest


def test_a_step_that_was_sure_to_be_needed_is_not_left_out(bench):
    steps = """
    - {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
    - {id: word, title: {en: W, de: W}, uses: memory.word, with: {text: x}}
    - id: two
      title: {en: Two, de: Zwei}
      when: "{{ one.changed }}"
      uses: memory.thing
      with: {key: "b-{{ one.id }}", set: {n: 1}}
    """
    runbook = bench.runbook(steps)
    plan = bench.plan(runbook)
    bench.far.things["a"] = {"id": "id-0", "n": 1}
    run = bench.start(runbook, plan=plan)
    assert run.status is RunStatus.DRIFTED
    assert run.steps["two"].error["what"] == "whether the step is needed has changed"
