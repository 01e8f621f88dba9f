"""What our way of running a playbook adds to `ansible-playbook` with the same settings.

Both reuse one SSH connection and find nothing to change. A whole step of a run is three of
these: check mode to compare with the plan, the run itself, check mode to read back.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import Ratio, paired
from servers import sshd as server
from servers.estate import Estate, estate

from runbook_exec.actions.ansible import configuration
from runbook_exec.actions.ansible.request import request
from runbook_exec.actions.ansible.session import Listener

LOCAL = {"ansible_connection": "local"}
AT_MOST = 1.1


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "homes").mkdir()
        site = {"vars": {"homes_root": str(folder / "homes")}}
        yield _compared("on this machine", estate(folder / "local", hosts={"fs": LOCAL}, connection=site))
        if Path(server.PROGRAM).exists():
            with server.running(folder / "sshd") as sshd:
                there = estate(folder / "ssh", hosts={"fs": sshd.host()}, connection=sshd.connection(**site))
                yield _compared("over SSH", there)


def _compared(how: str, here: Estate) -> Ratio:
    values = {"login": "anna.weiss", "language": "de"}
    asked = request(hosts="fs", playbook="home_drive.yml", values=values, secrets={})
    with here.open() as ours, here.open() as theirs, ours.permit(["fs"]):
        command = ["ansible-playbook", "-i", str(theirs.inventory.file), "--limit", "fs"]
        for name, value in {**values, **here.connection["vars"]}.items():
            command += ["-e", f"{name}={value}"]
        command.append(str(here.folder / "playbooks" / "home_drive.yml"))
        environment = configuration.environment(theirs.folder)

        def run_ours() -> None:
            ours.apply(asked, secrets={}, seconds_left=lambda: 60.0, listener=Listener())

        def run_theirs() -> None:
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

        return paired(
            f"running home_drive.yml {how}",
            run_ours,
            run_theirs,
            against="`ansible-playbook`, same settings",
            at_most=AT_MOST,
            runs=9,
        )
