"""Where a project keeps its runbooks."""

from __future__ import annotations

from pathlib import Path

from runbook_exec.check import nearest
from runbook_exec.errors import Invalid
from runbook_exec.settings import Project


def runbook_path(project: Project, name: str) -> Path:
    """`onboard-employee` or a path → the runbook's file; says what is near where it is missing."""
    given = Path(name)
    if given.suffix in {".yaml", ".yml"}:
        return given
    path = project.folder / "runbooks" / f"{name}.yaml"
    if path.is_file():
        return path
    known = [found.stem for found in runbook_files(project)]
    raise Invalid(f"there is no runbook {name!r}", next_move=nearest(name, known))


def runbook_files(project: Project) -> list[Path]:
    """Every runbook of the project, by name."""
    return sorted((project.folder / "runbooks").glob("*.yaml"))
