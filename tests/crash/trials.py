"""The small runbooks on their far sides; the last one uses all of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crash.cloud_trial import Cloud
from crash.desk_trial import AtDesk, Desk, letter
from crash.directory_trial import PASSWORD, Directory, InDirectory
from crash.doubles import catcher
from crash.trial import Trial
from graph_double import tenant
from servers import slapd


class Everything(Trial):
    """Side by side, element by element, with a password that lives in memory alone: all far sides at once."""

    name = "everything"
    renewed = frozenset({PASSWORD, "pwdReset"})
    steps = (
        """
      - parallel:
          - id: account
            title: {en: Account, de: Konto}
            uses: ldap.user
            with: {ou: OU, cn: "{{ login }}", sam: "{{ login }}", employee_id: "{{ login }}", surname: Weiß}
          - id: open
            title: {en: Ticket, de: Ticket}
            uses: ticket.open
            with: {key: "trial-{{ login }}", title: "For {{ login }}", text: begun}
          - id: cloud_word
            title: {en: Password, de: Kennwort}
            uses: secret.generate
            with: {length: 16}
      - id: word
        title: {en: Password, de: Kennwort}
        uses: secret.generate
        with: {length: 16}
      - id: password
        title: {en: Password, de: Kennwort}
        uses: ldap.password
        with: {dn: "{{ account.dn }}", password: "{{ word.value }}"}
        irreversible: the old one is gone
      - id: each
        title: {en: Groups, de: Gruppen}
        uses: ldap.group_members
        for_each: "{{ ['staff', 'vpn'] }}"
        as: group
        with: {member: "{{ account.dn }}", add: ["cn={{ group }},GROUPS"]}
      - id: cloud
        title: {en: Cloud, de: Cloud}
        uses: graph.user
        with: {upn: "{{ login }}@kranich.example", display_name: "{{ login }}", password: "{{ cloud_word.value }}"}
""".replace("GROUPS", slapd.GROUPS).replace("OU", f'"{slapd.PEOPLE}"')
        + letter("first", "{{ login }}@kranich.example")
        + """
      - id: close
        title: {en: Close, de: Schließen}
        uses: ticket.close
        with: {ticket: "{{ open.id }}"}
"""
    )

    def __init__(self, directory: Directory, desk: Desk, cloud: Cloud) -> None:
        self.parts = (directory, desk, cloud)
        self.desk = desk

    def connections(self) -> dict[str, Any]:
        return {name: body for part in self.parts for name, body in part.connections().items()}

    def effects(self, key: str) -> Counter[str]:
        return sum((part.effects(key) for part in self.parts), Counter())

    def state(self, key: str) -> Any:
        return [part.state(key) for part in self.parts]

    def happened(self, key: str, step: str) -> bool:
        return self.desk.happened(key, step)


@contextmanager
def far_sides(folder: Path) -> Iterator[dict[str, Trial]]:
    """All small trials by name, their far sides up until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        slapd.running(folder / "slapd") as server,
        catcher(folder / "mail") as mails,
        tenant(folder / "graph") as cloud,
    ):
        directory = Directory(InDirectory(server, folder))
        desk = Desk(mails, AtDesk(folder / "desk"))
        graph = Cloud(cloud)
        with closing(mails.rehearsal.shelf):
            yield {
                trial.name: trial for trial in (directory, desk, graph, Everything(directory, desk, graph))
            }
