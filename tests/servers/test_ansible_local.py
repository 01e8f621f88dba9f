"""What does not depend on SSH: the rehearsal's hosts, failures, deadlines, killed processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from servers.estate import REPOSITORY, Estate, estate, eventually, processes

from runbook_exec.action import Rights
from runbook_exec.actions.ansible import folder as folders
from runbook_exec.errors import Failed, Invalid, JournalError, Unreachable
from runbook_exec.plan_line import Line, Status, line_identity
from runbook_exec.sandbox import hosts as rehearsal_hosts
from runbook_exec.sandbox.rehearsal import open_rehearsal

LOCAL = {"ansible_connection": "local"}

SLOW = """
- hosts: all
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.file: {path: "{{ place }}/first", state: touch, mode: "0600"}
    - name: Long
      ansible.builtin.command: {argv: [sleep, "{{ length }}"], creates: "{{ place }}/never"}
      changed_when: true
    - name: Last
      ansible.builtin.file: {path: "{{ place }}/last", state: touch, mode: "0600"}
"""

UNSEEN = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Not now
      ansible.builtin.debug: {msg: x}
      when: place == 'elsewhere'
    - name: Wait for the share
      ansible.builtin.wait_for: {path: "{{ place }}"}
    - name: Each share
      ansible.builtin.wait_for: {path: "{{ item }}"}
      loop: ["{{ place }}"]
    - name: Mark
      ansible.builtin.file: {path: "{{ place }}/mark", state: directory, mode: "0700"}
"""


@pytest.fixture
def make(tmp_path):
    def made(playbooks) -> Estate:
        connection = {"python": sys.executable}
        return estate(
            tmp_path / "project", hosts={"fs-brno": LOCAL}, connection=connection, playbooks=playbooks
        )

    return made


def test_the_rehearsals_file_server_gets_a_home_and_refuses_a_hostile_login(tmp_path):
    rehearsal = open_rehearsal(tmp_path / "sandbox")
    rehearsal_hosts.seed(rehearsal)
    connection = asyncio.run(rehearsal_hosts.start(rehearsal))["ansible"]
    here = Estate(folder=REPOSITORY, connection={"project": str(REPOSITORY), **connection})
    homes = tmp_path / "sandbox" / "hosts" / "fs-brno" / "homes"
    values = {"playbook": "home_drive.yml", "hosts": "fileservers", "vars": {"login": "anna.weiss"}}
    here.apply("ansible.playbook", here.plan("ansible.playbook", **values), **values)
    assert (homes / "anna.weiss" / "README.txt").exists()

    values["vars"] = {"login": "../../x{{ 7*7 }}\n"}
    with pytest.raises(Failed) as caught:
        here.plan("ansible.playbook", **values)
    assert '"The login is a plain name" failed in the dry run: The login may hold' in caught.value.what
    assert caught.value.where.startswith("fs-brno, playbooks/home_drive.yml:")
    assert [path.name for path in homes.iterdir()] == ["anna.weiss"]
    rehearsal.shelf.close()


def test_the_doctor_reaches_the_rehearsals_file_server(tmp_path):
    rehearsal = open_rehearsal(tmp_path / "sandbox")
    connection = asyncio.run(rehearsal_hosts.start(rehearsal))["ansible"]
    here = Estate(folder=REPOSITORY, connection={"project": str(REPOSITORY), **connection})
    found = here.provider.check(here.connection, Rights())
    assert [finding.what for finding in found if not finding.ok] == []
    assert "fs-brno: login works, Python starts" in [finding.what for finding in found]
    rehearsal.shelf.close()


def test_what_check_mode_skipped_is_listed_and_what_it_cannot_see_blocks(make, tmp_path):
    here = make({"unseen.yml": UNSEEN})
    change = here.plan(
        "ansible.playbook", playbook="unseen.yml", hosts="fs-brno", vars={"place": str(tmp_path)}
    )
    assert change.notes[0] == "fs-brno: \"Not now\" was skipped: its condition is false: place == 'elsewhere'"
    assert 'fs-brno: "Wait for the share" cannot be seen by check mode' in change.notes[1]
    assert 'fs-brno: "Each share" cannot be seen by check mode' in change.notes[2]
    assert change.blocked.startswith('check mode cannot look at "Wait for the share", "Each share"')
    assert list(change.before) == [f"fs-brno: Mark ({tmp_path}/mark)"]


