"""Steps that are put off, through the real command: class, owner, last day, and who may say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from gating import PEOPLE, Office, make_key

from runbook_exec import app as apps
from runbook_exec import deferral as deferrals

HEAD = """\
runbook: welcome
title: {en: Welcome, de: Willkommen}
subject: "{{ who }}"
inputs: {type: object, additionalProperties: false, required: [who], properties: {who: {type: string}}}
sections:
  - title: {en: All, de: Alles}
    steps:
"""
PAPER = """\
      - id: paper
        title: {en: Sign the paper, de: Papier unterschreiben}
        mode: read-do
"""
STEPS = (
    PAPER
    + """\
      - id: badge
        title: {en: Print the badge, de: Ausweis drucken}
        uses: ticket.open
        deferrable: C
        with: {key: "b-{{ run.id }}", title: "Badge for {{ who }}", text: "x"}
      - id: desk
        title: {en: Prepare the desk, de: Tisch vorbereiten}
        uses: ticket.open
        with: {key: "d-{{ run.id }}", title: "Desk for {{ who }}", text: "x"}
"""
)
RULES = "deferrals:\n  B: {within: 3d, approve: {person: boss@x.example}}\n  C: {within: 10d, approve: [{group: owners}]}\n"


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    made = Office(tmp_path, monkeypatch, capsys)
    made.write("people.yaml", PEOPLE + RULES)
    return made


def begin(office: Office, steps: str = STEPS, who: str = "77") -> None:
    """A run that waits for a person."""
    office.write("runbooks/welcome.yaml", HEAD + steps)
    assert office("mia", "run", "welcome", "-i", f"who={who}", "--yes").code == 10
    office.run = office("mia", "status", "--json").json[0]["run"]


def defer(office: Office, account: str = "noor", step: str = "badge", *more: str, until: str = "5d"):
    about = ("--reason", "printer broken", "--owner", "3", "--until", until)
    return office(account, "defer", office.run, step, *about, *more)


def test_a_run_goes_on_without_what_is_put_off_and_does_not_end_over_it(office):
    begin(office)
    told = defer(office)
    assert told.code == 0
    assert "badge is put off (class C)" in told.out
    office("mia", "confirm", office.run, "--yes")
    ended = office.resume()
    assert ended.code == 10
    assert "done but for badge (mia@x.example, until " in ended.out
    assert f"runbook settle {office.run} badge" in ended.out
    assert office.tickets() == ["Desk for 77"]
    assert office.resume().code == 10
    assert office.tickets() == ["Desk for 77"]


def test_what_was_put_off_is_done_later_and_ends_the_run(office):
    begin(office)
    defer(office)
    office("mia", "confirm", office.run, "--yes")
    office.resume()
    settled = office("mia", "settle", office.run, "badge", "--yes")
    assert settled.code == 0
    assert office.tickets() == ["Desk for 77", "Badge for 77"]
    assert office("mia", "deferrals").out == "Nothing is put off.\n"


def test_never_needs_the_right_and_stays_on_the_record(office):
    begin(office)
    defer(office)
    office("mia", "confirm", office.run, "--yes")
    office.resume()
    assert office("mia", "settle", office.run, "badge", "--never", "--reason", "no badge").code == 6
    assert office("noor", "settle", office.run, "badge", "--never").code == 3
    given_up = office("noor", "settle", office.run, "badge", "--never", "--reason", "works from home")
    assert given_up.code == 0
    assert "never to be done: works from home" in office("mia", "status", office.run).out
    assert office.tickets() == ["Desk for 77"]


def test_only_whoever_may_allow_the_class_puts_off(office):
    begin(office)
    refused = defer(office, "mia")
    assert refused.code == 6
    assert "Mia may not decide about a deferral of class C" in refused.err
    assert "ask Boss, Kim, Noor" in refused.err
    assert defer(office, "stranger").code == 6
    stricter = defer(office, "noor", "badge", "--class", "B", until="2d")
    assert "ask Boss" in stricter.err
    assert defer(office, "boss", "badge", "--class", "B", until="2d").code == 0


def test_nobody_puts_off_what_is_about_themselves(office):
    begin(office, who="2")
    assert "is who this is about" in defer(office, "noor").err


def test_a_step_that_does_not_say_so_is_not_put_off(office):
    begin(office)
    refused = defer(office, step="desk")
    assert refused.code == 6
    assert "may be put off: badge" in refused.err


@pytest.mark.parametrize(
    ("until", "why"),
    [("30d", "not until"), ("2020-01-01", "not until"), ("soon", "no day"), ("-3d", "no day")],
)
def test_a_deferral_has_a_last_day_within_its_class(office, until, why):
    begin(office)
    found = office("noor", "defer", office.run, "badge", "--reason", "x", "--owner", "3", f"--until={until}")
    assert found.code in {3, 6}
    assert why in found.err


def test_an_extension_begins_no_new_time(office, monkeypatch):
    begin(office)
    assert defer(office, until="10d").code == 0
    later = datetime.now(UTC) + timedelta(days=6)
    monkeypatch.setattr(deferrals, "now", lambda: later)
    assert defer(office, until="6d").code == 6
    assert defer(office, until="4d").code == 0


def test_the_owner_is_somebody(office):
    begin(office)
    found = office("noor", "defer", office.run, "badge", "--reason", "x", "--owner", "ghost", "--until", "2d")
    assert "'ghost' is nobody here" in found.err


def test_what_is_overdue_is_loud_everywhere(office, monkeypatch):
    begin(office)
    defer(office)
    later = datetime.now(UTC) + timedelta(days=8)
    monkeypatch.setattr(deferrals, "now", lambda: later)
    monkeypatch.setattr(apps, "now", lambda: later)
    assert "OVERDUE" in office("mia", "deferrals").out
    assert office("mia", "deferrals", "--json").json[0]["overdue"] is True
    assert "! badge: OVERDUE" in office("mia", "status", office.run).out
    doctor = office("mia", "doctor")
    assert doctor.code == 4
    assert "badge" in doctor.out


def test_a_run_is_not_cancelled_over_a_deferral_by_whoever_may_not_say_never(office):
    begin(office)
    defer(office)
    refused = office("mia", "cancel", office.run, "--reason", "enough")
    assert refused.code == 6
    assert office("noor", "cancel", office.run, "--reason", "enough").code == 0
    assert [e["body"]["never"] for e in office.events() if e["kind"] == "run.cancelled"] == [["badge"]]


def test_without_rules_nothing_is_put_off(office):
    begin(office)
    office.write("people.yaml", PEOPLE)
    assert "nobody says who may allow a deferral of class C" in defer(office).err


def test_a_deferral_is_signed_where_decisions_are(office, tmp_path):
    key, public = make_key(tmp_path, "id")
    office.replace("people.yaml", "accounts: [noor]", f"accounts: [noor], keys: ['{public}']")
    office.replace("runbook.yaml", "people: people.yaml", "people: people.yaml\n    decisions: signed")
    begin(office)
    assert "decisions are signed here" in defer(office).err
    assert defer(office, "noor", "badge", "--key", str(key)).code == 0
    (event,) = [e for e in office.events() if e["kind"] == "step.deferred"]
    assert event["body"]["way"].startswith("ssh SHA256:")
    assert "class C" in event["body"]["text"]


def test_a_deferral_that_nobody_has_to_believe_does_not_count(office):
    begin(office)
    defer(office)
    office("mia", "confirm", office.run, "--yes")
    office.replace("people.yaml", "accounts: [noor]", "accounts: [someone]")
    refused = office.resume()
    assert refused.code == 6
    assert "is put off, and that does not count: the account 'noor' is not Noor's" in refused.out
    assert defer(office, "kim").code == 0
    assert office.resume().code == 10
    assert office.tickets() == ["Desk for 77"]


def test_a_forged_deferral_does_not_count_where_decisions_are_signed(office, tmp_path):
    begin(office)
    defer(office)
    office("mia", "confirm", office.run, "--yes")
    office.replace("runbook.yaml", "people: people.yaml", "people: people.yaml\n    decisions: signed")
    assert "it is not signed, and this environment demands it" in office.resume().out


def test_a_deferred_secret_is_not_made_anew_at_every_resume(office):
    steps = """\
      - {id: made, title: {en: Make a key, de: Schlüssel machen}, uses: secret.generate, with: {length: 16}}
      - id: given
        title: {en: Hand it over, de: Übergeben}
        mode: read-do
        deferrable: C
        with: {reveal: {Key: "{{ made.value }}"}}
"""
    begin(office, steps)
    assert defer(office, step="given").code == 0
    before = len(office.events())
    assert office.resume().code == 10
    kinds = [e["kind"] for e in office.events()[before:]]
    assert kinds == ["run.resumed", "run.stopped"]
    office("mia", "settle", office.run, "given", "--yes")
    assert "step.reopened" in [e["kind"] for e in office.events()]


def test_a_step_in_doubt_or_over_is_not_put_off(office):
    begin(office)
    office("mia", "confirm", office.run, "--yes")
    assert office.resume().code == 0
    assert "is done" in defer(office).err
