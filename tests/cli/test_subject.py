"""Erasing somebody through the real command: what goes, what stays, what stands against it, and nothing crashes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from gating import Office
from old_store import old_store

from runbook_exec import cli
from runbook_exec.journal import Kind, check_chain
from runbook_exec.store.sqlite import SqliteStore
from runbook_exec.store.vault import Vault

NAME = "Zdenka Quixley"
REASON = "request of 2026-11-02, ticket 4711"


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


def done_run(office, who=NAME):
    """A run about somebody, through its gate to its end."""
    office.begin(who=who)
    for account in ("boss", "noor"):
        assert office.decide(account).code == 0
    ended = office.resume()
    assert ended.code == 0, ended
    return office.run


def erase(office, who=NAME, *more):
    return office("mia", "subject", "erase", who, "--reason", REASON, "--yes", *more)


def journal(office):
    folder = office.folder / ".runbook"
    return b"".join(path.read_bytes() for path in folder.glob("journal.sqlite*"))


def test_the_journal_at_rest_does_not_say_who_a_run_is_about(office):
    done_run(office)
    assert b"Zdenka" not in journal(office)
    assert b"Quixley" not in journal(office)
    assert NAME in office("mia", "log", office.run).out


def test_an_erased_person_is_gone_and_the_record_still_stands(office):
    run = done_run(office)
    before = office.events()
    said = erase(office)
    assert said.code == 0, said
    after = office.events()
    assert NAME not in json.dumps(after)
    assert [(e["seq"], e["at"], e["who"], e["kind"], e["hash"]) for e in after] == [
        (e["seq"], e["at"], e["who"], e["kind"], e["hash"]) for e in before
    ]
    steps = [(e["kind"], e["body"].get("step")) for e in before]
    assert [(e["kind"], e["body"].get("step")) for e in after] == steps
    decided = [e["body"] for e in after if e["kind"] == "gate.decided"]
    assert [(d["person"], d["verdict"]) for d in decided] == [
        ("boss@x.example", "approve"), ("noor@x.example", "approve"),
    ]  # fmt: skip
    with closing(SqliteStore(office.folder / ".runbook" / "journal.sqlite")) as store:
        check_chain(store.kept_events(run))


COMMANDS = [
    (("status",), 0, "erased 20"),
    (("status", "RUN"), 0, "erased on 20"),
    (("status", "RUN", "--json"), 0, '"erased": "20'),
    (("log", "RUN"), 0, "the chain holds"),
    (("log", "RUN", "--json"), 0, "step.result"),
    (("log", "project"), 0, "subject.erased"),
    (("approvals",), 0, "No gate waits"),
    (("review", "RUN"), 0, ""),
    (("resume", "RUN"), 6, "erased on"),
    (("resume", "RUN", "--replan", "--yes"), 6, "erased on"),
    (("undo", "RUN", "--dry-run"), 6, "erased on"),
    (("cancel", "RUN", "--reason", "x"), 6, "erased on"),
    (("resolve", "RUN", "told", "done", "--reason", "x"), 6, "erased on"),
    (("note", "RUN", "hello"), 6, "erased on"),
    (("take", "RUN"), None, ""),
    (("approve", "RUN", "--reason", "x"), 6, ""),
    (("subject", "show", "RUN"), 0, "it was erased on"),
    (("subject", "erase", "RUN", "--reason", "again", "--yes"), 6, "it was erased on"),
    (("subject", "hold", "RUN", "--reason", "late"), 6, "erased"),
    (("doctor", "--gates"), None, ""),
    (("docs", "build"), 0, ""),
    (("evidence", "--control", "access", "--from", "2026-01-01", "--to", "2099-12-31"), None, ""),
    (("deferrals",), 0, ""),
    (("resume", "--due"), 0, ""),
    (("blackbox", "verify"), None, "SOUND"),
]


def test_no_command_trips_over_an_erased_run(office):
    run = done_run(office)
    erase(office)
    for words, code, told in COMMANDS:
        said = office("mia", *[run if word == "RUN" else word for word in words])
        assert code in {None, said.code}, (words, said)
        assert told in said.out + said.err, (words, said)
        assert "defect" not in said.err, (words, said)
        assert NAME not in said.out + said.err, (words, said)


def test_an_erasure_is_covered_by_a_checkpoint_at_once(office):
    done_run(office)
    erase(office)
    assert office("mia", "blackbox", "verify").out.startswith("SOUND")
    with closing(SqliteStore(office.folder / ".runbook" / "journal.sqlite")) as store:
        assert store.ledger.standing("c").uncovered == 0


def test_what_goes_and_what_remains_elsewhere_is_shown_before_it_is_done(office):
    run = done_run(office)
    said = office("mia", "subject", "erase", NAME, "--reason", REASON)
    assert said.code == 6  # nobody is at the terminal
    assert f"{run}  ticket 1, with its attachments" in said.out
    assert "keys.sqlite" in said.out
    assert office("mia", "subject", "show", NAME, "--json").json["erased"] == []


def test_the_record_of_an_erasure_names_nobody(office):
    run = done_run(office)
    erase(office)
    assert b"Quixley" not in journal(office)
    (line,) = [json.loads(each) for each in office("mia", "log", "project", "--json").out.splitlines()]
    assert (line["who"], line["kind"]) == ("mia", "subject.erased")
    assert line["body"]["runs"] == [run]
    assert line["body"]["reason"] == REASON
    assert {"run": run, "kind": "ticket", "count": 1, "number": "2"} in line["body"]["elsewhere"]


@pytest.mark.parametrize("reason", [f"as {NAME} asked", "zdenka quixley, GDPR", " "])
def test_a_reason_that_names_the_person_would_stay_for_good_and_is_refused(office, reason):
    done_run(office)
    assert office("mia", "subject", "erase", NAME, "--reason", reason, "--yes").code == 3
    assert office("mia", "subject", "hold", NAME, "--reason", reason).code == 3


def test_an_open_run_stands_against_it(office):
    office.begin(who=NAME)
    said = erase(office)
    assert said.code == 6
    assert f"run {office.run} is not over" in said.err
    assert NAME in office("mia", "log", office.run).out


def test_a_legal_hold_stands_against_it_until_it_is_released(office):
    done_run(office)
    assert office("mia", "subject", "hold", NAME, "--reason", "case 12/26").code == 0
    said = erase(office)
    assert said.code == 6
    assert "case 12/26" in said.err
    assert office("mia", "subject", "hold", NAME, "--reason", "case 13/26").code == 6
    assert office("mia", "subject", "release", NAME, "--reason", "case 12/26 is over").code == 0
    assert erase(office).code == 0


def test_a_retention_period_stands_against_it(office):
    done_run(office)
    office.replace("runbook.yaml", "client: c", "client: c\nretention: 180d")
    said = erase(office)
    assert said.code == 6
    assert "retention: 180d" in said.err
    office.replace("runbook.yaml", "180d", "1ms")
    assert erase(office).code == 0


def test_broken_glass_that_nobody_looked_at_stands_against_it(office):
    office.begin(who=NAME)
    assert office.decide("kim", "break-glass").code == 0
    assert office.resume().code == 0
    said = erase(office)
    assert said.code == 6
    assert "nobody else has looked at it" in said.err


def test_a_run_that_ended_may_be_named_in_place_of_its_subject(office):
    run = done_run(office)
    assert erase(office, run).code == 0
    assert NAME not in json.dumps(office.events())


@pytest.mark.parametrize("command", ["show", "erase", "hold", "release"])
def test_somebody_who_is_nowhere_is_said_to_be(office, command):
    done_run(office)
    more = () if command == "show" else ("--reason", "x")
    said = office("mia", "subject", command, "Somebody Else", *more)
    assert said.code == 3
    assert "nothing is on record" in said.err


def test_somebody_who_comes_back_gets_a_new_key_and_the_old_run_stays_erased(office):
    first = done_run(office)
    erase(office)
    second = done_run(office)
    assert NAME in office("mia", "log", second).out
    assert NAME not in office("mia", "log", first).out
    shown = office("mia", "subject", "show", NAME, "--json").json
    assert [bool(run["erased"]) for run in shown["runs"]] == [True, False]
    assert erase(office).code == 0
    assert NAME not in office("mia", "log", second).out


def test_others_are_not_touched(office):
    done_run(office)
    other = done_run(office, "Otto Other")
    erase(office)
    assert "Otto Other" in office("mia", "log", other).out
    assert office("mia", "status").out.count("erased") == 1


def test_the_key_is_in_no_byte_of_the_folder_afterwards(office):
    done_run(office)
    file = office.folder / ".runbook" / "keys.sqlite"
    with closing(sqlite3.connect(file)) as db:
        before = {bytes(row[0]) for row in db.execute("SELECT secret FROM keys")}
    erase(office)
    with closing(sqlite3.connect(file)) as db:
        gone = before - {bytes(row[0]) for row in db.execute("SELECT secret FROM keys")}
    assert len(gone) == 1
    for path in (office.folder / ".runbook").rglob("*"):
        assert not path.is_file() or not any(key in path.read_bytes() for key in gone), path


def test_an_erasure_that_was_killed_half_way_is_finished_by_the_next_command(office, monkeypatch):
    done_run(office)

    def killed(self, event, name, runs):
        keys = [self.key(name).id]
        with self._transaction() as db:
            self._write(db, event.__class__(**{**vars(event), "body": {**event.body, "keys": keys}}).hashed())
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "erase", killed)
        assert erase(office).code == 130
    assert NAME not in office("mia", "log", office.run).out
    assert "it was erased" in office("mia", "subject", "show", office.run).out


def test_what_an_older_version_recorded_in_clear_is_said_to_remain(office):
    old_store(
        office.folder / ".runbook" / "journal.sqlite",
        {"260302-aaaaa": [
            (Kind.STARTED, {"schema": 1, "runbook": "b", "source": "", "file": "b.yaml", "schemas": {},
                            "inputs": {"who": NAME}, "environment": "office", "subject": NAME,
                            "requester": "mia", "ticket": "9", "language": "en"}),
            (Kind.PLANNED, {"digest": "0", "changes": 0, "lines": []}),
            (Kind.DONE, {}),
        ]},
        subjects={"260302-aaaaa": NAME.casefold()}, keys={NAME.casefold(): b"o" * 32},
    )  # fmt: skip
    assert NAME in office("mia", "log", "260302-aaaaa").out
    said = erase(office)
    assert said.code == 0
    assert "recorded in clear by an older version" in said.out
    assert "260302-aaaaa" in said.out.partition("recorded in clear")[2]


def test_the_command_says_what_it_is_for(office):
    assert "erase" in office("mia", "subject", "--help").out
    assert cli.COMMANDS["subject"]
