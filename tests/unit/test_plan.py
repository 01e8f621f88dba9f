"""A plan is made by reading alone, says how much it knows, and its digest covers all of it."""

from __future__ import annotations

import textwrap

import pytest

from runbook_exec import load
from runbook_exec.change import Certainty, Deferred, Ref
from runbook_exec.errors import Invalid, Refused, RunbookError, Unreachable
from runbook_exec.plan import Awaits, Line, Plan, Scope, Status, gather, make_plan, plan_step
from runbook_exec.secret import Secret
from runbook_exec.testing import FarSide, Thing, registered

KEY = b"k" * 32
TITLE = "title: {en: Do it, de: Tu es}"


@pytest.fixture
def far():
    with registered(FarSide()) as side:
        yield side


def book(steps: str, **head) -> load.Runbook:
    text = "runbook: trial\ntitle: {en: Trial, de: Probe}\n"
    text += "".join(f"{name}: {value}\n" for name, value in head.items())
    text += "sections:\n  - title: {en: All, de: Alles}\n    steps:\n"
    body = textwrap.dedent(steps).strip("\n").replace("uses:", f"{TITLE}, uses:")
    return load.parse(text + textwrap.indent(body, "      ") + "\n", file="trial.yaml", fetch=lambda name: "")


def planned(runbook: load.Runbook, far: FarSide, *, read=None, key=KEY, protected=None, skip=(), outputs=None,
            site=None, **inputs) -> Plan:  # fmt: skip
    scope = Scope(
        inputs=inputs, site=site or {"domain": "example.org"}, run={"id": "r1"}, outputs=outputs or {}
    )
    return make_plan(
        runbook,
        scope=scope,
        read=read or far.read,
        client="kranich",
        environment="sandbox",
        key=key,
        protected=protected,
        skip=frozenset(skip),
    )


THING = "- {id: one, uses: memory.thing, with: {key: a, set: {x: 1}}}"


# Lines


def test_a_thing_that_is_missing_is_a_change_and_one_that_is_so_is_not(far):
    far.things["b"] = {"id": "7", "x": 1}
    plan = planned(book(f"{THING}\n- {{id: two, uses: memory.thing, with: {{key: b, set: {{x: 1}}}}}}"), far)
    assert [line.status for line in plan.lines] == [Status.CHANGE, Status.SAME]
    assert plan.changes == 1
    assert plan.line("one").change.before is None
    assert not plan.is_empty


def test_a_plan_on_a_finished_world_is_empty(far):
    far.things["a"] = {"id": "7", "x": 1}
    assert planned(book(THING), far).is_empty


def test_a_step_sees_what_an_earlier_one_would_do(far):
    plan = planned(
        book(f"{THING}\n- {{id: two, uses: memory.thing, with: {{key: a, set: {{x: 2, y: 3}}}}}}"), far
    )
    assert plan.line("two").change.before == {"x": 1, "y": plan.line("two").change.before["y"]}
    assert plan.line("two").change.before["y"].label == "one.y"
    assert plan.line("two").certainty is Certainty.DEFERRED


def test_a_step_that_needs_a_value_to_come_is_an_envelope(far):
    plan = planned(
        book(
            f"{THING}\n- {{id: two, uses: memory.thing, with: {{key: 'n-{{{{ one.id }}}}', set: {{x: 2}}}}}}"
        ),
        far,
    )
    line = plan.line("two")
    assert (line.status, line.awaits, line.certainty) == (Status.LATER, Awaits.VALUE, Certainty.DEFERRED)
    assert line.envelope["with"] == {
        "key": {"$deferred": "n-⟨one.id⟩", "$parts": ["n-", None]},
        "set": {"x": 2},
    }
    assert line.counts


def test_outputs_of_a_step_that_is_planned_later_are_all_to_come(far):
    steps = f"""
        {THING}
        - {{id: two, uses: memory.thing, with: {{key: "{{{{ one.id }}}}"}}}}
        - {{id: three, uses: memory.thing, with: {{key: x, set: {{y: "{{{{ two.key }}}}"}}}}}}
    """
    assert planned(book(steps.replace("        ", "")), far).line("three").status is Status.LATER


def test_an_action_that_must_look_at_a_value_to_come_is_planned_later(far, monkeypatch):
    monkeypatch.setattr(Thing, "plan", lambda self, args, facts: bool(Deferred("this", "id")))
    line = planned(book(THING), far).line("one")
    assert (line.status, line.needs) == (Status.LATER, "this.id")


