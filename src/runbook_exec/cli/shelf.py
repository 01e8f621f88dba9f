"""list, show, lint, schema, docs, init: the runbooks themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.visible import visible


@click.command("list")
@options.language_option
@options.json_option
def list_(*, as_json: bool, language: str | None) -> None:
    """List the runbooks of this project."""
    from runbook_exec import document
    from runbook_exec.library import runbook_files

    project = options.open_project()
    spoken = options.chosen_language(language, project.language)
    found = []
    for path in runbook_files(project):
        data = document.parse(path.read_bytes(), file=str(path)).data
        title = data.get("title", "") if isinstance(data, dict) else ""
        words = title if isinstance(title, dict) else {"en": str(title)}
        name = data.get("runbook", path.stem) if isinstance(data, dict) else path.stem
        found.append(
            {"runbook": str(name), "title": str(words.get(spoken) or words.get("en", "")), "file": str(path)}
        )
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in found:
        click.echo(visible(f"{row['runbook']:<28} {row['title']}"))
    if not found:
        click.echo("No runbooks here. `runbook init` brings the library.")


@click.command()
@click.argument("runbook")
@options.language_option
@options.json_option
def show(runbook: str, *, as_json: bool, language: str | None) -> None:
    """Show a runbook as a checklist, with its inputs. Connects to nothing."""
    from runbook_exec import load, report
    from runbook_exec.library import runbook_path
    from runbook_exec.slots import words

    project = options.open_project()
    spoken = options.chosen_language(language, project.language)
    found = load.load(runbook_path(project, runbook))
    if as_json:
        click.echo(json.dumps(_as_data(found), ensure_ascii=False, indent=2))
        return
    click.echo(
        click.style(report.titled(found.title, spoken), bold=True) + f"  ({found.name}, {found.digest[:12]})"
    )
    click.echo("\n" + say(spoken, "inputs"))
    for name, sub in _inputs(found.inputs):
        click.echo(f"  {name:<28} {visible(sub)}")
    for section in found.sections:
        opens = " – " + say(spoken, "not before", visible(section.not_before)) if section.not_before else ""
        click.echo("\n" + click.style(report.titled(section.title, spoken), bold=True) + opens)
        for step in section.steps:
            what = step.uses or f"gate: {words(step.gate.rule if step.gate else {})}"
            click.echo(f"  ▢ {visible(report.titled(step.title, spoken))}  [{step.id}: {what}]")
            for own in step.not_before[bool(section.not_before) :]:
                click.echo("      " + say(spoken, "not before", visible(own)))
            if step.when:
                click.echo(say(spoken, "only if", visible(step.when)))
            if step.irreversible:
                reason = step.irreversible_in.get(spoken) or step.irreversible
                click.echo(say(spoken, "no way back", visible(reason)))


def _inputs(schema: Any, path: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, sub in schema.get("properties", {}).items():
        full = f"{path}{name}"
        if sub.get("type") == "object":
            rows += _inputs(sub, f"{full}.")
            continue
        needed = "" if name in schema.get("required", ()) else "optional; "
        about, choices = sub.get("description", ""), [str(choice) for choice in sub.get("enum", ())]
        listed = choices and not all(choice in about for choice in choices)
        rows.append((full, needed + about + (f" ({', '.join(choices)})" if listed else "")))
    return rows


def _as_data(runbook: Any) -> dict[str, Any]:
    return {
        "runbook": runbook.name,
        "title": dict(runbook.title),
        "digest": runbook.digest,
        "inputs": runbook.inputs,
        "sections": [
            {
                "title": dict(section.title),
                "steps": [
                    {
                        "id": s.id,
                        "title": dict(s.title),
                        "uses": s.uses,
                        "gate": s.gate.rule if s.gate else None,
                        "not_before": list(s.not_before),
                    }
                    for s in section.steps
                ],
            }
            for section in runbook.sections
        ],
    }


@click.command()
@click.argument("runbooks", nargs=-1)
@options.json_option
def lint(runbooks: tuple[str, ...], *, as_json: bool) -> int:
    """Find what is wrong with runbooks (all of the project, or those named)."""
    from runbook_exec import load
    from runbook_exec.errors import Invalid, Problems
    from runbook_exec.library import runbook_files, runbook_path
    from runbook_exec.lint import lint as find_problems

    project = options.open_project()
    paths = [runbook_path(project, name) for name in runbooks] or runbook_files(project)
    found: list[Invalid] = []
    for path in paths:
        try:
            found += find_problems(load.load(path))
        except Problems as problems:
            found += problems.problems
        except Invalid as problem:
            found.append(problem)
    if as_json:
        told = [{"where": p.where, "what": p.what, "next": p.next_move} for p in found]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for wrong in found:
            click.echo(visible(str(wrong)))
        checked = "1 runbook" if len(paths) == 1 else f"{len(paths)} runbooks"
        click.echo(f"{checked}, {len(found) or 'no'} problem{'' if len(found) == 1 else 's'}")
    return Invalid.exit_code if found else 0


@click.command()
def schema() -> None:
    """Print the JSON Schema of the runbook format, with every action's arguments.

    \b
    For VS Code:  runbook schema > .vscode/runbook.schema.json
                  and in settings.json  "yaml.schemas": {".vscode/runbook.schema.json": "runbooks/*.yaml"}
    """
    import inspect

    from runbook_exec.action import args_schema, every_action
    from runbook_exec.editor_schema import editor_schema

    actions = list(every_action())
    explained = {each.name: inspect.cleandoc(type(each).__doc__ or "") for each in actions}
    whole = editor_schema({each.name: args_schema(each) for each in actions}, explained)
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))


class _Pages(click.Group):
    """`docs ACTION` explains an action; `docs build` makes the pages of the runbooks."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            return "explain", explain, args
        return super().resolve_command(ctx, args)


