"""Playbooks and modules over real SSH, on an sshd of our own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from servers import sshd as server
from servers.estate import REPOSITORY, estate, processes

from runbook_exec.actions.ansible import folder as folders
from runbook_exec.actions.ansible.session import Listener
from runbook_exec.errors import Failed, NoPen, NotAllowed, Refused, Unreachable
from runbook_exec.secret import Secret

pytestmark = pytest.mark.server

HOME = {"playbook": "home_drive.yml", "hosts": "fileservers", "undo": {"playbook": "home_drive_undo.yml"}}

HOSTILE = [
    "{{ lookup('pipe', 'touch PWNED') }}",
    "a\x00b",
    "",
    "{{ 7*7 }}",
    "{% raw %}{{ x }}",
    "{# gone #}",
    "!unsafe x",
    "!vault x",
    "he said \"x\" and 'y'",
    "line one\nline two\r\n",
    "x" * 300,
    "\u202eright-to-left\u202c",
    "$(id) `id` ; id && id | id",
    "Đorđe İpek Nguyễn 花子",
]

ECHO = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Each value
      ansible.builtin.copy: {dest: "{{ echo_folder }}/{{ echo_index }}", content: "{{ item }}", mode: "0600"}
      loop: "{{ echo_list[:2] }}"
      loop_control: {index_var: echo_index, label: "{{ echo_index }}"}
    - name: Everything
      ansible.builtin.copy:
        dest: "{{ echo_folder }}/all.json"
        content: "{{ [echo_list, echo_mapping] | ansible.builtin.to_json }}"
        mode: "0600"
"""

SECRET = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Keep it
      ansible.builtin.copy: {dest: "{{ target }}", content: "{{ pin }}", mode: "0600", force: false}
      no_log: true
    - name: Call it otherwise
      ansible.builtin.set_fact: {other: "{{ pin }}"}
      no_log: true
    - name: Blurt it out
      ansible.builtin.fail: {msg: "the value {{ other }} is {{ other | b64encode }}"}
      when: not ansible_check_mode
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with server.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def make(sshd, tmp_path):
    def made(playbooks=None, *, host=None, **connection):
        hosts = {"fs-brno": sshd.host() if host is None else host}
        return estate(
            tmp_path / "project", hosts=hosts, connection=sshd.connection(**connection), playbooks=playbooks
        )

    return made


def left_behind() -> list[Path]:
    return list(folders.shelter().glob(f"{folders.PREFIX}{os.getpid()}-*"))


def test_a_home_drive_is_planned_made_read_back_and_archived(make, sshd, tmp_path):
    homes = tmp_path / "homes"
    homes.mkdir()
    here = make(vars={"homes_root": str(homes)})
    values = {**HOME, "vars": {"login": "anna.weiss", "language": "de"}}

    change = here.plan("ansible.playbook", **values)
    assert list(homes.iterdir()) == []
    assert change.before == {
        f"fs-brno: Home folder ({homes}/anna.weiss)": {"state": "absent"},
        f"fs-brno: Welcome note ({homes}/anna.weiss/LIESMICH.txt)": None,
    }
    assert change.writes == ("fs-brno",)

    with here.open() as session:
        evidence = here.apply("ansible.playbook", change, session=session, **values)
        assert (homes / "anna.weiss").stat().st_mode & 0o777 == 0o700
        assert "persönlicher Ordner" in (homes / "anna.weiss" / "LIESMICH.txt").read_text()
        assert evidence.answer["changed"] == 2
        assert [r["task"] for r in here.recorded if r["changed"]] == ["Home folder", "Welcome note"]
        assert {"Home folder …", "fs-brno: Home folder: changed"} <= set(here.said)

        again = here.plan("ansible.playbook", session=session, **values)
        assert again.is_empty, (again.before, again.after)

        (homes / "anna.weiss" / "thesis").write_text("years of work")
        from runbook_exec.action import find

        back = find("ansible.playbook").undo(change, evidence)
        here.apply("ansible.playbook", back, session=session, **values)
    assert not (homes / "anna.weiss").exists()
    assert (homes / ".archive" / "anna.weiss" / "thesis").read_text() == "years of work"

    assert f"Accepted publickey for {sshd.user}" in sshd.log
    assert left_behind() == []
    assert processes(f"{folders.PREFIX}{os.getpid()}-") == [], "an SSH connection outlived its session"


def test_hostile_values_arrive_literally_and_nothing_is_executed(make, tmp_path, monkeypatch):
    # a stray configuration of somebody else's must change nothing either
    stray = tmp_path / "stray"
    stray.mkdir()
    (stray / "ansible.cfg").write_text("[defaults]\nremote_user = nobody\ncallbacks_enabled = timer\n")
    monkeypatch.chdir(stray)
    monkeypatch.setenv("ANSIBLE_REMOTE_USER", "nobody")
    monkeypatch.setenv("ANSIBLE_CONFIG", str(stray / "ansible.cfg"))
    far = tmp_path / "far"
    far.mkdir()
    here = make({"echo.yml": ECHO})
    mapping = {
        "{{ lookup('pipe', 'touch PWNED') }}": "{{ 7*7 }}",
        "nested": {"list": ["{{ 7*7 }}", {"{% raw %}": None, "n": 1, "f": 1.5, "b": True}]},
    }
    values = {
        "playbook": "echo.yml",
        "hosts": "fs-brno",
        "vars": {"echo_folder": str(far), "echo_list": HOSTILE, "echo_mapping": mapping},
    }
    change = here.plan("ansible.playbook", **values)
    assert list(change.before) == [
        f"fs-brno: Each value ({far}/0)",
        "fs-brno: Each value",  # with a NUL it is binary, of which copy shows no difference
        f"fs-brno: Everything ({far}/all.json)",
    ]
    here.apply("ansible.playbook", change, **values)

    assert [(far / str(index)).read_bytes() for index in range(2)] == [v.encode() for v in HOSTILE[:2]]
    assert json.loads((far / "all.json").read_text()) == [HOSTILE, mapping]
    assert list(tmp_path.rglob("PWNED")) == []
    assert not Path("~/PWNED").expanduser().exists()