@pytest.mark.parametrize(
    ("when", "status"),
    [
        ("{{ name == 'a' }}", Status.CHANGE),
        ("{{ name == 'b' }}", Status.SKIP),
        ("{{ one.id == 'b' }}", Status.LATER),
        ("{{ one.changed }}", Status.CHANGE),
        ("{{ one.skipped }}", Status.SKIP),
        ("{{ one.nosuch is defined }}", Status.SKIP),
    ],
)
def test_a_condition_decides_waits_or_skips(far, when, status):
    steps = f'{THING}\n- {{id: two, when: "{when}", uses: memory.thing, with: {{key: b, set: {{x: 1}}}}}}'
    line = planned(book(steps), far, name="a").line("two")
    assert line.status is status
    assert (line.awaits is Awaits.WHETHER) == (status is Status.LATER)


def test_a_skipped_step_reads_nothing_and_gives_only_that_it_was_skipped(far):
    steps = """
- {id: one, when: "{{ false }}", uses: memory.thing, with: {key: a, set: {x: 1}}}
- {id: two, uses: memory.thing, with: {key: b, set: {x: "{{ one.skipped }}", y: "{{ one.id | default('none') }}"}}}
"""
    plan = planned(book(steps), far)
    assert plan.line("two").change.after == {"x": True, "y": "none"}
    assert [ref.key for refs in far.reads for ref in refs] == ["b"]


def test_a_gate_is_a_line_with_its_rule_computed(far):
    steps = '- {id: ok, gate: {all: [{person: "{{ boss }}"}], expires: 48h}}'
    line = planned(book(steps), far, boss="mia").line("ok")
    assert (line.status, line.gate.rule, line.gate.expires) == (
        Status.GATE,
        {"all": [{"person": "mia"}]},
        172800.0,
    )


def test_steps_already_done_are_left_out_and_their_outputs_are_known(far):
    steps = f'{THING}\n- {{id: two, uses: memory.thing, with: {{key: b, set: {{x: "{{{{ one.id }}}}"}}}}}}'
    plan = planned(book(steps), far, skip=["one"], outputs={"one": {"id": "7"}})
    assert [line.step for line in plan.lines] == ["two"]
    assert plan.line("two").change.after == {"x": "7"}


# for_each

EACH = '- {id: each, for_each: "{{ names }}", uses: memory.thing, with: {key: "{{ item }}", set: {x: 1}}}'


def test_each_element_is_a_line(far):
    plan = planned(book(EACH), far, names=["a", "b"])
    assert [line.step for line in plan.lines] == ["each[0]", "each[1]"]
    assert plan.line("each[1]").change.target == "b"


def test_elements_see_the_ones_before_them_and_are_read_together(far):
    plan = planned(book(EACH), far, names=["a", "b", "a"])
    assert [line.status for line in plan.lines] == [Status.CHANGE, Status.CHANGE, Status.SAME]
    assert len(far.reads) == 1


def test_an_empty_list_is_a_line_that_says_so(far):
    steps = f"{EACH}\n- {{id: two, uses: memory.thing, with: {{key: n, set: {{x: '{{{{ each.each | length }}}}'}}}}}}"
    plan = planned(book(steps), far, names=[])
    assert plan.line("each").status is Status.SKIP
    assert "empty" in plan.line("each").reason
    assert plan.line("two").change.after == {"x": 0}


def test_the_outputs_of_each_element_can_be_read(far):
    far.things["a"] = {"id": "7", "x": 1}
    steps = f"""{EACH}
- {{id: two, uses: memory.thing, with: {{key: n, set: {{ids: "{{{{ each.each | map(attribute='id') | join }}}}"}}}}}}
"""
    assert planned(book(steps), far, names=["a"]).line("two").change.after == {"ids": "7"}
    assert planned(book(steps), far, names=["a", "b"]).line("two").status is Status.LATER


def test_a_list_to_come_is_one_line_that_says_so(far):
    steps = f"{THING}\n" + EACH.replace("{{ names }}", "{{ one.id }}")
    line = planned(book(steps), far).line("each")
    assert (line.status, line.awaits) == (Status.LATER, Awaits.HOW_OFTEN)
    assert line.envelope["with"]["key"] == {"$deferred": "one.id"}


@pytest.mark.parametrize(
    ("names", "said"),
    [("abc", "a text"), (Secret("abc"), "a secret"), ({"a": 1}, "a mapping"), (["x"] * 501, "501")],
)
def test_what_is_no_list_or_too_long_a_list_is_refused(far, names, said):
    with pytest.raises(Invalid, match=said) as caught:
        planned(book(EACH), far, names=names)
    assert caught.value.where.startswith("trial.yaml:6:9 step")
    assert caught.value.next_move


