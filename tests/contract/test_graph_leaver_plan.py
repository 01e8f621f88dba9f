"""A leaver's cloud steps as one runbook: planned in few rounds, done in order, found done, taken back."""

from __future__ import annotations

import textwrap

import pytest
from graph_double import applied, context, done, tenant, undone

from runbook_exec import load
from runbook_exec.action import find, make_args
from runbook_exec.actions.graph.session import awaited
from runbook_exec.errors import RunbookError
from runbook_exec.plan import Scope, Status, gather, make_plan
from runbook_exec.sandbox.graph_consents import Consents
from runbook_exec.sandbox.graph_devices import Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_users import Users

ANNA, OTTO = "anna.weiss@kranich.example", "otto.alt@kranich.example"
STEPS = {
    "before": ("graph.snapshot", {"user": ANNA}),
    "roles": ("graph.directory_role", {"user": ANNA, "remove_all": True}),
    "off": ("graph.user", {"upn": ANNA, "enabled": False}),
    "sessions": ("graph.revoke_sessions", {"user": ANNA}),
    "methods": ("graph.authentication_methods", {"user": ANNA}),
    "applications": ("graph.app_roles", {"user": ANNA}),
    "devices": ("graph.device", {"user": ANNA, "state": "disabled"}),
    "rules": ("graph.inbox_rules", {"user": ANNA}),
    "reply": ("graph.auto_reply", {"user": ANNA, "internal": {"de": "Weg", "en": "Gone"}}),
    "team": ("graph.team_members", {"team": "Team Messe", "owners": [OTTO], "remove": [ANNA]}),
    "group": ("graph.group_owners", {"group": "Projekt", "add": [OTTO], "remove": [ANNA]}),
    "files": ("graph.drive_access", {"user": ANNA, "to": OTTO, "until": "2027-01-31T18:00:00+01:00"}),
    "laptop": ("graph.managed_device", {"user": ANNA, "device": "NB-0107", "how": "wipe"}),
}
FOR_GOOD = {"sessions", "methods", "laptop"}


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        anna, otto = running.person(displayName="Anna Weiß"), running.person("otto.alt")
        running.licensing.give_mailbox(ANNA)
        users = Users(running.cloud, running.licensing)
        Methods(users).add(anna["id"], "phone", phoneNumber="+49 202 5550112", default=True)
        Methods(users).add(anna["id"], "fido2", displayName="Schlüssel")
        consents = Consents(users)
        consents.give(anna["id"], consents.add_application("CRM"))
        Devices(users).add("NB-0107", [anna["id"]], key=True)
        Drives(users).add(anna)
        to = [{"emailAddress": {"name": "x", "address": "anna@webmail.example"}}]
        Mailboxes(users).add_rule(anna["id"], "Nach Hause", actions={"forwardTo": to})
        for name, kind in (("Team Messe", ["Team"]), ("Projekt", [])):
            running.cloud.add_group(
                {"displayName": name, "groupTypes": ["Unified"], "resourceProvisioningOptions": kind},
                members=[anna["id"]],
                owners=[anna["id"]],
            )
        running.rehearsal.shelf.put(
            "graph_roles", "Global Administrator", {"members": [anna["id"], otto["id"]]}
        )
        yield running


def plan_with(read):
    steps = "".join(
        f"\n      - {{id: {name}, title: {{en: {name}, de: {name}}}, uses: {uses}, with: {values}}}"
        for name, (uses, values) in STEPS.items()
    ).replace("True", "true").replace("False", "false")  # fmt: skip
    text = textwrap.dedent(
        """
        runbook: cloud-leaver
        title: {en: Cloud part of an offboarding, de: Cloud-Teil eines Austritts}
        guards: {max_changes: 40, protected: []}
        sections:
          - title: {en: Cloud, de: Cloud}
            steps:"""
    )
    runbook = load.parse(text + steps, file="leaver.yaml", fetch=lambda name: "")
    scope = Scope(inputs={}, site={}, run={"id": "r1"})
    return make_plan(runbook, scope=scope, read=read, client="c", environment="sandbox", key=b"k" * 32)


