"""A plan as one self-contained page: no script, no request to anywhere, everything escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from runbook_exec.diff import one_line, paragraphs
from runbook_exec.plan import Plan
from runbook_exec.plan_view import view


def plan_html(plan: Plan, *, language: str) -> str:
    """The whole plan for a browser, a printer or a screen reader."""
    found = view(plan, language)
    return _template().render(view=found, text=found.text)


@cache
def _template() -> Template:
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters.update(shown=paragraphs, one_line=one_line)
    return env.from_string(files("runbook_exec").joinpath("plan.html.j2").read_text(encoding="utf-8"))