def test_the_executor_plans_the_elements_that_are_left_one_by_one(far):
    step = book(EACH).step("each")
    scope = Scope(inputs={"names": ["a", "b", "c"]}, site={}, run={})
    lines = plan_step(step, 0, scope, far.read, but={"each[1]"})
    assert next(lines).step == "each[0]"
    assert len(far.reads) == 1
    assert [line.step for line in lines] == ["each[2]"]


# Reading


def test_what_all_steps_are_known_to_read_is_read_at_once(far):
    steps = "\n".join(
        f"- {{id: s{n}, uses: memory.thing, with: {{key: k{n}, set: {{x: 1}}}}}}" for n in range(20)
    )
    planned(book(steps), far)
    assert [len(refs) for refs in far.reads] == [20]


def test_what_an_earlier_step_would_make_is_not_read(far):
    planned(book(f"{THING}\n- {{id: two, uses: memory.thing, with: {{key: a, set: {{x: 2}}}}}}"), far)
    assert [[ref.key for ref in refs] for refs in far.reads] == [["a"]]


def test_trouble_with_what_a_later_step_reads_is_told_by_that_step(far):
    def read(refs):
        if any(ref.key == "b" for ref in refs):
            raise Unreachable("no answer", where="ldaps://dc1")
        return far.read(refs)

    with pytest.raises(Unreachable) as caught:
        planned(book(f"{THING}\n- {{id: two, uses: memory.thing, with: {{key: b}}}}"), far, read=read)
    assert caught.value.where == 'trial.yaml:7:9 step "two": ldaps://dc1'


def test_an_action_that_never_has_read_enough_is_stopped(far):
    class Endless(Thing):
        def reads(self, args, facts):
            return [*facts, Ref("memory.thing", f"k{len(facts)}")]

    with pytest.raises(Refused, match="still wants to read more"):
        gather(Endless(), None, far.read)


def test_planning_leaves_the_scope_as_it_was(far):
    scope = Scope(inputs={}, site={}, run={})
    make_plan(book(THING), scope=scope, read=far.read, client="c", environment="e", key=KEY)
    assert scope.outputs == {}


def test_planning_writes_nothing(far):
    planned(book(f"{THING}\n{EACH}"), far, names=["a"])
    assert (far.writes, far.things) == ([], {})


# Errors


@pytest.mark.parametrize(
    "step",
    [
        '- {id: one, uses: memory.thing, with: {key: "{{ 5 }}", set: {}}}',
        '- {id: one, uses: memory.thing, with: {key: "{{ nope }}"}}',
        "- {id: one, when: \"{{ 'yes' }}\", uses: memory.thing, with: {key: a}}",
        "- {id: one, uses: memory.nosuch}",
        '- {id: one, gate: {person: "{{ nope }}"}}',
        "- {id: one, uses: memory.password, with: {key: a, password: \"{{ 'x' }}\"}}",
    ],
)
def test_what_cannot_be_planned_says_where_and_what_to_do(far, step):
    with pytest.raises(RunbookError) as caught:
        planned(book(step), far)
    assert caught.value.where.startswith('trial.yaml:6:9 step "one"')
    assert caught.value.next_move


@pytest.mark.parametrize("value", [None, "", " ", True, [], {"a": 1}, Secret("x")])
def test_a_run_must_be_about_somebody(far, value):
    with pytest.raises(Invalid, match="subject"):
        planned(book(THING, subject='"{{ who }}"'), far, who=value)
    assert far.reads == []


def test_the_subject_is_a_text(far):
    assert planned(book(THING, subject='"{{ who }}"'), far, who=10234).subject == "10234"


# Guards


def test_more_changes_than_allowed_are_refused(far):
    plan = planned(book(EACH, guards="{max_changes: 2}"), far, names=["a", "b", "c"])
    assert plan.refusals == ("there would be 3 changes, this runbook allows 2 (guards.max_changes)",)


@pytest.mark.parametrize("names", [["A"], ["other", "a"]])
def test_a_protected_object_is_not_touched_whatever_its_spelling(far, names):
    plan = planned(book(THING, guards="{protected: [crown]}"), far, protected={"crown": names})
    assert plan.refusals == ("step 'one' would change a, which is protected as crown",)


