"""The Ansible provider: how sessions are opened, and what `doctor` finds out about the hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from runbook_exec.action import Finding, Rights, register_provider
from runbook_exec.actions.ansible import configuration, playbook_lint, trouble
from runbook_exec.actions.ansible.configuration import Connection
from runbook_exec.actions.ansible.request import Request
from runbook_exec.actions.ansible.results import Outcome, Report
from runbook_exec.actions.ansible.session import Session, opened
from runbook_exec.change import Json
from runbook_exec.errors import RunbookError


class AnsibleProvider:
    """Hosts by SSH.

    Keys of the connection: `inventory` static YAML inventory · `remote_user` · `private_key_file` · `known_hosts` file
    with the pinned keys · `become` sudo without a password · `python` on the hosts · `forks` ·
    `timeout` seconds · `vars` variables for every playbook · `planning` {remote_user,
    private_key_file, become}: a remote account that can only read; it replaces the others in
    every dry run, so that those have no pen at the far side either.
    """

    name = "ansible"

    def open(self, connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[Session]:
        return opened(connection, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        return list(_findings(connection))


def _findings(values: Mapping[str, Json]) -> Iterator[Finding]:
    try:
        made = configuration.connection(values)
        yield from _files(made)
        yield from _playbooks(made.folder() / "playbooks")
        with opened(values, write=False) as session:
            yield from _hosts(session, session.ping())
    except RunbookError as error:
        yield Finding.of(error)


def _files(made: Connection) -> Iterator[Finding]:
    if made.private_key_file:
        yield _key(made.path(made.private_key_file))
    known = made.path(made.known_hosts)
    if made.private_key_file and not known.is_file():
        yield Finding(
            ok=False,
            what=f"{known} does not exist, so no host reached by SSH is believed",
            next_move="ssh-keyscan HOST, compare with the host's console, then write the file",
        )


def _key(file: Path) -> Finding:
    if not file.is_file():
        return Finding(
            ok=False, what=f"the SSH key {file} does not exist", next_move="correct `private_key_file:`"
        )
    if file.stat().st_mode & 0o077:
        return Finding(ok=False, what=f"others can read the SSH key {file}", next_move=f"chmod 600 {file}")
    return Finding(ok=True, what=f"the SSH key {file} is ours alone")


def _playbooks(root: Path) -> Iterator[Finding]:
    files = list(playbook_lint.every_playbook(root))
    found = [problem for file in files for problem in playbook_lint.problems(file, root=root)]
    for problem in found:
        yield Finding(ok=False, what=f"{problem.where}: {problem.what}", next_move=problem.next_move)
    if not found:
        yield Finding(ok=True, what=f"{len(files)} playbooks can be believed in check mode")


def _hosts(session: Session, report: Report) -> Iterator[Finding]:
    for host in session.inventory.hosts:
        mine = Report(
            results=[result for result in report.results if result.host == host],
            failed=report.failed & {host},
            unreachable=report.unreachable & {host},
            complete=report.complete,
            said=report.said,
            code=0 if any(result.host == host for result in report.results) else report.code,
        )
        error = trouble.of(
            mine, Request(hosts=(host,), playbook="ping"), check=True, project=session.connection.folder()
        )
        if error is None and mine.of(Outcome.OK):
            yield Finding(ok=True, what=f"{host}: login works, Python starts")
        elif error is not None:
            yield Finding(ok=False, what=f"{host}: {error.what}", next_move=error.next_move)


register_provider(AnsibleProvider())
