"""Departures played in the rehearsal company: gates decided, times long past, every far side read afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

MARCO, LAURA, HR, CHIEF, IT = (
    f"{name}@kranich.example"
    for name in ("marco.rossi", "laura.hoffmann", "sabine.hartwig", "thomas.klein", "martin.keller")
)
TODAY = datetime.now(UTC).date()
LONG_AGO = {"last_day": (TODAY - timedelta(days=120)).isoformat(), "contract_end": TODAY.isoformat()}


def leaves(desk, name: str = "leaver", **changes: Any) -> str:
    """An inputs file for Marco Rossi's departure, a hundred and twenty days ago where nothing else is said."""
    inputs = {"person": "1019", "successor": "1012", **LONG_AGO, **changes}
    (desk.folder / f"{name}.json").write_text(json.dumps(inputs))
    return f"{name}.json"


def begun(desk, file: str, runbook: str = "offboard-employee") -> str:
    """A run about the leaver, up to its first gate."""
    said = desk("run", runbook, "--inputs", file, "--rehearse", "--json")
    assert said.code == 10, said.all
    return said.json["run"]


def agreed(desk, run: str, *people: str) -> Any:
    """The run goes on once these people agreed; what the command said then."""
    for person in people:
        said = desk("sandbox", "decide", run, "--as", person)
        assert said.code == 0, said.all
    return desk("resume", run, "--rehearse", "--json")


def gone(desk, file: str) -> str:
    """A departure played to its end."""
    run = begun(desk, file)
    said = agreed(desk, run, HR, CHIEF)
    assert said.code == 10, said.all
    said = agreed(desk, run, IT, CHIEF)
    assert said.code == 0, said.all
    return run


def order(desk, run: str) -> list[str]:
    """The steps in the order in which they were over."""
    last = {event["body"]["step"]: event["seq"] for event in desk.events(run) if event["body"].get("step")}
    return sorted(last, key=lambda step: last[step])
