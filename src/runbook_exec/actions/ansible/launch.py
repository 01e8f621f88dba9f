"""One ansible-playbook process, run by ansible-runner, stopped at its deadline.

ansible-runner would hand on our whole environment and keep every event as a file; here
the environment is our own, and an event is taken and forgotten.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook_exec.actions.ansible import configuration
from runbook_exec.actions.ansible.folder import end_leftovers

LOOK_EVERY = 0.25
"""Seconds between two looks at the deadline."""
GRACE = 3.0
"""Seconds that Ansible gets to stop its own processes before it is killed."""

OnEvent = Callable[[Mapping[str, Any]], None]


def run(
    folder: Path,
    *,
    name: str,
    playbook: Path,
    inventory: Path,
    hosts: tuple[str, ...],
    variables: Path,
    check: bool,
    on_event: OnEvent,
    seconds_left: Callable[[], float],
) -> tuple[int | None, bool]:
    """Run a playbook to its end; gives the exit code and whether we had to stop it.

    `variables` is removed as soon as Ansible has read it. If `on_event` raises, or
    somebody presses Ctrl-C, the process is stopped before the error goes on.
    """
    from ansible_runner.interface import init_runner
    from ansible_runner.utils import get_callback_dir

    def take(event: dict[str, Any]) -> bool:
        if event.get("pid"):
            stop.pid = int(event["pid"])
        if event.get("event") == "playbook_on_play_start":
            variables.unlink(missing_ok=True)
        on_event(event)
        return False

    stop = _Stop(seconds_left)
    runner = init_runner(
        private_data_dir=str(folder),
        ident=name,
        playbook=str(playbook),
        inventory=[str(inventory)],
        limit=",".join(hosts),
        # at -v Ansible says why a task was skipped
        cmdline="--check --diff -v" if check else None,
        extravars=str(variables),
        suppress_env_files=True,
        quiet=True,
        fact_cache_type="memory",
        event_handler=take,
        cancel_callback=stop.now,
    )
    config = runner.config
    config.pexpect_timeout = LOOK_EVERY
    config.suppress_output_file = True
    config.env = {
        **configuration.environment(folder),
        "ANSIBLE_CALLBACK_PLUGINS": get_callback_dir(),
        "ANSIBLE_STDOUT_CALLBACK": "awx_display",
        "AWX_ISOLATED_DATA_DIR": config.artifact_dir,
    }
    try:
        runner.run()
    except BaseException as error:
        stop.process(signal.SIGTERM)
        # the frames hold the terminal of the process; without it the process cannot go on
        traceback.clear_frames(error.__traceback__)
        end_leftovers(folder)
        raise
    if stop.begun is not None:
        end_leftovers(folder)
    return runner.rc, stop.begun is not None


class _Stop:
    """Decides when the time is over: first a request to stop, then, after a grace, the kill."""

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left
        self.pid: int | None = None
        self.begun: float | None = None

    def now(self) -> bool:
        """True where ansible-runner must kill the process."""
        if self.begun is not None:
            return time.monotonic() - self.begun > GRACE
        if self._seconds_left() > 0:
            return False
        self.begun = time.monotonic()
        self.process(signal.SIGTERM)
        return self.pid is None

    def process(self, number: signal.Signals) -> None:
        """Ansible passes the signal on to its workers, which lead sessions of their own."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
