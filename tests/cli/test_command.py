"""The real command, as a person or a script calls it. Needs no far side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = "client: kranich\nenvironments: {local: {kind: real}}\n"
RUNBOOK = """\
runbook: tidy
title: {en: Tidy up, de: Aufräumen}
inputs: {type: object, required: [room], properties: {room: {type: string, minLength: 2, description: which room}}}
sections:
  - title: {en: Room, de: Raum}
    steps:
      - {id: floor, title: {en: Sweep the floor, de: Boden fegen}, mode: read-do}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "runbook.yaml").write_text(SETTINGS)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "tidy.yaml").write_text(RUNBOOK)
    return tmp_path


def runbook(*args: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8", "RUNBOOK_LANG": "en"}
    command = [sys.executable, "-c", "from runbook_exec.cli import main; main()", *args]
    return subprocess.run(
        command, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_starting_imports_no_provider_and_nothing_heavy(project):
    code = (
        "import sys; sys.argv = ['runbook', 'list']\n"
        "from runbook_exec.cli import cli\n"
        "cli.main(standalone_mode=False)\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "{'ldap3', 'msgraph', 'kiota_http', 'httpx', 'ansible_runner', 'rich', 'jinja2', 'cryptography', 'twisted'}"
        " or m.startswith('runbook_exec.actions.')))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=env, capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines()[-1] == "[]"


def test_every_command_teaches():
    for command in (
        "list",
        "show",
        "lint",
        "schema",
        "plan",
        "run",
        "resume",
        "log",
        "status",
        "doctor",
        "init",
    ):
        out = runbook(command, "--help", cwd=ROOT)
        assert out.returncode == 0, out.stderr
        assert out.stdout.startswith("Usage: runbook")


def test_a_mistyped_command_is_guessed():
    out = runbook("pln", cwd=ROOT)
    assert out.returncode == 2
    assert "'plan'" in out.stderr


def test_list_speaks_the_readers_language(project):
    assert "Tidy up" in runbook("list", cwd=project).stdout
    assert "Aufräumen" in runbook("list", "--lang", "de", cwd=project).stdout


def test_show_is_a_checklist_and_connects_to_nothing(project):
    out = runbook("show", "tidy", cwd=project)
    assert "▢ Sweep the floor" in out.stdout
    assert "which room" in out.stdout


def test_why_there_is_no_way_back_is_told_in_the_readers_language(project):
    both = "irreversible: {en: swept is swept, de: gefegt ist gefegt}"
    (project / "runbooks" / "tidy.yaml").write_text(
        RUNBOOK.replace("mode: read-do", f"mode: read-do, {both}")
    )
    assert runbook("lint", cwd=project).returncode == 0
    for command in (("show", "tidy"), ("plan", "tidy", "-i", "room=hall")):
        assert "cannot be taken back: swept is swept" in runbook(*command, cwd=project).stdout
        assert "nicht rücknehmbar: gefegt ist gefegt" in runbook(*command, "--lang", "de", cwd=project).stdout


def test_lint_tells_everything_at_once_with_its_place(project):
    broken = RUNBOOK.replace("de: Boden fegen", "fr: Balayer").replace("read-do", "sometimes")
    (project / "runbooks" / "tidy.yaml").write_text(broken + "extra: 1\n")
    out = runbook("lint", cwd=project)
    assert out.returncode == 3
    assert "tidy.yaml:7:" in out.stdout
    assert "'extra' is not known here" in out.stdout


def test_outside_a_project_the_next_move_is_told(tmp_path):
    out = runbook("list", cwd=tmp_path)
    assert out.returncode == 3
    assert "runbook init" in out.stderr
    assert "Traceback" not in out.stderr


def test_errors_for_programs_are_json(project):
    out = runbook("plan", "tidi", "--json", cwd=project)
    assert out.returncode == 3
    (error,) = json.loads(out.stderr)["errors"]
    assert "tidy" in error["next"]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "'room' is missing"),
        (["-i", "room=x"], "input room"),
        (["-i", "room=kit\u202echen"], "U+202E"),
        (["-i", "room"], "name=value"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_is_read(project, inputs, told):
    out = runbook("run", "tidy", *inputs, cwd=project)
    assert out.returncode == 3
    assert told in out.stderr
    assert not (project / ".runbook").exists()


def test_a_run_waits_for_a_person_and_resumes(project):
    out = runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    assert out.returncode == 10, out.stderr
    listed = json.loads(runbook("status", "--json", cwd=project).stdout)
    assert [row["status"] for row in listed] == ["waiting"]
    again = runbook("resume", listed[0]["run"], cwd=project)
    assert again.returncode == 10
    assert listed[0]["run"] in again.stdout


def test_a_cancelled_run_frees_its_subject_and_goes_on_no_more(project):
    text = (project / "runbooks" / "tidy.yaml").read_text()
    (project / "runbooks" / "tidy.yaml").write_text(text.replace("inputs:", 'subject: "{{ room }}"\ninputs:'))
    runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    assert runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project).returncode == 7
    run = json.loads(runbook("status", "--json", cwd=project).stdout)[0]["run"]
    assert runbook("cancel", run, "--reason", "moved out", cwd=project).returncode == 0
    assert runbook("resume", run, cwd=project).returncode == 6
    assert runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project).returncode == 10


def test_only_a_step_in_doubt_takes_a_persons_word(project):
    runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    run = json.loads(runbook("status", "--json", cwd=project).stdout)[0]["run"]
    out = runbook("resolve", run, "floor", "done", "--reason", "seen", cwd=project)
    assert out.returncode == 6
    assert "not in doubt" in out.stderr


def test_a_real_environment_is_not_written_to_without_a_yes(project):
    out = runbook("run", "tidy", "-i", "room=kitchen", cwd=project)
    assert out.returncode == 6
    assert "--yes" in out.stderr


def test_the_log_is_checked_before_it_is_shown(project):
    import sqlite3

    runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    run = json.loads(runbook("status", "--json", cwd=project).stdout)[0]["run"]
    good = runbook("log", run, "--json", cwd=project)
    assert [json.loads(line)["seq"] for line in good.stdout.splitlines()] == list(
        range(1, len(good.stdout.splitlines()) + 1)
    )
    with sqlite3.connect(project / ".runbook" / "journal.sqlite") as db:
        db.execute("UPDATE events SET who = 'nobody' WHERE seq = 2")
    db.close()
    bad = runbook("log", run, cwd=project)
    assert bad.returncode == 8
    assert "event 2" in bad.stderr


def test_the_log_of_a_person_says_which_day_it_was_and_shows_no_json(project):
    runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    run = json.loads(runbook("status", "--json", cwd=project).stdout)[0]
    first, *events, _, end = runbook("log", run["run"], cwd=project).stdout.splitlines()
    assert first == f"{run['started'][:10]}, times in UTC"
    assert not [line for line in events if "{" in line]
    assert "the chain holds" in end


def test_nobody_is_asked_why_a_run_that_is_over_should_end(project):
    runbook("run", "tidy", "-i", "room=kitchen", "--yes", cwd=project)
    run = json.loads(runbook("status", "--json", cwd=project).stdout)[0]["run"]
    assert runbook("cancel", run, "--reason", "no time", cwd=project).returncode == 0
    again = runbook("cancel", run, cwd=project)
    assert (again.returncode, again.stdout) == (6, "")
    assert "is cancelled" in again.stderr


def test_rehearse_is_refused_outside_the_sandbox(project):
    out = runbook("run", "tidy", "-i", "room=kitchen", "--yes", "--rehearse", cwd=project)
    assert out.returncode == 3
    assert "sandbox" in out.stderr


def test_init_fills_a_folder_and_overwrites_nothing(tmp_path):
    (tmp_path / "runbook.yaml").write_text(SETTINGS)
    out = runbook("init", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "runbook.yaml").read_text() == SETTINGS
    assert "kept  runbook.yaml" in out.stdout
    assert list((tmp_path / "templates").rglob("*.txt"))
