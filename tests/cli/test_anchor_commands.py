"""blackbox anchor, anchors and verify --fetch by the real command, with a desk and an authority out of reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers import authority

ROOT = Path(__file__).parents[2]
BOOK = """\
runbook: note
title: {en: Note, de: Notiz}
sections:
  - title: {en: All, de: Alles}
    steps:
      - {id: word, title: {en: A word, de: Ein Wort}, uses: ticket.open, with: {title: Hello, text: world}}
"""
SETTINGS = """\
client: kranich
blackbox: {anchors: [%s]}
environments:
  test: {ask_before_writing: false, connections: {ticket: {system: local, folder: desk}}}
"""
DEAD = "{ssh: {host: 127.0.0.1, port: 1, user: nobody, key: key, known_hosts: known}}"


class Project:
    def __init__(self, folder: Path, *anchors: str) -> None:
        self.folder = folder
        (folder / "runbooks").mkdir(parents=True)
        (folder / "desk").mkdir()
        (folder / "runbooks" / "note.yaml").write_text(BOOK)
        (folder / "key").write_text("no key")
        (folder / "known").write_text("")
        (folder / "runbook.yaml").write_text(SETTINGS % ", ".join(anchors))

    def __call__(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        full = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "LC_ALL": "C.UTF-8",
            "RUNBOOK_LANG": "en",
            **env,
        }
        command = [sys.executable, "-c", "from runbook_exec.cli import main; main()", *args]
        done = subprocess.run(
            command, cwd=self.folder, env=full, capture_output=True, text=True, check=False, timeout=60
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture
def make(tmp_path):
    return lambda *anchors: Project(tmp_path / "project", *anchors)


def test_a_run_leaves_a_copy_at_its_end_and_a_dead_anchor_changes_nothing_about_it(make):
    project = make("{ticket: {}}", DEAD)
    ran = project("run", "note")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(project("blackbox", "anchors", "--json").stdout)
    assert [bool(one["failed"]) for one in told["anchors"]] == [False, True]
    assert told["anchors"][0]["checkpoint"] == told["newest"]
    doctor = project("doctor", "--json")
    assert doctor.returncode == 4
    assert "✗ ssh nobody@127.0.0.1:1: no copy could be left" in project("status").stdout
    assert "Es konnte keine Kopie abgelegt werden" in project("status", RUNBOOK_LANG="de").stdout
    assert any("no copy could be left" in one["what"] for one in json.loads(doctor.stdout))


def test_a_failed_anchor_is_told_with_the_next_move(make):
    project = make(DEAD)
    project("run", "note")
    said = project("blackbox", "anchor")
    assert said.returncode == 4
    assert "✗ ssh nobody@127.0.0.1:1" in said.stdout
    assert "next:" in said.stdout


def test_without_anchors_the_command_says_what_that_means(make):
    project = make()
    assert "can rewrite the whole journal unseen" in project("blackbox", "anchors").stdout
    said = project("blackbox", "anchor")
    assert said.returncode == 3
    assert "docs/anchors.md" in said.stderr


def test_a_journal_put_back_from_a_backup_is_found_by_what_lies_at_the_anchors(make):
    project = make("{ticket: {}}")
    assert project("run", "note").returncode == 0
    shutil.copytree(project.folder / ".runbook", project.folder / "backup")
    assert project("run", "note").returncode == 0
    assert project("blackbox", "anchor").returncode == 0
    assert project("blackbox", "verify", "--fetch").returncode == 0
    fetched = project("blackbox", "anchors", "--fetch", "fetched")
    assert "copies" in fetched.stdout
    shutil.rmtree(project.folder / ".runbook")
    shutil.copytree(project.folder / "backup", project.folder / ".runbook")
    assert project("blackbox", "verify").returncode == 0  # by itself it is sound
    assert project("blackbox", "verify", "--fetch").returncode == 2
    assert project("blackbox", "verify", "--anchors", "fetched").returncode == 2


def test_a_time_stamp_is_proven_by_the_project_s_own_certificate_setting(make, tmp_path):
    with authority.running(tmp_path / "tsa") as tsa:
        project = make(f"{{rfc3161: {{url: '{tsa.url}', certificate: '{tsa.certificate}'}}}}")
        assert project("run", "note").returncode == 0
        told = json.loads(project("blackbox", "verify", "--json").stdout)
        assert told["exit"] == 0 if "exit" in told else told["verdict"] == "sound"
        assert "anchored" in json.dumps(told)
        assert "own receipts" not in json.dumps(told)
        assert project("blackbox", "anchors", "--fetch", "fetched").returncode == 0
    (token,) = (project.folder / "fetched").glob("rfc3161-*.json")
    assert json.loads(token.read_text())["token"]


def test_verify_stops_before_its_verdict_where_an_anchor_cannot_be_asked(make):
    project = make(DEAD)
    project("run", "note")
    said = project("blackbox", "verify", "--fetch")
    assert said.returncode == 64
    assert "ssh" in said.stderr
