"""The provider `probe`: sessions that look, and never write anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runbook_exec.action import Finding, Rights, register_provider
from runbook_exec.actions.probe import outside, services
from runbook_exec.actions.probe.services import Service
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import Invalid, NoPen, RunbookError

KINDS = {"probe.port": outside.port, "probe.tls": outside.tls}


@dataclass(frozen=True)
class ProbeSession:
    """Looks at the services of the file; there is nothing that it could write."""

    services: Mapping[str, Service]

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        return {ref: self._read(ref) for ref in refs}

    def _read(self, ref: Ref) -> State:
        if ref.kind not in KINDS:
            raise Invalid(f"nobody can look at {ref.kind}", next_move="probe.port or probe.tls")
        return KINDS[ref.kind](services.one(self.services, ref.key))

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if writes:
            raise NoPen("whoever looks from outside writes nothing")
        yield


class ProbeProvider:
    """Services as their clients see them.

    Keys of the connection: `services` file below the project that names them: by name, `outside:`
    {address, port, server_name, ca}. No other address is ever connected to.
    """

    name = "probe"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[ProbeSession]:
        file = connection.get("services", "inventory/services.yaml")
        yield ProbeSession(services.load(Path(str(connection.get("project", "."))), str(file)))

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        try:
            with self.open(connection, write=False) as session:
                return [_finding(name, service) for name, service in session.services.items()]
        except RunbookError as error:
            return [Finding.of(error)]


def _finding(name: str, service: Service) -> Finding:
    """That a service is down is no defect of the connection, so it is said and nothing more."""
    state = outside.port(service) or {}
    what = "answers" if state["up"] else f"does not answer: {state['why']}"
    return Finding(ok=True, what=f"{name}: {what} at {service.outside.address}:{service.outside.port}")


register_provider(ProbeProvider())