def test_a_playbook_or_an_inventory_that_was_edited_is_another_one(make, tmp_path):
    def planned():
        values = {"hosts": "fs-brno", "vars": {"place": str(tmp_path), "length": "0"}}
        return line_identity(
            Line(
                step="s",
                title={},
                section=0,
                status=Status.CHANGE,
                change=here.plan("ansible.playbook", playbook="slow.yml", **values),
            )
        )

    here = make({"slow.yml": SLOW, "other.yml": UNSEEN})
    first = planned()
    assert planned() == first
    playbook = here.folder / "playbooks" / "slow.yml"
    playbook.write_text(SLOW.replace("length", "length | default(0)"), encoding="utf-8")
    second = planned()
    assert first["before"] == second["before"]
    assert first["identity"] != second["identity"]
    variables = here.folder / "inventory" / "host_vars" / "fs-brno.yml"
    variables.parent.mkdir(exist_ok=True)
    variables.write_text("ansible_host: another\n", encoding="utf-8")
    assert second["identity"] != planned()["identity"]


def test_a_playbook_that_exceeds_the_steps_time_is_stopped_and_said_to_be_in_doubt(make, tmp_path):
    here = make({"slow.yml": SLOW})
    values = {"playbook": "slow.yml", "hosts": "fs-brno", "vars": {"place": str(tmp_path), "length": "47.11"}}
    # the time is over once the first task has ended
    context = replace(here.context(60), now=lambda: datetime.now(UTC) + timedelta(hours=len(here.recorded)))
    with here.open() as session, session.permit(["fs-brno"]), pytest.raises(Unreachable) as caught:
        apply_slow(session, values, context)
    assert caught.value.sent
    assert 'stopped, as the time of the step was over; the last result was "First"' in caught.value.what
    assert not (tmp_path / "last").exists()
    assert eventually(lambda: processes("sleep 47.11") == []), "the task went on after we had stopped it"


def test_an_error_while_an_event_is_taken_stops_the_playbook(make, tmp_path):
    """A journal that cannot be written fails closed: nothing more may have an effect."""
    here = make({"slow.yml": SLOW})
    values = {"playbook": "slow.yml", "hosts": "fs-brno", "vars": {"place": str(tmp_path), "length": "47.12"}}

    def record(_):
        raise JournalError("the disk is full")

    with here.open() as session, session.permit(["fs-brno"]), pytest.raises(JournalError):
        apply_slow(session, values, here.context(seconds=60, record=record))
    assert list(folders.shelter().glob(f"{folders.PREFIX}{os.getpid()}-*")) == []
    assert eventually(lambda: processes("sleep 47.12") == [])
    assert not (tmp_path / "last").exists()


def test_after_a_kill_nothing_goes_on_and_the_next_session_sweeps(make, tmp_path):
    here = make({"slow.yml": SLOW})
    values = {"playbook": "slow.yml", "hosts": "fs-brno", "vars": {"place": str(tmp_path), "length": "1.5"}}
    code = (
        "import sys; sys.path[:0] = {path!r}\n"
        "from pathlib import Path\n"
        "from servers.estate import Estate\n"
        "from servers.test_ansible_local import apply_slow\n"
        "here = Estate(folder=Path({folder!r}), connection={connection!r})\n"
        "with here.open() as session, session.permit(['fs-brno']):\n"
        "    apply_slow(session, {values!r}, here.context(seconds=60))\n"
    ).format(
        path=[str(REPOSITORY / "tests"), str(REPOSITORY / "src")],
        folder=str(here.folder),
        connection=here.connection,
        values=values,
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    assert eventually((tmp_path / "first").exists, seconds=60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = list(folders.shelter().glob(f"{folders.PREFIX}{child.pid}-*"))
    assert len(left) == 1
    assert eventually(lambda: processes(left[0].name) == [], seconds=30)
    assert not (tmp_path / "last").exists(), "Ansible went on without us"
    with here.open():
        assert not left[0].exists()


def test_a_missing_or_unbelievable_playbook_is_refused_before_anything_runs(make):
    here = make({"bad.yml": "- hosts: all\n  tasks:\n    - ansible.builtin.raw: id\n"})
    with pytest.raises(Invalid, match="there is no playbook 'bed") as caught:
        here.plan("ansible.playbook", playbook="bed.yml", hosts="fs-brno")
    assert caught.value.next_move == "there are: bad.yml"
    with pytest.raises(Invalid, match="raw is a free shell") as caught:
        here.plan("ansible.playbook", playbook="bad.yml", hosts="fs-brno")
    assert caught.value.where == "playbooks/bad.yml:3:7"
    with pytest.raises(Invalid, match="no host or group 'fs-brnoo'") as caught:
        here.plan("ansible.playbook", playbook="bad.yml", hosts="fs-brnoo")
    assert caught.value.next_move == "did you mean 'fs-brno'?"


def apply_slow(session, values, context):
    """Apply without a plan: what it is about happens while the playbook runs."""
    from servers.estate import step

    from runbook_exec.actions.ansible import state

    action, args = step("ansible.playbook", values)
    (ref,) = action.reads(args, {})
    change = action.plan(args, {ref: {"hosts": ["fs-brno"], **state.NOTHING_PENDING}})
    return action.apply(session, args, change, context)
