"""A plan as one self-contained page: no script, no request to anywhere, everything escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from runbook_exec.diff import one_line, paragraphs
from runbook_exec.plan import Plan
from runbook_exec.plan_view import view


def plan_html(plan: Plan, *, language: str) -> str:
    """The whole plan for a browser, a printer or a screen reader."""
    found = view(plan, language)
    return template("plan.html.j2").render(view=found, text=found.text)


@cache
def template(name: str) -> Template:
    """A page of this package; all of them share one look, which is part of the page."""
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters.update(shown=paragraphs, one_line=one_line)
    env.globals["look"] = Markup(_file("look.css"))  # noqa: S704 - our own file
    return env.from_string(_file(name))


def _file(name: str) -> str:
    return files("runbook_exec").joinpath(name).read_text(encoding="utf-8")
