"""The rehearsal company's Linux hosts: folders of this machine that Ansible works in.

No SSH, no root: inventory/sandbox.yaml gives each host `ansible_connection: local` and keeps
its homes below `rehearsal_root`, a variable of the connection that we announce.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.rehearsal import Rehearsal

FILE_SERVERS = ("fs-brno",)
"""As in the inventory's group `fileservers`."""


def seed(rehearsal: Rehearsal) -> None:
    """Hosts on which nobody has a home yet."""
    shutil.rmtree(_root(rehearsal), ignore_errors=True)


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """There is nothing to listen; the folders must be there. Services are looked at as their file says."""
    for host in FILE_SERVERS:
        (_root(rehearsal) / host / "homes").mkdir(parents=True, exist_ok=True)
    variables = {"rehearsal_root": str(_root(rehearsal).absolute())}
    return {
        "ansible": {"inventory": "inventory/sandbox.yaml", "vars": variables},
        "probe": {"services": "inventory/services.yaml"},
    }


def _root(rehearsal: Rehearsal) -> Path:
    return rehearsal.folder / "hosts"
