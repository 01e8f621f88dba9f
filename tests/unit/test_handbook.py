"""Runbooks as pages, and what is counted of their runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import Bench

from runbook_exec import load
from runbook_exec.errors import Unreachable
from runbook_exec.findings import Sort
from runbook_exec.handbook import Chapter, pages
from runbook_exec.handbook_words import WORDS
from runbook_exec.replay import replay
from runbook_exec.tally import tally
from runbook_exec.testing import FarSide, registered

STEPS = """
- {id: one, title: {en: "One <b>", de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- id: paper
  title: {en: Paper, de: Papier}
  mode: read-do
  with: {items: [{en: Sign it, de: Unterschreiben}]}
  irreversible: {en: ink, de: Tinte}
"""
RUNBOOKS = sorted((Path(__file__).parents[2] / "runbooks").glob("*.yaml"))


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far)


def journey(bench, run="r1"):
    events = bench.store.events(run)
    return replay(events), events


def shown(runbook, counted=None):
    chapter = Chapter(runbook=runbook) if counted is None else Chapter(runbook=runbook, tally=counted)
    return dict(pages([chapter]))


def test_a_runbook_has_a_page_in_each_language_and_a_place_in_each_index(bench):
    found = shown(bench.runbook(STEPS))
    assert set(found) == {"index.html", "index.de.html", "trial.html", "trial.de.html"}
    assert 'href="trial.de.html"' in found["index.de.html"]
    assert "Papier" in found["trial.de.html"]
    assert "Paper" in found["trial.html"]


def test_a_persons_item_shows_what_to_do_and_why_there_is_no_way_back(bench):
    page = shown(bench.runbook(STEPS))["trial.de.html"]
    assert "Unterschreiben" in page
    assert "Kein Weg zurück: Tinte" in page


def test_titles_are_escaped_and_no_page_asks_for_anything(bench):
    for page in shown(bench.runbook(STEPS)).values():
        assert "One <b>" not in page
        assert "<script" not in page
        assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_both_languages_have_the_same_words():
    assert WORDS["en"].keys() == WORDS["de"].keys()


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_every_runbook_of_the_library_has_its_pages(path):
    runbook = load.load(path)
    found = shown(runbook)
    for step in runbook.steps():
        assert f'id="{step.id}"' in found[f"{runbook.name}.html"]


def test_a_runbook_that_never_ran_says_so(bench):
    assert "never run here" in shown(bench.runbook(STEPS))["index.html"]


def test_runs_are_counted_with_how_far_their_plans_held(bench):
    runbook = bench.runbook(STEPS.partition("- id: paper")[0])
    bench.start(runbook)
    counted = tally([journey(bench)])
    assert (counted.runs, counted.done, counted.smooth) == (1, 1, 1)
    assert (counted.kept, counted.lines) == (1, 1)
    assert "100.0 % (1/1)" in shown(runbook, counted)["trial.html"]


def test_an_item_tells_in_how_many_runs_it_had_trouble_even_when_that_was_settled(bench):
    runbook = bench.runbook(STEPS.partition("- id: paper")[0])
    bench.far.trouble = [("before", Unreachable("no answer"))]
    bench.start(runbook)
    bench.resume(runbook)
    counted = tally([journey(bench)])
    assert counted.smooth == 0
    assert counted.items["one"].sorts == {Sort.UNREACHABLE: 1}
    assert "trouble in one run: A far side did not answer" in shown(runbook, counted)["trial.html"]


def test_half_of_the_runs_take_at_most_the_median(bench):
    runbook = bench.runbook(STEPS.partition("- id: paper")[0])
    spans = [3, 60, 3600]
    runs = []
    for number, seconds in enumerate(spans):
        bench.far.things.clear()
        bench.on_event = lambda event, run, s=seconds: (
            bench.clock.forward(s) if event.kind == "step.intent" else None
        )
        bench.start(runbook, run=f"r{number}")
        runs.append(journey(bench, f"r{number}"))
    assert tally(runs).median == 60
    assert "1 min" in shown(runbook, tally(runs))["trial.html"]


def test_a_gate_is_told_in_the_language_of_the_page(bench):
    gate = "- {id: agree, title: {en: Agree, de: Zustimmen}, gate: {role: it lead}}\n"
    made = shown(bench.runbook(gate + STEPS.lstrip()), tally([]))
    assert "opens with 1 of role it lead" in made["trial.html"]
    assert "öffnet durch: eine Person mit der Rolle it lead" in made["trial.de.html"]
