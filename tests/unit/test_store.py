from __future__ import annotations

import sqlite3
import threading

import pytest

from runbook_exec.errors import Busy, Invalid, JournalError
from runbook_exec.journal import FIRST, Event
from runbook_exec.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path):
    made = SqliteStore(tmp_path / "state" / "journal.sqlite")
    yield made
    made.close()


def event(seq=1, before=FIRST, run="r1", **body):
    return Event(
        client="c",
        run=run,
        seq=seq,
        at="2026-03-02T07:00:00",
        who="mia",
        kind="step.evidence",
        body=body,
        before=before,
    )


def begin(store, run="r1", subject="anna", owner="p1", until=100.0):
    return store.create(event(run=run), subject=subject, runbook="b", owner=owner, until=until)


def test_what_was_appended_is_read_back_by_another_connection(store, tmp_path):
    lease = begin(store)
    first = store.events("r1")[0]
    store.append(event(2, first.hash, note="ü"), lease)
    other = SqliteStore(tmp_path / "state" / "journal.sqlite")
    assert [e.body for e in other.events("r1")] == [{}, {"note": "ü"}]
    other.close()


def test_every_connection_is_durable_at_commit(store):
    for file in (store._file, store._keys._file):
        assert file._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert file._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert file._db.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_the_journal_is_the_owners_alone(store, tmp_path):
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    for name in ("journal.sqlite", "keys.sqlite"):
        assert (tmp_path / "state" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("seq", "before"), [(3, None), (1, None), (2, "f" * 64)])
def test_an_event_that_does_not_follow_the_head_is_refused(store, seq, before):
    lease = begin(store)
    head = store.events("r1")[0].hash
    with pytest.raises(JournalError):
        store.append(event(seq, before or head), lease)


def test_a_second_owner_is_told_who_works(store):
    begin(store, owner="process 1 on alpha")
    with pytest.raises(Busy, match="process 1 on alpha"):
        store.acquire("r1", owner="process 2", now=50, until=200)


def test_a_lease_whose_owner_is_gone_passes_on_at_once(store):
    old = begin(store, owner="process 1 on alpha ~ mark")
    with pytest.raises(Busy, match="process 1 on alpha works on run r1") as busy:
        store.acquire("r1", owner="p2", now=50, until=200)
    assert "lapses in 50 s" in busy.value.next_move
    store.acquire("r1", owner="p2", now=50, until=200, gone=lambda owner: owner.endswith("~ mark"))
    with pytest.raises(Busy, match="taken over"):
        store.check(old)


def test_a_lapsed_lease_passes_on_and_the_old_pen_is_dry(store):
    old = begin(store)
    new = store.acquire("r1", owner="p2", now=101, until=200)
    head = store.events("r1")[0].hash
    with pytest.raises(Busy):
        store.append(event(2, head), old)
    with pytest.raises(Busy):
        store.renew(old, until=300)
    store.release(old)
    store.append(event(2, head), new)
    with pytest.raises(Busy):
        store.acquire("r1", owner="p3", now=150, until=300)


def test_a_store_that_could_not_write_once_takes_nothing_more(store):
    lease = begin(store)
    head = store.events("r1")[0].hash
    with pytest.raises(JournalError):
        store.append(event(7, head), lease)
    with pytest.raises(JournalError, match="could not be written"):
        store.append(event(2, head), lease)
    assert len(store.events("r1")) == 1


def test_a_subject_has_one_run_until_it_is_over(store):
    lease = begin(store)
    with pytest.raises(Busy, match="anna"):
        begin(store, run="r2")
    store.append(event(2, store.events("r1")[0].hash), lease, over=True)
    begin(store, run="r2")


def test_of_two_that_begin_at_once_one_begins(store):
    outcomes = []

    def try_it(name):
        try:
            begin(store, run=name)
            outcomes.append("began")
        except Busy:
            outcomes.append("busy")

    threads = [threading.Thread(target=try_it, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["began"] + ["busy"] * 7


def test_runs_without_a_subject_do_not_wait_for_each_other(store):
    begin(store, run="r1", subject="")
    begin(store, run="r2", subject="")


@pytest.mark.parametrize("beginning", ["x", "%", "r"])
def test_an_unclear_run_is_asked_back(store, beginning):
    begin(store, run="r1")
    begin(store, run="r2", subject="b")
    with pytest.raises(Invalid):
        store.find("c", beginning)
    assert store.find("c", "r1") == "r1"


def test_another_clients_run_is_not_found(store):
    begin(store)
    with pytest.raises(Invalid):
        store.find("other", "r1")
    assert store.runs("other") == []


def test_a_subjects_key_stays_and_differs(store):
    assert store.subject_key("c", "anna") == store.subject_key("c", "anna")
    assert store.subject_key("c", "anna") != store.subject_key("d", "anna")


def test_a_journal_of_a_newer_program_is_refused(tmp_path):
    path = tmp_path / "journal.sqlite"
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99'")
    db.close()
    with pytest.raises(JournalError, match="schema 99"):
        SqliteStore(path)


def test_a_file_that_is_no_journal_is_said_to_be_none(tmp_path):
    (tmp_path / "journal.sqlite").write_text("no database")
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteStore(tmp_path / "journal.sqlite")
