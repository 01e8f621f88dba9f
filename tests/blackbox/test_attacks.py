from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from blackbox import attacks
from blackbox.attacks import FOUND
from blackbox.logs import Log, judged, resigned

from runbook_exec.blackbox_verify import INCOMPLETE, SOUND, STALE, TAMPERED, PinnedKey


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    made = Log(folder=tmp_path_factory.mktemp("log"), seed=7).fill(7)
    yield made
    made.close()


@pytest.fixture(scope="module")
def records(log):
    return log.records()


def codes(verdict):
    return {note.code for note in verdict.notes}


def cut(records, after):
    """Everything up to a record, with an end that fits."""
    left = records[: after + 1]
    counts = {
        "events": sum(record["type"] == "event" for record in left),
        "checkpoints": sum(record["type"] == "checkpoint" for record in left),
    }
    return [*left, {"type": "end", **counts}]


def attack_often(attack, records, log, times, seed=0):
    for number in range(times):
        random = Random(f"{attack.__name__} {seed} {number}")
        forged = attack(random, records, log)
        assert forged != records, "an attack changes something"
        verdict = judged(forged, log.trust())
        said = verdict.finding.code if verdict.finding else "sound"
        assert (verdict.exit, said in FOUND[attack]) == (TAMPERED, True), f"{number}: {said}"


def test_an_untouched_log_is_sound(log, records):
    verdict = judged(records, log.trust())
    assert (verdict.exit, verdict.uncovered) == (SOUND, 0)
    assert verdict.events == len(attacks.events(records))


@pytest.mark.parametrize("attack", FOUND, ids=lambda attack: attack.__name__)
def test_every_attack_is_found_wherever_it_strikes(attack, records, log):
    attack_often(attack, records, log, 25)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("attack", FOUND, ids=lambda attack: attack.__name__)
def test_every_attack_is_found_in_many_logs(attack, tmp_path):
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        log = Log(folder=folder, seed=seed).fill(4 + seed)
        attack_often(attack, log.records(), log, 100, seed)
        log.close()


def test_the_first_bad_event_and_the_last_safe_time_are_named(log, records):
    middle = attacks.checkpoints(records)[4]
    at = next(n for n in attacks.events(records) if n > middle)
    event = records[at]
    verdict = judged([*records[:at], {**event, "who": "eve"}, *records[at + 1 :]], log.trust())
    assert verdict.finding.about == {"run": event["run"], "seq": event["seq"], "at": event["at"]}
    assert verdict.safe == 5
    assert verdict.safe_at == log.store.ledger.numbered("c", 5).at
    told = verdict.lines("en")
    assert f"Run {event['run']}, event {event['seq']}" in told[1]
    assert verdict.safe_at in told[2]


# What a public key alone cannot find, and what does


def test_a_log_cut_off_at_a_checkpoint_is_found_by_an_anchor_alone(log, records):
    newest = log.anchor()
    for at in attacks.checkpoints(records)[:-1]:
        part = cut(records, at)
        alone = judged(part, log.trust())
        assert (alone.exit, "window" in codes(alone)) == (SOUND, True)
        verdict = judged(part, log.trust(anchors=(newest,)))
        assert (verdict.exit, verdict.finding.code) == (TAMPERED, "rolled back")


def test_a_log_cut_off_between_two_checkpoints_says_what_nobody_can_know(log, records):
    seen = set()
    for at in attacks.events(records)[1:]:
        if records[at + 1]["type"] == "checkpoint":
            continue
        alone = judged(cut(records, at), log.trust())
        seen.add(alone.exit)
        assert alone.exit == TAMPERED or "uncovered" in codes(alone)
        verdict = judged(cut(records, at), log.trust(anchors=(log.anchor(),)))
        assert verdict.exit == TAMPERED
    assert SOUND in seen


def test_an_end_that_a_checkpoint_would_cover_is_not_believed_without_it(log, records):
    for at in attacks.checkpoints(records)[1:]:
        if records[at - 1]["kind"] in {"run.done", "run.stopped"}:
            verdict = judged(cut(records, at - 1), log.trust())
            assert verdict.finding.code in {"uncovered closing", "cut off"}


def test_events_that_were_long_without_a_checkpoint_are_not_believed(tmp_path):
    log = Log(folder=tmp_path)
    log.write("r1", "run.started")
    log.clock += timedelta(seconds=61)
    log.write("r1", "step.intent")
    records = [
        record
        for record in log.records()
        if record["type"] != "checkpoint" or '"checkpoint":1' in record["body"]
    ]
    records[-1] = {**records[-1], "checkpoints": 1}
    verdict = judged(records, log.trust())
    log.close()
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, "uncovered long")


