"""Broken glass is told at once: on the run's ticket and by mail, where the environment has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runbook_exec.app import App
from runbook_exec.change import Json
from runbook_exec.decision import Decision
from runbook_exec.errand import carry_out
from runbook_exec.errors import RunbookError
from runbook_exec.people import People
from runbook_exec.run import Run


def alarm(app: App, run: Run, broken: Decision, people: People) -> Iterator[dict[str, Json]]:
    """Tell whoever is to be told; gives `{how, ok, what}` for each way that there is."""
    ticket = _ticket(run)
    text = (
        f"Glass broken: {broken.person} opened the gate {broken.gate!r} of run {run.id} alone, for an hour.\n"
        f"Reason: {broken.reason}\nSomebody else looks at it afterwards: runbook after-review {run.id}"
    )
    ways: list[tuple[str, Mapping[str, Json]]] = []
    if ticket and "ticket" in app.environment.connections:
        ways.append(
            ("ticket.comment", {"ticket": ticket, "text": text, "key": f"{run.id}/glass-{broken.seq}"})
        )
    if people.alert and "mail" in app.environment.connections:
        values = {"run": run.id, "gate": broken.gate, "person": broken.person, "reason": broken.reason}
        ways.append(
            (
                "mail.send",
                {"to": list(people.alert), "template": "broken-glass", "language": "en", "values": values},
            )
        )
    for name, args in ways:
        try:
            carry_out(app, run, name, args, step=f"glass-{broken.seq}")
        except RunbookError as error:
            yield {"how": name, "ok": False, "what": error.what}
        else:
            yield {
                "how": name,
                "ok": True,
                "what": ticket if name == "ticket.comment" else ", ".join(people.alert),
            }


def _ticket(run: Run) -> str:
    """The ticket that the run was started with, or that one of its steps opened."""
    if run.started.get("ticket"):
        return str(run.started["ticket"])
    opened = [
        r.outputs.get("id") for r in run.steps.values() if (r.change or {}).get("action") == "ticket.open"
    ]
    return str(opened[-1]) if opened and opened[-1] else ""
