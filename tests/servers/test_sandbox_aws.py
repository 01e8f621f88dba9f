"""The rehearsal company's AWS account, as runbooks and technicians meet it."""

from __future__ import annotations

from contextlib import closing

import pytest

from runbook_exec.action import Rights, find_provider
from runbook_exec.change import Ref
from runbook_exec.errors import NotAllowed, Transient, Unreachable
from runbook_exec.references import looked_up
from runbook_exec.sandbox import process
from runbook_exec.sandbox.aws_estate import ADMINS, BUCKETS, DEVELOPERS, SERVICE, STORE
from runbook_exec.sandbox.shelf import Shelf

ADMIN = "mkeller"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("project") / "sandbox"
    process.start(path)
    yield path
    process.stop(path)


def connection(folder, *, write):
    found = dict(process.connections(folder)["aws"])
    planning = found.pop("planning")
    merged = found if write else {**found, **planning}
    return {name: looked_up(name, value, "aws") for name, value in merged.items()}


def opened(folder, *, write):
    return find_provider("aws").open(connection(folder, write=write), write=write)


def read(folder, *refs):
    with opened(folder, write=False) as session:
        return list(session.read([Ref(*ref) for ref in refs]).values())


def test_the_company_s_people_have_users_keys_and_groups(folder):
    user, service, person, group, secret, bucket = read(
        folder,
        ("aws.iam_user", ADMIN),
        ("aws.iam_user", SERVICE),
        ("aws.identity_user", "martin.keller@kranich.example"),
        ("aws.identity_group", ADMINS),
        ("aws.secret", "erp/schnittstelle"),
        ("aws.bucket", BUCKETS[0]),
    )
    assert (user["groups"], user["console"], len(user["access_keys"])) == ([ADMINS], True, 1)
    assert service["console"] is False
    assert list(person["memberships"]) == [group["id"]]
    assert secret["version"]
    assert bucket == {"locks": True}


@pytest.fixture
def own(tmp_path):
    """A company that no other test has changed."""
    path = tmp_path / "sandbox"
    process.start(path)
    yield path
    process.stop(path)


def test_what_look_shows_before_anybody_asked_is_what_there_is(own):
    from runbook_exec.sandbox.aws_estate import first_day

    folder = own

    with opened(folder, write=True) as session, session.permit(["passer-by"]):
        session.send("iam", "create_user", UserName="passer-by")  # a write, after which all is mirrored
        session.send("iam", "delete_user", UserName="passer-by")
    with closing(Shelf(folder / "company.sqlite")) as shelf:
        assert dict(shelf.items("aws")) == first_day()


def test_look_shows_what_a_run_did(folder):
    before = process.look_person(folder, "usommer")["aws"]
    assert before["groups"] == [DEVELOPERS]
    with opened(folder, write=True) as session, session.permit(["usommer"]):
        session.send("iam", "delete_login_profile", UserName="usommer")
    assert process.look_person(folder, "usommer")["aws"]["console"] is False
    assert process.look_person(folder, "lvogt")["aws"] is None


def test_the_identity_that_plans_cannot_write_whatever_asks_for_it(folder):
    with find_provider("aws").open(connection(folder, write=False), write=True) as session:
        with session.permit(["x"]), pytest.raises(NotAllowed, match="not authorized"):
            session.send("iam", "create_user", UserName="x")
        with session.permit(["x"]), pytest.raises(NotAllowed, match="not authorized"):
            session.send("secretsmanager", "create_secret", Name="x", SecretString="x")
        with session.permit(["b/x"]), pytest.raises(NotAllowed, match="not authorized"):
            session.send("s3", "put_object", Bucket="b", Key="x", Body=b"")


def test_a_stranger_is_not_let_in(folder):
    keys = connection(folder, write=True) | {"access_key_id": "AKIASTRANGER00000001"}
    with find_provider("aws").open(keys, write=False) as session, pytest.raises(NotAllowed):
        session.read([Ref("aws.iam_user", ADMIN)])


def test_a_certificate_that_is_not_trusted_means_that_nothing_was_sent(folder, tmp_path):
    from runbook_exec.sandbox import certificates

    keys = connection(folder, write=True) | {"ca": str(certificates.make(tmp_path / "other").ca)}
    with find_provider("aws").open(keys, write=True) as session, session.permit(["x"]):
        with pytest.raises(Unreachable) as caught:
            session.send("iam", "create_user", UserName="x")
        assert not caught.value.sent


def test_evidence_can_be_locked_in_the_rehearsal(folder):
    from datetime import UTC, datetime, timedelta

    name = f"{BUCKETS[0]}/r1.md"
    with opened(folder, write=True) as session, session.permit([name]):
        session.send(
            "s3", "put_object", Bucket=BUCKETS[0], Key="r1.md", Body="Grüße".encode(), ChecksumAlgorithm="SHA256",
            IfNoneMatch="*", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=2),
        )  # fmt: skip
        found = session.read([Ref("aws.object", name)])[Ref("aws.object", name)]
    assert found["mode"] == "COMPLIANCE"


def test_faults_strike_when_ordered(folder):
    ref = ("aws.iam_user", ADMIN)
    process.fault(folder, "aws-throttled", times=9)
    with pytest.raises(Transient):
        read(folder, ref)
    process.fault(folder, "aws-throttled", off=True)
    process.fault(folder, "aws-throttled", times=1)
    assert read(folder, ref)  # reads bear with one refusal
    process.fault(folder, "aws-lost-answer", times=1)
    with opened(folder, write=True) as session, session.permit(["lost"]):
        with pytest.raises(Unreachable) as caught:
            session.send("iam", "create_user", UserName="lost")
        assert caught.value.sent
        assert session.read([Ref("aws.iam_user", "lost")])[Ref("aws.iam_user", "lost")]


def test_doctor_and_status_know_it(folder):
    assert process.status(folder)["listens"]["aws"].startswith("https://127.0.0.1:")
    found = find_provider("aws").check(connection(folder, write=False), Rights(read=("iam:GetUser",)))
    assert all(one.ok for one in found)
    assert process.connections(folder)["aws"]["identity_store"] == STORE
