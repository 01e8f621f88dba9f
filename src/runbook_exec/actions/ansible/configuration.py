"""What an Ansible process is told: its own ansible.cfg and its own environment.

Nothing comes from elsewhere: no ansible.cfg of the working folder, the home folder or
/etc, no ~/.ssh/config, no variable of our environment (it may hold secrets).
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runbook_exec.action import ADDED
from runbook_exec.change import Json
from runbook_exec.errors import Invalid

PROJECT_MARK = "runbook.yaml"


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `ansible` connection of an environment; relative paths start at the project folder."""

    inventory: Annotated[str, Meta(description="static YAML inventory")] = "inventory/hosts.yaml"
    remote_user: Annotated[
        str | None, Meta(description="login on the hosts; the inventory may override it")
    ] = None
    private_key_file: Annotated[str | None, Meta(description="path of the SSH key, readable by us alone")] = (
        None
    )
    known_hosts: Annotated[
        str, Meta(description="file with the hosts' pinned SSH keys; no other key is believed")
    ] = "inventory/known_hosts"
    become: Annotated[bool, Meta(description="run tasks by sudo (without a password)")] = False
    python: Annotated[
        str, Meta(description="Python on the hosts; ansible_python_interpreter of the inventory wins")
    ] = "/usr/bin/python3"
    forks: Annotated[int, Meta(ge=1, le=500, description="hosts worked on at the same time")] = 10
    timeout: Annotated[int, Meta(ge=1, le=600, description="seconds to wait for a connection")] = 10
    vars: Annotated[dict[str, Json], Meta(description="variables for every playbook")] = {}
    project: Annotated[str | None, Meta(description="the project folder; set by us, not by hand")] = None

    def folder(self) -> Path:
        """The project folder: as given, or found upwards from the working folder."""
        if self.project:
            return Path(self.project).absolute()
        here = Path.cwd()
        return next((up for up in (here, *here.parents) if (up / PROJECT_MARK).exists()), here)

    def path(self, text: str) -> Path:
        """A path of the connection, absolute."""
        return (self.folder() / Path(text).expanduser()).absolute()


def connection(values: Mapping[str, Json]) -> Connection:
    """The mapping of the settings, checked."""
    try:
        return msgspec.convert({k: v for k, v in values.items() if k not in ADDED - {"project"}}, Connection)
    except msgspec.ValidationError as error:
        raise Invalid(
            f"the ansible connection: {error}",
            next_move="see `runbook docs ansible.playbook` for its keys",
        ) from error


def write(folder: Path, made: Connection) -> None:
    """Write ansible.cfg and the folders that it names into the private folder."""
    for name in ("home", "tmp", "cp"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    file = folder / "ansible.cfg"
    file.touch(mode=0o600)
    file.write_text(_text(folder, made), encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """All that the process sees of the world; `bin` of our interpreter first, as ansible-playbook is there."""
    path = [str(Path(sys.executable).parent), *os.get_exec_path()]
    return {
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "PYTHONWARNINGS": "ignore",
    }


def _text(folder: Path, made: Connection) -> str:
    key = made.path(made.private_key_file) if made.private_key_file else None
    user = made.remote_user
    lines = [
        "[defaults]",
        f"home = {folder / 'home'}",
        f"local_tmp = {folder / 'tmp'}",
        f"interpreter_python = {_one_line(made.python)}",
        f"forks = {made.forks}",
        f"timeout = {made.timeout}",
        "gathering = explicit",
        "host_key_checking = True",
        "nocolor = True",
        "deprecation_warnings = False",
        "localhost_warning = False",
        "retry_files_enabled = False",
        *([f"remote_user = {_one_line(user)}"] if user else []),
        *([f"private_key_file = {_one_line(str(key))}"] if key else []),
        "[inventory]",
        "enable_plugins = yaml",
        "host_pattern_mismatch = error",
        "any_unparsed_is_failed = True",
        "[privilege_escalation]",
        f"become = {made.become}",
        "[connection]",
        "pipelining = True",
        "[ssh_connection]",
        "pipelining = True",
        "retries = 1",
        f"control_path_dir = {folder / 'cp'}",
        f"ssh_args = {shlex.join(ssh_options(made))}",
    ]
    return "\n".join(lines) + "\n"


def ssh_options(made: Connection) -> list[str]:
    """No configuration of the user's or the machine's, pinned keys only, one connection for all tasks."""
    options = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f'"{made.path(made.known_hosts)}"',
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "ControlMaster": "auto",
        "ControlPersist": "30s",
        "ServerAliveInterval": "15",
    }
    return ["-F", "none", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise Invalid("a value of the ansible connection has several lines", next_move="correct the settings")
    return text
