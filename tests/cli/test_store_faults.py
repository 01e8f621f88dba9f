"""The store is missing, damaged, foreign or cannot be written: a clear refusal, nothing lost, no append, no effect."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from gating import Office

from runbook_exec.journal import FIRST, Event, Kind
from runbook_exec.store.sqlite import SqliteStore

JOURNAL, KEYS = "journal.sqlite", "keys.sqlite"


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    """An office with one run that waits at its gate, approved by both: only resuming is left."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Office(folder, monkeypatch, capsys)
    made.begin()
    made.decide("boss")
    made.decide("noor")
    settle(folder / ".runbook")
    return made


def settle(state: Path) -> None:
    """As when every process that used the store has ended: its log is written back and gone."""
    gc.collect()
    for name in (JOURNAL, KEYS):
        with closing(sqlite3.connect(state / name)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def remove(name):
    def broken(state: Path) -> None:
        for path in state.glob(f"{name}*"):
            path.unlink()

    return broken


def replaced(name, content: bytes):
    def broken(state: Path) -> None:
        remove(name)(state)
        (state / name).write_bytes(content)

    return broken


def told(name, *statements):
    """What only the owner of the file can do to it."""

    def broken(state: Path) -> None:
        with closing(sqlite3.connect(state / name, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)
        settle(state)

    return broken


def overwritten(name):
    """Zeros in the middle of every page but the first."""

    def broken(state: Path) -> None:
        size = (state / name).stat().st_size
        with (state / name).open("r+b") as file:
            for page in range(4096, size, 4096):
                file.seek(page)
                file.write(b"\xff" * 64)

    return broken


def of_another_project(*names):
    def broken(state: Path) -> None:
        SqliteStore(state / "other" / JOURNAL).close()
        for name in names:
            remove(name)(state)
            shutil.copy(state / "other" / name, state / name)

    return broken


FAULTS = {
    "the journal is gone": (remove(JOURNAL), "the journal is gone", JOURNAL),
    "the journal is empty": (replaced(JOURNAL, b""), "the journal is gone", JOURNAL),
    "the journal is garbage": (replaced(JOURNAL, b"garbage" * 999), "the journal cannot be used", JOURNAL),
    "the journal is cut off": (
        lambda state: replaced(JOURNAL, (state / JOURNAL).read_bytes()[:5000])(state), "the journal cannot", JOURNAL,
    ),
    "the journal has damaged pages": (overwritten(JOURNAL), "damaged", JOURNAL),
    "the journal is another project's": (of_another_project(JOURNAL), "belong to another journal", KEYS),
    "the journal is of a newer version": (
        told(JOURNAL, "UPDATE meta SET value = '99' WHERE name = 'schema'"), "schema 99", JOURNAL,
    ),
    "a body is garbage": (told(JOURNAL, "UPDATE events SET body = x'ff' WHERE seq = 2"), "event 2", "run"),
    "a body is no bytes": (told(JOURNAL, "UPDATE events SET body = 'x' WHERE seq = 2"), "event 2", "run"),
    "a body is another one": (told(JOURNAL, "UPDATE events SET body = x'7b7d' WHERE seq = 2"), "was changed", "run"),
    "the keys are gone": (remove(KEYS), "the file of keys is gone", KEYS),
    "the keys are empty": (replaced(KEYS, b""), "the file of keys is gone", KEYS),
    "the keys are garbage": (replaced(KEYS, b"garbage" * 999), "the file of keys cannot be used", KEYS),
    "the keys have damaged pages": (overwritten(KEYS), "the file of keys cannot be used", KEYS),
    "the keys are another project's": (of_another_project(KEYS), "belong to another journal", KEYS),
    "the keys are of a newer version": (
        told(KEYS, "UPDATE meta SET value = '99' WHERE name = 'schema'"), "schema 99", KEYS,
    ),
    "a key is lost": (told(KEYS, "DELETE FROM keys"), "no erasure is on record", "run"),
    "a key is the wrong one": (
        told(KEYS, "UPDATE keys SET secret = randomblob(32)"), "key does not open it", "run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_does_not_hold_is_refused_and_nothing_happens(office, fault):
    broken, what, where = FAULTS[fault]
    state = office.folder / ".runbook"
    broken(state)
    before = content(state)
    for words in (("status",), ("resume", office.run), ("run", "grant", "-i", "who=78", "--yes"),
                  ("approve", office.run, "--reason", "x"), ("subject", "show", "77")):  # fmt: skip
        said = office("mia", *words)
        if fault in PASSING and words[0] == "run":
            continue  # another person's run does not depend on it
        assert said.code == 8, (words, said)
        assert what in said.err, said.err
        assert where in said.err.split(what)[0], said.err
        assert "next:" in said.err
        assert "defect" not in said.err
    assert office.tickets() == []
    if fault not in PASSING:
        assert content(state) == before


PASSING = {
    "a body is garbage",
    "a body is no bytes",
    "a body is another one",
    "a key is lost",
    "a key is the wrong one",
}
"""Faults of one run, or of one person's key: others may go on."""


def content(state: Path) -> dict[str, bytes]:
    """Every file of the store; those that SQLite makes while it reads do not count."""
    names = [path for path in state.iterdir() if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    return {path.name: path.read_bytes() for path in names}


def test_a_run_of_a_newer_version_is_refused(office):
    file = office.folder / ".runbook" / JOURNAL
    first = Event(
        client="c", run="991231-zzzzz", seq=1, at="2099-12-31T00:00:00+00:00", who="mia", kind=Kind.STARTED,
        body={"schema": 99, "subject": "88"}, before=FIRST,
    )  # fmt: skip
    with closing(SqliteStore(file)) as store:
        store.create(first, subject="88", runbook="b", owner="p", until=0)
    for words in ("status", first.run), ("resume", first.run), ("undo", first.run):
        said = office("mia", *words)
        assert (said.code, "use the newer program" in said.err) == (8, True), said
    assert office.tickets() == []


def test_a_lost_key_is_never_taken_for_an_erasure(office):
    told(KEYS, "DELETE FROM keys")(office.folder / ".runbook")
    said = office("mia", "log", office.run)
    assert said.code == 8
    assert "erased" not in said.out
    assert "put keys.sqlite back from its backup" in said.err


def test_what_was_put_back_goes_on_as_if_nothing_had_been(office):
    state = office.folder / ".runbook"
    kept = content(state)
    for name in (JOURNAL, KEYS):
        remove(name)(state)
        assert office("mia", "status").code == 8
        (state / name).write_bytes(kept[name])
    assert office.resume().code == 0
    assert len(office.tickets()) == 2


def test_a_journal_that_was_put_back_without_its_erasures_opens_nobody(office):
    office.resume()
    state = office.folder / ".runbook"
    settle(state)
    old = (state / JOURNAL).read_bytes()
    assert office("mia", "subject", "erase", "77", "--reason", "asked", "--yes").code == 0
    settle(state)
    remove(JOURNAL)(state)
    (state / JOURNAL).write_bytes(old)
    said = office("mia", "log", office.run)
    assert said.code == 8
    assert "no erasure is on record" in said.err


# What only another process shows: rights, and a disk that is full


def command(office, *words, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in a process that rights hold back, root's as well, and whose files may be so large at most."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(24, 1)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE (capabilities(7)); harmless for anybody else
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "RUNBOOK_LANG": "en"}
    program = (
        "import runbook_exec.cli as cli, runbook_exec.desk as desk; desk.person = lambda: 'mia'; cli.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=office.folder, env=env, preexec_fn=prepare, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_full_disk_stops_the_run_and_loses_and_doubles_nothing(office):
    state = office.folder / ".runbook"
    size = max(path.stat().st_size for path in state.iterdir() if path.is_file())
    ended = command(office, "resume", office.run, limit=size)
    assert ended.returncode == 8, ended.stdout + ended.stderr
    assert "journal" in ended.stderr
    assert "disk" in ended.stderr.partition("next:")[2]
    begun = [event["body"]["step"] for event in office.events() if event["kind"] == "step.intent"]
    assert len(office.tickets()) <= len(begun)
    assert office.resume().code == 0
    assert sorted(office.tickets()) == ["Access for 77", "More for 77"]


@pytest.mark.parametrize("name", [JOURNAL, KEYS, "."])
def test_a_store_that_may_not_be_written_is_refused(office, name):
    state = office.folder / ".runbook"
    target = state / name
    mode = target.stat().st_mode
    target.chmod(0o555 if name == "." else 0o444)
    before = content(state)
    try:
        ended = command(office, "run", "grant", "-i", "who=78", "--yes")
    finally:
        target.chmod(mode)
    assert ended.returncode == 8, ended.stdout + ended.stderr
    assert "next:" in ended.stderr
    assert "cannot be" in ended.stderr
    assert name in ended.stderr
    assert content(state)[JOURNAL] == before[JOURNAL]
    assert office.tickets() == []