def test_whom_the_environment_protects_is_protected_from_a_runbook_that_lists_nobody(far):
    plan = planned(book(THING), far, protected={"crown": ["a"]})
    assert plan.refusals == ("step 'one' would change a, which is protected as crown",)


def test_a_protected_object_is_known_by_its_id_too(far):
    far.things["a"] = {"id": "ID-7"}
    plan = planned(book(THING, guards="{protected: [crown]}"), far, protected={"crown": ["id-7"]})
    assert len(plan.refusals) == 1


def test_a_protected_object_that_is_already_so_is_no_trouble(far):
    far.things["a"] = {"id": "7", "x": 1}
    assert planned(book(THING, guards="{protected: [crown]}"), far, protected={"crown": ["a"]}).refusals == ()


def test_a_protected_class_that_the_environment_does_not_know_is_refused(far):
    (refusal,) = planned(book(THING, guards="{protected: [crown]}"), far).refusals
    assert "does not say who is protected as 'crown'" in refusal
    assert planned(book(THING, guards="{protected: [crown]}"), far, protected={"crown": []}).refusals == ()


def test_a_blocked_change_refuses_the_plan(far):
    far.things["old"] = {"locked": True}
    steps = "- {id: one, uses: memory.removal, with: {key: old}, irreversible: gone}"
    assert planned(book(steps), far).refusals == ("step 'one' cannot be done: it is locked",)


# The digest

STEPS = f"""{THING}
- {{id: ok, gate: {{person: "{{{{ boss }}}}", expires: 48h}}}}
- {{id: two, uses: memory.thing, with: {{key: "{{{{ name }}}}", set: {{y: "{{{{ one.id }}}}"}}}}}}
- {{id: pw, uses: memory.password, with: {{key: a, password: "{{{{ secret }}}}"}}, irreversible: x}}
"""


def digest(far, steps=STEPS, key=KEY, inputs=None, **head) -> str:
    given = {"boss": "mia", "name": "n", "secret": Secret("one"), "unused": 1, **(inputs or {})}
    return planned(book(steps, **head), far, key=key, **given).digest


def test_the_same_plan_has_the_same_digest_whatever_the_order_of_inputs(far):
    assert digest(far) == digest(far, inputs={"unused": 1, "secret": Secret("one"), "boss": "mia"})


@pytest.mark.parametrize(
    "inputs",
    [
        {"boss": "eva"},
        {"name": "m"},
        {"secret": Secret("two")},
        {"unused": 2},
        {"unused": "1"},
        {"more": None},
    ],
)
def test_any_change_of_an_input_changes_the_digest(far, inputs):
    assert digest(far) != digest(far, inputs=inputs)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("48h", "47h"),
        ("x: 1", "x: 2"),
        ("key: a", "key: b"),
        ("one", "uno"),
        ("irreversible: x", "irreversible: y"),
    ],
)
def test_any_change_of_the_runbook_changes_the_digest(far, old, new):
    assert digest(far) != digest(far, steps=STEPS.replace(old, new))


def test_comments_and_layout_of_the_runbook_do_not_count(far):
    assert digest(far) == digest(far, steps="# a comment\n" + STEPS.replace("with: {", "with:   {"))


@pytest.mark.parametrize("things", [{"a": {"id": "1"}}, {"a": {"id": "2"}}, {"a": {"id": "1", "x": 1}}])
def test_any_change_of_the_world_that_matters_changes_the_digest(far, things):
    before = digest(far)
    far.things.update(things)
    assert digest(far) != before


def test_somebody_elses_attributes_do_not_count(far):
    far.things["a"] = {"id": "1", "x": 0}
    before = digest(far)
    far.things["a"]["other"] = "changed"
    assert digest(far) == before


def test_an_argument_that_no_attribute_shows_changes_the_digest(far):
    steps = "- {id: w, uses: memory.wait, with: {key: a, deadline: '{{ site.d }}'}}\n"
    plans = [planned(book(steps), far, site={"d": deadline}) for deadline in ("30m", "40m", "30m")]
    assert plans[0].lines[0].change.says == plans[1].lines[0].change.says
    assert plans[0].digest != plans[1].digest
    assert plans[0].digest == plans[2].digest


def test_the_digest_needs_the_subjects_key(far):
    assert digest(far) != digest(far, key=b"other")


def test_a_line_that_is_not_there_is_a_key_error(far):
    plan = planned(book(THING), far)
    assert isinstance(plan.line("one"), Line)
    with pytest.raises(KeyError):
        plan.line("nope")
