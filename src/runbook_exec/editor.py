"""Who edited a runbook last, as git tells it. Read once, when a run begins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from runbook_exec.change import Json
from runbook_exec.signature import PROGRAMS

_GIT = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false")
"""Nothing that a project's own git settings name is run."""


def last_editor(file: Path) -> dict[str, Json]:
    """`{mail, note}`: the author of the file's last commit, or why nobody knows.

    What git says is what the author wrote there: it keeps honest people from agreeing to
    their own change by oversight. Only signed commits on a protected branch prove it.
    """
    git = shutil.which("git", path=PROGRAMS)
    if git is None:
        return _unknown("git is not installed")
    if not file.is_file():
        return _unknown("the runbook is no file")
    state = _asked(git, file, "status", "--porcelain", "--", file.name)
    if state is None:
        return _unknown("the project is no git folder of this account")
    if state.startswith(("??", "!!")):
        return _unknown("the runbook was never committed")
    if state.strip():
        return _unknown("the runbook was changed since its last commit")
    mail = _asked(git, file, "log", "-1", "--format=%ae", "--", file.name)
    if not mail or not mail.strip():
        return _unknown("the runbook was never committed")
    return {"mail": mail.strip(), "note": ""}


def _unknown(why: str) -> dict[str, Json]:
    return {"mail": "", "note": f"nobody knows who edited this runbook last: {why}"}


def _asked(git: str, file: Path, *words: str) -> str | None:
    done = subprocess.run(  # noqa: S603
        [git, *_GIT, "-C", str(file.parent), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={"PATH": PROGRAMS, "LC_ALL": "C.UTF-8"},
    )
    return done.stdout if done.returncode == 0 else None
