"""The check of every request against Microsoft's description: that it happens, and that it bites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from graph_description import FILE, NOT_DESCRIBED, description
from graph_double import planned, tenant

from runbook_exec.change import Ref

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def judge():
    found = description()
    if found is None:
        pytest.skip(
            f"the description is not there: neither RUNBOOK_GRAPH_DESCRIPTION nor {FILE} beside the checkout"
        )
    return found


def entry(method, path, body=None, *, status=204, answer=None, select=None):
    return {
        "method": method,
        "path": path,
        "segments": path.strip("/").split("/"),
        "options": {"$select": select} if select else {},
        "body": body,
        "status": status,
        "answer": answer,
    }


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (entry("PATCH", "/users/a", {"departement": "X"}), "departement"),
        (entry("PATCH", "/users/a", {"department": 7}), "7 is not of type"),
        (entry("POST", "/users", {"displayName": "X"}), "lacks passwordProfile"),
        (entry("POST", "/users/a/assignLicense", {"addLicenses": []}), "lacks removeLicenses"),
        (
            entry(
                "POST", "/users/a/assignLicense", {"addLicenses": [{"skuId": "SPB"}], "removeLicenses": []}
            ),
            "SPB",
        ),
        (entry("DELETE", "/groups/a/members/b"), "no such request"),
        (entry("GET", "/users/a", select="departement", status=200, answer={}), "departement"),
        (entry("GET", "/users/a", status=200, answer={"id": 7}), "7 is not of type"),
        (entry("GET", "/users/a", status=404, answer={"error": {"code": 4}}), "4 is not of type"),
    ],
)
def test_a_request_or_an_answer_that_graph_does_not_know_is_caught(judge, wrong, told):
    assert any(told in complaint for complaint in judge.complaints(wrong)), list(judge.complaints(wrong))


def test_the_path_with_the_fewest_parameters_is_the_one(judge):
    assert judge.template(["users", "a", "manager", "$ref"]) == "/users/{user-id}/manager/$ref"
    assert judge.template(["directory", "deletedItems", "a"]) == "/directory/deletedItems/{id}"


def test_what_the_description_leaves_out_is_really_left_out(judge):
    for pattern in NOT_DESCRIBED:
        assert not any(pattern.match(f"GET {path}") for path in judge.paths), pattern


def test_requests_are_recorded_and_judged(judge, tmp_path, graph_record):
    before = graph_record.checked
    with tenant(tmp_path) as graph:
        graph.person()
        with graph.session() as session:
            planned(session, "graph.user", upn="anna.weiss@kranich.example", department="X")
    assert graph_record.complaints() == []
    assert graph_record.checked == before + 2  # the user, and the roles that would forbid it


def test_a_wrong_request_fails_the_test_that_sent_it(judge, tmp_path):
    trial = tmp_path / "test_trial.py"
    trial.write_text(
        "import json, os\n"
        "from graph_description import _graph_requests_fit_the_description, graph_record\n"
        "def test_trial(graph_record):\n"
        f"    entry = {entry('PATCH', '/users/a', {'departement': 'X'})!r}\n"
        "    graph_record.file.write_text(json.dumps(entry) + '\\n')\n"
    )
    paths = os.pathsep.join([str(HERE / "src"), str(HERE / "tests")])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(trial),
    ]
    found = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 1, found.stdout
    assert (
        "PATCH /users/a: : Additional properties are not allowed ('departement' was unexpected)"
        in found.stdout
    )


def test_the_tenant_of_the_rehearsal_company_fits_the_description(judge, tmp_path, graph_record):
    from runbook_exec.action import find_provider
    from runbook_exec.references import looked_up
    from runbook_exec.sandbox import process

    running = process.start(tmp_path / "company")
    try:
        values = dict(running.connections["graph"])
        values |= values.pop("planning")
        connection = {key: looked_up(key, value, "test") for key, value in values.items()}
        with find_provider("graph").open(connection, write=False) as session:
            people = session.get("/users?$top=999&$select=userPrincipalName")["value"]
            groups = session.get("/groups?$top=999")["value"]
            names = [user["userPrincipalName"] for user in people]
            session.read(
                [
                    Ref(kind, name)
                    for name in names
                    for kind in ("graph.user", "graph.licences", "graph.mailbox", "graph.manager")
                ]
            )
            session.read([Ref("graph.membership", f"{groups[0]['id']},{name}") for name in names])
            session.read([Ref("graph.holder", name) for name in names[:10]])
    finally:
        process.stop(tmp_path / "company")
    assert len(people) >= 50
    assert len(groups) >= 40
    assert graph_record.complaints() == []


def test_the_record_holds_no_secret(tmp_path, graph_record):
    from graph_double import done

    from runbook_exec.secret import Secret

    with tenant(tmp_path) as graph, graph.session() as session:
        new = {"upn": "neu@kranich.example", "display_name": "Neu", "password": Secret("Kranich-2026-x")}
        done(session, "graph.user", **new)
        _, evidence = done(session, "graph.access_pass", user=new["upn"])
    text = graph_record.file.read_text()
    assert json.loads(text.splitlines()[-1])
    for secret in ("Kranich-2026-x", evidence.outputs["access_pass"].reveal()):
        assert secret not in text
