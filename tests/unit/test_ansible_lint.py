"""What a playbook may not contain, since check mode would not be honest about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_exec.actions.ansible import playbook_lint
from runbook_exec.errors import Invalid, Problems

OURS = Path(__file__).parents[2] / "playbooks"

GOOD = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Fine
      ansible.builtin.file: {path: /srv/x, state: directory}
"""


def problems(tmp_path, text: str, *, secrets=(), **others: str) -> list[str]:
    root = tmp_path / "playbooks"
    root.mkdir(exist_ok=True)
    for name, body in {"book.yml": text, **others}.items():
        (root / name).write_text(body)
    found = playbook_lint.problems(root / "book.yml", root=root, secrets=secrets)
    return [f"{p.where} {p.what}" for p in found]


def task(body: str) -> str:
    return GOOD + "    - name: Bad\n" + "".join(f"      {line}\n" for line in body.splitlines())


@pytest.mark.parametrize("file", sorted(OURS.glob("**/*.yml")), ids=lambda file: file.name)
def test_our_own_playbooks_have_no_problem(file):
    assert playbook_lint.problems(file, root=OURS) == []


def test_a_good_playbook_has_no_problem(tmp_path):
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            "ansible.builtin.file: {path: /x}\ncheck_mode: false",
            "8:7 check_mode: makes the task act in a dry run too",
        ),
        ("ansible.builtin.file: {path: /x}\ncheck_mode: '{{ x }}'", "8:7 check_mode:"),
        ("ansible.builtin.file: {path: /x}\ndelegate_to: web01", "8:7 delegate_to: acts on another host"),
        ("local_action: {module: file}", "7:7 local_action: acts on this machine"),
        ("action: ansible.builtin.file path=/x", "7:7 action: hides which module"),
        (
            "ansible.builtin.debug: {msg: \"{{ lookup('pipe', 'id') }}\"}",
            "7:36 looks something up on this machine",
        ),
        ("ansible.builtin.debug: {msg: x}\nwhen: query('file', '/x') != []", "8:13 looks something up"),
        (
            "ansible.builtin.debug: {msg: x}\nwith_pipe: id",
            "8:7 with_pipe: looks up its items on this machine",
        ),
        ("ansible.builtin.raw: id", "7:7 raw is a free shell"),
        ("ansible.legacy.script: /x.sh", "7:7 script runs a file of this machine"),
        ("ansible.builtin.add_host: {name: x}", "7:7 add_host adds a host that nobody planned"),
        ("ansible.builtin.command: id\nchanged_when: false", "7:7 command without creates: or removes:"),
        ("ansible.builtin.shell: id\nargs: {creates: /x}", "7:7 shell without changed_when:"),
        ("file: {path: /x}", "7:7 file is a short name"),
        ("ansible.builtin.include_role: {name: x}", "7:7 include_role takes code that is not looked at"),
        ("ansible.builtin.include_tasks: '{{ x }}'", "7:38 includes what only a run decides"),
        ("ansible.builtin.include_tasks: ../../x.yml", "7:38 leads out of playbooks/"),
        ("ansible.builtin.file: {path: /x}\nasync: 10\npoll: 0", "8:7 async: is not waited for"),
        ("ansible.builtin.pause: {prompt: x}", "7:7 pause waits for somebody"),
        ("block:\n  - ansible.builtin.raw: id", "8:11 raw is a free shell"),
    ],
)
def test_what_check_mode_would_not_be_honest_about_is_told_with_its_place(tmp_path, body, what):
    found = problems(tmp_path, task(body))
    assert any(line.startswith(f"playbooks/book.yml:{what}") for line in found), found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- hosts: localhost\n  tasks: []\n", "1:10 runs on this machine"),
        ("- hosts: [all, 127.0.0.1]\n  tasks: []\n", "1:10 runs on this machine"),
        ("- hosts: all\n  connection: local\n", "2:3 connection:"),
        ("- hosts: all\n  roles: [x]\n", "2:3 roles: takes code"),
        ("- hosts: all\n  vars_prompt: []\n", "2:3 vars_prompt:"),
        ("- hosts: all\n  vars: &x {a: 1}\n- hosts: all\n  <<: *x\n", " uses the alias *x"),
        ("hosts: all\n", "1:1 is no list"),
        ("- hosts: [\n", " is no YAML"),
    ],
)
def test_a_play_that_would_run_elsewhere_or_cannot_be_read_is_told(tmp_path, text, what):
    found = problems(tmp_path, text)
    assert any(what in line for line in found), found


def test_included_files_are_looked_at_too_and_only_once(tmp_path):
    text = task("ansible.builtin.include_tasks: more.yml")
    loop = "- ansible.builtin.import_tasks: {file: more.yml}\n- ansible.builtin.raw: id\n"
    assert problems(tmp_path, text, **{"more.yml": loop}) == [
        "playbooks/more.yml:2:3 raw is a free shell that check mode cannot see"
    ]


def test_code_beside_a_playbook_is_found(tmp_path):
    (tmp_path / "playbooks" / "action_plugins").mkdir(parents=True)
    assert problems(tmp_path, GOOD) == [
        "playbooks/action_plugins holds code that Ansible would run on this machine"
    ]


def test_whatever_reads_a_secret_must_hide_itself(tmp_path):
    text = task("ansible.builtin.copy: {dest: /x, content: '{{ pin }}'}")
    (found,) = problems(tmp_path, text, secrets=["pin"])
    assert found == "playbooks/book.yml:6:7 reads the secret 'pin' and would show it"
    assert problems(tmp_path, text + "      no_log: true\n", secrets=["pin"]) == []
    assert problems(tmp_path, "- hosts: all\n  vars: {a: '{{ pin }}'}\n", secrets=["pin"]) != []


def test_one_problem_is_raised_as_itself_and_several_together(tmp_path):
    root = tmp_path / "playbooks"
    root.mkdir()
    book = root / "book.yml"
    book.write_text(task("ansible.builtin.raw: id"))
    with pytest.raises(Invalid) as one:
        playbook_lint.refuse(book, root=root)
    assert one.value.where == "playbooks/book.yml:7:7"
    book.write_text(task("ansible.builtin.raw: id\ndelegate_to: x"))
    with pytest.raises(Problems) as several:
        playbook_lint.refuse(book, root=root)
    assert len(several.value.problems) == 2
