"""An open connection to the hosts: reading is check mode, writing needs the pen and a permit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook_exec.action import still_ours
from runbook_exec.actions.ansible import (
    configuration,
    inventory,
    launch,
    looking,
    playbook_lint,
    source,
    state,
    trouble,
)
from runbook_exec.actions.ansible import folder as folders
from runbook_exec.actions.ansible.configuration import Connection
from runbook_exec.actions.ansible.inventory import Inventory
from runbook_exec.actions.ansible.looking import LOOK
from runbook_exec.actions.ansible.request import KIND, Request, parsed
from runbook_exec.actions.ansible.results import Report, Result, net, take
from runbook_exec.actions.ansible.variables import checked_name, wrapped
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import Invalid, NoPen, Refused
from runbook_exec.secret import Secret

CHECK_SECONDS = 600.0
"""How long check mode may take; a step's own time counts for applying only."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who hears of tasks while they run; by default nobody."""

    on_task: Callable[[str], None] = lambda _: None
    """A task begins."""
    on_result: Callable[[Result], None] = lambda _: None
    """A task ended on a host."""


@dataclass(kw_only=True)
class Session:
    """Hosts of one inventory, reached by one remote account, through one private folder."""

    connection: Connection
    inventory: Inventory
    folder: Path
    write: bool
    _permitted: frozenset[str] | None = None
    _runs: int = field(default=0)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        """What check mode says about each request; one Ansible process for each."""
        return {ref: self._checked(ref) for ref in refs}

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        """Within this context these hosts may be changed, and no others."""
        if not self.write:
            raise NoPen("this Ansible session was opened for reading; it can only run check mode")
        self._permitted = frozenset(writes)
        try:
            yield
        finally:
            self._permitted = None

    def apply(
        self,
        request: Request,
        *,
        secrets: Mapping[str, Secret],
        seconds_left: Callable[[], float],
        listener: Listener,
    ) -> Report:
        """Run a request for real, on permitted hosts only; raises what went wrong."""
        if not self.write:
            raise NoPen("this Ansible session was opened for reading; it can only run check mode")
        hosts = self.inventory.resolve(request.hosts)
        outside = [host for host in hosts if host not in (self._permitted or ())]
        if outside:
            raise Refused(
                f"{', '.join(outside)} would be changed, which the plan does not name",
                where=request.target,
                next_move="plan again",
            )
        still_ours()
        return self._run(
            request, hosts, secrets=secrets, check=False, seconds_left=seconds_left, listener=listener
        )

    def ping(self) -> Report:
        """Log in on every host of the inventory and start Python there; judges nothing."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [{"name": "ping", "ansible.builtin.ping": {}}],
        }
        return self._launch(
            _Run(
                playbook=[play],
                hosts=self.inventory.hosts,
                variables={n: wrapped(v) for n, v in self._site().items()},
                redact=net(()),
            ),
            check=True,
            seconds_left=_stopwatch(CHECK_SECONDS),
            listener=Listener(),
        )

    def close(self) -> None:
        """End the SSH connections that were kept open between tasks."""
        for socket in (self.folder / "cp").glob("*"):
            subprocess.run(  # noqa: S603 - fixed words and a path of our own
                ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "host"],  # noqa: S607 - as Ansible
                capture_output=True,
                check=False,
                timeout=5,
            )

    def _checked(self, ref: Ref) -> State:
        if ref.kind not in {KIND, LOOK}:
            raise Invalid(
                f"Ansible cannot read {ref.kind}", next_move="look at a host by a step of ansible.look"
            )
        request = parsed(ref.key)
        hosts = self.inventory.resolve(request.hosts)
        report = self._run(
            request,
            hosts,
            secrets={},
            check=True,
            seconds_left=_stopwatch(CHECK_SECONDS),
            listener=Listener(),
        )
        if ref.kind == LOOK:
            return looking.found(report, request, hosts)
        playbooks = self.connection.folder() / "playbooks" if request.playbook else None
        return {**state.of(report, hosts), "source": source.digest(self.inventory.file, playbooks)}

    def _run(
        self,
        request: Request,
        hosts: tuple[str, ...],
        *,
        secrets: Mapping[str, Secret],
        check: bool,
        seconds_left: Callable[[], float],
        listener: Listener,
    ) -> Report:
        # a dry run never sees a secret, so it cannot show one
        opened = {
            name: f"planned: {rule}" if check else secrets[name].reveal()
            for name, rule in request.secrets.items()
        }
        own = {name: wrapped(value) for name, value in self._variables(request).items()}
        hidden = {
            (name if request.playbook else f"runbook_secret_{name}"): value for name, value in opened.items()
        }
        run = _Run(
            playbook=self._playbook(request),
            hosts=hosts,
            variables={**own, **{name: wrapped(value) for name, value in hidden.items()}},
            redact=net([] if check else list(opened.values())),
        )
        report = self._launch(run, check=check, seconds_left=seconds_left, listener=listener)
        error = trouble.of(report, request, check=check, project=self.connection.folder())
        if error is not None:
            raise error
        return report

    def _variables(self, request: Request) -> dict[str, Json]:
        """The connection's variables, and the step's for a playbook; none may speak for another."""
        site = self._site()
        if not request.playbook:
            return site
        for name in (*request.values, *request.secrets):
            if name in site or name in self.inventory.variables:
                raise Invalid(
                    f"the variable {name!r} belongs to the inventory or the connection",
                    where=request.target,
                    next_move="give the step's variable another name",
                )
        return {**site, **request.values}

    def _site(self) -> dict[str, Json]:
        """The connection's variables, which the inventory may need to find its way to a host."""
        return {checked_name(name): value for name, value in self.connection.vars.items()}

    def _playbook(self, request: Request) -> Path | list[Json]:
        """The file, looked through; or a play of one task, in which every value is data."""
        if request.playbook:
            root = self.connection.folder() / "playbooks"
            return _found(root, request)
        arguments: dict[str, Json] = {name: wrapped(value) for name, value in request.values.items()}
        arguments |= {name: "{{ runbook_secret_" + name + " }}" for name in request.secrets}
        task = {"name": request.title, request.module: arguments, "no_log": bool(request.secrets)}
        return [{"name": request.title, "hosts": "all", "gather_facts": False, "tasks": [task]}]

    def _launch(
        self, run: _Run, *, check: bool, seconds_left: Callable[[], float], listener: Listener
    ) -> Report:
        self._runs += 1
        name = f"run-{self._runs}"
        place = self.folder / name
        place.mkdir(mode=0o700)
        report = Report()

        def on_event(event: Mapping[str, Any]) -> None:
            result = take(report, event, run.redact)
            if result is not None:
                listener.on_result(result)
            if event.get("event") == "playbook_on_task_start":
                listener.on_task(run.redact(str(event["event_data"].get("task", ""))))

        try:
            report.code, report.stopped = launch.run(
                self.folder,
                name=name,
                playbook=run.file(place),
                inventory=self.inventory.file,
                hosts=run.hosts,
                variables=run.values(place),
                check=check,
                on_event=on_event,
                seconds_left=seconds_left,
            )
        finally:
            folders.remove(place)
            folders.remove(self.folder / "artifacts")
        return report


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What one process is given."""

    playbook: Path | list[Json]
    hosts: tuple[str, ...]
    variables: Mapping[str, Json]
    """Already wrapped."""
    redact: Callable[[str], str]

    def file(self, place: Path) -> Path:
        if isinstance(self.playbook, Path):
            return self.playbook
        return _private_file(place / "play.json", json.dumps(self.playbook))

    def values(self, place: Path) -> Path:
        return _private_file(place / "variables.json", json.dumps(self.variables))


@contextmanager
def opened(values: Mapping[str, Json], *, write: bool) -> Iterator[Session]:
    """A session on the hosts of a connection; its private folder is gone afterwards."""
    made = configuration.connection(values)
    hosts = inventory.load(made.path(made.inventory))
    with folders.private_folder() as folder:
        configuration.write(folder, made)
        session = Session(connection=made, inventory=hosts, folder=folder, write=write)
        try:
            yield session
        finally:
            session.close()


def _found(root: Path, request: Request) -> Path:
    file = root / request.playbook
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        known = sorted(str(f.relative_to(root)) for f in playbook_lint.every_playbook(root))
        raise Invalid(
            f"there is no playbook {request.playbook!r}",
            where=str(root),
            next_move="there are: " + ", ".join(known) if known else "put it into the folder playbooks/",
        )
    playbook_lint.refuse(file, root=root, secrets=tuple(request.secrets))
    return file


def _private_file(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(text, encoding="ascii")
    return file


def _stopwatch(seconds: float) -> Callable[[], float]:
    import time

    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()
