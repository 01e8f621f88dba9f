"""The ticket actions on a real local desk: done once, read back, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runbook_exec.action import Context, Rights, find, find_provider, make_args
from runbook_exec.change import Ref
from runbook_exec.errors import Invalid, NoPen, Refused
from runbook_exec.plan import gather
from runbook_exec.values import named_change

PROVIDER = find_provider("ticket")
NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


@pytest.fixture
def session(tmp_path):
    with PROVIDER.open({"project": str(tmp_path), "client": "kranich"}, write=True) as opened:
        yield opened


def context(step, run="260301-abcde", story="# Onboarding\n- ✓ Account"):
    return Context(
        client="kranich",
        run=run,
        step=step,
        language="en",
        project=None,
        now=lambda: NOW,
        deadline=NOW + timedelta(seconds=5),
        say=lambda _text: None,
        record=lambda _body: None,
        ask=lambda _question: None,
        story=lambda: story,
    )


def planned(session, name, **given):
    action = find(name)
    args = make_args(action, given)
    return action, args, named_change(action.plan(args, gather(action, args, session.read)), "step")


def done(session, name, *, ctx=None, **given):
    """Plan, apply, verify; the evidence and the change."""
    action, args, change = planned(session, name, **given)
    evidence = applied(session, action, args, change, ctx or context(name))
    assert action.verify(session, args, change, evidence) == ""
    return change, evidence


def applied(session, action, args, change, ctx):
    with session.permit(change.writes):
        return action.apply(session, args, change, ctx)


def ticket(session, number):
    ref = Ref("ticket.ticket", number)
    return session.read([ref])[ref]


def test_a_repeated_step_finds_the_ticket_it_opened(session):
    first = done(session, "ticket.open", title="Onboard Anna")[1]
    again = done(session, "ticket.open", title="Onboard Anna")[1]
    other_run = done(session, "ticket.open", title="Onboard Anna", ctx=context("ticket.open", run="other"))[1]
    assert first.outputs == again.outputs
    assert other_run.outputs != first.outputs


def test_a_ticket_with_a_key_is_opened_once_for_all_runs(session):
    number = done(session, "ticket.open", title="Remove ERP", key="leaver/1/erp")[1].outputs["id"]
    change = planned(session, "ticket.open", title="Remove ERP", key="leaver/1/erp")[2]
    assert change.is_empty
    assert change.outputs == {"id": number}


def test_undoing_an_opened_ticket_closes_it_and_says_why(session):
    action, args, change = planned(session, "ticket.open", title="Onboard Anna")
    evidence = applied(session, action, args, change, context("ask"))
    applied(session, action, args, action.undo(change, evidence), context("ask"))
    found = ticket(session, evidence.outputs["id"])
    assert found["status"] == "closed"
    assert "was undone" in found["comments"][0]["text"]


def test_a_ticket_that_an_undo_closed_is_opened_again_by_the_next_run(session):
    given = {"title": "Onboard Anna", "key": "onboard-1"}
    action, args, change = planned(session, "ticket.open", **given)
    evidence = applied(session, action, args, change, context("ask"))
    applied(session, action, None, action.undo(change, evidence), context("ask", run="undo"))
    again, told = done(session, "ticket.open", ctx=context("ask", run="next"), **given)
    assert told.outputs == evidence.outputs
    assert ticket(session, told.outputs["id"])["status"] == "open"
    assert planned(session, "ticket.open", **given)[2].is_empty
    assert again.after == {"status": "open"}


def test_a_ticket_that_a_person_closed_is_not_opened_again(session):
    given = {"title": "Remove ERP", "key": "leaver/1/erp"}
    number = done(session, "ticket.open", **given)[1].outputs["id"]
    done(session, "ticket.close", ticket=number, text="removed")
    assert planned(session, "ticket.open", **given)[2].is_empty


def test_a_repeated_comment_is_written_once_and_read_back(session):
    number = done(session, "ticket.open", title="Onboard Anna")[1].outputs["id"]
    for _ in range(2):
        done(session, "ticket.comment", ticket=number, text="account made")
    assert [c["text"] for c in ticket(session, number)["comments"]] == ["account made"]


def test_a_comment_that_did_not_arrive_is_noticed(session):
    number = done(session, "ticket.open", title="Onboard Anna")[1].outputs["id"]
    change, evidence = done(session, "ticket.comment", ticket=number, text="account made")
    lost = {"ticket": number, "key": "never-written"}
    action, args, _ = planned(session, "ticket.comment", ticket=number, text="account made")
    evidence = type(evidence)(answer=lost)
    assert action.verify(session, args, change, evidence) == "the comment"


def test_closing_wants_the_papers_and_undoing_opens_the_ticket_again(session):
    number = done(session, "ticket.open", title="Onboard Anna")[1].outputs["id"]
    change, evidence = done(session, "ticket.close", ticket=int(number), text="she can work")
    found = ticket(session, number)
    assert found["status"] == "closed"
    assert found["attachments"] == []
    assert evidence.answer["checklist"]
    assert [c["text"] for c in found["comments"]] == ["she can work"]
    action, args, again = planned(session, "ticket.close", ticket=number)
    assert again.is_empty
    applied(session, action, args, action.undo(change, evidence), context("ticket.close"))
    assert ticket(session, number)["status"] == "open"
    assert len(ticket(session, number)["comments"]) == 2


def test_a_dry_run_cannot_write_a_ticket(tmp_path):
    with PROVIDER.open({"project": str(tmp_path)}, write=False) as session:
        change = planned(session, "ticket.open", title="Onboard Anna")[2]
        with pytest.raises(NoPen), session.permit(change.writes):
            pass
        with pytest.raises(NoPen):
            session.to_write("1")
    assert list(tmp_path.iterdir()) == []


def test_a_ticket_outside_the_plan_is_refused(session):
    number = done(session, "ticket.open", title="Onboard Anna")[1].outputs["id"]
    with session.permit(["999"]), pytest.raises(Refused, match="not in the plan"):
        session.to_write(number)


def test_a_kind_that_no_ticket_system_has_is_refused(session):
    with pytest.raises(Invalid, match=r"cannot read ticket\.queue"):
        session.read([Ref("ticket.queue", "it")])


def test_doctor_asks_the_desk(tmp_path):
    (finding,) = PROVIDER.check({"project": str(tmp_path), "client": "kranich"}, Rights())
    assert finding.ok
    assert "0 tickets" in finding.what
    (wrong,) = PROVIDER.check({"project": str(tmp_path), "system": "hotline"}, Rights())
    assert not wrong.ok
