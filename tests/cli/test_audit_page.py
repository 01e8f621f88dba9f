"""The walk of docs/audit.md, typed as it stands there; what it shows is what comes."""

from __future__ import annotations

import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rehearsal_desk import company

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(console|csv|ldif|sh)\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime.now(UTC)
DAYS = {
    "2026-11-01": (NOW - timedelta(days=2)).date().isoformat(),
    "2026-11-25": NOW.date().isoformat(),
    "2026-11-30": (NOW + timedelta(days=2)).date().isoformat(),
}
# What differs from day to day: ids, times, digests, how often the sync ran, and who was drawn.
MASKS = (
    (r"\d{6}-[0-9a-z]{5}", "RUN"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
    (r"[0-9a-f]{64}", "DIGEST"),
    (r"\d+ by the directory synchronisation", "SOME by the directory synchronisation"),
    (r"1 examined, 1 without a run, 0 without an event, \d with departures", "ONE DRAWN"),
)


def today(text: str) -> str:
    """The days of the page as days around this one."""
    for written, day in DAYS.items():
        text = text.replace(written, day)
    return text


def masked(text: str) -> str:
    for pattern, name in MASKS:
        text = re.sub(pattern, name, text)
    return text


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("audit")) as made:
        yield made


def typed(desk, line: str) -> str:
    """What a line of the page prints; RUN stands for the one run that there is."""
    words = shlex.split(today(line))
    if words[0] == "cat":
        return (desk.folder / words[1]).read_text(encoding="utf-8-sig")
    if "RUN" in words:
        words = [desk("status", "--json").json[0]["run"] if word == "RUN" else word for word in words]
    said = desk(*words[1:])
    assert said.code in {0, 9, 10}, said.all
    return said.out


def changed(desk, ldif: str) -> None:
    """The one modification that the page shows, made as somebody else."""
    fields = dict(line.split(": ", 1) for line in ldif.strip().splitlines())
    with desk.ldap() as connection:
        assert connection.modify(fields["dn"], {fields["add"]: [("MODIFY_ADD", [fields[fields["add"]]])]})


def test_the_walk_shows_what_comes(desk):
    drawn = ""
    for kind, text in BLOCKS:
        if kind == "csv":
            (desk.folder / "requests.csv").write_text(today(text), encoding="utf-8")
        elif kind == "ldif":
            changed(desk, text)
        elif kind == "sh":
            drawn = subprocess.run(
                ["/bin/sh", "-c", today(text)], capture_output=True, text=True, check=True
            ).stdout
        else:
            for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                line, *expected = command.strip().splitlines()
                out = masked(typed(desk, line)).splitlines()
                for row in expected:
                    assert masked(today(row)) in out
    population = (desk.folder / "drawn" / "population.csv").read_text(encoding="utf-8-sig")
    (chosen,) = [row for row in population.splitlines() if row.endswith('"yes"')]
    assert drawn.split()[1] in chosen
    assert drawn.split()[0] in chosen


def test_the_mapping_of_the_page_is_one():
    from runbook_exec.audit.population import mapping

    (text,) = [found for found in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "delimiter" in found]
    assert mapping(text, file="hr.yaml").delimiter == ";"


def test_the_working_time_of_the_page_is_one():
    import yaml

    from runbook_exec.audit.working_time import of_project

    (text,) = [
        found for found in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "working_time" in found
    ]
    assert len(of_project(yaml.safe_load(text), where="page").holidays) == 1
