"""The whole of onboard-employee in the rehearsal company, from the first question to the closed ticket."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crash.trial import REPOSITORY, Trial, counted

from runbook_exec.sandbox import process
from runbook_exec.sandbox.shelf import Shelf
from runbook_exec.tickets.local import open_desk

PERSON = "anna.berg"


class Joiner(Trial):
    """One company that is reset before each point; Ansible runs for real, on its file server's folder."""

    name = "onboard-employee"
    renewed = frozenset({"temporaryAccessPassMethods", '"modify", "CN=Anna Berg'})
    resume = ("--rehearse", "--hold", "10m")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("runbooks", "playbooks", "templates", "inventory"):
            shutil.copytree(REPOSITORY / part, folder / part)
        shutil.copy(REPOSITORY / "runbook.yaml", folder)

    @property
    def company(self) -> Path:
        return self.folder / ".runbook" / "sandbox"

    def connections(self) -> dict[str, Any]:
        return {}

    def project(self, folder: Path, *, lease: str = "60s") -> Path:
        """The one project, with an empty journal and the company as on its first day."""
        for file in (
            *self.folder.glob(".runbook/*.sqlite*"),
            *self.folder.glob("*.txt"),
            *self.folder.glob("*.jsonl"),
        ):
            file.unlink()
        if process.reset(self.company) is None:
            process.start(self.company)
        return self.folder

    def command(self, key: str) -> list[str]:
        return ["run", "onboard-employee", "--inputs", "runbooks/examples/anna-berg.yaml", *self.resume]

    def effects(self, key: str) -> Counter[str]:
        with closing(Shelf(self.company / "company.sqlite")) as shelf:
            return counted(self._effects(shelf), key)

    def _effects(self, shelf: Shelf) -> Iterator[Any]:
        for _, one in shelf.items("directory_log"):
            if one["result"] == 0:
                yield [one["operation"], one["dn"]]
        for _, one in shelf.items("graph_log"):
            if (
                one["method"] != "GET"
                and one["status"] < 300
                and one["path"] not in {"/$batch", "/v1.0/$batch"}
            ):
                yield [one["method"], one["path"]]
        for _, one in shelf.items("mail"):
            yield ["mail", one["subject"], one["receivers"]]
        ticket = self._ticket()
        yield from (["ticket", ticket["title"]] for _ in ticket and (1,))
        yield from (["attachment", one["name"]] for one in ticket.get("attachments", ()))

    def _ticket(self) -> dict[str, Any]:
        with open_desk({"folder": str(self.company / "desk"), "client": "kranich"}, write=False) as desk:
            return dict(desk.read("1") or {})

    def state(self, key: str) -> Any:
        seen = process.look_person(self.company, PERSON)
        seen["home"] = [Path(home).name for home in seen["home"]]
        ticket = self._ticket()
        seen["ticket"] = [ticket.get("status"), len(ticket.get("attachments", ()))]
        seen.pop("tickets", None)
        return seen

    def happened(self, key: str, step: str) -> bool:
        assert step == "welcome", step
        return bool(process.look_person(self.company, PERSON)["mails"])


@contextmanager
def joiner(folder: Path) -> Iterator[Joiner]:
    folder.mkdir(parents=True)
    trial = Joiner(folder)
    try:
        yield trial
    finally:
        process.stop(trial.company)
