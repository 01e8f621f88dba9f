"""The black box through the real command, and its verifier without the program."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gating import Office, make_key

from runbook_exec import app, blackbox_verify


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


@pytest.fixture
def signed(office):
    """An office that demands signatures; a run in it was approved by two and is done."""
    keys = {name: make_key(office.folder, name) for name in ("boss", "noor")}
    people = (office.folder / "people.yaml").read_text()
    for name, (_, public) in keys.items():
        people = people.replace(f"accounts: [{name}", f"keys: ['{public}'], accounts: [{name}")
    office.write("people.yaml", people)
    office.replace("runbook.yaml", "people: people.yaml", "people: people.yaml\n    decisions: signed")
    office.begin()
    for name, (file, _) in keys.items():
        assert office.decide(name, "approve", "--key", str(file)).code == 0
    assert office.resume().code == 0
    office.signers = office.folder / "allowed_signers"
    office.signers.write_text("".join(f"{name}@x.example {public}\n" for name, (_, public) in keys.items()))
    return office


def exported(office, *more):
    said = office("mia", "blackbox", "export", "--to", "out.jsonl", *more)
    assert said.code == 0, said.err
    return office.folder / "out.jsonl"


def alone(folder, *words):
    """The verifier as an auditor runs it: one file, an interpreter that knows no path of ours."""
    file = folder / "auditor" / "blackbox_verify.py"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(Path(blackbox_verify.__file__).read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", str(file), *map(str, words)],
        capture_output=True,
        text=True,
        cwd=file.parent,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def altered(office, sql):
    with sqlite3.connect(office.folder / ".runbook" / "journal.sqlite") as db:
        db.execute(sql)
    db.close()


def key_of(office):
    return office("mia", "blackbox", "key").out.strip()


def test_a_run_is_verified_in_place_with_the_signatures_of_its_decisions(signed):
    said = signed("mia", "blackbox", "verify")
    assert said.code == 0, said.out
    assert said.out.startswith("SOUND")
    assert "2 decisions are signed by the SSH keys of the people named." in said.out
    told = signed("mia", "blackbox", "verify", "--json").json
    assert (told["verdict"], told["finding"]) == ("sound", None)


def test_an_export_is_verified_by_the_one_file_alone(signed):
    file, key = exported(signed, "--with-decisions"), key_of(signed)
    done = alone(signed.folder, file, "--key", key, "--signers", signed.signers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 decisions are signed" in done.stdout
    german = alone(signed.folder, file, "--key", key, "--lang", "de")
    assert german.stdout.startswith("UNVERSEHRT")
    assert alone(signed.folder, file).returncode == 3, "without a key nothing is proven"


def test_an_export_in_other_hands_than_its_writers_is_found_out(signed):
    file, key = exported(signed), key_of(signed)
    text = file.read_text().replace('"who":"noor"', '"who":"boss"', 1)
    file.write_text(text)
    done = alone(signed.folder, file, "--key", key, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["finding"]["code"]) == (2, "edited")
    said = signed("mia", "blackbox", "verify", str(file), "--key", key)
    assert said.code == 2
    assert "is as it was written; what happened after that time is in question" in said.out


def test_an_export_holds_no_secret_and_no_key_of_a_subject(office):
    office.begin("mia", "77", "-i", "word=hunter2hunter2")
    text = exported(office).read_text()
    private = (office.folder / ".runbook" / "blackbox.key").read_text().splitlines()[1]
    assert private not in text
    assert "hunter2" not in text
    stores = (office.folder / ".runbook").glob("*.sqlite")
    keys = [key for store in stores for key in subject_keys(store)]
    assert keys
    assert not [key for key in keys if key.hex() in text]


def subject_keys(file):
    db = sqlite3.connect(file)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        for row in db.execute(f"SELECT * FROM {table}"):
            found += [value for value in row if isinstance(value, bytes) and len(value) == 32]
    db.close()
    return found


def test_a_store_that_somebody_wrote_into_is_found_out(office):
    office.begin()
    altered(office, "UPDATE events SET who = 'eve' WHERE seq = 2")
    said = office("mia", "blackbox", "verify")
    assert said.code == 2
    assert said.out.startswith("TAMPERED")
    assert "event 2" in said.out


def test_the_key_belongs_to_one_log(office, tmp_path):
    office.begin()
    file, key = exported(office), key_of(office)
    other = key.rpartition("/")[0] + "/0123456789abcdef"
    assert office("mia", "blackbox", "verify", str(file), "--key", key).code == 0
    said = office("mia", "blackbox", "verify", str(file), "--key", other)
    assert said.code == 2
    assert "This is the log" in said.out


def test_what_is_no_key_and_no_file_is_told_so(office):
    office.begin()
    found = office("mia", "blackbox", "verify", "--key", "nokey")
    assert found.code == 64
    assert "'nokey' is neither a public key of a black box nor a file with one" in found.err


def test_a_key_that_was_told_never_belongs_to_an_empty_log(office):
    key = key_of(office)
    assert office("mia", "blackbox", "verify", "--key", key).code == 0
    altered(office, "DELETE FROM checkpoints")
    said = office("mia", "blackbox", "verify", "--key", key)
    assert said.code == 2
    assert "there was something" in said.out


def test_the_key_is_changed_on_the_record(office):
    office.begin()
    old = key_of(office)
    changed = office("mia", "blackbox", "rotate-key", "--reason", "yearly")
    assert changed.code == 0
    assert key_of(office) == changed.out.strip().splitlines()[-1] != old
    assert office("mia", "cancel", office.run, "--reason", "enough").code == 0
    said = office("mia", "blackbox", "verify", "--key", old)
    assert said.code == 0
    assert "signed by the old and the new one" in said.out


def test_a_lost_key_stops_the_record_until_somebody_says_why_it_goes_on(office):
    office.begin()
    old, key = key_of(office), office.folder / ".runbook" / "blackbox.key"
    key.rename(key.with_name("gone"))
    refused = office("mia", "cancel", office.run, "--reason", "enough")
    assert refused.code == 8
    assert "rotate-key --lost" in refused.err
    assert office("mia", "blackbox", "rotate-key", "--lost", "--reason", "disk died").code == 0
    assert office("mia", "cancel", office.run, "--reason", "enough").code == 0
    assert office("mia", "blackbox", "verify", "--key", old).code == 2
    said = office("mia", "blackbox", "verify", "--key", old, "--key", key_of(office))
    assert said.code == 0
    assert "WITHOUT the old key's word. Reason given: disk died" in said.out


def test_a_key_that_is_at_hand_is_not_lost(office):
    office.begin()
    said = office("mia", "blackbox", "rotate-key", "--lost", "--reason", "lazy")
    assert said.code == 6
    assert "it is at hand" in said.err


def test_a_key_named_by_a_reference_signs_and_is_changed_by_another(office, monkeypatch):
    from runbook_exec.signing import made

    for name in ("one", "two"):
        (office.folder / name).write_bytes(made().pem())
    office.replace("runbook.yaml", "client: c", f"client: c\nblackbox: {{key: 'file:{office.folder}/one'}}")
    office.begin()
    assert not (office.folder / ".runbook" / "blackbox.key").exists()
    assert office("mia", "blackbox", "rotate-key", "--reason", "x").code == 3
    new = f"file:{office.folder}/two"
    said = office("mia", "blackbox", "rotate-key", "--reason", "x", "--new", new)
    assert "write the new key's place into runbook.yaml" in said.out
    assert office("mia", "cancel", office.run, "--reason", "y").code == 8
    office.replace("runbook.yaml", "/one", "/two")
    assert office("mia", "cancel", office.run, "--reason", "y").code == 0
    assert office("mia", "blackbox", "verify").code == 0


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["--key", "no key"], ["--anchor-age", "soon"], ["nofile.jsonl"]]
)
def test_a_wrong_command_line_is_not_called_tampering(office, words):
    said = office("mia", "blackbox", "verify", *words)
    assert said.code == 64
    assert said.err
    assert alone(office.folder, *words).returncode in {64, 66}


def test_without_a_project_there_is_no_verdict(office, tmp_path, monkeypatch):
    (tmp_path / "runbook.yaml").unlink()
    said = office("mia", "blackbox", "verify")
    assert said.code == 64
    assert "no runbook.yaml" in said.err


def test_a_file_that_is_no_export_is_not_called_sound(office):
    office.write("notes.txt", "hello\nworld\n")
    assert office("mia", "blackbox", "verify", "notes.txt").code == 2
    assert alone(office.folder, office.folder / "notes.txt", "--key", "A" * 43 + "=").returncode == 2


def test_an_export_is_complete_or_not_there(office):
    office.begin()
    exported(office)
    again = office("mia", "blackbox", "export", "--to", "out.jsonl")
    assert again.code == 3
    assert "is there already" in again.err
    lost = office("mia", "blackbox", "export", "--to", "nowhere/out.jsonl")
    assert lost.code == 3
    assert not list(office.folder.glob("**/*.part"))


def test_a_part_is_told_to_be_one(office):
    office.begin()
    file = exported(office, "--since", "2999-01-01")
    said = office("mia", "blackbox", "verify", str(file), "--key", key_of(office))
    assert said.code == 3
    assert "It is a part" in said.out
    assert '"type":"event"' not in file.read_text()


def test_status_says_what_could_still_be_altered_unseen(office):
    assert "black box: nothing is signed yet" in office("mia", "status").out
    office.begin()
    line = office("mia", "status").out.splitlines()[-1]
    assert line.startswith("black box: signed up to")
    assert "not anchored: whoever holds the key could rewrite all of it" in line
    assert "Flugschreiber: signiert bis" in office("mia", "status", office.run, "--lang", "de").out


def test_anchors_that_were_fetched_are_held_against_the_record(office):
    office.begin()
    kept = office("mia", "blackbox", "checkpoint", "--json").json
    folder = office.folder / "fetched"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps({**kept, "kind": "ssh"}))
    said = office("mia", "blackbox", "verify", "--anchors", "fetched")
    assert said.code == 0
    assert f"Anchored up to checkpoint {kept['checkpoint']} (ssh" in said.out
    (folder / "two.json").write_text(json.dumps({**kept, "kind": "ssh", "checkpoint": 99}))
    said = office("mia", "blackbox", "verify", "--anchors", "fetched")
    assert said.code == 2
    assert "cut off, or put back from a backup" in said.out
    (folder / "bad.json").write_text("{}")
    assert office("mia", "blackbox", "verify", "--anchors", "fetched").code == 64


def test_a_clock_that_is_set_back_sets_nothing_back_in_the_record(office, monkeypatch):
    office.begin()
    first = office.events()[-1]["at"]
    monkeypatch.setattr(app, "now", lambda: datetime.now(UTC) - timedelta(days=2))
    assert office("mia", "cancel", office.run, "--reason", "enough").code == 0
    office.begin(who="78")
    assert min(event["at"] for event in office.events()) >= first
    assert office("mia", "blackbox", "verify").code == 0


def test_the_verifier_can_be_printed(office):
    assert office("mia", "blackbox", "verifier").out == Path(blackbox_verify.__file__).read_text()


def test_a_record_of_which_a_person_was_erased_still_verifies_and_the_erasure_is_signed(signed):
    key = key_of(signed)
    erased = signed("mia", "subject", "erase", "77", "--reason", "asked for, ticket 4711", "--yes")
    assert erased.code == 0, erased.err
    assert "events since are not" not in signed("mia", "status").out
    said = signed("mia", "blackbox", "verify", "--key", key)
    assert said.code == 0, said.out
    assert "The signatures under 2 decisions are sealed" in said.out
    altered(signed, "UPDATE events SET who = 'eve' WHERE kind = 'subject.erased'")
    assert signed("mia", "blackbox", "verify", "--key", key).code == 2
