from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from old_store import old_store

from runbook_exec.checkpoint import SIGNED, digest
from runbook_exec.errors import JournalError, Late
from runbook_exec.journal import FIRST, Event, Kind
from runbook_exec.secret import Secret
from runbook_exec.signing import FILE, Keys, made
from runbook_exec.store.sqlite import SqliteStore


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def open_(keys=None, folder=tmp_path):
        keys = keys or Keys(folder)
        opened.append(SqliteStore(folder / "journal.sqlite", signers=keys.signer))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


class Pen:
    """Writes the events of one run, a second apart or as told."""

    def __init__(self, store, run="r1"):
        self.store, self.run, self.lease, self.last = store, run, None, None

    def write(self, kind="step.evidence", second=0, **body):
        event = Event(
            client="c",
            run=self.run,
            seq=self.last.seq + 1 if self.last else 1,
            at=f"2026-03-02T07:{second // 60:02}:{second % 60:02}.000000+00:00",
            who="mia",
            kind=kind,
            body=body,
            before=self.last.hash if self.last else FIRST,
        )
        if self.lease is None:
            self.lease = self.store.create(event, subject=self.run, runbook="b", owner="p", until=0)
            (self.last,) = self.store.events(self.run)
        else:
            self.last = self.store.append(event, self.lease)
        return self.last


def heads(kept):
    return msgspec.json.decode(kept.body)["heads"]


def test_the_first_event_has_a_checkpoint_and_a_signature_that_holds(open_store):
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    store = open_store()
    first = Pen(store).write()
    kept = store.ledger.newest("c")
    assert (kept.number, kept.events, heads(kept)) == (1, 1, {"r1": [1, first.hash]})
    assert kept.hash == digest(kept.body)
    key = Ed25519PublicKey.from_public_bytes(b64decode(kept.key))
    key.verify(b64decode(kept.signatures[kept.key]), SIGNED + kept.body)


def test_a_checkpoint_comes_with_each_decision_and_end_and_after_a_minute(open_store):
    store = open_store()
    pen = Pen(store)
    kinds = [(Kind.STARTED, 0), (Kind.INTENT, 30), (Kind.STOPPED, 31), (Kind.INTENT, 90), (Kind.RESULT, 92)]
    numbers = []
    for kind, second in kinds:
        pen.write(kind, second)
        numbers.append(store.ledger.newest("c").number)
    assert numbers == [1, 1, 2, 2, 3]
    pen.write(Kind.DONE, 93)
    assert store.ledger.newest("c").number == 4
    before = msgspec.json.decode(store.ledger.newest("c").body)["before"]
    assert before == store.ledger.numbered("c", 3).hash


def test_only_heads_that_changed_are_named_and_all_events_counted(open_store):
    store = open_store()
    one, two = Pen(store, "r1"), Pen(store, "r2")
    one.write(second=0)
    two.write(second=1)
    two.write(second=2)
    last = two.write(Kind.DONE, second=3)
    kept = store.ledger.newest("c")
    assert heads(kept) == {"r2": [3, last.hash]}
    assert kept.events == 4
    assert store.ledger.standing("c").uncovered == 0


def test_time_alone_covers_what_waits(open_store):
    store = open_store()
    pen = Pen(store)
    pen.write(second=0)
    pen.write(second=1)
    store.ledger.keep_time("c", at="2026-03-02T07:00:59.000000+00:00")
    assert store.ledger.standing("c").uncovered == 1
    store.ledger.keep_time("c", at="2026-03-02T07:01:00.000000+00:00")
    assert store.ledger.standing("c").uncovered == 0
    store.ledger.keep_time("c", at="2026-03-02T07:09:00.000000+00:00")
    assert store.ledger.newest("c").number == 2, "nothing new, nothing to state"


def test_an_event_from_long_before_the_newest_checkpoint_is_not_written(open_store):
    store = open_store()
    Pen(store, "r1").write(second=600)
    with pytest.raises(Late):
        Pen(store, "r2").write(second=0)
    Pen(store, "r3").write(second=301)


def test_a_checkpoint_is_no_earlier_than_anything_it_covers(open_store):
    store = open_store()
    Pen(store, "r1").write(second=100)
    two = Pen(store, "r2")
    two.write(second=120)
    Pen(store, "r3").write(second=40)
    three = Pen(store, "r4")
    three.write(second=50)
    three.write(Kind.DONE, second=60)
    assert store.ledger.newest("c").at == "2026-03-02T07:02:00.000000+00:00"


def test_the_key_is_the_owners_alone_and_stays(open_store, tmp_path):
    Pen(open_store()).write()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    key = open_store().ledger.newest("c").key
    Pen(open_store(), "r2").write(Kind.DONE)
    assert open_store().ledger.newest("c").key == key


def test_a_lost_key_is_not_made_anew_and_nothing_is_recorded(open_store, tmp_path):
    Pen(open_store()).write()
    (tmp_path / FILE).unlink()
    with pytest.raises(JournalError, match="is gone"):
        Pen(open_store(), "r2").write(Kind.DONE)
    assert open_store().events("r2") == []


