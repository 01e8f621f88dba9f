"""Time stamps in the verifier: proven under the given certificate, and worth nothing without it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blackbox.logs import Log, judged, lines
from servers import authority

from runbook_exec import blackbox_verify, time_stamp
from runbook_exec.blackbox_verify import SOUND, TAMPERED

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def tsa(tmp_path_factory):
    return authority.made(tmp_path_factory.mktemp("tsa") / "tsa")


def stamped(log, tsa, imprint=b""):
    """A log whose newest checkpoint was stamped, and the receipt in it."""
    newest = log.store.ledger.newest("c")
    token = time_stamp.token_of(tsa.stamp(time_stamp.request(imprint or bytes.fromhex(newest.hash), 77)))
    receipt = {
        "checkpoint": newest.number,
        "hash": newest.hash,
        "at": "2020-01-01T00:00:00+00:00",
        "kind": "rfc3161",
        "token": base64.b64encode(token).decode(),
        "nonce": f"{77:x}",
    }
    told = json.dumps(receipt).encode()
    log.store.ledger.keep_anchor("c", checkpoint=newest.number, at=newest.at, kind="rfc3161", receipt=told)
    return log, receipt


@pytest.fixture
def log(tmp_path):
    made = Log(folder=tmp_path).fill(2)
    yield made
    made.close()


def codes(verdict):
    return {note.code for note in verdict.notes}


def test_a_proven_stamp_counts_as_somebody_else_s_word_with_the_authority_s_time(log, tsa):
    stamped(log, tsa)
    verdict = judged(log.records(), log.trust(authority=tsa.certificate.read_bytes()))
    assert verdict.exit == SOUND
    assert "own receipts" not in codes(verdict)
    (anchored,) = [note for note in verdict.notes if note.code == "anchored"]
    assert not anchored.about["at"].startswith("2020")


def test_a_stamp_that_nobody_checked_counts_for_nothing(log, tsa):
    _, receipt = stamped(log, tsa)
    given = blackbox_verify.Anchor.parse(receipt)
    verdict = judged(log.records(), log.trust(anchors=(given,)))
    assert {"time stamps unproven", "stale none"} <= codes(verdict)


def test_a_stamp_of_another_authority_is_found(log, tsa, tmp_path):
    stamped(log, tsa)
    other = authority.made(tmp_path / "other").certificate.read_bytes()
    verdict = judged(log.records(), log.trust(authority=other))
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, "time stamp")


def test_a_stamp_of_something_else_is_found(log, tsa):
    stamped(log, tsa, imprint=b"x" * 32)
    verdict = judged(log.records(), log.trust(authority=tsa.certificate.read_bytes()))
    assert verdict.finding.code == "time stamp"
    assert all(line.strip() for language in ("en", "de") for line in verdict.lines(language))


def test_an_auditor_checks_stamps_with_the_two_files_alone(log, tsa, tmp_path):
    stamped(log, tsa)
    away = tmp_path / "auditor"
    away.mkdir()
    for module in (blackbox_verify, time_stamp):
        shutil.copy(Path(module.__file__), away)
    (away / "export.jsonl").write_bytes(lines(log.records()))
    command = [sys.executable, "-I", "blackbox_verify.py", "export.jsonl", "--key", log.pin.public]

    def checked(*more):
        return subprocess.run([*command, *more], cwd=away, capture_output=True, text=True, check=False)

    done = checked("--tsa", str(tsa.certificate), "--anchor-age", "100000", "--json")
    assert done.returncode == SOUND, done.stderr
    assert "anchored" in done.stdout
    assert "time stamps unproven" in checked("--json", "--anchor-age", "100000").stdout
