"""What a person sees before they decide at a gate: all of it, and nothing that is not hashed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.visible import visible


def said(text: object) -> str:
    """Anything from outside on one line, look-alikes and invisible characters spelled out."""
    return visible(str(text)).replace("\n", "‹line break›")


def page(app: Any, view: Any) -> Iterator[str]:
    """Everything that a decision is about; the digest that is signed covers all of it."""
    from runbook_exec.gatehouse import covered
    from runbook_exec.past import runbook_of
    from runbook_exec.plan_text import plan_text
    from runbook_exec.sheet import kept_plan
    from runbook_exec.slots import words
    from runbook_exec.threshold import words_of

    run, started = view.run, view.run.started
    plan = kept_plan(run, runbook_of(run), covered(run, view.gate))
    yield plan_text(plan, language=app.desk.language, colour=options.in_terminal(), whole=True)
    yield ""
    spoken = app.desk.language
    yield click.style(say(spoken, "gate of", view.gate, run.id), bold=True)
    yield say(spoken, "gate asked", said(started.get("requester", "")), said(started.get("ticket") or "–"))
    yield say(spoken, "gate inputs", said(json.dumps(started.get("inputs", {}), ensure_ascii=False)))
    rule, state = words(view.rule.rule, spoken), words_of(view.state, spoken)
    yield say(spoken, "gate opens", said(rule), said(state))
    editor = started.get("editor") or {}
    if editor.get("note"):
        yield f"  {said(said_in(str(editor['note']), spoken))}"
    yield from _earlier(app, view)


def _earlier(app: Any, view: Any) -> Iterator[str]:
    """What was decided so far, and why a decision does not count."""
    from runbook_exec import gate as gates
    from runbook_exec.decision import Verdict

    house, spoken = app.gatehouse(view.run.started["environment"]), app.desk.language
    back = gates.taken_back(view.run.decisions)
    for d in view.run.decisions:
        if d.gate != view.gate or d.verdict in {Verdict.WITHDRAW, Verdict.REVIEW}:
            continue
        void = (
            (say(spoken, "gate back", back[d.seq]) if d.seq in back else "")
            or gates.why_not(d, view.people, view.facts, house.clock())
            or house.unproven(view.run, d, view.people)
        )
        acted = say(spoken, "gate for", said(d.delegated_for)) if d.delegated_for else ""
        word = say(spoken, f"gate word {d.verdict.value}")
        line = f"  {d.at[:16].replace('T', ' ')} UTC {said(d.person)}{acted}: {word} ({said(d.way)}), {said(d.reason)}"
        yield line + (click.style(say(spoken, "gate void", said(void)), fg="red") if void else "")
        if d.digest != view.facts.digest:
            yield from (f"      {said(each)}" for each in _since(app, view, d))


def _since(app: Any, view: Any, decision: Any) -> Iterator[str]:
    """How the plan that a void decision was about differs from the present one."""
    from runbook_exec.gatehouse import covered, covered_lines
    from runbook_exec.sheet import differences

    old: list[Any] = next(
        (
            e.body["lines"]
            for e in app.store.events(view.run.id)
            if e.body.get("digest") == decision.digest and "lines" in e.body
        ),
        [],
    )
    yield from differences(covered_lines(old, view.gate), covered(view.run, view.gate))
