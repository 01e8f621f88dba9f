"""The state of every connection of an environment, measured against what the runbooks need."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec import load
from runbook_exec.action import Finding, Rights, find, find_provider
from runbook_exec.errors import RunbookError
from runbook_exec.library import runbook_files
from runbook_exec.settings import Environment, Project

Need = str | tuple[str, ...]


def examine(project: Project, environment: Environment) -> Iterator[tuple[str, Finding]]:
    """(connection, finding) for each connection of the environment, one after another."""
    needed = needed_rights(project)
    for name in sorted({*environment.connections, *needed}):
        provider = find_provider(name)
        if provider is None:
            if name in environment.connections:
                yield (
                    name,
                    Finding(ok=False, what="no provider has this name", next_move="correct or remove it"),
                )
            continue
        rights = needed.get(name, Rights())
        for label, write, asked in (
            ("planning", False, Rights(read=rights.read)),
            ("applying", True, rights),
        ):
            try:
                findings = provider.check(environment.connection(name, write=write), asked)
            except RunbookError as error:
                findings = [Finding.of(error)]
            for finding in findings:
                yield f"{name}, {label}", finding


def needed_rights(project: Project) -> dict[str, Rights]:
    """The rights that the actions of the project's runbooks declare, by provider."""
    read: dict[str, dict[Need, None]] = {}
    apply: dict[str, dict[Need, None]] = {}
    for path in runbook_files(project):
        for step in load.load(path).steps():
            action = find(step.uses) if step.uses else None
            if action is None or find_provider(action.provider) is None:
                continue
            read.setdefault(action.provider, {}).update(dict.fromkeys(action.rights.read))
            apply.setdefault(action.provider, {}).update(dict.fromkeys(action.rights.apply))
    return {name: Rights(read=tuple(read[name]), apply=tuple(apply[name])) for name in read}
