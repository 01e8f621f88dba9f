"""Directory work for a hundred people, as a run of ours, as a bare script, and by `ansible-playbook`.

Each person is created, gets a password, joins four groups and is enabled, on one and the
same slapd over TLS. Ours is a whole run: plan, compare, intent, write, read back, result, all of it
durable in the journal. The playbook is given few people and its time is scaled up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import directory_script
from directory_people import GROUPS, Person, clean, people
from directory_playbook import Playbook
from directory_run import OwnRun
from harness import Ratio, paired
from servers import slapd

PEOPLE = 100
FEW = 2
"""People for the playbook, which takes seconds for each."""


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as place, _server(Path(place)) as server:
        crowd = people(PEOPLE)
        own = OwnRun(Path(place) / "project", server, crowd)
        work = f"create, password, 4 groups, enable for {PEOPLE} people"

        def bare() -> None:
            directory_script.bare(server, crowd)

        def careful() -> None:
            directory_script.careful(server, crowd, Path(place) / "log.sqlite")

        def tidy() -> None:
            clean(server)

        against = "a bare ldap3 script: writes only"
        yield paired(work, own, bare, against=against, at_most=1.5, runs=4, between=tidy)
        against = "an ldap3 script that looks before and after, and logs durably"
        yield paired(work, own, careful, against=against, at_most=1.5, runs=4, between=tidy)
        yield _against_playbook(work, own, server, Path(place), crowd)


def _against_playbook(work: str, own: OwnRun, server: slapd.Slapd, place: Path, crowd: list[Person]) -> Ratio:
    """The playbook's time for many is its start and so many times its time for one."""
    few = Playbook(place / "few", server, crowd[:FEW])
    none = Playbook(place / "none", server, [])
    start = paired("", none, none, against="", at_most=1, runs=2).ours
    found = paired(work, own, few, against="", at_most=1, runs=3, between=lambda: clean(server))
    return faster(found, start=start, few=FEW, many=PEOPLE)


def faster(found: Ratio, *, start: float, few: int, many: int) -> Ratio:
    """Ours against theirs, where theirs was measured for few: scaled up linearly, but for its start."""

    def scale(theirs: float) -> float:
        return start + (theirs - start) * many / few

    up = scale(found.theirs) / found.theirs
    return replace(
        found,
        against=f"`ansible-playbook` doing the same (measured for {few} people, scaled)",
        budget="≤ 1/30 ×",
        theirs=scale(found.theirs),
        ratio=found.ratio / up,
        low=found.low / up,
        high=found.high / up,
        within=found.ratio / up <= 1 / 30,
        note=f"{up / found.ratio:.0f} × faster",
    )


@contextmanager
def _server(place: Path) -> Iterator[slapd.Slapd]:
    with slapd.running(place / "slapd") as server:
        with server.raw() as admin:
            for cn in GROUPS:
                classes, attributes = server.group_classes(cn, ())
                admin.add(f"cn={cn},{server.groups}", classes, attributes)
        yield server
