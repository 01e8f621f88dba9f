"""A run at its gates: asked when it arrives, and again before every effect that the gate covers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from running import KEY, Bench, Killed

from runbook_exec import gatehouse
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import Overtaken
from runbook_exec.gate import Open
from runbook_exec.gatehouse import Gatehouse
from runbook_exec.journal import Event, Kind
from runbook_exec.plan import gate_of
from runbook_exec.proof import _STORED, KINDS
from runbook_exec.replay import replay
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.settings import Environment
from runbook_exec.testing import FarSide, registered

PEOPLE = """
people:
  boss@x.example: {name: Boss, accounts: [boss]}
  noor@x.example: {name: Noor, accounts: [noor]}
  mia@x.example: {name: Mia, accounts: [mia]}
groups: {leads: [noor@x.example, boss@x.example]}
"""
STEPS = """
- {id: ok, gate: {person: boss@x.example, expires: 2h}}
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {n: 2}}}
"""


@dataclass(kw_only=True)
class Gates:
    """A bench with a people file; decisions are written as the command writes them."""

    bench: Bench
    environment: Environment
    house: Gatehouse = field(init=False)

    def __post_init__(self) -> None:
        self.house = Gatehouse(self.environment, key=lambda run: KEY, clock=self.bench.clock)
        self.bench.gates = self.house
        self.bench.started = {"requester": "mia", "subject": "", "environment": "test"}

    def people(self, text: str) -> None:
        (self.bench.folder / "people.yaml").write_text(text)

    def say(self, person: str, verdict: Verdict = Verdict.APPROVE, **changes: Any) -> Event:
        run = replay(self.bench.store.events("r1"))
        rule = gate_of(run.waits["ok"].rule)
        at = self.bench.clock().isoformat(timespec="microseconds")
        word = Decision(
            seq=run.seq + 1,
            gate="ok",
            verdict=verdict,
            person=f"{person}@x.example",
            account=person,
            digest=run.plan["digest"],
            shown=self.house.shown(run, "ok", rule),
            reason="because",
            at=at,
            after=run.head,
        )
        word = replace(word, **changes)
        event = Event(
            client="c",
            run="r1",
            seq=run.seq + 1,
            at=at,
            who=word.account,
            kind=KINDS[verdict],
            body={**{name: getattr(word, name) for name in _STORED}, "verdict": verdict.value},
            before=run.head,
        )
        return self.bench.store.say(event)


@pytest.fixture
def gates(tmp_path):
    environment = Environment(
        name="test",
        client="c",
        folder=tmp_path,
        is_sandbox=False,
        ask_before_writing=True,
        language="en",
        site={},
        connections={},
        protected={},
        people="people.yaml",
    )
    with registered(FarSide()) as far:
        found = Gates(bench=Bench(folder=tmp_path, far=far, who="mia"), environment=environment)
        found.people(PEOPLE)
        yield found


def waiting(gates: Gates, steps: str = STEPS, **inputs: Any):
    runbook = gates.bench.runbook(steps)
    run = gates.bench.start(runbook, **inputs)
    assert run.status is RunStatus.WAITING, run.why
    assert gates.bench.far.writes == []
    return runbook


def at_event(gates: Gates, kind: Kind, step: str, act) -> None:
    """Do something right after an event is durable, once."""
    done = []

    def watch(event, run):
        if not done and event.kind == kind and event.body.get("step") == step:
            done.append(event)
            act()

    gates.bench.on_event = watch


def test_a_gate_waits_opens_and_lets_everything_behind_it_through(gates):
    runbook = waiting(gates)
    gates.say("boss")
    run = gates.bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert gates.bench.far.writes == ["a", "b"]
    assert run.steps["ok"].note == "opened by boss@x.example"
    assert replay(gates.bench.store.events("r1")) == run


def test_waiting_is_recorded_once_and_resuming_tells_the_same(gates):
    runbook = waiting(gates)
    assert gates.bench.resume(runbook).status is RunStatus.WAITING
    assert [kind for kind, _ in gates.bench.kinds()].count(Kind.GATE) == 1


def test_an_approver_removed_between_decision_and_execution_no_longer_counts(gates):
    runbook = waiting(gates)
    gates.say("boss")
    gates.people(
        PEOPLE.replace("boss@x.example: {name: Boss, accounts: [boss]}", "").replace(", boss@x.example", "")
    )
    assert gates.bench.resume(runbook).status is RunStatus.WAITING
    assert gates.bench.far.writes == []


def test_an_approver_removed_after_the_first_write_stops_the_second(gates):
    runbook = waiting(gates)
    gates.say("boss")
    gone = PEOPLE.replace("accounts: [boss]", "accounts: [somebody]")
    at_event(gates, Kind.RESULT, "one", lambda: gates.people(gone))
    run = gates.bench.resume(runbook)
    assert run.status is RunStatus.WAITING
    assert "is open no longer" in run.why
    assert gates.bench.far.writes == ["a"]


def test_a_withdrawn_word_stops_the_next_write(gates):
    runbook = waiting(gates)
    approved = gates.say("boss")
    back = lambda: gates.say("boss", Verdict.WITHDRAW, about=approved.seq)  # noqa: E731
    at_event(gates, Kind.RESULT, "one", back)
    run = gates.bench.resume(runbook)
    assert (run.status, gates.bench.far.writes) == (RunStatus.WAITING, ["a"])
    gates.bench.on_event = lambda event, run: None
    gates.say("boss")
    assert gates.bench.resume(runbook).status is RunStatus.DONE


def test_a_word_between_the_question_and_the_intent_is_heard_before_the_effect(gates, monkeypatch):
    runbook = waiting(gates)
    approved = gates.say("boss")
    real, asked = gates.house.state, []

    def state(run, gate, rule):
        found = real(run, gate, rule)
        asked.append(found)
        if len(asked) == 2:  # asked before step one: the answer is still on its way
            assert isinstance(found, Open)
            gates.say("boss", Verdict.WITHDRAW, about=approved.seq)
        return found

    monkeypatch.setattr(gates.house, "state", state)
    run = gates.bench.resume(runbook)
    assert run.status is RunStatus.WAITING
    assert gates.bench.far.writes == []


def test_a_rejection_stops_a_run_under_way(gates):
    runbook = waiting(gates)
    gates.say("boss")
    at_event(gates, Kind.RESULT, "one", lambda: gates.say("noor", Verdict.REJECT))
    run = gates.bench.resume(runbook)
    assert (run.status, gates.bench.far.writes) == (RunStatus.REFUSED, ["a"])
    assert "Noor rejected it" in run.why


def test_an_expired_gate_stops_even_though_it_was_agreed_to(gates):
    runbook = waiting(gates)
    gates.say("boss")
    gates.bench.clock.forward(2 * 3600)
    run = gates.bench.resume(runbook)
    assert (run.status, run.steps["ok"].status) == (RunStatus.REFUSED, StepStatus.FAILED)
    assert "expired" in run.why
    assert gates.bench.far.writes == []


def test_expiry_stops_the_next_write_of_a_run_under_way(gates):
    runbook = waiting(gates)
    gates.say("boss")
    at_event(gates, Kind.RESULT, "one", lambda: gates.bench.clock.forward(2 * 3600))
    run = gates.bench.resume(runbook)
    assert (run.status, gates.bench.far.writes) == (RunStatus.REFUSED, ["a"])


def test_no_timer_is_left_over_from_an_earlier_plan(gates):
    runbook = waiting(gates)
    gates.bench.clock.forward(2 * 3600 + 1)
    assert gates.bench.resume(runbook).status is RunStatus.REFUSED
    events = gates.bench.store.events("r1")
    lease = gates.bench.store.acquire("r1", owner="p9", now=1, until=0)
    scribe = gates.bench._scribe(replay(events), lease)
    anew = next(e.body for e in events if e.kind == Kind.PLANNED)
    scribe.add(Kind.PLANNED, {**anew, "digest": "another"})
    assert gates.bench.resume(runbook).status is RunStatus.WAITING
    gates.say("boss")
    assert gates.bench.resume(runbook).status is RunStatus.DONE


def test_a_new_plan_voids_the_decisions_for_the_old_one(gates):
    runbook = waiting(gates)
    gates.say("boss")
    lease = gates.bench.store.acquire("r1", owner="p9", now=1, until=0)
    run = replay(gates.bench.store.events("r1"))
    gates.bench._scribe(run, lease).add(Kind.PLANNED, {**run.plan, "digest": "another"})
    assert gates.bench.resume(runbook).status is RunStatus.WAITING
    assert gates.bench.far.writes == []


def test_what_was_shown_is_what_counts(gates):
    """The same plan digest with other lines behind the gate: the word was not about these."""
    runbook = waiting(gates)
    gates.say("boss", shown="a page that nobody saw")
    assert gates.bench.resume(runbook).status is RunStatus.WAITING


def test_a_decision_copied_to_another_place_in_the_journal_counts_no_more(gates):
    runbook = waiting(gates)
    first = gates.say("boss")
    gates.say("boss", Verdict.WITHDRAW, about=first.seq)
    gates.say("boss", at=first.body["at"], after=first.body["after"])
    assert gates.bench.resume(runbook).status is RunStatus.WAITING


@pytest.mark.parametrize(
    "forged",
    [
        {"account": "mia"},
        {"way": "ssh "},
        {"way": "ssh SHA256:x", "signature": "-----BEGIN SSH SIGNATURE-----", "text": "x"},
        {"way": gatehouse.REHEARSAL},
        {"way": "a word of honour"},
        {"gate": "another"},
    ],
)
def test_a_forged_decision_opens_nothing(gates, forged):
    runbook = waiting(gates)
    gates.say("boss", **forged)
    assert gates.bench.resume(runbook).status is RunStatus.WAITING


def test_a_rejection_keeps_it_shut_even_unproven_and_its_withdrawal_needs_proof(gates):
    runbook = waiting(gates)
    gates.say("boss")
    no = gates.say("noor", Verdict.REJECT)
    gates.say("noor", Verdict.WITHDRAW, about=no.seq, account="mia")
    assert gates.bench.resume(runbook).status is RunStatus.REFUSED
    gates.say("noor", Verdict.WITHDRAW, about=no.seq)
    assert gates.bench.resume(runbook).status is RunStatus.DONE


@pytest.mark.parametrize("signed", ["now", "when it began"])
def test_where_signatures_are_demanded_an_unsigned_word_opens_nothing(gates, signed):
    gates.house.environment = replace(gates.environment, signed=signed == "now")
    gates.bench.started["decisions"] = "signed" if signed != "now" else "any"
    runbook = waiting(gates)
    gates.say("boss")
    assert gates.bench.resume(runbook).status is RunStatus.WAITING


@pytest.mark.parametrize("text", ["people: {", "", "people: {x: {}}", PEOPLE.replace("[mia]", "[boss]")])
def test_a_broken_people_file_opens_nothing(gates, text):
    runbook = waiting(gates)
    gates.say("boss")
    gates.people(text)
    run = gates.bench.resume(runbook)
    assert run.status is RunStatus.FAILED
    assert gates.bench.far.writes == []
    gates.people(PEOPLE)
    assert gates.bench.resume(runbook).status is RunStatus.DONE


def test_a_people_file_that_vanishes_stops_the_next_write(gates):
    runbook = waiting(gates)
    gates.say("boss")
    at_event(gates, Kind.RESULT, "one", (gates.bench.folder / "people.yaml").unlink)
    assert gates.bench.resume(runbook).status is RunStatus.FAILED
    assert gates.bench.far.writes == ["a"]


def test_a_people_file_outside_the_project_is_not_read(gates):
    outside = gates.bench.folder.parent / f"{gates.bench.folder.name}-people.yaml"
    outside.write_text(PEOPLE)
    (gates.bench.folder / "people.yaml").unlink()
    (gates.bench.folder / "people.yaml").symlink_to(outside)
    assert gates.bench.start(gates.bench.runbook(STEPS)).status is RunStatus.FAILED
    assert gates.bench.far.writes == []


def test_a_rule_that_names_somebody_else_by_now_is_drift(gates):
    steps = STEPS.replace("boss@x.example", '"{{ site_boss }}"')
    steps = steps.replace("expires: 2h", "expires: 2h")
    runbook = gates.bench.runbook(steps, inputs="{type: object, properties: {site_boss: {type: string}}}")
    assert gates.bench.start(runbook, site_boss="boss@x.example").status is RunStatus.WAITING
    gates.say("boss")
    run = gates.bench.resume(runbook, site_boss="mia@x.example")
    assert run.status is RunStatus.DRIFTED
    assert gates.bench.far.writes == []


def test_a_gate_that_is_not_needed_holds_nothing_back(gates):
    steps = STEPS.replace("gate: {", 'when: "{{ 1 == 2 }}", gate: {')
    assert gates.bench.start(gates.bench.runbook(steps)).status is RunStatus.DONE


def test_every_gate_before_a_step_has_to_be_open(gates):
    steps = STEPS.replace("- {id: two", "- {id: more, gate: {group: leads, count: 2}}\n- {id: two")
    runbook = waiting(gates, steps)
    gates.say("boss")
    run = gates.bench.resume(runbook)
    assert (run.status, gates.bench.far.writes) == (RunStatus.WAITING, ["a"])
    assert "'more'" in run.why


def test_a_killed_run_asks_again_before_it_goes_on(gates):
    runbook = waiting(gates)
    approved = gates.say("boss")

    def die(event, run):
        if event.kind == Kind.RESULT:
            raise Killed

    gates.bench.on_event = die
    with pytest.raises(Killed):
        gates.bench.resume(runbook)
    gates.bench.on_event = lambda event, run: None
    gates.say("boss", Verdict.WITHDRAW, about=approved.seq)
    assert gates.bench.resume(runbook).status is RunStatus.WAITING
    assert gates.bench.far.writes == ["a"]


def test_a_step_that_may_fail_is_still_held_back_by_the_gate(gates):
    steps = STEPS.replace("set: {n: 1}}}", "set: {n: 1}}, on_failure: continue}")
    runbook = waiting(gates, steps)
    gates.say("boss")
    gates.people("people: {")
    gates.bench.resume(runbook)
    assert gates.bench.far.writes == []


def test_without_anybody_who_knows_the_people_every_gate_stays_shut(tmp_path):
    with registered(FarSide()) as far:
        bench = Bench(folder=tmp_path, far=far)
        assert bench.start(bench.runbook(STEPS)).status is RunStatus.WAITING
        assert far.writes == []


def test_two_words_for_one_place_in_the_journal_are_one_after_the_other(gates):
    waiting(gates)
    run = replay(gates.bench.store.events("r1"))
    gates.say("noor", Verdict.REJECT)
    late = Event(
        client="c",
        run="r1",
        seq=run.seq + 1,
        at=run.started_at,
        who="boss",
        kind=Kind.DECIDED,
        body={},
        before=run.head,
    )
    with pytest.raises(Overtaken):
        gates.bench.store.say(late)


def test_only_words_are_written_without_the_lease(gates):
    waiting(gates)
    run = replay(gates.bench.store.events("r1"))
    for kind in (Kind.OPENED, Kind.RESULT, Kind.PLANNED, Kind.RESOLVED):
        event = Event(
            client="c", run="r1", seq=run.seq + 1, at="", who="boss", kind=kind, body={}, before=run.head
        )
        with pytest.raises(Exception, match="takes the lease"):
            gates.bench.store.say(event)


def test_steps_side_by_side_are_each_held_back(gates):
    steps = (
        STEPS.partition("- {id: one")[0]
        + "- parallel:\n"
        + "\n".join(
            f"    - {{id: s{n}, title: {{en: S, de: S}}, uses: memory.thing, with: {{key: k{n}, set: {{n: {n}}}}}}}"
            for n in range(4)
        )
    )
    runbook = waiting(gates, steps)
    gates.say("boss")
    assert gates.bench.resume(runbook).status is RunStatus.DONE
    assert sorted(gates.bench.far.writes) == ["k0", "k1", "k2", "k3"]


def test_the_path_of_the_people_file_is_shown_where_it_is_wrong(gates):
    waiting(gates)
    gates.people("people: {a@x.example: {nmae: A}}")
    run = gates.bench.resume(gates.bench.runbook(STEPS))
    assert "'nmae' is not known here" in run.why
    assert "people.yaml" in run.next_move
    assert Path("people.yaml").name in run.next_move


LATER_KNOWN = """
- {id: word, title: {en: W, de: W}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- {id: ok, when: "{{ word.id == 'nobody' }}", gate: {person: boss@x.example, expires: 2h}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {n: 2}}}
"""


def test_a_gate_that_turns_out_not_to_be_needed_is_passed_and_is_no_drift(gates):
    runbook = gates.bench.runbook(LATER_KNOWN)
    run = gates.bench.start(runbook)
    assert run.status is RunStatus.DONE, run.why
    assert run.steps["ok"].status is StepStatus.SKIPPED
    assert gates.bench.far.writes == ["a", "b"]


def test_a_gate_that_turns_out_to_be_needed_holds_everything_behind_it(gates):
    runbook = gates.bench.runbook(LATER_KNOWN.replace("'nobody'", "'id-1'"))
    run = gates.bench.start(runbook)
    assert run.status is RunStatus.WAITING
    assert gates.bench.far.writes == ["a"]


def test_a_gate_that_was_planned_as_needed_is_not_skipped_later(gates):
    gates.bench.site = {"careful": True}
    runbook = gates.bench.runbook(STEPS.replace("{id: ok,", '{id: ok, when: "{{ site.careful }}",'))
    assert gates.bench.start(runbook).status is RunStatus.WAITING
    gates.bench.site = {"careful": False}
    assert gates.bench.resume(runbook).status is RunStatus.DRIFTED
    assert gates.bench.far.writes == []


def test_the_plan_says_when_it_shows_whether_a_gate_is_needed(gates):
    from runbook_exec.plan_text import plan_text

    plan = gates.bench.plan(gates.bench.runbook(LATER_KNOWN))
    assert "ob es nötig ist, zeigt sich mit ⟨word.id⟩" in plan_text(plan, language="de", colour=False)


def test_a_run_at_a_gate_says_when_something_about_it_changes_by_itself(gates):
    steps = STEPS.replace("expires: 2h", "expires: 2h, remind: [1h]")
    runbook = waiting(gates, steps)
    began = gates.bench.clock()
    assert replay(gates.bench.store.events("r1")).due.startswith("2026-03-02T08:00")
    gates.bench.clock.forward(3601)
    assert gates.bench.resume(runbook).due.startswith("2026-03-02T09:00")
    assert gates.bench.clock() > began
