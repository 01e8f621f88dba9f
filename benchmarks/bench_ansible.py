"""What our way of running a playbook adds to `ansible-playbook` with the same settings.

Both reuse one SSH connection and find nothing to change. A whole step of a run is three runs of
Ansible: check mode to compare with the plan, the run itself, check mode to read back.
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
        here = estate(folder / "local", hosts={"fs": LOCAL}, connection=site)
        yield from _compared("on this machine", here, whole=False)
        if Path(server.PROGRAM).exists():
            with server.running(folder / "sshd") as sshd:
                there = estate(folder / "ssh", hosts={"fs": sshd.host()}, connection=sshd.connection(**site))
                yield from _compared("over SSH", there, whole=True)


def _compared(how: str, here: Estate, *, whole: bool) -> Iterator[Ratio]:
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

        def whole_step() -> None:
            ours.read([asked.ref])
            run_ours()
            ours.read([asked.ref])

        def run_theirs() -> None:
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

        against = "`ansible-playbook`, same settings"
        yield paired(
            f"home_drive.yml {how}, applied", run_ours, run_theirs, against=against, at_most=AT_MOST, runs=5
        )
        if whole:
            yield paired(
                f"home_drive.yml {how}, the whole step",
                whole_step,
                run_theirs,
                against=against,
                at_most=None,
                runs=3,
                note="three runs of Ansible: check mode to compare with the plan, the run, check mode to read back",
            )
