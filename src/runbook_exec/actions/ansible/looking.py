"""What a playbook that only looks found, as the state of `ansible.look`."""

from __future__ import annotations

import json

from runbook_exec.actions.ansible.request import Request
from runbook_exec.actions.ansible.results import Outcome, Report
from runbook_exec.change import Json, State
from runbook_exec.errors import Failed, Invalid

LOOK = "ansible.look"
LONGEST = 64 * 1024
"""Bytes of JSON from one host: findings go into the plan and the record, so they are to be narrow."""


def found(report: Report, request: Request, hosts: tuple[str, ...]) -> State:
    """Host → what its debug tasks said. Raises where the playbook would change something, or could not look."""
    for result in report.results:
        if result.outcome is Outcome.CHANGED:
            raise Invalid(
                f'"{result.task}" would change something on {result.host}, and a look changes nothing',
                where=request.target,
                next_move="do it in a step of ansible.playbook",
            )
        if result.unseen:
            raise Failed(
                f'"{result.task}" cannot be looked at in check mode',
                where=request.target,
                next_move="use a module that reads in check mode: stat, find, slurp, setup, service_facts",
            )
    said: dict[str, Json] = {host: {} for host in hosts}
    for result in report.results:
        if result.told is not None:
            said[result.host] = {**said[result.host], **result.told}
    for host, body in said.items():
        if len(json.dumps(body)) > LONGEST:
            raise Invalid(
                f"it says more about {host} than {LONGEST // 1024} KiB",
                where=request.target,
                next_move="say only what later steps and people need",
            )
    return {"hosts": said}
