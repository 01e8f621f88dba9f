"""The same work by `ansible-playbook`, a task for each write.

Ansible's core has no module for directories. The one in library/ opens a connection, writes
once and ends, as the LDAP modules of community.general do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from directory_people import Person, groups
from directory_script import LOCKED
from servers import slapd

_LINE = {"url": "{{ url }}", "ca": "{{ ca }}", "user": "{{ user }}", "bind_password": "{{ bind_password }}"}


class Playbook:
    """Called, it runs the playbook for these people, on the machine itself."""

    def __init__(self, folder: Path, server: slapd.Slapd, people: list[Person]) -> None:
        folder.mkdir()
        self._folder = folder
        tasks = [
            _task("create", "{{ item.dn }}", add="{{ item.attributes }}"),
            _task("password", "{{ item.dn }}", password="{{ item.password }}"),
            _task("shut", "{{ item.dn }}", modify={"pwdAccountLockedTime": ["MODIFY_REPLACE", [LOCKED]]}),
            *(
                _task(f"join {group}", group, modify={"member": ["MODIFY_ADD", ["{{ item.dn }}"]]})
                for group in groups()
            ),
            _task("open", "{{ item.dn }}", modify={"pwdAccountLockedTime": ["MODIFY_DELETE", []]}),
        ]
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        (folder / "play.json").write_text(json.dumps([play]))
        values = {
            "url": server.connection["url"],
            "ca": server.connection["ca"],
            "user": slapd.ADMIN,
            "bind_password": slapd.PASSWORD,
            "people": [_row(person) for person in people],
            "ansible_python_interpreter": sys.executable,
        }
        (folder / "values.json").write_text(json.dumps(values))

    def __call__(self) -> None:
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "@values.json", "play.json"]
        library = str(Path(__file__).parent / "library")
        environment = {**os.environ, "ANSIBLE_LIBRARY": library, "ANSIBLE_LOCALHOST_WARNING": "false"}
        subprocess.run(command, cwd=self._folder, env=environment, stdout=subprocess.DEVNULL, check=True)


def _row(person: Person) -> dict[str, object]:
    attributes = {**person.attributes, "objectClass": "inetOrgPerson", "pwdAccountLockedTime": LOCKED}
    return {"dn": person.dn, "password": person.password, "attributes": attributes}


def _task(name: str, dn: str, **what: object) -> dict[str, object]:
    return {
        "name": name,
        "directory_write": {**_LINE, "dn": dn, **what},
        "loop": "{{ people }}",
        "no_log": True,
    }
