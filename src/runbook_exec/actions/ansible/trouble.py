"""What went wrong in an Ansible process, as an error that a person can act on."""

from __future__ import annotations

import re
from pathlib import Path

from runbook_exec.actions.ansible.request import Request
from runbook_exec.actions.ansible.results import Outcome, Report, Result
from runbook_exec.errors import Failed, Invalid, NotAllowed, RunbookError, Unreachable

_SUDO = re.compile(r"sudo password|password is required|not in the sudoers|Incorrect sudo", re.IGNORECASE)
_REFUSED = re.compile(r"Permission denied \((publickey|password|keyboard|gssapi)", re.IGNORECASE)
_UNPINNED = re.compile(r"Host key verification failed|No \S+ host key is known", re.IGNORECASE)
_NO_PLACE = re.compile(r"Failed to create temporary directory")
LONGEST = 500
"""Characters of a module's words that are shown."""
_NEVER_MET = re.compile(r"Failed to connect to the host|timed out during banner|Connection refused")


def of(report: Report, request: Request, *, check: bool, project: Path) -> RunbookError | None:
    """The error that this report means; None where all went well."""
    sent = not check and any(
        r.outcome in {Outcome.OK, Outcome.CHANGED, Outcome.FAILED} for r in report.results
    )
    if report.stopped:
        return _stopped(report, request, sent=sent)
    for result in report.results:
        if result.outcome is Outcome.UNREACHABLE and result.host in report.unreachable:
            return _unreachable(result, sent=sent or not _NEVER_MET.search(result.message))
    failed = [r for r in report.of(Outcome.FAILED) if r.host in report.failed or not report.complete]
    if failed:
        return _failed(failed[-1], check=check, project=project)
    if report.nobody or (report.complete and not report.results):
        return Invalid(
            f"the playbook has nothing to do on {', '.join(request.hosts)}",
            where=request.title,
            next_move="compare `hosts:` of its plays with the hosts of the step",
        )
    if report.code != 0:
        return _broken(report, request, sent=sent)
    return None


def _stopped(report: Report, request: Request, *, sent: bool) -> RunbookError:
    last = report.results[-1] if report.results else None
    reached = f'; the last result was "{last.task}" on {last.host}' if last else ""
    return Unreachable(
        f"{request.title} was stopped, as the time of the step was over{reached}",
        where=", ".join(request.hosts),
        next_move="raise the step's `timeout:` if the hosts are slow, otherwise look what hangs there",
        sent=sent,
    )


def _unreachable(result: Result, *, sent: bool) -> RunbookError:
    said = result.message
    if _UNPINNED.search(said):
        return Unreachable(
            "the SSH key of the host is not the one that is pinned, or none is pinned",
            where=result.host,
            next_move="compare it with the host's own (ssh-keygen -lf on its console), then put it into known_hosts",
            sent=False,
        )
    if _REFUSED.search(said):
        return NotAllowed(
            "the host refuses our login",
            where=result.host,
            next_move="put the public key of this connection into authorized_keys of the remote user",
        )
    if _NO_PLACE.search(said):
        return NotAllowed(
            "the remote user cannot make a temporary folder",
            where=result.host,
            next_move="give it a home folder, free space on its disk, or set ansible_remote_tmp in the inventory",
        )
    return Unreachable(
        f"the host does not answer: {_last_line(said)}",
        where=result.host,
        next_move="is it switched on, and is sshd running? `runbook doctor` tries each host",
        sent=sent,
    )


def _failed(result: Result, *, check: bool, project: Path) -> RunbookError:
    where = f"{result.host}, {_shown(result.place, project)}" if result.place else result.host
    if _SUDO.search(result.message):
        return NotAllowed(
            f'"{result.task}" needs root, and the remote user may not use sudo without a password',
            where=where,
            next_move="add a sudo rule for the remote user, or remove `become`",
        )
    how = " in the dry run" if check else ""
    return Failed(
        f'"{result.task}" failed{how}: {result.message[:LONGEST] or "the module gave no reason"}',
        where=where,
        next_move="mend it on the host or in the values of the step, then plan again"
        if check
        else "mend it, then `runbook resume`: what is done already is not repeated",
    )


def _broken(report: Report, request: Request, *, sent: bool) -> RunbookError:
    """Ansible ended without saying what happened: a wrong playbook, or it was killed."""
    lines = [line.strip() for line in report.said if line.strip()]
    said = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "it said nothing")
    if not report.complete and report.results:
        return Unreachable(
            f"Ansible ended before the playbook did (code {report.code}): {said}",
            where=request.title,
            next_move="look at the host, then `runbook resume`",
            sent=sent,
        )
    return Failed(
        f"Ansible did not run the playbook (code {report.code}): {said.removeprefix('[ERROR]: ')}",
        where=request.title,
        next_move="correct the playbook or the connection",
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def _shown(place: str, project: Path) -> str:
    path = Path(place)
    return str(path.relative_to(project)) if path.is_relative_to(project) else path.name
