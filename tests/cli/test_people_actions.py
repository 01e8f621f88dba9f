"""Questions to people, through the real command: asked, answered from elsewhere, read by later steps."""

from __future__ import annotations

import pytest
from gating import Office

HEAD = """\
runbook: desk
title: {en: Desk, de: Platz}
sections:
  - title: {en: All, de: Alles}
    steps:
"""
ASK = """\
      - id: desk
        title: {en: "Which desk is free?", de: "Welcher Platz ist frei?"}
        uses: people.ask
        with: {title: {en: "Which desk is free?", de: "Welcher Platz ist frei?"}, answer: {type: integer, minimum: 1, maximum: 40}}
      - id: told
        title: {en: Tell, de: Sagen}
        uses: ticket.open
        with: {key: "k-{{ run.id }}", title: "Desk {{ desk.answer }}"}
"""
CHALLENGE = """\
      - id: serial
        title: {en: "Which serial?", de: "Welche Seriennummer?"}
        uses: people.challenge
        with: {title: "Which serial?", expect: [KRN-4711]}
      - {id: told, title: {en: Tell, de: Sagen}, uses: ticket.open, with: {key: "k-{{ run.id }}", title: Wiped}}
"""
CALL = """\
      - id: known
        title: {en: Verify the caller, de: Anrufer prüfen}
        uses: people.verify_caller
        with: {person: Anna Berg, ways: [call back], number: "+49 30 1"}
      - {id: told, title: {en: Tell, de: Sagen}, uses: ticket.open, with: {key: "k-{{ run.id }}", title: "By {{ known.way }}"}}
"""
CHILDREN = """\
      - {id: top, title: {en: T, de: T}, uses: ticket.open, with: {key: leaver, title: Leaver}}
      - id: things
        title: {en: Items, de: Dinge}
        uses: ticket.children
        with:
          ticket: "{{ top.id }}"
          key: leaver/4711
          children: [{key: badge, title: Block the badge}, {key: laptop, title: Take the laptop, text: Room 2}]
      - {id: told, title: {en: Tell, de: Sagen}, uses: ticket.comment, with: {ticket: "{{ things.ids.badge }}", text: "now"}, irreversible: it stays}
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


def begin(office: Office, steps: str, *more: str):
    office.write("runbooks/desk.yaml", HEAD + steps)
    found = office("mia", "run", "desk", "--yes", *more)
    office.run = office("mia", "status", "--json").json[0]["run"]
    return found


def test_an_answer_given_elsewhere_is_read_by_later_steps(office):
    begun = begin(office, ASK)
    assert begun.code == 10
    assert "a person has to answer: Which desk is free?" in begun.out
    assert office("noor", "confirm", office.run, "--yes").code == 6
    assert office("noor", "confirm", office.run, "--answer", "soon").code == 3
    assert office("noor", "confirm", office.run, "--answer", "99").code == 3
    assert office("noor", "confirm", office.run, "--answer", "17").code == 0
    assert office.resume().code == 0
    assert office.tickets() == ["Desk 17"]


def test_a_challenge_takes_the_right_answer_from_a_second_human(office):
    begin(office, CHALLENGE)
    office("boss", "confirm", office.run, "--answer", "krn-4711 ")
    assert office("adm-boss", "confirm", office.run, "--answer", "KRN-4711").code == 6
    wrong = office("noor", "confirm", office.run, "--answer", "KRN-4712")
    assert wrong.code == 3
    assert "that is not the answer" in wrong.err
    assert office.resume("boss").code == 10
    assert office("noor", "confirm", office.run, "--answer", "KRN-4711").code == 0
    assert office.resume().code == 0
    assert office.tickets() == ["Wiped"]
    assert "4712" not in str(office.events())


def test_a_challenge_may_expect_what_an_earlier_step_gave(office):
    steps = ASK.replace("{type: integer, minimum: 1, maximum: 40}", "{type: string}").partition(
        "      - id: told"
    )[0]
    steps += CHALLENGE.replace("[KRN-4711]", '["{{ desk.answer }}"]')
    begin(office, steps)
    office("mia", "confirm", office.run, "--answer", "K-7")
    assert office.resume().code == 10
    assert office("mia", "confirm", office.run, "--answer", "K-7").code == 10
    assert office("boss", "confirm", office.run, "--answer", "K-8").code == 0
    assert office.resume().code == 10  # known now, and it is not the answer
    assert office.tickets() == []
    assert office("mia", "resume", office.run, "--replan", "--yes").code == 10
    for account in ("mia", "boss"):
        office(account, "confirm", office.run, "--answer", "k-7")
    assert office.resume().code == 0
    assert office.tickets() == ["Wiped"]


def test_a_caller_who_is_not_verified_gets_nothing(office):
    begin(office, CALL)
    assert office("mia", "confirm", office.run, "--answer", "not verified").code == 0
    refused = office.resume()
    assert refused.code == 5
    assert "could not verify that the caller is Anna Berg" in refused.out
    assert office.tickets() == []


def test_how_a_caller_was_verified_is_kept_and_no_more(office):
    begun = begin(office, CALL)
    assert begun.code == 10
    shown = office("mia", "confirm", office.run, "--answer", "call back")
    assert "+49 30 1" in shown.out
    assert office.resume().code == 0
    assert office.tickets() == ["By call back"]


def test_children_are_opened_once_and_listed_on_their_ticket(office):
    assert begin(office, CHILDREN).code == 0
    assert office.tickets() == ["Leaver", "Block the badge", "Take the laptop"]
    again = office("mia", "run", "desk", "--yes")
    assert again.code == 0
    assert len(office.tickets()) == 3
    assert office("mia", "undo", office.run, "--yes").code == 0


def test_a_rehearsal_answers_what_fits():
    from runbook_exec.action import Question
    from runbook_exec.answer import wrong
    from runbook_exec.cli.asking import rehearsed

    for schema in (
        {"type": "boolean"},
        {"type": "integer", "minimum": 5},
        {"enum": ["call back", "not verified"]},
        {"type": "string", "minLength": 1},
    ):
        assert wrong(schema, (), rehearsed(Question(title="?", answer=schema)).value) == ""
    assert rehearsed(Question(title="?", answer={"type": "string"}, expect=("x",))).value == "x"
