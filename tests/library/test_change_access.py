"""Access is agreed to, granted, and ends by itself at its time, whatever happened in between."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from rehearsal_desk import company
from running import Killed

from runbook_exec import almanac, conduct, decisions, undoing
from runbook_exec.app import App, new_run_id
from runbook_exec.audit import evidence
from runbook_exec.audit.departure import Sort
from runbook_exec.audit.population import NoSource
from runbook_exec.decision import Verdict
from runbook_exec.desk import Desk as Person
from runbook_exec.errors import Busy, Refused
from runbook_exec.model import Duty
from runbook_exec.proof import Word
from runbook_exec.rounds import Outcome, round_of
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.settings import find_project

GROUP = "DL_Share_Projekte_RW"
MANAGER, OWNER = "thomas.klein@kranich.example", "martin.keller@kranich.example"


class Later(App):
    """The application at a later time."""

    at = datetime.min.replace(tzinfo=UTC)

    def clock(self):
        return max(super().clock(), self.at)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("access")) as made:
        yield made


@pytest.fixture
def app(desk):
    return application(desk)


def application(desk, **ahead):
    made = Later(find_project(desk.folder), environment="sandbox", desk=Person(who="visitor", language="en"))
    made.at = made.clock() + timedelta(**ahead)
    return made


def day(app, ahead):
    return (app.clock() + timedelta(days=ahead)).date().isoformat()


def plan(app, person="1012", access="projects", change="grant", run="", **more):
    values = {
        "person": person,
        "access": access,
        "change": change,
        "reason": "she prepares the offers",
        **more,
    }
    return app.plan(app.load("change-access"), values, run=run)


def agree(app, run, *people):
    for person in people:
        word = Word(verdict=Verdict.APPROVE, reason="rehearsed", played=person)
        decisions.say(app, decisions.look(app, run), word)


def changed(app, *people, **values):
    """A run that the people agreed to, as far as it comes."""
    run = new_run_id()
    made = plan(app, run=run, **values)
    assert made.refusals == ()
    conduct.start(app, made, run=run)
    agree(app, run, *people)
    return conduct.resume(app, run, agree=None)


def groups(desk, person="1012"):
    found = desk.entry(person).get("memberOf", [])
    return str(found)


def test_access_until_a_day_is_granted_and_taken_back_by_a_round(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    assert run.status is RunStatus.WAITING, run.why
    assert GROUP in groups(desk)
    assert any("sign out of your computer" in str(mail) for mail in desk.mails())
    soon = application(desk, days=24)
    told = list(round_of(soon, lambda name: soon, clock=soon.clock))
    assert [each.outcome for each in told if each.run == run.id] == [Outcome.ADVANCED]
    assert GROUP in groups(desk)
    assert any("Your access ends" in str(mail) for mail in desk.mails())
    after = application(desk, days=8)
    list(round_of(after, lambda name: after, clock=after.clock))
    assert app.run(run.id).status is RunStatus.DONE, app.run(run.id).why
    assert GROUP not in groups(desk)


def test_the_way_back_is_on_record_before_anything_is_granted(app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    events = app.store.events(run.id)
    kinds = [(str(event.kind), event.body.get("step")) for event in events]
    booked = next(
        number
        for number, event in enumerate(events)
        if any(line["step"] == "end" and line.get("not_before") for line in event.body.get("lines", ()))
    )
    assert booked < kinds.index(("step.intent", "grant"))
    conduct.cancel(app, run.id, reason="rehearsed")
    assert changed(app, MANAGER, change="revoke").status is RunStatus.DONE


def test_other_runs_about_the_person_go_on_while_the_access_lasts(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    other = changed(app, MANAGER, change="revoke")
    assert other.status is RunStatus.DONE, other.why
    after = application(desk, days=31)
    list(round_of(after, lambda name: after, clock=after.clock))
    assert app.run(run.id).status is RunStatus.DONE, app.run(run.id).why


def test_before_it_is_granted_no_other_run_about_the_person_begins(app):
    run = new_run_id()
    conduct.start(app, plan(app, run=run, until=day(app, 30)), run=run)
    second = new_run_id()
    with pytest.raises(Busy, match="is not over"):
        conduct.start(app, plan(app, run=second, change="revoke"), run=second)
    conduct.cancel(app, run, reason="rehearsed")


def test_prolonged_access_is_agreed_to_anew_and_lasts_until_the_later_day(desk, app):
    first = changed(app, MANAGER, OWNER, until=day(app, 30))
    second = changed(app, MANAGER, OWNER, until=day(app, 60))
    assert second.record("grant").changed is False
    assert of_the_auditor(app, first, second) & {Sort.OVERRUN, Sort.NOT_OVER} == set()
    after = application(desk, days=31)
    list(round_of(after, lambda name: after, clock=after.clock))
    ended = app.run(first.id)
    assert ended.status is RunStatus.DONE, ended.why
    assert ended.record("end").status is StepStatus.SKIPPED
    assert GROUP in groups(desk)
    (line,) = [line for line in second.plan["lines"] if line["step"] == "end"]
    last = application(desk)
    last.at = almanac.read(line["not_before"]) + timedelta(minutes=1)
    list(round_of(last, lambda name: last, clock=last.clock))
    assert app.run(second.id).status is RunStatus.DONE, app.run(second.id).why
    assert GROUP not in groups(desk)
    assert of_the_auditor(last, first, second) & {Sort.OVERRUN, Sort.NOT_OVER} == set()


def test_a_later_day_that_nobody_agreed_to_prolongs_nothing(desk, app):
    first = changed(app, MANAGER, OWNER, until=day(app, 30))
    asked = new_run_id()
    conduct.start(app, plan(app, run=asked, until=day(app, 60)), run=asked)
    after = application(desk, days=31)
    list(round_of(after, lambda name: after, clock=after.clock))
    assert app.run(first.id).status is RunStatus.DONE, app.run(first.id).why
    assert GROUP not in groups(desk)
    conduct.cancel(app, asked, reason="rehearsed")


def test_after_an_outage_over_the_end_the_access_is_taken_back_first_and_that_is_said(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    after = application(desk, days=90)
    (told,) = [each for each in round_of(after, lambda name: after, clock=after.clock) if each.run == run.id]
    assert told.outcome is Outcome.ADVANCED
    assert GROUP not in groups(desk)
    assert app.run(run.id).status is RunStatus.DONE


def test_a_directory_that_is_down_at_the_end_is_asked_again_by_itself(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    after = application(desk, days=31)
    desk.fault("directory-down")
    try:
        (told,) = [e for e in round_of(after, lambda name: after, clock=after.clock) if e.run == run.id]
    finally:
        desk("sandbox", "fault", "directory-down", "--off")
    assert told.outcome is Outcome.TROUBLE
    assert GROUP in groups(desk)
    assert list(round_of(after, lambda name: after, clock=after.clock)) == []
    again = application(desk, minutes=6)
    list(round_of(again, lambda name: again, clock=again.clock))
    assert app.run(run.id).status is RunStatus.DONE, app.run(run.id).why
    assert GROUP not in groups(desk)


def test_the_end_waits_for_nobody_who_agreed_and_has_left(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    people = desk.folder / "inventory" / "people.yaml"
    was = people.read_text()
    people.write_text(was.replace("manager: thomas.klein@kranich.example, ", ""))
    try:
        after = application(desk, days=31)
        list(round_of(after, lambda name: after, clock=after.clock))
    finally:
        people.write_text(was)
    assert app.run(run.id).status is RunStatus.DONE, app.run(run.id).why


def test_a_pair_that_nobody_may_hold_is_refused_while_planning_with_the_reason(app):
    (why,) = plan(app, person="1009", access="purchasing").refusals
    assert "whoever orders must not pay people" in why


def test_what_is_held_by_a_nested_group_counts_for_the_pair(desk, app):
    with desk.ldap() as connection:
        base = "OU=Gruppen,DC=corp,DC=kranich,DC=example"
        outer, inner = f"CN=GG_Rolle_Einkauf,{base}", f"CN=GG_Team_Montage,{base}"
        connection.modify(outer, {"member": [("MODIFY_ADD", [inner])]})
        try:
            (why,) = plan(app, person="1031", access="payroll").refusals
        finally:
            connection.modify(outer, {"member": [("MODIFY_DELETE", [inner])]})
    assert "GG_Rolle_Einkauf, by GG_Team_Montage" in why


def test_a_last_day_for_what_is_taken_back_is_refused(app):
    (why,) = plan(app, change="revoke", until=day(app, 30)).refusals
    assert "no last day" in why


def test_the_subject_and_strangers_do_not_agree(app):
    run = new_run_id()
    conduct.start(app, plan(app, run=run, until=day(app, 30)), run=run)
    with pytest.raises(Refused, match="is who this is about"):
        agree(app, run, "laura.hoffmann@kranich.example")
    with pytest.raises(Refused, match="may not decide"):
        agree(app, run, "ralf.becker@kranich.example")
    conduct.cancel(app, run, reason="rehearsed")


def test_confidential_access_is_asked_of_its_owners_alone_and_stands_on_no_ticket(desk, app):
    run = new_run_id()
    made = plan(app, person="1012", access="works-council", run=run, until=day(app, 30))
    assert made.refusals == ()
    waits = conduct.start(app, made, run=run)
    with pytest.raises(Refused, match="may not decide"):
        agree(app, run, MANAGER)
    assert "works" not in str(waits.record("ticket").change).casefold()
    conduct.cancel(app, run, reason="rehearsed")


def test_a_second_run_changes_nothing_and_undo_takes_the_access_back(desk, app):
    first = changed(app, MANAGER, OWNER)
    assert first.status is RunStatus.DONE, first.why
    second = changed(app, MANAGER, OWNER)
    assert second.record("grant").changed is False
    back = undoing.begin(app, undoing.plan(app, first.id))
    agree(app, back.id, MANAGER, OWNER)
    assert conduct.resume(app, back.id, agree=None).status is RunStatus.DONE
    assert GROUP not in groups(desk)


def of_the_auditor(app, *runs):
    """What the auditor's page finds about the access of these runs, at the time of the application."""
    found = evidence.gather(
        app, Duty.ACCESS, date(2026, 1, 1), date(2035, 1, 1), source=NoSource(), size=None, as_of=app.clock()
    )
    wanted = {run.id for run in runs}
    return {each.sort for shown in found.examined for each in shown.departures if each.run in wanted}


def test_a_process_killed_right_after_the_grant_leaves_the_end_to_a_round(desk, app):
    run = new_run_id()
    conduct.start(app, plan(app, run=run, until=day(app, 30)), run=run)
    agree(app, run, MANAGER, OWNER)
    dying = application(desk)

    def watch(event, now):
        if now.record("grant").status is StepStatus.DONE:
            raise Killed

    dying.desk.watch = watch
    with pytest.raises(Killed):
        conduct.resume(dying, run, agree=None)
    assert GROUP in groups(desk)
    after = application(desk, days=31)
    list(round_of(after, lambda name: after, clock=after.clock))
    assert app.run(run).status is RunStatus.DONE, app.run(run).why
    assert GROUP not in groups(desk)


def test_to_cancel_a_run_that_would_take_access_back_is_told_loudly(desk, app):
    run = changed(app, MANAGER, OWNER, until=day(app, 30))
    said = desk("cancel", run.id, "--reason", "for good now")
    assert "does not end by itself any more" in said.err
    assert changed(app, MANAGER, change="revoke").status is RunStatus.DONE