def test_a_leaver_is_planned_in_four_waits_and_without_a_write(graph):
    rounds = []
    with graph.session(write=False) as session:

        def counted(refs):
            rounds.append(len(refs))
            return session.read(refs)

        plan = plan_with(counted)
    assert plan.refusals == ()
    assert {line.step for line in plan.lines if line.status is Status.CHANGE} == STEPS.keys()
    assert len(rounds) <= 4, rounds
    assert graph.writes() == []
    assert {entry["app"] for entry in graph.log()} == {"plan"}


def do_all(session):
    """Every step in order, as the executor does; what each was and answered."""
    made = {}
    for name, (uses, values) in STEPS.items():
        if uses == "graph.snapshot":
            action = find(uses)
            args = make_args(action, values)
            change = action.plan(args, gather(action, args, session.read))
            made[name] = (change, action.apply(session, args, change, context()))
        else:
            made[name] = done(session, uses, **values)
    return made


def test_all_of_it_is_done_and_a_second_plan_finds_nothing_left(graph):
    with graph.session() as session:
        do_all(session)
        again = {line.step: line for line in plan_with(session.read).lines}
    left = {name for name, line in again.items() if line.status is Status.CHANGE}
    assert left == {"before", "sessions"}  # a snapshot and a revocation can always be made
    assert {entry["app"] for entry in graph.writes()} == {"apply", "roles", "wipe"}


def test_what_can_come_back_comes_back_last_first(graph):
    anna = graph.cloud.user(ANNA)
    with graph.session() as session:
        made = do_all(session)
        for name, (change, evidence) in reversed(made.items()):
            if name not in FOR_GOOD | {"before"}:
                undone(session, STEPS[name][0], change, evidence)
    now = graph.cloud.user(ANNA)
    assert now["accountEnabled"] is True
    assert {g["displayName"] for g in graph.cloud.groups() if g["_owners"] == [anna["id"]]} == {
        "Team Messe",
        "Projekt",
    }
    roles = graph.rehearsal.shelf.get("graph_roles", "Global Administrator")["members"]
    assert anna["id"] in roles


@pytest.mark.parametrize(
    ("fault", "figures"),
    [
        ("graph-lost-answer", {"times": 1}),
        pytest.param("graph-busy", {"times": 1}, marks=pytest.mark.slow),
        pytest.param("graph-gateway", {"times": 1, "status": 502, "done": True}, marks=pytest.mark.slow),
        pytest.param("graph-gateway", {"times": 1, "status": 504, "done": False}, marks=pytest.mark.slow),
        ("graph-batch-throttled", {"times": 1, "seconds": 0.1}),
        ("graph-stale", {"seconds": 0.2}),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.get("done", "")),
)
@pytest.mark.parametrize("name", sorted(STEPS.keys() - {"before", "sessions"}))
def test_trouble_at_a_step_ends_as_wanted_or_is_told_and_mended_by_the_next_try(graph, name, fault, figures):
    uses, values = STEPS[name]
    with graph.session() as session:
        if name in {"off", "methods"}:
            done(session, "graph.directory_role", user=ANNA, remove_all=True)
        action = find(uses)
        args = make_args(action, values)
        change = action.plan(args, gather(action, args, session.read))
        graph.faults.on(fault, **figures)
        told = "done"
        try:
            applied(session, uses, change, **values)
        except RunbookError as error:
            told = error.next_move
        assert told
        graph.faults.off(fault)
        again = action.plan(args, gather(action, args, session.read))
        if fault == "graph-stale":
            again = _settled(session, action, args)
        if not again.is_empty:
            applied(session, uses, again, **values)
        assert _settled(session, action, args).is_empty


def _settled(session, action, args):
    """The plan once nothing shows old values any more."""

    def empty():
        change = action.plan(args, gather(action, args, session.read))
        return change if change.is_empty else None

    return awaited(empty, 2.0) or action.plan(args, gather(action, args, session.read))
