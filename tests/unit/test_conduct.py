"""Beginning a run and going on with one, as the commands do it: a real project and journal, far sides in memory."""

from __future__ import annotations

import pytest

from runbook_exec import conduct, load
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.errors import Busy, Failed, Invalid
from runbook_exec.run import RunStatus
from runbook_exec.settings import find_project
from runbook_exec.testing import FarSide, registered

SETTINGS = """
client: kranich
environments:
  test:
    kind: real
    connections: {memory: {}}
    site: {colour: red}
"""
HEAD = """
runbook: trial
title: {en: Trial, de: Probe}
subject: "{{ person }}"
inputs:
  type: object
  required: [person]
  additionalProperties: false
  properties:
    person: {type: string}
    pin: {type: string, secret: true, pattern: "^[0-9]{4}$"}
sections:
  - title: {en: All, de: Alles}
    steps:
"""
WAITS = """
      - {id: paper, title: {en: P, de: P}, mode: read-do}
      - {id: one, title: {en: O, de: E}, uses: memory.thing, with: {key: a, set: {of: "{{ person }}"}}}
"""
SPEAKS = """
      - {id: paper, title: {en: P, de: P}, mode: read-do}
      - {id: mail, title: {en: M, de: M}, uses: memory.mail, with: {to: a, text: "{{ run.language }}"}, irreversible: m}
"""
PIN = """
      - {id: paper, title: {en: P, de: P}, mode: read-do}
      - {id: thing, title: {en: T, de: T}, uses: memory.thing, with: {key: a, set: {colour: red}}}
      - id: pass
        title: {en: P, de: P}
        uses: memory.password
        with: {key: a, password: "{{ pin }}"}
        irreversible: the old one is gone
"""


@pytest.fixture
def far():
    with registered(FarSide()) as far:
        yield far


@pytest.fixture
def begin(tmp_path, far):
    """Begin a run that waits for a person at its first item."""
    (tmp_path / "runbook.yaml").write_text(SETTINGS, encoding="utf-8")

    def begin(steps: str, *, run: str = "r1", **values: str) -> App:
        app = opened(tmp_path)
        book = load.parse(HEAD + steps, file="trial.yaml", fetch=lambda name: "")
        assert conduct.start(app, app.plan(book, values), run=run).status is RunStatus.WAITING
        return app

    return begin


def opened(folder, **desk) -> App:
    return App(find_project(folder), environment=None, desk=Desk(**{"who": "mia", "language": "en", **desk}))


@pytest.mark.parametrize("other", ["anna", "ANNA", " anna ", "Ａｎｎａ"])
def test_a_person_is_the_same_subject_however_the_name_is_written(begin, other):
    begin(WAITS, person="Anna")
    with pytest.raises(Busy):
        begin(WAITS, run="r2", person=other)


@pytest.mark.parametrize("values", [{"person": "eve"}, {"persn": "eve"}, {"pin": {"a": "b"}}, {"pin": {}}])
def test_going_on_takes_no_other_inputs_than_the_run_began_with(begin, values):
    app = begin(WAITS, person="anna", pin="1234")
    with pytest.raises(Invalid):
        conduct.resume(app, "r1", values=values, agree=None)
    assert app.run("r1").started["inputs"]["person"] == "anna"


def test_a_secret_given_again_is_checked_and_not_repeated(begin):
    app = begin(PIN, person="anna", pin="1234")
    with pytest.raises(Invalid) as told:
        conduct.resume(app, "r1", values={"pin": "hunter2"}, agree=None)
    assert "hunter2" not in str(told.value)


def test_whoever_goes_on_does_not_change_the_language_of_the_letters(begin, far, tmp_path):
    begin(SPEAKS, person="anna")
    from runbook_exec.action import Answer

    app = opened(tmp_path, language="de", ask=lambda question: Answer(who="mia"))
    assert conduct.resume(app, "r1", agree=None).status is RunStatus.DONE
    assert far.mails[0]["text"] == "en"


def test_a_run_that_could_not_be_planned_anew_does_not_stay_running(begin, monkeypatch):
    app = begin(WAITS, person="anna")

    def refuses(*_):
        raise Failed("cannot be read today")

    monkeypatch.setattr(FarSide, "read", refuses)
    with pytest.raises(Failed):
        conduct.resume(app, "r1", agree=lambda plan: True)
    assert app.run("r1").status is RunStatus.FAILED
    assert "cannot be read today" in app.run("r1").why
