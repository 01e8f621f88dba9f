"""Decisions: signed where it is demanded, by whom they name, for the place where they stand."""

from __future__ import annotations

import json
import subprocess

import pytest
from blackbox.logs import BEGAN, Log, judged

from runbook_exec import signature
from runbook_exec.blackbox_verify import SOUND, TAMPERED, _Head, _Signatures, read_signers, ssh_signer

KINDS = {"ed25519": [], "ecdsa": ["-b", "521"], "rsa": ["-b", "2048"]}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for kind, more in KINDS.items():
        command = ["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-f", str(folder / kind)]
        subprocess.run(command, check=True)
    return folder


def public(keys, kind="ed25519"):
    return signature.public_key(keys / kind)


def decided(log, key, *, demands="signed", **changes):
    """A run with one decision; `changes` are made to what is recorded, not to what was signed."""
    started = log.write("r1", "run.started", environment="test", decisions=demands)
    body = {
        "gate": "approve",
        "verdict": "approve",
        "person": "müller",
        "digest": "d",
        "shown": "s",
        "reason": 'weil "ja" \\ ü\n€',
        "at": log.at(),
        "after": started.hash,
        "about": 0,
        "delegated_for": "",
        "way": "unsigned",
        "text": "",
        "signature": "",
    }
    if key is not None:
        fields = {**body, "client": "c", "run": "r1", "environment": "test", "plan": "d"}
        text = signature.signed_text(fields)
        made = f"ssh {signature.fingerprint(signature.public_key(key))}"
        body |= {"text": text, "signature": signature.sign(text, key), "way": made}
    recorded = {**body, **changes}
    log.pauses = (0,)
    log.write("r1", "gate.decided", **recorded)
    return log


@pytest.fixture
def log(tmp_path):
    made = Log(folder=tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_is_checked_without_ssh_keygen(kind, keys):
    text = 'runbook decision, version 1\nreason: "\\xfc"\n'
    made = signature.sign(text, keys / kind)
    assert ssh_signer(text.encode(), made) == public(keys, kind)
    assert ssh_signer(text.encode() + b" ", made) == ""


def test_a_signature_for_another_purpose_does_not_count(keys, tmp_path):
    file = tmp_path / "text"
    file.write_text("text")
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "ed25519", "-n", "git", file], check=True)
    assert ssh_signer(b"text", (tmp_path / "text.sig").read_text()) == ""


@pytest.mark.parametrize(
    "made", ["", "x", "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----"]
)
def test_what_is_no_signature_is_none(made):
    assert ssh_signer(b"text", made) == ""


def test_a_decision_signed_by_whom_it_names_counts_as_checked(log, keys):
    decided(log, keys / "ed25519")
    verdict = judged(log.records(), log.trust(signers={"müller": frozenset({public(keys)})}))
    assert verdict.exit == SOUND
    assert {note.code: note.about for note in verdict.notes}["decisions checked"] == {"count": 1}


def test_a_key_that_nobody_vouches_for_is_told(log, keys):
    decided(log, keys / "ed25519")
    for signers in (None, {"other": frozenset({public(keys)})}):
        verdict = judged(log.records(), log.trust(signers=signers))
        assert "decisions unknown" in {note.code for note in verdict.notes}


def test_an_unsigned_decision_is_found_where_signatures_are_demanded(log):
    decided(log, None)
    verdict = judged(log.records(), log.trust())
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, "unsigned")
    assert verdict.finding.about["seq"] == 2


def test_an_unsigned_decision_is_told_where_none_is_demanded(log):
    decided(log, None, demands="any")
    verdict = judged(log.records(), log.trust())
    assert verdict.exit == SOUND
    assert "decisions unsigned" in {note.code for note in verdict.notes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "reject"}, "signed otherwise"),
        ({"person": "eve"}, "signed otherwise"),
        ({"digest": "e"}, "signed otherwise"),
        ({"reason": "no"}, "signed otherwise"),
        (
            {"signature": "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----"},
            "false signature",
        ),
        ({"way": "ssh SHA256:other"}, "false signature"),
        ({"after": "0" * 64}, "moved decision"),
        ({"person": None, "way": 3}, "signed otherwise"),
    ],
)
def test_a_decision_that_is_not_what_was_signed_is_found(log, keys, changes, said):
    decided(log, keys / "ed25519", **changes)
    verdict = judged(log.records(), log.trust())
    assert (verdict.exit, verdict.finding.code) == (TAMPERED, said)


def test_a_colleagues_key_is_not_ones_own(log, keys):
    decided(log, keys / "ed25519")
    signers = {"müller": frozenset({public(keys, "rsa")})}
    assert judged(log.records(), log.trust(signers=signers)).finding.code == "not theirs"


def test_sealed_signatures_are_said_to_be_unchecked_and_opened_ones_are_checked(log, keys):
    decided(log, keys / "ed25519")
    sealed = [
        {**record, "body": without(record["body"])} if record.get("kind") == "gate.decided" else record
        for record in log.records(opened=False)
    ]
    decision = next(record for record in sealed if record.get("kind") == "gate.decided")
    for name in ("text", "signature"):
        assert name not in json.loads(decision["body"])
    checked = _Signatures(None)
    checked.check(decision, decision["body"].encode(), _Head(1, "", BEGAN, environment="test"))
    assert checked.sealed == 1
    (opened,) = [record["opened"] for record in log.records() if record.get("kind") == "gate.decided"]
    checked.check(
        {**decision, "opened": opened}, decision["body"].encode(), _Head(1, "", BEGAN, environment="test")
    )
    assert checked.unknown == 1


def without(body):
    """What is left open of a decision."""
    said = json.loads(body)
    return json.dumps(
        {name: value for name, value in said.items() if name not in {"reason", "text", "signature"}}
    )


def test_signers_are_read_as_ssh_keygen_reads_them(keys, tmp_path):
    file = tmp_path / "allowed"
    file.write_text(
        f'# people\nmüller,anna namespaces="x" {public(keys)} comment\nanna {public(keys, "rsa")}\n'
    )
    found = read_signers(file)
    assert found == {"müller": {public(keys)}, "anna": {public(keys), public(keys, "rsa")}}
    file.write_text("anna nokey")
    with pytest.raises(ValueError, match="names no key"):
        read_signers(file)