@click.group(cls=_Pages, invoke_without_command=True, subcommand_metavar="[ACTION | build]")
@click.option("--write", "folder", type=click.Path(file_okay=False), help="Write a page for every action.")
@click.pass_context
def docs(ctx: click.Context, folder: str | None) -> None:
    """Explain an action: what it does, its arguments, what it gives, how it is undone.

    \b
      runbook docs                 every action in a line
      runbook docs ldap.user       one of them
      runbook docs build           every runbook as a page to read and print, with how its runs went
    """
    if ctx.invoked_subcommand is not None:
        return
    from runbook_exec import reference
    from runbook_exec.action import every_action

    if folder:
        reference.write(every_action(), Path(folder), _cases())
        return
    for each in every_action():
        click.echo(f"{each.name:<24} {(each.__doc__ or '').strip().splitlines()[0]}")


def _cases() -> Path:
    return Path(__file__).parents[3] / "tests" / "actions"


@docs.command(hidden=True)
@click.argument("action")
def explain(action: str) -> None:
    """Explain an action."""
    from runbook_exec import check, reference
    from runbook_exec.action import every_action, find
    from runbook_exec.errors import Invalid

    found = find(action)
    if found is None:
        known = [each.name for each in every_action()]
        raise Invalid(f"there is no action {action!r}", next_move=check.nearest(action, known))
    click.echo(reference.page(found, _cases()))


@docs.command()
@click.option("--to", "target", default="site", show_default=True, type=click.Path(file_okay=False))
@options.environment
def build(*, target: str, **given: Any) -> None:
    """Every runbook as a page to read and print, in English and German, with how its runs went.

    Reads runbooks and journal; connects to nothing. Counted are the runs in one environment. Pages are plain HTML without script; those that
    are there already are written anew, other files stay.
    """
    from runbook_exec import load
    from runbook_exec.errors import Invalid
    from runbook_exec.handbook import Chapter, pages
    from runbook_exec.library import runbook_files
    from runbook_exec.tally import tally

    app = options.open_app(given)
    runbooks = [load.load(path) for path in runbook_files(app.project)]
    chapters = [Chapter(runbook=runbook, tally=tally(app.journeys(runbook.name))) for runbook in runbooks]
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in pages(chapters):
            (folder / name).write_text(page, encoding="utf-8")
    except OSError as error:
        raise Invalid(
            f"cannot be written: {error.strerror}", where=str(folder), next_move="name another folder: --to"
        ) from error
    counted = sum(chapter.tally.runs for chapter in chapters)
    click.echo(
        f"{len(chapters)} runbooks, {counted} runs in {app.environment_name} counted: {folder / 'index.html'}"
    )


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False))
def init(folder: str) -> None:
    """Make a project folder with the runbook library. Overwrites nothing."""
    from runbook_exec.seed import seed

    target = Path(folder).resolve()
    made, kept = seed(target)
    for name in made:
        click.echo(f"  made  {name}")
    for name in kept:
        click.echo(f"  kept  {name} (was there already)")
    click.echo(f"\nThe project is in {target}. Next:")
    click.echo("  runbook sandbox demo     a rehearsal company, and a joiner's first day in it")
    click.echo("  runbook list             the runbooks of this project")
    click.echo("  runbook doctor           whether every connection works")
