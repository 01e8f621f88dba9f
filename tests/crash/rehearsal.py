"""A small runbook in the rehearsal company: an account that the sync takes to the cloud, a group, a mail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash.desk_trial import letter
from crash.joiner import Joiner

from runbook_exec.sandbox import process

RUNBOOK = """
runbook: small
title: {en: Small, de: Klein}
sections:
  - title: {en: All, de: Alles}
    steps:
      - id: account
        title: {en: Account, de: Konto}
        uses: ldap.user
        with:
          ou: "{{ site.locations['Wuppertal'].ou }}"
          cn: Anna Berg
          employee_id: "1051"
          sam: aberg
          upn: anna.berg@kranich.example
          mail: anna.berg@kranich.example
          given_name: Anna
          surname: Berg
      - id: groups
        title: {en: Groups, de: Gruppen}
        uses: ldap.group_members
        with: {member: "{{ account.dn }}", add: "{{ site.profiles['sales'].groups }}"}
      - id: cloud
        title: {en: Cloud account, de: Cloud-Konto}
        uses: wait.until
        with: {read: graph.user, of: anna.berg@kranich.example, deadline: 2m, every: 1s}
""" + letter("welcome", "anna.berg@kranich.example")


class Small(Joiner):
    """The company of the onboarding with less to do."""

    name = "rehearsal"
    renewed = frozenset()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "runbooks" / "small.yaml").write_text(RUNBOOK.lstrip())

    def command(self, key: str) -> list[str]:
        return ["run", "small"]

    def kill_company(self) -> None:
        os.kill(process.status(self.company)["pid"], signal.SIGKILL)
        until = time.monotonic() + 10
        while process.is_running(self.company) and time.monotonic() < until:
            time.sleep(0.02)

    def start_company(self) -> None:
        process.start(self.company)


@contextmanager
def rehearsal(folder: Path) -> Iterator[Small]:
    folder.mkdir(parents=True)
    trial = Small(folder)
    try:
        yield trial
    finally:
        process.stop(trial.company)
