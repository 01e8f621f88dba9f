"""A crash is never called tampering: logs torn at any byte are sound so far, or incomplete."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from blackbox.logs import Log, judged, lines

from runbook_exec.blackbox_verify import INCOMPLETE, SOUND, Trust, read_export, verify
from runbook_exec.errors import JournalError
from runbook_exec.signing import Keys
from runbook_exec.store.sqlite import SqliteStore


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    made = Log(folder=tmp_path_factory.mktemp("log"), seed=11).fill(2)
    made.sql(
        "PRAGMA wal_checkpoint(TRUNCATE)"
    )  # the tables lie in the file itself, the newer events beside it
    for number in range(5):
        for kind in ("run.started", "step.intent", "step.result", "run.stopped", "run.done"):
            made.write(f"more{number}", kind)
    made.write("last", "run.started")
    made.write("last", "step.intent")
    yield made
    made.close()


def torn_export(random, whole, folder):
    """What is left of an export whose disk was full, or whose copying was ended."""
    file = folder / "torn.jsonl"
    file.write_bytes(whole[: random.randrange(len(whole) - 1)])
    return file


def torn_store(random, log, folder):
    """A store whose write-ahead log ends anywhere: in the middle of a commit, of a page, of a frame's head."""
    for old in folder.glob("*.sqlite*"):
        old.unlink()
    for file in log.folder.glob("*.sqlite*"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "journal.sqlite-shm").unlink(missing_ok=True)
    whole = (log.folder / "journal.sqlite-wal").read_bytes()
    (folder / "journal.sqlite-wal").write_bytes(whole[: random.randrange(len(whole) + 1)])
    (folder / "blackbox.key").write_bytes((log.folder / "blackbox.key").read_bytes())


def judge_store(folder, log):
    """As the command does on the machine that crashed: by the key at hand."""
    store = SqliteStore(folder / "journal.sqlite", signers=Keys(folder).signer)
    keys = (log.pin,) if store.ledger.newest(log.client) else ()
    found = verify(store.readout(log.client).records(made="", program=""), Trust(keys=keys))
    store.close()
    return found


def crash_exports(log, folder, times):
    whole = lines(log.records())
    for number in range(times):
        found = verify(read_export(torn_export(Random(number), whole, folder)), log.trust())
        assert found.exit == INCOMPLETE, (number, found.lines("en"))
        assert found.finding is None


def crash_stores(log, folder, times):
    seen = set()
    for number in range(times):
        torn_store(Random(number), log, folder)
        found = judge_store(folder, log)
        assert found.exit in {SOUND, INCOMPLETE}, (number, found.lines("en"))
        seen.add(found.events)
    return seen


def test_an_export_torn_anywhere_is_incomplete_and_not_tampered_with(log, tmp_path):
    crash_exports(log, tmp_path, 300)


def test_a_store_torn_anywhere_is_sound_as_far_as_it_goes(log, tmp_path):
    assert len(crash_stores(log, tmp_path, 100)) > 10, "the places differ"


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_two_thousand_crashes_raise_no_false_alarm(log, tmp_path):
    crash_exports(log, tmp_path, 1000)
    crash_stores(log, tmp_path, 1000)


def test_a_store_that_was_torn_goes_on_and_is_sound(log, tmp_path):
    for number in range(10):
        torn_store(Random(f"go on {number}"), log, tmp_path)
        again = Log(folder=tmp_path, seed=number)
        again.clock = log.clock
        for kind in ("run.started", "step.intent", "run.done"):
            again.write(f"new{number}", kind)
        verdict = judged(again.records(), again.trust())
        assert verdict.exit == SOUND, verdict.lines("en")
        again.close()


def test_a_whole_export_is_whole(log, tmp_path):
    file = tmp_path / "whole.jsonl"
    file.write_bytes(lines(log.records()))
    assert verify(read_export(file), log.trust()).exit == SOUND
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert verify(read_export(file), log.trust()).exit == SOUND


def test_a_line_in_the_middle_that_breaks_off_is_no_crash(log, tmp_path):
    found = lines(log.records()).splitlines(keepends=True)
    file = tmp_path / "broken.jsonl"
    file.write_bytes(b"".join([*found[:9], found[9][:40] + b"\n", *found[10:]]))
    assert verify(read_export(file), log.trust()).finding.code == "unreadable line"


def test_a_part_says_that_it_is_one_and_still_finds_what_was_altered(log):
    since = log.store.ledger.numbered("c", 5).at
    part = log.records(since=since)
    verdict = judged(part, log.trust())
    assert (verdict.exit, verdict.notes[0].code) == (INCOMPLETE, "part")
    assert verdict.events == judged(log.records(), log.trust()).events
    at = next(n for n, record in enumerate(part) if record["type"] == "event")
    altered = [*part[:at], {**part[at], "who": "eve"}, *part[at + 1 :]]
    assert judged(altered, log.trust()).finding.code == "edited"


def test_a_journal_that_is_no_database_is_said_to_be_none(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteStore(tmp_path / "journal.sqlite")


def test_a_reading_changes_nothing(log):
    before = {
        file.name: file.stat().st_mtime_ns for file in Path(log.folder).iterdir() if "shm" not in file.name
    }
    log.records()
    assert before == {
        file.name: file.stat().st_mtime_ns for file in Path(log.folder).iterdir() if "shm" not in file.name
    }
