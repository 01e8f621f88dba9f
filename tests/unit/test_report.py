from __future__ import annotations

import pytest
from running import Bench

from runbook_exec import report
from runbook_exec.action import Answer
from runbook_exec.errors import Failed
from runbook_exec.testing import FarSide, registered

STEPS = """
- {id: thing, title: {en: Thing, de: Ding}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- {id: same, title: {en: Same, de: Gleich}, uses: memory.thing, with: {key: b, set: {n: 1}}}
- {id: not, title: {en: Not, de: Nicht}, when: "{{ 1 == 2 }}", uses: memory.thing, with: {key: c}}
- {id: hand, title: {en: Hand over, de: Übergeben}, mode: read-do}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide(b={"id": "1", "n": 1})) as far:
        yield Bench(folder=tmp_path, far=far)


def told(run, runbook, language="en"):
    return {row.step: (row.status.value, row.says) for row in report.rows(run, runbook, language)}


def test_each_item_says_what_happened_to_it(bench):
    bench.answer = lambda question: Answer(who="mia")
    runbook = bench.runbook(STEPS)
    run = bench.start(runbook)
    assert told(run, runbook) == {
        "thing": ("done", "a is made or changed"),
        "same": ("done", "already so"),
        "not": ("skipped", "not needed"),
        "hand": ("done", "confirmed by mia"),
    }
    assert told(run, runbook, "de")["hand"] == ("done", "bestätigt von mia")


def test_a_failed_item_says_why_and_the_rest_stays_open(bench):
    bench.far.trouble = [("before", Failed("the disk is full"))]
    runbook = bench.runbook(STEPS)
    run = bench.start(runbook)
    assert told(run, runbook)["thing"] == ("failed", "the disk is full")
    assert told(run, runbook)["hand"][0] == "pending"


def test_the_story_lets_no_text_become_markup(bench):
    steps = STEPS.replace("en: Thing", 'en: "[x](http://evil) <b>*bold*&lt; ~~no~~\\n# Head"')
    runbook = bench.runbook(steps)
    text = report.story(bench.start(runbook), runbook, "en")
    line = next(line for line in text.splitlines() if "evil" in line)
    assert line.startswith("- ✓ \\[x\\](http:\\//evil) \\<b\\>\\*bold\\*\\&lt; \\~\\~no\\~\\~ \\# Head")


def test_the_story_shows_what_would_turn_the_text_around(bench):
    runbook = bench.runbook(STEPS)
    bench.far.trouble = [("before", Failed("no \u202egpj.exe"))]
    assert "no ‹U+202E›gpj.exe" in report.story(bench.start(runbook), runbook, "en")