def test_a_log_rewritten_with_the_stolen_key_is_found_by_any_anchor_behind_the_change(log, records):
    pem = (log.folder / "blackbox.key").read_bytes()
    for number in range(30):
        random = Random(number)
        forged = resigned(attacks.edit_with_chain(random, records, log), pem)
        assert judged(forged, log.trust()).exit == SOUND, "the key itself finds nothing"
        for anchored in random.sample(range(1, len(attacks.checkpoints(records)) + 1), 3):
            verdict = judged(forged, log.trust(anchors=(log.anchor(anchored), log.anchor())))
            assert (verdict.exit, verdict.finding.code) == (TAMPERED, "anchor")
            assert verdict.safe in {0, anchored}


def test_a_backup_put_back_is_found_and_so_is_what_was_written_after_it(tmp_path):
    log = Log(folder=tmp_path, seed=3).fill(3)
    log.copy(tmp_path / "backup")
    for run in ("x1", "x2"):
        log.write(run, "run.started")
        log.write(run, "run.done")
    anchors = (log.anchor(3), log.anchor())
    back = Log(folder=tmp_path / "backup")
    rolled = judged(back.records(), log.trust(anchors=anchors))
    assert (rolled.finding.code, rolled.finding.about["n"]) == ("rolled back", anchors[1].checkpoint)
    back.clock = log.clock
    for run in ("y1", "y2", "y3"):
        back.write(run, "run.started")
        back.write(run, "run.done")
    forked = judged(back.records(), log.trust(anchors=anchors))
    assert (forked.exit, forked.finding.code, forked.safe) == (TAMPERED, "anchor", 3)
    assert judged(back.records(), log.trust()).exit == SOUND, "two true stories by one key"
    back.close()
    log.close()


def test_another_projects_log_is_not_taken_for_this_one(log, tmp_path):
    (tmp_path / "blackbox.key").write_bytes((log.folder / "blackbox.key").read_bytes())
    other = Log(folder=tmp_path, seed=2).fill(2)
    verdict = judged(other.records(), log.trust())
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, "another log")
    other.close()


def test_a_wrong_key_relies_on_nothing(log, records):
    stranger = PinnedKey(public="A" * 43 + "=")
    verdict = judged(records, log.trust(keys=(stranger,)))
    assert (verdict.exit, verdict.finding.code, verdict.safe) == (TAMPERED, "wrong key", 0)


def test_without_a_key_nothing_is_proven(log, records):
    verdict = judged(records, log.trust(keys=()))
    assert (verdict.exit, "no key" in codes(verdict)) == (INCOMPLETE, True)


# Anchors


def anchored(folder, **more):
    log = Log(folder=folder, **more).fill(2)
    newest = log.store.ledger.newest("c")
    receipt = (
        f'{{"checkpoint": {newest.number}, "hash": "{newest.hash}", "at": "{newest.at}", "kind": "ssh"}}'
    )
    log.store.ledger.keep_anchor(
        "c", checkpoint=newest.number, at=newest.at, kind="ssh", receipt=receipt.encode()
    )
    for kind in ("run.started", "run.done"):
        log.write("later", kind)
    return log


def test_receipts_that_were_removed_are_missed(tmp_path):
    log = anchored(tmp_path)
    assert "own receipts" in codes(judged(log.records(), log.trust()))
    log.sql("DELETE FROM anchors")
    verdict = judged(log.records(), log.trust())
    assert verdict.exit == INCOMPLETE
    assert {"anchor missing", "stale none"} <= codes(verdict)
    log.close()


def test_a_receipt_that_was_changed_is_found(tmp_path):
    log = anchored(tmp_path)
    log.sql('UPDATE anchors SET receipt = replace(receipt, \'"hash": "\', \'"hash": "0\')')
    assert judged(log.records(), log.trust()).finding.code == "anchor"
    log.close()


def test_an_old_anchor_is_stale_unless_nothing_came_after_it(log, records):
    old = log.anchor(2)
    late = log.clock + timedelta(days=3)
    verdict = judged(records, log.trust(anchors=(old,), now=late))
    assert (verdict.exit, verdict.anchored) == (STALE, 2)
    assert judged(records, log.trust(anchors=(log.anchor(),), now=late)).exit == SOUND
    assert judged(records, log.trust(anchors=(old,), anchor_age=timedelta(days=9), now=late)).exit == SOUND


def test_where_anchors_are_demanded_none_is_stale(log, records):
    assert judged(records, log.trust(anchor_age=timedelta(hours=1))).exit == STALE


