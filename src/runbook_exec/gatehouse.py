"""What a gate needs of the world: the file that says who is who, and proof of each decision.

The file is read again every time, so that a person who was removed no longer counts. If
it cannot be read, nothing opens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from runbook_exec import gate as gates
from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import Invalid, Refused
from runbook_exec.gate import Facts, State
from runbook_exec.model import GateRule
from runbook_exec.notice import next_time
from runbook_exec.past import runbook_of
from runbook_exec.people import NOBODY, People
from runbook_exec.people_file import parse
from runbook_exec.plan import Status, gate_body
from runbook_exec.run import Run
from runbook_exec.settings import Environment, read_inside
from runbook_exec.signature import signed_text, verify
from runbook_exec.values import commitment

REHEARSAL = "rehearsal"
"""The way of a decision that the rehearsal company's people are said to have made."""

UNSIGNED = "unsigned"


class Gatehouse:
    """Judges the gates of one environment. `key` gives the commitment key of a run's subject."""

    def __init__(
        self, environment: Environment, *, key: Callable[[Run], bytes], clock: Callable[[], datetime]
    ) -> None:
        self.environment = environment
        self.clock = clock
        self._key = key
        self._read: tuple[bytes, People] = (b"", NOBODY)
        self._digests: dict[str, str] = {}

    def people(self) -> People:
        """Who is who at this moment; raises where the file cannot be read or contradicts itself."""
        name = self.environment.people
        if not name:
            return NOBODY
        text = read_inside(self.environment.folder, name)
        if text != self._read[0]:
            try:
                self._read = (text, parse(text, file=name))
            except Invalid as error:
                first = getattr(error, "problems", (error,))[0]
                raise Refused(
                    f"nobody can be looked up: {first.what}",
                    where=first.where,
                    next_move=f"mend {name}; until then no gate opens",
                ) from error
        return self._read[1]

    def human(self, account: str) -> str:
        """Which human an account is; empty: nobody's. Without a people file accounts are all that is known.

        In the rehearsal company residents are played, and whoever sits here may be a stranger to it.
        """
        if not self.environment.people:
            return account
        people, rehearsal = self.people(), self.environment.is_rehearsal
        person = people.of_account(account) or (people.find(account) if rehearsal else None)
        if person is not None:
            return person.id
        return account if rehearsal else ""

    def state(self, run: Run, gate: str, rule: GateRule) -> State:
        """Whether the gate is open now: people, decisions and signatures looked at afresh."""
        people = self.people()
        return gates.decide(
            rule, self.counted(run, gate, people), people, self.facts(run, gate, rule), self.clock()
        )

    def due(self, run: Run, gate: str, rule: GateRule) -> datetime | None:
        """When the next reminder goes out, others count or are told, or the gate expires."""
        return next_time(rule, self.facts(run, gate, rule), self.environment.reminders, self.clock())

    def facts(self, run: Run, gate: str, rule: GateRule) -> Facts:
        """What the gate has to know about its run."""
        wait = run.waits.get(gate)
        editor = run.started.get("editor") or {}
        return Facts(
            requester=str(run.started.get("requester", "")),
            subject=str(run.started.get("subject", "")),
            editor=str(editor.get("mail", "")),
            digest=str(run.plan.get("digest", "")),
            shown=self.shown(run, gate, rule),
            since=datetime.fromisoformat(wait.since) if wait else None,
            opened=datetime.fromisoformat(wait.opened) if wait and wait.opened else None,
            rehearsal=self.environment.is_rehearsal,
        )

    def shown(self, run: Run, gate: str, rule: GateRule) -> str:
        """A commitment to all that is shown before a decision: what is shown is what is signed."""
        sheet = {
            "client": run.client,
            "run": run.id,
            "gate": gate,
            "rule": gate_body(rule),
            "runbook": self._runbook_digest(run),
            "lines": covered(run, gate),
            **{
                name: run.started.get(name)
                for name in ("environment", "subject", "requester", "inputs", "editor")
            },
        }
        return commitment(self._key(run), sheet)

    def _runbook_digest(self, run: Run) -> str:
        """Computed from the run's own copy, not believed."""
        if run.id not in self._digests:
            self._digests[run.id] = runbook_of(run).digest
        return self._digests[run.id]

    def counted(self, run: Run, gate: str, people: People) -> list[Decision]:
        """The words on a gate that are proven.

        What would help to open it needs proof; what keeps it shut is believed.
        """
        found = [d for d in run.decisions if d.gate == gate]
        rejected = {d.seq for d in found if d.verdict is Verdict.REJECT}
        return [
            d
            for d in found
            if d.verdict is Verdict.REJECT
            or (d.verdict is Verdict.WITHDRAW and d.about not in rejected)
            or not self.unproven(run, d, people)
        ]

    def unproven(self, run: Run, decision: Decision, people: People) -> str:
        """Why nobody has to believe that this person decided so; empty where it is proven."""
        if not decision.bound:
            return "it does not stand at its place in the journal"
        person = people.humans.get(decision.person)
        if person is None:
            return f"{decision.person} is nobody any more"
        if decision.way == REHEARSAL:
            return "" if self.environment.is_rehearsal else "a rehearsed decision counts in the sandbox alone"
        if people.of_account(decision.account) != person:
            return f"the account {decision.account!r} is not {person.name}'s"
        if decision.way == UNSIGNED:
            return "it is not signed, and this environment demands it" if self.demands_signatures(run) else ""
        if run.erased and not decision.text:
            return "what was signed was erased, so the signature cannot be checked any more"
        if decision.text != signed_text(signed_fields(run, decision)):
            return "what was signed is not what is recorded"
        made = verify(decision.text, decision.signature, person.keys)
        if not made or decision.way != f"ssh {made}":
            return f"none of {person.name}'s keys made this signature"
        return ""

    def demands_signatures(self, run: Run) -> bool:
        """True where the environment demands them now, or did when the run began."""
        return self.environment.signed or run.started.get("decisions") == "signed"


def covered(run: Run, gate: str) -> list[Mapping[str, Any]]:
    """The plan's lines that a gate holds back: all after it."""
    return covered_lines(run.plan.get("lines", ()), gate)


def covered_lines(lines: Sequence[Mapping[str, Any]], gate: str) -> list[Mapping[str, Any]]:
    """All lines after a gate's own."""
    at = next((n for n, line in enumerate(lines) if line["step"] == gate), None)
    return [] if at is None else list(lines[at + 1 :])


def waiting_gates(run: Run) -> list[str]:
    """Gates of the present plan at which the run began to wait, in order."""
    planned = [line["step"] for line in run.plan.get("lines", ()) if line["status"] == Status.GATE]
    return [label for label in planned if label in run.waits]


def signed_fields(run: Run, decision: Decision) -> dict[str, Json]:
    """What a decision signs, by name."""
    return {
        "client": run.client,
        "environment": run.started.get("environment", ""),
        "run": run.id,
        "gate": decision.gate,
        "plan": decision.digest,
        "shown": decision.shown,
        "verdict": decision.verdict.value,
        "about": decision.about,
        "person": decision.person,
        "delegated_for": decision.delegated_for,
        "reason": decision.reason,
        "at": decision.at,
        "after": decision.after,
    }
