"""Connections that are wrong: told by plan and doctor alike, with what to mend; no secret is shown."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from rehearsal_desk import company

from runbook_exec.sandbox import certificates

SECRET = "Wr0ng-S3cret-Value"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.buy("SPB", 200)
        made.runbook("whole", without={"home"})
        yield made


@contextmanager
def estate(desk, provider, **changes):
    """An environment of its own with the sandbox's connections, one of them changed."""
    settings = desk.folder / "runbook.yaml"
    text = settings.read_text()
    connections = json.loads(json.dumps(dict(desk.connections)))
    connections[provider] |= changes
    if provider != "ansible":
        connections["ansible"] = {"inventory": "inventory/none.yaml"}  # so that doctor need not start it
    if provider in {"ldap", "graph"}:
        connections[provider].pop("planning", None)
    indent = json.dumps(
        {"kind": "real", "protected": {"break-glass": [], "service-accounts": []}, "connections": connections}
    )
    settings.write_text(f"{text}\n  elsewhere: {indent}\n")
    try:
        yield
    finally:
        settings.write_text(text)


def told(desk, *words):
    """`plan` and `doctor` say so, and neither shows a secret."""
    said = desk("plan", "whole", "--inputs", desk.inputs(), "-e", "elsewhere", "--json")
    assert said.code == 4, said.all
    (error,) = said.errors
    assert error["next"]
    looked = desk("doctor", "-e", "elsewhere")
    assert looked.code == 4
    for shown in (" ".join(error.values()), looked.out):
        assert all(word in shown for word in words), shown
        assert SECRET not in shown
    return error


@pytest.mark.parametrize(
    ("provider", "key", "word"),
    [("ldap", "password", "the password or the name is wrong"), ("graph", "client_secret", "AADSTS7000215")],
)
def test_a_wrong_secret_is_said_to_be_one(desk, tmp_path, provider, key, word):
    (tmp_path / "secret").write_text(SECRET)
    with estate(desk, provider, **{key: f"file:{tmp_path / 'secret'}"}):
        assert told(desk, word)["kind"] == "not-allowed"


@pytest.mark.parametrize("provider", ["ldap", "graph"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(desk, tmp_path, provider):
    stranger = certificates.make(tmp_path / "stranger")
    with estate(desk, provider, ca=str(stranger.ca)):
        error = told(desk, "127.0.0.1", "certificate", "unable to get local issuer certificate")
    assert error["kind"] == "unreachable"


def test_a_certificate_that_has_expired_is_not_trusted(tmp_path):
    certificates.make(tmp_path / "desk" / ".runbook" / "sandbox" / "certificates", days=0)
    with company(tmp_path / "desk") as late:
        said = late("plan", "onboard-employee", "--inputs", late.inputs(), "--json")
    assert (said.code, said.errors[0]["kind"]) == (4, "unreachable")
    assert "certificate has expired" in said.errors[0]["what"]


@pytest.mark.parametrize("provider", ["ldap", "graph"])
def test_a_server_that_is_not_there_is_told_with_its_address(desk, provider):
    url = {"ldap": "ldaps://127.0.0.1:9", "graph": "https://127.0.0.1:9/v1.0"}[provider]
    with estate(desk, provider, url=url):
        assert told(desk, "127.0.0.1:9")["kind"] == "unreachable"


@pytest.mark.parametrize(
    ("provider", "changes", "word"),
    [
        ("ansible", {"inventory": "inventory/nowhere.yaml"}, "the inventory cannot be read"),
        ("ansible", {"inventory": "inventory/other.yaml"}, "knows no host or group 'fileservers'"),
        ("mail", {"password": "file:/nowhere/secret"}, "/nowhere/secret: cannot be read"),
        ("mail", {"password": SECRET}, "password stands here in clear"),
    ],
)
def test_a_setting_that_leads_nowhere_is_told_before_anything_is_done(desk, provider, changes, word):
    (desk.folder / "inventory" / "other.yaml").write_text("all: {children: {webs: {hosts: {web01: {}}}}}\n")
    runbook = "onboard-employee" if provider == "ansible" else "whole"
    with estate(desk, provider, **changes):
        said = desk("run", runbook, "--inputs", desk.inputs(), "-e", "elsewhere", "--yes")
    assert said.code == 3, said.all
    assert word in said.err
    assert "next: " in said.err
    assert SECRET not in said.all
    assert desk("status", "--json").json == []
