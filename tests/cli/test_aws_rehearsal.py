"""A whole run on the rehearsal company's AWS account, by the real command: planned, done with trouble, undone."""

from __future__ import annotations

import pytest
from rehearsal_desk import company

from runbook_exec.sandbox import process

CUT = """\
runbook: cloud-cut
title: {en: Cut access to AWS, de: Zugang zu AWS sperren}
inputs: {type: object, required: [user], properties: {user: {type: string}}}
subject: "{{ user }}"
sections:
  - title: {en: Cut, de: Sperren}
    steps:
      - id: keys
        title: {en: Make the keys inactive, de: Schlüssel deaktivieren}
        uses: aws.access_keys
        with: {user: "{{ user }}"}
        undo: auto
      - id: groups
        title: {en: Leave the groups, de: Gruppen verlassen}
        uses: aws.iam_user
        with: {user: "{{ user }}", not_groups: [aws-administration], tags: {Cut: "{{ run.id }}"}}
        undo: auto
      - id: value
        title: {en: A new value, de: Ein neuer Wert}
        uses: secret.generate
        with: {}
      - id: rotate
        title: {en: Rotate what they knew, de: Bekanntes austauschen}
        uses: aws.secret
        with: {name: erp/schnittstelle, value: "{{ value.value }}"}
        undo: auto
"""
KEEP = """\
runbook: keep-evidence
title: {en: Keep evidence, de: Nachweis aufbewahren}
sections:
  - title: {en: Keep, de: Aufbewahren}
    steps:
      - id: keep
        title: {en: Keep the checklist, de: Checkliste aufbewahren}
        uses: aws.s3_evidence
        with: {bucket: kranich-nachweise, key: "runs/{{ run.id }}.md", retain: 30d}
        irreversible: it is evidence
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        (made.folder / "runbooks" / "cloud-cut.yaml").write_text(CUT.replace("        undo: auto\n", ""))
        (made.folder / "runbooks" / "keep-evidence.yaml").write_text(KEEP)
        yield made


def aws(desk, sam):
    return process.look_person(desk.sandbox, sam)["aws"]


def test_access_is_cut_in_spite_of_a_lost_answer_and_comes_back_when_undone(desk):
    before = aws(desk, "mkeller")
    planned = desk("plan", "cloud-cut", "-i", "user=mkeller", "--json")
    assert planned.code == 0, planned.all
    assert "as on the first day" not in planned.all
    assert aws(desk, "mkeller") == before
    desk.fault("aws-lost-answer", times=1)
    ran = desk("run", "cloud-cut", "-i", "user=mkeller", "--yes")
    assert ran.code == 0, ran.all
    cut = aws(desk, "mkeller")
    assert (cut["access_keys"], cut["groups"]) == (["Inactive"], [])
    undone = desk("undo", desk.run_of("mkeller"), "--yes")
    assert undone.code == 0, undone.all
    assert aws(desk, "mkeller") == before


def test_a_second_run_finds_the_keys_as_wanted(desk):
    assert desk("run", "cloud-cut", "-i", "user=tnguyen", "--yes").code == 0
    planned = desk("plan", "cloud-cut", "-i", "user=tnguyen", "--json").json
    assert {line["step"]: line["status"] for line in planned["lines"]}["keys"] == "same"


def test_the_checklist_of_a_run_is_kept_under_lock(desk):
    ran = desk("run", "keep-evidence", "--yes")
    assert ran.code == 0, ran.all
    told = desk("log", desk.newest()).out
    assert "COMPLIANCE" in told


def test_doctor_checks_the_account(desk):
    found = desk("doctor", "--json").json
    about = [one for one in found if one["connection"].startswith("aws")]
    assert {one["connection"] for one in about} == {"aws, planning", "aws, applying"}
    assert all(one["ok"] for one in about)
