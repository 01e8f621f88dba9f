"""Tickets and mails: nothing of a mail can be read back, so a person looks into the catcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crash.doubles import Catcher
from crash.trial import Trial, counted

from runbook_exec.tickets.local import LocalDesk, open_desk


class AtDesk:
    """The local ticket desk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def connection(self) -> dict[str, Any]:
        return {"system": "local", "folder": str(self.folder)}

    @contextmanager
    def opened(self) -> Iterator[LocalDesk]:
        with open_desk({"folder": str(self.folder), "client": "kranich"}, write=False) as desk:
            yield desk

    def ticket(self, key: str) -> dict[str, Any] | None:
        with self.opened() as desk:
            number = desk.find_by_key(f"trial-{key}")
            found = dict(desk.read(number) or {}) if number else None
        if found is None:
            return None
        found.pop("id")
        # How the run went is told otherwise after a crash; that an item was done is told once.
        story = [one["text"] for one in found["comments"] if "/story/" in one["key"]]
        found["comments"] = [one for one in found["comments"] if "/story/" not in one["key"]]
        lines = [line for text in story for line in text.splitlines() if line.startswith("✓")]
        found["told"] = sorted(line[2:].partition(":")[0] for line in lines)
        for part in ("comments", "attachments"):
            found[part] = [
                {name: value for name, value in one.items() if name not in {"at", "size"}}
                for one in found[part]
            ]
        return found

    def effects(self, key: str) -> Iterator[Any]:
        found = self.ticket(key)
        if found is not None:
            yield ["ticket", key]
            yield from (["comment", one["text"]] for one in found["comments"])
            yield from (["told", title] for title in found["told"])
            yield from (["attachment", one["name"]] for one in found["attachments"])


def letter(step: str, to: str) -> str:
    values = "company: K, login: l, address: a, first_day: f, desk_phone: p, desk_address: d"
    return f"""
      - id: {step}
        title: {{en: Mail, de: Mail}}
        uses: mail.send
        with: {{to: "{to}", template: welcome, language: de, values: {{given_name: "{step}", {values}}}}}
        irreversible: a mail cannot be called back
"""


class Desk(Trial):
    """Tickets and mails: nothing of a mail can be read back, so a person looks into the catcher."""

    name = "desk"
    mails = ("first", "second")
    steps = (
        """
      - id: open
        title: {en: Ticket, de: Ticket}
        uses: ticket.open
        with: {key: "trial-{{ login }}", title: "For {{ login }}", text: begun}
"""
        + letter("first", "{{ login }}@kranich.example")
        + """
      - id: note
        title: {en: Comment, de: Kommentar}
        uses: ticket.comment
        with: {ticket: "{{ open.id }}", text: "told {{ login }}"}
        irreversible: a comment stays
"""
        + letter("second", "{{ login }}@kranich.example")
        + """
      - id: close
        title: {en: Close, de: Schließen}
        uses: ticket.close
        with: {ticket: "{{ open.id }}", text: done}
"""
    )

    def __init__(self, catcher: Catcher, desk: AtDesk) -> None:
        self.catcher, self.desk = catcher, desk

    def connections(self) -> dict[str, Any]:
        return {"mail": self.catcher.connection, "ticket": self.desk.connection()}

    def _mails(self, key: str) -> list[str]:
        return [one["text"].split(",")[0] for one in self.catcher.mails(f"{key}@kranich.example")]

    def effects(self, key: str) -> Counter[str]:
        found = [*self.desk.effects(key), *(["mail", text] for text in self._mails(key))]
        return counted(iter(found), key)

    def state(self, key: str) -> Any:
        return {"ticket": self.desk.ticket(key), "mails": self._mails(key)}

    def happened(self, key: str, step: str) -> bool:
        return any(step in text for text in self._mails(key))
