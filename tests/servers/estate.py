"""Projects whose hosts are reached by Ansible, and steps run on them as the executor runs them."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runbook_exec.action import Context, find, find_provider, make_args
from runbook_exec.plan import gather

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Estate:
    """A project folder, its connection, and what was told and recorded while steps ran."""

    folder: Path
    connection: dict[str, Any]
    said: list[str] = field(default_factory=list)
    recorded: list[dict[str, Any]] = field(default_factory=list)
    provider: Any = field(default_factory=lambda: find_provider("ansible"))

    def open(self, *, write: bool = True):
        return self.provider.open(self.connection, write=write)

    def plan(self, uses: str, *, session: Any = None, **values: Any):
        """The change of a step, from a session that cannot write unless one is given."""
        action, args = step(uses, values)
        with nullcontext(session) if session else self.open(write=False) as opened:
            return action.plan(args, gather(action, args, opened.read))

    def apply(
        self, uses: str, change: Any, *, seconds: float = 60, session: Any = None, record=None, **values
    ):
        """Apply a change under a permit for what it writes."""
        action, args = step(uses, values)
        context = self.context(seconds, record)
        with nullcontext(session) if session else self.open() as opened, opened.permit(change.writes):
            return action.apply(opened, args, change, context)

    def context(self, seconds: float, record=None) -> Context:
        return Context(
            client="kranich",
            run="r1",
            step="home",
            language="de",
            project=self.folder,
            now=lambda: datetime.now(UTC),
            deadline=datetime.now(UTC) + timedelta(seconds=seconds),
            say=self.said.append,
            record=record or self.recorded.append,
            ask=lambda _: None,
        )


def step(uses: str, values: dict[str, Any]):
    action = find(uses)
    return action, make_args(action, values)


def estate(folder: Path, *, hosts: dict[str, Any], connection: dict[str, Any], playbooks=None) -> Estate:
    """A project with an inventory of `fileservers`, with our playbooks or with its own."""
    (folder / "inventory").mkdir(parents=True)
    body = {"all": {"children": {"fileservers": {"hosts": hosts}}}}
    (folder / "inventory" / "hosts.yaml").write_text(json.dumps(body))
    if playbooks is None:
        (folder / "playbooks").symlink_to(REPOSITORY / "playbooks")
    else:
        (folder / "playbooks").mkdir()
        for name, text in playbooks.items():
            (folder / "playbooks" / name).write_text(text)
    return Estate(folder=folder, connection={"project": str(folder), **connection})


def processes(words: str) -> list[str]:
    """Command lines of running processes that hold these words."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if words in line:
            found.append(line)
    return found


def eventually(condition, *, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
