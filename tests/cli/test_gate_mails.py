"""Mails about gates, by the real command and over real SMTP: each is sent once and decides nothing."""

from __future__ import annotations

import json

import pytest
from rehearsal_desk import company, until

from runbook_exec import document
from runbook_exec.desk import person

INPUTS = {"person": "1012", "access": "projects", "reason": "she prepares the offers"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Whoever runs this is Lena Vogt, who reads German; Thomas Klein is the manager."""
    with company(tmp_path_factory.mktemp("desk")) as made:
        people = made.folder / "inventory" / "people.yaml"
        text = people.read_text(encoding="utf-8")
        text = text.replace("accounts: [lvogt]", f"accounts: [lvogt, {person()}], language: de")
        people.write_text(
            text.replace("accounts: [tklein]", "accounts: [tklein], mail: boss@kranich.example")
        )
        (made.folder / "inputs.json").write_text(json.dumps(INPUTS))
        yield made


def begun(desk, name: str, **gate):
    """A run of grant-access that waits at its gate, with a rule of its own."""
    file = desk.folder / "runbooks" / "grant-access.yaml"
    body = document.parse(file.read_bytes(), file=file.name).data
    (step,) = [step for step in body["sections"][0]["steps"] if "gate" in step]
    step["gate"] = {"all": step["gate"]["all"], **gate}
    body["runbook"] = name
    (desk.folder / "runbooks" / f"{name}.yaml").write_text(json.dumps(body, ensure_ascii=False))
    said = desk("run", name, "--inputs", "inputs.json", "--yes")
    assert said.code == 10, said.all
    return desk.newest()


def mails(desk, run):
    return [mail for mail in desk.mails() if run in mail["subject"]]


def test_reminders_and_escalation_go_out_once_and_to_each_in_their_language(desk):
    run = begun(
        desk, "slow", remind=["1ms"], escalate={"after": "2ms", "to": {"person": "lena.vogt@kranich.example"}}
    )
    until(lambda: desk("resume", "--due") and len(mails(desk, run)) == 4)
    by = {mail["receivers"][0]: mail for mail in mails(desk, run)}
    assert set(by) == {
        "boss@kranich.example",
        "ulrich.sommer@kranich.example",
        "martin.keller@kranich.example",
        "lena.vogt@kranich.example",
    }
    assert by["boss@kranich.example"]["subject"].startswith("Waits for you: Manager and owners agree")
    assert by["lena.vogt@kranich.example"]["subject"].startswith("Wartet lange: Führungskraft und Zuständige")
    assert all("http" not in json.dumps(mail) for mail in by.values())
    desk("resume", "--due")
    desk("resume", run)
    assert len(mails(desk, run)) == 4
    assert desk("status", run, "--json").json["status"] == "waiting"
    desk("cancel", run, "--reason", "x")


def test_expiry_denies_and_is_told_to_whoever_asked(desk):
    run = begun(desk, "short", expires="300ms")
    said = until(lambda: (found := desk("resume", "--due")).code and found)
    assert said.code == 5
    assert "expired" in said.out
    (mail,) = mails(desk, run)
    assert mail["receivers"] == ["lena.vogt@kranich.example"]
    assert mail["subject"].startswith("Nicht rechtzeitig entschieden: ")
    assert desk("status", run, "--json").json["status"] == "refused"
    assert desk("resume", "--due").out == ""
    assert len(mails(desk, run)) == 1
    desk("cancel", run, "--reason", "x")


def test_a_mail_that_is_refused_is_told_and_tried_again_later(desk):
    desk.fault("mail-refused")
    run = begun(desk, "refused", remind=["1ms"])
    until(lambda: desk("resume", "--due") and any(e["kind"] == "gate.told" for e in desk.events(run)))
    desk.fault("mail-refused", off=True)
    told = [event["body"] for event in desk.events(run) if event["kind"] == "gate.told"]
    assert [bool(body.get("failed")) for body in told] == [False, True]
    assert mails(desk, run) == []
    desk("cancel", run, "--reason", "x")