def test_a_modules_arguments_are_data_too(make, tmp_path):
    here = make()
    target = tmp_path / "{{ 7*7 }} it's"
    values = {
        "module": "copy",
        "hosts": "fs-brno",
        "args": {"dest": str(target), "content": "{{ lookup('pipe', 'id -un') }}", "mode": "0640"},
    }
    change = here.plan("ansible.module", **values)
    here.apply("ansible.module", change, **values)
    assert target.read_text() == "{{ lookup('pipe', 'id -un') }}"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_secret_is_nowhere_but_where_it_belongs(make, tmp_path):
    pin = "p\u00e4ss 'w\"ord{{ 7*7 }}"
    target = tmp_path / "pin"
    here = make({"pin.yml": SECRET})
    seen: list[str] = []

    def record(body):
        seen.append(str(body))
        for folder in left_behind():
            for file in folder.rglob("*"):
                if file.is_file():
                    assert b'w"ord' not in file.read_bytes().replace(b"\\", b""), file
            assert folder.stat().st_mode & 0o777 == 0o700

    values = {
        "playbook": "pin.yml",
        "hosts": "fs-brno",
        "vars": {"target": str(target)},
        "secrets": {"pin": Secret(pin, rule="a PIN")},
    }
    change = here.plan("ansible.playbook", **values)
    assert change.after == {"fs-brno: Keep it": "takes a secret, so it is not shown"}
    assert not target.exists()

    with pytest.raises(Failed) as caught:
        here.apply("ansible.playbook", change, record=record, **values)
    assert target.read_text() == pin
    assert caught.value.what == '"Blurt it out" failed: the value *** is ***'
    assert "playbooks/pin.yml:" in caught.value.where
    assert len(seen) == 3
    assert not any("ord{{" in text for text in (*seen, *here.said, str(change)))
    assert left_behind() == []


def test_a_host_with_another_key_is_not_believed(make, sshd, tmp_path):
    other = server.new_key(tmp_path / "other").with_suffix(".pub").read_text()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}")
    here = make(known_hosts=str(known), vars={"homes_root": str(tmp_path)})
    with pytest.raises(Unreachable) as caught:
        here.plan("ansible.playbook", **HOME, vars={"login": "anna"})
    assert "the SSH key of the host is not the one that is pinned" in caught.value.what
    assert caught.value.where == "fs-brno"
    assert not caught.value.sent


def test_a_host_that_refuses_our_key_is_no_mystery(make, tmp_path):
    here = make(
        private_key_file=str(server.new_key(tmp_path / "stranger")), vars={"homes_root": str(tmp_path)}
    )
    with pytest.raises(NotAllowed) as caught:
        here.plan("ansible.playbook", **HOME, vars={"login": "anna"})
    assert "refuses our login" in caught.value.what
    assert "authorized_keys" in caught.value.next_move


def test_the_doctor_says_which_hosts_answer(sshd, tmp_path):
    closed = {"ansible_host": "127.0.0.1", "ansible_port": server.free_port()}
    hosts = {"fs-brno": sshd.host(), "fs-wup": closed}
    here = estate(tmp_path / "project", hosts=hosts, connection=sshd.connection())
    from runbook_exec.action import Rights

    found = {f.what: f.ok for f in here.provider.check(here.connection, Rights())}
    assert found["fs-brno: login works, Python starts"]
    assert [ok for what, ok in found.items() if what.startswith("fs-wup: the host does not answer")] == [
        False
    ]
    count = len(list((REPOSITORY / "playbooks").glob("*.yml")))
    assert found[f"{count} playbooks can be believed in check mode"]


def test_a_reading_session_has_no_pen_and_a_writing_one_only_for_the_planned_hosts(make, tmp_path):
    from runbook_exec.actions.ansible.request import request

    here = make()
    asked = request(hosts="fs-brno", module="file", values={"path": str(tmp_path / "x")}, secrets={})
    given = {"secrets": {}, "seconds_left": lambda: 60.0, "listener": Listener()}
    with here.open(write=False) as session:
        with pytest.raises(NoPen), session.permit(["fs-brno"]):
            pass
        with pytest.raises(NoPen):
            session.apply(asked, **given)
    with here.open() as session:
        with pytest.raises(Refused, match="fs-brno would be changed, which the plan does not name"):
            session.apply(asked, **given)
        with session.permit(["fs-wup"]), pytest.raises(Refused):
            session.apply(asked, **given)
