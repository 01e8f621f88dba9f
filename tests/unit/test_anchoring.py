"""When copies of checkpoints are left, and what becomes of an anchor that fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from servers import authority

from runbook_exec import anchoring, conduct
from runbook_exec.anchoring import Try
from runbook_exec.app import App, new_run_id, now
from runbook_exec.desk import Desk
from runbook_exec.errors import RunbookError
from runbook_exec.settings import find_project

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DEAD = "{ssh: {host: 127.0.0.1, port: 1, user: nobody, key: key, known_hosts: known}}"
DESK = "{ticket: {}}"
BOOK = """\
runbook: note
title: {en: Note, de: Notiz}
sections:
  - title: {en: All, de: Alles}
    steps:
      - {id: word, title: {en: A word, de: Ein Wort}, uses: ticket.open,
         with: {title: Hello, text: world, key: hello}}
"""


@pytest.fixture
def make_app(tmp_path):
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "note.yaml").write_text(BOOK)
    (tmp_path / "key").write_text("no key")
    (tmp_path / "known").write_text("")

    def make(*anchors: str, **more: str) -> App:
        settings = "".join(f", {name}: {value}" for name, value in more.items())
        (tmp_path / "runbook.yaml").write_text(
            "client: kranich\n"
            f"blackbox: {{anchors: [{', '.join(anchors)}]{settings}}}\n"
            "environments:\n  test: {ask_before_writing: false, connections: {ticket: {system: local}}}\n"
        )
        return App(find_project(tmp_path), environment=None, desk=Desk(who="mia", language="en"))

    return make


def run(app: App):
    book = app.load("note")
    plan = app.plan(book, {})
    return conduct.start(app, plan, run=new_run_id())


def test_a_copy_of_the_end_of_a_run_is_left_and_its_receipt_kept(make_app):
    app = make_app(DESK)
    assert run(app).status == "done"
    (how,) = anchoring.leave(app, at=now())
    assert (how.failed, how.checkpoint) == ("", app.store.ledger.newest("kranich").number)
    (number, _, kind, receipt) = app.store.ledger.anchors("kranich")[0]
    assert (number, kind) == (how.checkpoint, "ticket")
    assert json.loads(receipt)["hash"] == app.store.ledger.newest("kranich").hash
    assert app.store.ledger.standing("kranich").anchored == how.checkpoint


def test_an_anchor_that_fails_holds_up_no_other_and_is_told(make_app):
    app = make_app(DEAD, DESK)
    run(app)
    dead, desk = anchoring.leave(app, at=now())
    assert dead.failed
    assert not desk.failed
    assert len(app.store.ledger.anchors("kranich")) == 1
    assert {how.failed for how in anchoring.tries(app).values()} == {dead.failed, ""}
    told = [finding for _, finding in anchoring.examine(app, now()) if not finding.ok]
    assert any("no copy could be left" in finding.what for finding in told)
    assert all(finding.next_move for finding in told)


def test_settings_that_make_no_sense_fail_like_an_anchor_that_is_down(make_app):
    app = make_app("{s3: {bucket: b}}", DESK)
    run(app)
    wrong, right = anchoring.leave(app, at=now())
    assert "retain is missing" in wrong.failed
    assert not right.failed


def test_nothing_is_left_before_anything_was_recorded(make_app):
    assert anchoring.leave(make_app(DESK), at=now()) == []


def test_only_a_process_that_wrote_leaves_copies_by_itself(make_app):
    run(make_app(DESK))
    reader = make_app(DESK)
    reader.store.runs("kranich")
    anchoring.when_due(reader, now)
    assert anchoring.tries(reader) == {}
    writer = make_app(DESK)
    run(writer)
    anchoring.when_due(writer, now)
    assert anchoring.tries(writer)


def test_nothing_that_goes_wrong_at_the_end_of_a_command_comes_out_of_it(make_app, tmp_path):
    app = make_app(DEAD)
    run(app)
    (tmp_path / ".runbook" / anchoring.FILE).mkdir()
    anchoring.when_due(app, now)


@pytest.mark.parametrize(
    ("last", "newest", "after", "due"),
    [
        (None, 1, timedelta(0), True),
        ({"checkpoint": 5}, 6, timedelta(minutes=59), False),
        ({"checkpoint": 5}, 6, timedelta(minutes=60), True),
        ({"checkpoint": 6}, 6, timedelta(days=9), False),
        ({"checkpoint": 5, "failed": "down"}, 6, timedelta(minutes=9), False),
        ({"checkpoint": 5, "failed": "down"}, 5, timedelta(minutes=10), True),
        ({"checkpoint": 5}, 6, timedelta(days=-400), True),  # the clock was wrong when it was noted
    ],
)
def test_a_copy_is_due_an_hour_after_the_last_and_ten_minutes_after_a_failure(last, newest, after, due):
    at = NOON.isoformat()
    known = last and Try(anchor="a", done_at=at, tried_at=at, **last)
    assert anchoring.is_due(known, newest, every=timedelta(hours=1), at=NOON + after) is due


def test_what_lies_at_an_anchor_is_saved_once_as_files_that_fit_the_journal(make_app, tmp_path):
    app = make_app(DESK)
    run(app)
    anchoring.leave(app, at=now())
    for _ in range(2):
        ((name, found),) = anchoring.fetch(app)
        anchoring.save(tmp_path / "fetched", found.receipts)
    (file,) = (tmp_path / "fetched").iterdir()
    copy = json.loads(file.read_text())
    assert copy["hash"] == app.store.ledger.numbered("kranich", copy["checkpoint"]).hash
    assert {"checkpoint", "hash", "at", "kind"} <= set(copy)
    assert name == "ticket of the black box"


def test_a_journal_rolled_back_to_a_backup_does_not_fit_the_copies(make_app, tmp_path):
    import shutil

    app = make_app(DESK)
    run(app)
    app.store.close()
    shutil.copytree(tmp_path / ".runbook", tmp_path / "backup", ignore=shutil.ignore_patterns("desk*"))
    app = make_app(DESK)
    run(app)
    anchoring.leave(app, at=now())
    app.store.close()
    for file in (tmp_path / "backup").iterdir():
        shutil.copy(file, tmp_path / ".runbook")
    back = make_app(DESK)
    ((_, found),) = anchoring.fetch(back)
    assert found.receipts[0]["checkpoint"] > back.store.ledger.newest("kranich").number


def test_a_far_side_that_is_down_is_told_when_copies_are_fetched(make_app):
    app = make_app(DEAD)
    run(app)
    ((_, found),) = anchoring.fetch(app)
    assert isinstance(found, RunbookError)


def test_what_makes_no_sense_in_the_notes_of_the_last_try_is_tried_anew():
    assert anchoring.is_due(Try(anchor="a", failed="x"), 1, every=timedelta(hours=1), at=NOON)


def test_a_far_side_that_says_nothing_is_given_up_and_told(make_app, tmp_path, monkeypatch):
    import socket
    import time

    monkeypatch.setattr(anchoring, "SECONDS", 0.3)
    certificate = authority.made(tmp_path / "tsa").certificate
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        app = make_app(
            f"{{rfc3161: {{url: 'http://127.0.0.1:{port}/', certificate: '{certificate}'}}}}", DESK
        )
        run(app)
        begun = time.monotonic()
        quiet, desk = anchoring.leave(app, at=now())
        assert time.monotonic() - begun < 5
    assert quiet.failed == "no answer within 0 s"
    assert not desk.failed


def test_a_defect_of_one_anchor_holds_up_nothing(make_app, monkeypatch):
    from runbook_exec.anchors import ticket

    def broken(self, signed, at):
        raise ZeroDivisionError

    monkeypatch.setattr(ticket.TicketAnchor, "put", broken)
    app = make_app(DESK)
    run(app)
    (how,) = anchoring.leave(app, at=now())
    assert how.failed == "a defect in this program: ZeroDivisionError"
