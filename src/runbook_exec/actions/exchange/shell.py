"""One call of PowerShell: a fixed script, JSON in, JSON out, and what its troubles mean."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, RunbookError, Transient, Unreachable
from runbook_exec.secret import Secret

SCRIPTS = Path(__file__).parent / "scripts"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PSModulePath", "HTTPS_PROXY", "NO_PROXY")
"""What of our own environment PowerShell gets: it needs no more, and secrets may stand in the rest."""
_LONGEST = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Shell:
    """How Exchange Online is reached: which PowerShell, and who logs in."""

    pwsh: str
    organization: str
    app_id: str
    certificate: str
    certificate_password: Secret | None
    timeout: float

    @property
    def where(self) -> str:
        return f"Exchange Online of {self.organization}"

    def run(self, script: str, asked: Mapping[str, Json], *, writes: bool, seconds: float) -> Json:
        """What the script answers as `ok`. Everything that it gets goes over stdin, nothing over the command line.

        Raises `Unreachable(sent=True)` where a script that writes gave no answer: nobody knows then.
        """
        password = self.certificate_password
        login = {
            "organization": self.organization,
            "app_id": self.app_id,
            "certificate": self.certificate,
            "certificate_password": password.reveal() if password is not None else "",
        }
        text = self._called(script, json.dumps({"login": login, **asked}), writes=writes, seconds=seconds)
        try:
            answer = json.loads(text)
            if "error" in answer:
                raise self._trouble(answer["error"])
            return answer["ok"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable(
                f"{script} ended without an answer",
                where=self.where,
                next_move="`runbook doctor` runs it too; is the module ExchangeOnlineManagement installed?",
                sent=writes,
            ) from error

    def _called(self, script: str, given: str, *, writes: bool, seconds: float) -> bytes:
        command = [self.pwsh, "-NoLogo", "-NoProfile", "-NonInteractive", "-File", str(SCRIPTS / script)]
        limit = max(1.0, min(self.timeout, seconds))
        try:
            child = subprocess.Popen(  # noqa: S603 - a fixed script of ours, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(
                f"PowerShell cannot be started: {error.strerror}",
                where=self.pwsh,
                next_move="install PowerShell 7, or correct pwsh: of connections.exchange",
            ) from error
        try:
            out, _ = child.communicate(given.encode(), timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise Unreachable(
                f"{script} gave no answer within {limit:.0f} s",
                where=self.where,
                next_move="look at the mailbox, then go on; a larger timeout: is set in connections.exchange",
                sent=writes,
            ) from error
        finally:
            _end(child)
        return out[:_LONGEST]

    def _trouble(self, told: Mapping[str, Json]) -> RunbookError:
        text = " ".join(str(told.get("text", "")).split())[:400] or "no reason given"
        match told.get("kind"):
            case "busy":
                return Transient(f"it asks for patience: {text}", where=self.where, after=30)
            case "denied":
                return NotAllowed(
                    text,
                    where=self.where,
                    next_move="give the application Exchange.ManageAsApp and the roles of the action's page",
                )
            case "away":
                return Unreachable(
                    text, where=self.where, next_move="check organization, app_id and certificate; then again"
                )
        return Failed(text, where=self.where, next_move="nothing else was changed; correct it, then resume")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of it stays behind, whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def required(connection: Mapping[str, Json], key: str) -> str:
    """A key that the connection must have."""
    value = connection.get(key)
    if not isinstance(value, str) or not value:
        raise Invalid(
            f"the exchange connection has no {key}", next_move=f"add {key}: to connections.exchange"
        )
    return value