def test_another_key_does_not_sign_on(open_store, tmp_path):
    Pen(open_store()).write()
    (tmp_path / FILE).write_bytes(made().pem())
    with pytest.raises(JournalError, match="not the one that signed"):
        Pen(open_store(), "r2").write(Kind.DONE)


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_is_said_to_be_none(open_store, tmp_path, text):
    with pytest.raises(JournalError, match="no private Ed25519 key"):
        Pen(open_store(Keys(tmp_path, Secret(text)))).write()


def test_a_key_may_be_named_by_a_reference(open_store, tmp_path):
    key = made()
    Pen(open_store(Keys(tmp_path, Secret(key.pem().decode())))).write()
    assert open_store().ledger.newest("c").key == key.public
    assert not (tmp_path / FILE).exists()


def test_a_rotation_that_was_cut_off_is_ended(open_store, tmp_path):
    keys = Keys(tmp_path)
    store = open_store(keys)
    Pen(store).write()
    old, new = keys.signer(store.ledger.newest("c").key), keys.prepare()
    rotated = store.ledger.rotate("c", new, at="2026-03-02T07:00:05+00:00", old=old, reason="yearly")
    assert set(rotated.signatures) == {old.public, new.public}
    # The process dies here: the new key has not taken the old one's place.
    Pen(open_store(), "r2").write(Kind.DONE, second=6)
    assert open_store().ledger.newest("c").key == new.public


def test_a_prepared_key_that_nothing_names_is_not_used(open_store, tmp_path):
    keys = Keys(tmp_path)
    Pen(open_store(keys)).write()
    keys.prepare()
    before = open_store().ledger.newest("c").key
    Pen(open_store(), "r2").write(Kind.DONE)
    assert open_store().ledger.newest("c").key == before


def test_a_journal_without_checkpoints_gets_one_over_all_of_it(open_store, tmp_path):
    happened = [("step.evidence", {}), ("step.evidence", {})]
    old_store(tmp_path / "journal.sqlite", {"r1": happened, "r2": happened})
    store = open_store()
    ends = {run: [2, store.events(run)[-1].hash] for run in ("r1", "r2")}
    assert store.ledger.standing("c").uncovered == 4
    last = Pen(store, "r3").write()
    kept = store.ledger.newest("c")
    assert heads(kept) == ends | {"r3": [1, last.hash]}
    assert kept.events == 5


def test_receipts_of_anchors_are_stated_by_the_next_checkpoint(open_store):
    store = open_store()
    pen = Pen(store)
    pen.write()
    store.ledger.keep_anchor("c", checkpoint=1, at="2026-03-02T07:00:01+00:00", kind="file", receipt=b"{}")
    assert store.ledger.standing("c").anchored == 1
    pen.write(Kind.DONE)
    assert msgspec.json.decode(store.ledger.newest("c").body)["anchored"] == 1


def test_two_logs_have_two_ids_and_one_keeps_its_own(open_store, tmp_path):
    (tmp_path / "other").mkdir()
    store = open_store()
    assert store.ledger.log("c") == open_store().ledger.log("c")
    assert store.ledger.log("c") != open_store(folder=tmp_path / "other").ledger.log("c")


def scribe_of(store, pen, clock):
    from runbook_exec.replay import replay
    from runbook_exec.scribe import Scribe

    return Scribe(
        replay(store.events(pen.run)),
        lambda event, over: store.append(event, pen.lease, over=over),
        who="mia",
        clock=clock,
        watch=lambda event, run: None,
    )


def at(second):
    return datetime.fromisoformat("2026-03-02T07:00:00+00:00") + timedelta(seconds=second)


def test_a_process_that_stood_still_dates_its_event_anew(open_store):
    store = open_store()
    frozen, other = Pen(store, "r1"), Pen(store, "r2")
    frozen.write(Kind.STARTED, schema=1)
    other.write(second=2000)
    times = iter([at(1), at(2001)])
    run = scribe_of(store, frozen, lambda: next(times)).add(Kind.EVIDENCE, {"step": "s"})
    assert run.at == "2026-03-02T07:33:21.000000+00:00"


def test_a_clock_that_stays_wrong_writes_nothing(open_store):
    store = open_store()
    frozen, other = Pen(store, "r1"), Pen(store, "r2")
    frozen.write(Kind.STARTED, schema=1)
    other.write(second=2000)
    with pytest.raises(JournalError, match="vouched for already"):
        scribe_of(store, frozen, lambda: at(1)).add(Kind.EVIDENCE, {"step": "s"})
    assert len(store.events("r1")) == 1


def test_a_run_never_goes_back_in_time(open_store):
    store = open_store()
    pen = Pen(store, "r1")
    pen.write(Kind.STARTED, second=100, schema=1)
    run = scribe_of(store, pen, lambda: at(5)).add(Kind.EVIDENCE, {"step": "s"})
    assert run.at == "2026-03-02T07:01:40.000000+00:00"