def test_whoever_looked_and_found_no_anchor_is_not_put_off_with_the_logs_own_receipts(tmp_path):
    log = anchored(tmp_path)
    assert judged(log.records(), log.trust()).exit == SOUND
    verdict = judged(log.records(), log.trust(anchors=()))
    assert (verdict.exit, "stale none" in codes(verdict)) == (STALE, True)
    log.close()


def test_an_anchor_of_another_log_is_no_match(log, records):
    foreign = replace(log.anchor(3), hash="0" * 64)
    assert judged(records, log.trust(anchors=(foreign,))).finding.code == "anchor"


def test_nothing_can_be_put_in_where_a_part_leaves_events_out(log, records):
    part = log.records(since=log.store.ledger.numbered("c", 5).at)
    invented = next(record for record in records if record["type"] == "event")
    verdict = judged([part[0], invented, *part[1:]], log.trust())
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, "added")


# Keys


def rotated(log, *, lost=False):
    old = log.keys.signer(log.keys.public())
    new = log.keys.prepare()
    log.store.ledger.rotate("c", new, at=log.at(), old=None if lost else old, reason="yearly")
    log.keys.take_over(new.public)
    for kind in ("run.started", "run.done"):
        log.write("after", kind)


def test_a_key_changed_by_both_keys_is_followed_from_either(tmp_path):
    log = Log(folder=tmp_path).fill(2)
    first = log.pin
    rotated(log)
    for pin in (first, log.pin):
        verdict = judged(log.records(), log.trust(keys=(pin,)))
        assert (verdict.exit, "rotated" in codes(verdict)) == (SOUND, True)
    log.close()


def test_a_key_changed_without_the_old_ones_word_needs_somebody_who_vouches(tmp_path):
    log = Log(folder=tmp_path).fill(2)
    first, before = log.pin, log.store.ledger.newest("c").number
    rotated(log, lost=True)
    alone = judged(log.records(), log.trust(keys=(first,)))
    assert (alone.exit, alone.finding.code, alone.safe) == (TAMPERED, "key alone", before)
    both = judged(log.records(), log.trust(keys=(first, log.pin)))
    assert (both.exit, "rotated alone" in codes(both)) == (SOUND, True)
    log.close()


def test_a_key_changed_without_any_word_is_found(log, records):
    last = attacks.checkpoints(records)[-1]
    import json

    from runbook_exec.checkpoint import SIGNED
    from runbook_exec.journal import encoded
    from runbook_exec.signing import made

    key = made()
    body = encoded({**json.loads(records[last]["body"]), "key": key.public})
    forged = {**records[last], "body": body.decode(), "signatures": {key.public: key.sign(SIGNED + body)}}
    verdict = judged([*records[:last], forged, records[-1]], log.trust())
    assert verdict.finding.code == "another key"


# The store itself


LIVE = {
    "an edit": "UPDATE events SET who = 'eve' WHERE run = 'r1' AND seq = 2",
    "a deletion": "DELETE FROM events WHERE run = 'r1' AND seq = 2",
    "a run deleted": "DELETE FROM events WHERE run = 'r1'",
    "a body as text": "UPDATE events SET body = 'x' || CAST(body AS TEXT) WHERE run = 'r1' AND seq = 2",
    "bytes that are no text": "UPDATE events SET who = CAST(x'ff' AS TEXT) WHERE run = 'r1' AND seq = 2",
    "an event before the first": "INSERT INTO events SELECT client, run, -1, at, who, kind, body, before, hash "
    "FROM events WHERE run = 'r1' AND seq = 1",
    "a number that is none": "INSERT INTO events SELECT client, run, 'x', at, who, kind, body, before, hash "
    "FROM events WHERE run = 'r1' AND seq = 1",
    "a client exchanged": "UPDATE events SET client = 'd' WHERE run = 'r1' AND seq = 2",
    "a checkpoint deleted": "DELETE FROM checkpoints WHERE number = 3",
    "all checkpoints deleted": "DELETE FROM checkpoints",
    "a checkpoint emptied": "UPDATE checkpoints SET body = x'00' WHERE number = 3",
    "signatures emptied": "UPDATE checkpoints SET signatures = x'7b7d' WHERE number = 3",
    "signatures exchanged": "UPDATE checkpoints SET signatures = (SELECT signatures FROM checkpoints WHERE number = 1)",
    "heads forgotten": "UPDATE meta SET value = 'another' WHERE name LIKE 'log of %'",
}


@pytest.mark.parametrize("how", LIVE)
def test_a_store_that_somebody_wrote_into_is_found(how, tmp_path):
    log = Log(folder=tmp_path, seed=5).fill(3)
    trust = log.trust()
    log.sql(LIVE[how])
    assert judged(log.records(), trust).exit == TAMPERED
    log.close()
