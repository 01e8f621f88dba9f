"""The parts of Ansible that need no Ansible process: folders, names, inventories, events."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest
from servers.estate import eventually, processes

from runbook_exec.actions.ansible import folder, inventory, trouble
from runbook_exec.actions.ansible import state as states
from runbook_exec.actions.ansible.request import request
from runbook_exec.actions.ansible.results import Outcome, Report, net, take
from runbook_exec.actions.ansible.variables import RESERVED, checked_name, wrapped
from runbook_exec.errors import Failed, Invalid, NotAllowed, Unreachable
from runbook_exec.secret import Secret

ASKED = request(hosts="fs-brno", playbook="x.yml", values={}, secrets={})


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# The private folder


def test_the_private_folder_is_ours_alone_and_gone_after_an_error(tmp_path):
    manager = folder.private_folder(tmp_path)
    made = manager.__enter__()
    assert made.stat().st_mode & 0o777 == 0o700
    (made / "secret").write_text("x")
    assert not manager.__exit__(ZeroDivisionError, ZeroDivisionError(), None), "the error must go on"
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_dead_processes_that_nobody_holds_are_swept(tmp_path):
    dead = dead_pid()
    names = {
        "stale": f"{folder.PREFIX}{dead}-stale",
        "alive": f"{folder.PREFIX}{os.getpid()}-alive",
        "other": "somebody-elses",
        "odd": f"{folder.PREFIX}odd",
        "held": f"{folder.PREFIX}{dead}-held",
    }
    for name in names.values():
        (tmp_path / name).mkdir()
    (tmp_path / f"{folder.PREFIX}{dead}-link").symlink_to(tmp_path / names["other"])
    with (tmp_path / names["held"] / folder.LOCK).open("w") as lock:
        # a process in another container: its number means nothing here, its lock does
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert folder.sweep(tmp_path) == [tmp_path / names["stale"]]
    assert {path.name for path in tmp_path.iterdir()} == {
        *(name for key, name in names.items() if key != "stale"),
        f"{folder.PREFIX}{dead}-link",
    }


def test_what_still_works_in_a_stale_folder_is_ended_with_its_children(tmp_path):
    stale = tmp_path / f"{folder.PREFIX}{dead_pid()}-stale"
    stale.mkdir()
    shell = f"sleep 46.01 & wait # {stale}"
    worker = subprocess.Popen(["sh", "-c", shell], start_new_session=True)
    bystander = subprocess.Popen(["sleep", "46.02"])
    folder.sweep(tmp_path)
    assert worker.wait(10) < 0
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert eventually(lambda: processes("sleep 46.01") == [])


# Names and values


def test_every_name_that_ansible_gives_a_meaning_is_reserved():
    code = (
        "from ansible.vars.reserved import _RESERVED_NAMES as names\n"
        "from ansible.constants import INTERNAL_STATIC_VARS as magic\n"
        "print(*names, *magic)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = {name for name in said.stdout.split() if not name.startswith("ansible_")}
    assert names - RESERVED == set()


@pytest.mark.parametrize(
    "name", ["hosts", "ansible_user", "runbook_secret_x", "A", "1a", "a-b", "", "a b", "ä"]
)
def test_a_name_with_a_meaning_is_no_variable(name):
    with pytest.raises(Invalid):
        checked_name(name)


def test_every_text_down_to_the_last_nested_one_is_marked_as_data():
    value = {"a": ["{{ x }}", {"{{ k }}": ("y", 1, None, True, 1.5)}]}
    unsafe = {"__ansible_unsafe": "{{ x }}"}
    assert wrapped(value) == {"a": [unsafe, {"{{ k }}": [{"__ansible_unsafe": "y"}, 1, None, True, 1.5]}]}


@pytest.mark.parametrize(
    "value",
    [
        Secret("x"),
        b"x",
        float("nan"),
        {"__ansible_vault": "x"},
        {1: "x"},
        "half \ud83d",
        {"\ud83d": 1},
        {1, 2},
    ],
)
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(Invalid):
        wrapped([value])


def test_a_connections_and_an_inventorys_variables_cannot_be_overridden(tmp_path):
    from servers.estate import estate

    hosts = {"fs-brno": {"ansible_connection": "local", "homes_root": "/srv"}}
    here = estate(
        tmp_path / "p", hosts=hosts, connection={"vars": {"site_name": "Brno"}}, playbooks={"x.yml": ""}
    )
    for name in ("homes_root", "site_name"):
        with pytest.raises(
            Invalid, match=f"the variable '{name}' belongs to the inventory or the connection"
        ):
            here.plan("ansible.playbook", playbook="x.yml", hosts="fs-brno", vars={name: "/etc"})


# The inventory


def test_groups_children_and_ranges_of_an_inventory_are_known(tmp_path):
    file = tmp_path / "hosts.yaml"
    file.write_text(
        "all:\n"
        "  children:\n"
        "    web: {hosts: {'web[08:10]': {port: 1}, 'db-[a:b]': }}\n"
        "    files: {hosts: {fs-brno: }, vars: {homes_root: !vault xyz}}\n"
        "    empty:\n"
        "    linux: {children: {web: , files: }}\n"
    )
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "files.yml").write_text("quota: 5\n")
    found = inventory.load(file)
    assert found.resolve(["web"]) == ("web08", "web09", "web10", "db-a", "db-b")
    assert found.resolve(["linux", "fs-brno"]) == ("web08", "web09", "web10", "db-a", "db-b", "fs-brno")
    assert found.resolve(["all"]) == found.hosts
    assert found.variables == {"port", "homes_root", "quota"}
    with pytest.raises(Invalid, match="the group 'empty' has no hosts"):
        found.resolve(["empty"])
    with pytest.raises(Invalid, match="knows no host or group 'wbe'"):
        found.resolve(["wbe"])


@pytest.mark.parametrize(
    "text", ["", "[web]\nweb1\n", "- a\n", "a: [", "all: x\n", "all: {hosts: {'a[5:1]': }}"]
)
def test_what_is_no_static_yaml_inventory_is_refused(tmp_path, text):
    file = tmp_path / "hosts"
    file.write_text(text)
    with pytest.raises(Invalid) as caught:
        inventory.load(file)
    assert caught.value.where == str(file)


# Events


def event(kind: str, *, stdout: str = "", **data):
    data = {"host": "fs-brno", "task": "T", "resolved_action": "ansible.builtin.file", **data}
    return {"event": kind, "stdout": stdout, "event_data": data}


def report(*events, secrets=(), complete=True, **stats) -> Report:
    made = Report(code=0)
    for one in events:
        take(made, one, net(secrets))
    if complete:
        take(made, {"event": "playbook_on_stats", "event_data": stats}, net(()))
    return made


def test_a_secret_is_caught_in_whatever_form_a_module_repeats_it():
    secret = 'pä"ss/word'
    redact = net([secret])
    for form in (secret, 'pä\\"ss/word', 'p\\u00e4\\"ss/word', "p%C3%A4%22ss%2Fword", "cMOkInNzL3dvcmQ="):
        assert redact(f"<{form}>") == "<***>", form


def test_differences_are_narrowed_and_long_texts_cut_so_that_drift_still_shows():
    long = "x" * 5000
    made = report(
        event(
            "runner_on_ok",
            res={
                "changed": True,
                "diff": [
                    {
                        "before": {"path": "/a", "mode": "0755", "atime": 1},
                        "after": {"path": "/a", "mode": "0700", "atime": 2},
                    },
                    {"before": "", "after": long, "after_header": "/b"},
                ],
            },
        ),
        event("runner_on_ok", res={"changed": True, "dest": "/c"}),
        event("runner_on_ok", res={"changed": True, "dest": "/c"}),
        event(
            "runner_on_ok",
            res={
                "changed": True,
                "diff": {"before": "", "after": "y", "after_header": "/r/ansible-local-1/x9"},
            },
        ),
        event("runner_on_ok", res={"changed": False, "diff": {"before": "a", "after": "b"}}),
    )
    pending = states.of(made, ("fs-brno",))["pending"]
    assert pending["fs-brno: T (/a)"]["after"] == {"mode": "0700"}
    cut = pending["fs-brno: T (/b)"]["after"]
    assert cut.startswith("x" * 1000 + "… (5000 characters, SHA-256 ")
    assert list(pending)[2:] == ["fs-brno: T (/c)", "fs-brno: T (/c) #2", "fs-brno: T"]


def test_a_hidden_result_tells_only_whether_it_changed():
    censored = {"censored": "hidden"}
    made = report(
        event("runner_on_ok", stdout="\r\nchanged: [fs-brno]", res=dict(censored)),
        event("runner_on_ok", stdout="ok: [fs-brno]", res=dict(censored)),
    )
    assert [r.outcome for r in made.results] == [Outcome.CHANGED, Outcome.OK]
    assert "takes a secret" in states.of(made, ())["pending"]["fs-brno: T"]["after"]


def test_rescued_and_ignored_failures_are_no_failure(tmp_path):
    made = report(event("runner_on_failed", res={"msg": "no"}), event("runner_on_ok", res={}))
    assert trouble.of(made, ASKED, check=False, project=tmp_path) is None


@pytest.mark.parametrize(
    ("message", "kind", "sent"),
    [
        ("Failed to connect to the host via ssh: Connection refused", Unreachable, False),
        ("Failed to connect: root@x: Permission denied (publickey).", NotAllowed, None),
        (
            "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.",
            Unreachable,
            False,
        ),
        ("Task failed: Failed to create temporary directory. In some cases", NotAllowed, None),
        ("Data could not be sent to remote host", Unreachable, True),
    ],
)
def test_a_host_that_is_not_reached_says_why_and_whether_anything_was_sent(tmp_path, message, kind, sent):
    made = report(event("runner_on_unreachable", res={"msg": message}), dark={"fs-brno": 1})
    error = trouble.of(made, ASKED, check=False, project=tmp_path)
    assert isinstance(error, kind)
    assert error.where == "fs-brno"
    assert error.next_move
    if sent is not None:
        assert error.sent is sent


def test_a_host_that_vanishes_after_others_were_changed_leaves_the_effect_open(tmp_path):
    made = report(
        event("runner_on_ok", host="fs-wup", res={"changed": True}),
        event("runner_on_unreachable", res={"msg": "Failed to connect to the host via ssh"}),
        dark={"fs-brno": 1},
    )
    assert trouble.of(made, ASKED, check=False, project=tmp_path).sent
    assert not trouble.of(made, ASKED, check=True, project=tmp_path).sent


def test_a_failure_names_host_task_place_and_the_modules_words(tmp_path):
    place = f"{tmp_path}/playbooks/x.yml:12"
    res = {"results": [{"failed": False}, {"failed": True, "msg": "no space left"}], "msg": "One failed"}
    made = report(event("runner_on_failed", res=res, task_path=place), failures={"fs-brno": 1})
    error = trouble.of(made, ASKED, check=False, project=tmp_path)
    assert isinstance(error, Failed)
    assert error.what == '"T" failed: no space left'
    assert error.where == "fs-brno, playbooks/x.yml:12"


def test_a_missing_sudo_right_is_a_missing_right(tmp_path):
    made = report(event("runner_on_failed", res={"msg": "Missing sudo password"}), failures={"fs-brno": 1})
    assert isinstance(trouble.of(made, ASKED, check=False, project=tmp_path), NotAllowed)


def test_an_ansible_that_broke_down_says_its_own_words(tmp_path):
    made = report(
        {"event": "verbose", "stdout": "[ERROR]: We could not match supplied host pattern"}, complete=False
    )
    made.code = 1
    error = trouble.of(made, ASKED, check=True, project=tmp_path)
    assert error.what == "Ansible did not run the playbook (code 1): We could not match supplied host pattern"


def test_a_playbook_without_anything_to_do_on_the_hosts_is_a_mistake(tmp_path):
    made = report({"event": "playbook_on_no_hosts_matched", "event_data": {}})
    assert isinstance(trouble.of(made, ASKED, check=True, project=tmp_path), Invalid)
