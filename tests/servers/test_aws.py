"""The aws actions against moto's server over real HTTP: plan, apply, read back, undo; and the pen in botocore itself.

moto proves the shape of a call and not what AWS allows: policies, quotas and delays are not there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from servers import cloud
from servers.line import to
from servers.sshd import free_port

from runbook_exec.action import Context, Rights, find, find_provider, make_args
from runbook_exec.actions.aws import pen
from runbook_exec.actions.aws.session import Session
from runbook_exec.change import Evidence, Irreversible
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused, RunbookError, Unreachable
from runbook_exec.plan import gather, gathered
from runbook_exec.secret import Secret

pytestmark = pytest.mark.server

STORE = "d-9067642ac7"


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    with cloud.running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@dataclass
class Account:
    """An account, and actions carried out on it as the executor does it."""

    far: cloud.Cloud
    run: str = "r1"
    connection: dict[str, Any] | None = None

    def open(self, *, write: bool):
        keys = self.connection or self.far.connection(identity_store=STORE)
        return find_provider("aws").open(keys, write=write)

    def plan(self, uses: str, **values: Any):
        action = find(uses)
        args = make_args(action, values)
        with self.open(write=False) as session:
            return action.plan(args, gather(action, args, session.read))

    def do(self, uses: str, **values: Any):
        """Plan and apply; nothing may be left to do afterwards. Gives the change and the evidence."""
        action, change = find(uses), self.plan(uses, **values)
        args = make_args(action, values)
        assert not change.blocked, change.blocked
        with self.open(write=True) as session, session.permit(change.writes):
            evidence = action.apply(session, args, change, self.context())
            assert action.verify(session, args, change, evidence) == ""
        if action.rereads:
            assert self.plan(uses, **values).is_empty
        return change, evidence

    def undo(self, change, evidence: Evidence):
        """What undoing left to do, done; the conflicts that it met."""
        action = find(change.action)
        back = action.undo(change, evidence)
        assert not isinstance(back, Irreversible), back.reason
        left = self._held(action, back, evidence)
        if not left.is_empty:
            with self.open(write=True) as session, session.permit(left.writes):
                done = action.apply(session, None, left, self.context())
                assert action.verify(session, None, left, done) == ""
            assert self._held(action, back, evidence).is_empty
        return left.conflicts

    def _held(self, action, back, evidence):
        with self.open(write=False) as session:
            facts = gathered(
                action.name, lambda facts: action.undo_reads(back, evidence, facts), session.read
            )
        return action.undo_plan(back, evidence, facts)

    def context(self) -> Context:
        return Context(
            client="kranich",
            run=self.run,
            step="step",
            language="de",
            project=Path(),
            now=lambda: datetime.now(UTC),
            deadline=datetime.now(UTC) + timedelta(seconds=60),
            say=lambda text: None,
            record=lambda body: None,
            ask=lambda question: None,
            story=lambda: "# Checkliste\n- ☑ Zugang gesperrt\n",
        )


@pytest.fixture
def account(far):
    return Account(far)


# IAM users


def test_a_user_is_made_with_its_groups_and_goes_again_when_undone(account, far):
    iam = far.client("iam")
    iam.create_group(GroupName="developers")
    done = account.do("aws.iam_user", user="anna.weiss", tags={"Ticket": "4711"}, groups=["developers"])
    user = iam.get_user(UserName="anna.weiss")["User"]
    assert user["Tags"] == [{"Key": "Ticket", "Value": "4711"}]
    assert user["UserId"] == done[1].outputs["id"]
    assert account.undo(*done) == {}
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="anna.weiss")


def test_a_user_to_whom_somebody_gave_a_key_meanwhile_stays_when_undone(account, far):
    done = account.do("aws.iam_user", user="jana")
    far.client("iam").create_access_key(UserName="jana")
    assert "access_keys" in account.undo(*done)
    assert far.client("iam").get_user(UserName="jana")


def test_only_what_is_named_changes_and_comes_back(account, far):
    iam = far.client("iam")
    for name in ("old", "new", "hers"):
        iam.create_group(GroupName=name)
    iam.create_user(UserName="joerg", Tags=[{"Key": "Owner", "Value": "it"}])
    for name in ("old", "hers"):
        iam.add_user_to_group(GroupName=name, UserName="joerg")
    done = account.do("aws.iam_user", user="joerg", tags={"Role": "x"}, groups=["new"], not_groups=["old"])
    assert {g["GroupName"] for g in iam.list_groups_for_user(UserName="joerg")["Groups"]} == {"new", "hers"}
    assert account.undo(*done) == {}
    assert {g["GroupName"] for g in iam.list_groups_for_user(UserName="joerg")["Groups"]} == {"old", "hers"}
    assert iam.list_user_tags(UserName="joerg")["Tags"] == [{"Key": "Owner", "Value": "it"}]


def test_a_console_password_goes_and_the_user_after_its_keys(account, far):
    iam = far.client("iam")
    iam.create_user(UserName="leaver")
    iam.create_login_profile(UserName="leaver", Password="Correct-Horse-1")
    key = iam.create_access_key(UserName="leaver")["AccessKey"]["AccessKeyId"]
    account.do("aws.iam_user", user="leaver", console="none")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_login_profile(UserName="leaver")
    assert key in account.plan("aws.iam_user", user="leaver", state="absent").blocked
    done = account.do("aws.access_keys", user="leaver")
    assert account.undo(*done) == {}
    account.do("aws.access_keys", user="leaver")
    account.do("aws.access_keys", user="leaver", state="absent", idle_days=0)
    done = account.do("aws.iam_user", user="leaver", state="absent")
    assert account.undo(*done) == {}
    assert iam.get_user(UserName="leaver")


def test_an_account_made_anew_under_the_same_name_is_not_deleted_by_an_undo(account, far):
    iam = far.client("iam")
    done = account.do("aws.iam_user", user="reused")
    iam.delete_user(UserName="reused")
    iam.create_user(UserName="reused")
    account.undo(*done)
    assert iam.get_user(UserName="reused")


# Identity Center


def test_a_person_comes_to_identity_center_and_goes_when_undone(account, far):
    store = far.client("identitystore")
    group = store.create_group(IdentityStoreId=STORE, DisplayName="Entwicklung")["GroupId"]
    about = {"given_name": "Anna", "surname": "Weiß", "mail": "anna@kranich.example"}
    done = account.do("aws.identity_center", user="anna", groups=["Entwicklung"], **about)
    (member,) = store.list_group_memberships(IdentityStoreId=STORE, GroupId=group)["GroupMemberships"]
    assert member["MemberId"]["UserId"] == done[1].outputs["id"]
    assert account.undo(*done) == {}
    assert store.list_users(IdentityStoreId=STORE)["Users"] == []


def test_memberships_change_alone_and_come_back(account, far):
    store = far.client("identitystore")
    ids = {
        n: store.create_group(IdentityStoreId=STORE, DisplayName=n)["GroupId"] for n in ("Alt", "Neu", "Ihre")
    }
    name = {"GivenName": "Jo", "FamilyName": "M"}
    user = store.create_user(IdentityStoreId=STORE, UserName="jo", Name=name, DisplayName="Jo M")["UserId"]
    for group in ("Alt", "Ihre"):
        store.create_group_membership(IdentityStoreId=STORE, GroupId=ids[group], MemberId={"UserId": user})

    def held():
        found = store.list_group_memberships_for_member(IdentityStoreId=STORE, MemberId={"UserId": user})
        return {one["GroupId"] for one in found["GroupMemberships"]}

    done = account.do("aws.identity_center", user="jo", groups=["Neu"], not_groups=["Alt"])
    assert held() == {ids["Neu"], ids["Ihre"]}
    assert account.undo(*done) == {}
    assert held() == {ids["Alt"], ids["Ihre"]}
    account.do("aws.identity_center", user="jo", state="absent")
    assert account.plan("aws.identity_center", user="jo", state="absent").is_empty


# Secrets


def test_a_rotation_puts_a_value_that_is_shown_nowhere_and_goes_back_by_its_version(account, far):
    secrets = far.client("secretsmanager")
    secrets.create_secret(Name="erp/interface", SecretString="the old one")
    value = Secret("N3w-and-unseen", rule="by rule")
    change, evidence = account.do("aws.secret", name="erp/interface", value=value)
    assert secrets.get_secret_value(SecretId="erp/interface")["SecretString"] == "N3w-and-unseen"
    assert "unseen" not in repr((change, evidence))
    assert account.undo(change, evidence) == {}
    now = secrets.get_secret_value(SecretId="erp/interface", VersionStage="AWSCURRENT")
    assert now["SecretString"] == "the old one"


def test_a_value_that_somebody_put_after_us_stays_when_undone(account, far):
    secrets = far.client("secretsmanager")
    secrets.create_secret(Name="erp/other", SecretString="the old one")
    done = account.do("aws.secret", name="erp/other", value=Secret("ours", rule="r"))
    secrets.put_secret_value(SecretId="erp/other", SecretString="theirs")
    assert "version" in account.undo(*done)
    assert secrets.get_secret_value(SecretId="erp/other")["SecretString"] == "theirs"


def test_a_secret_is_made_and_deleted_with_a_window(account, far):
    secrets = far.client("secretsmanager")
    done = account.do("aws.secret", name="erp/new", value=Secret("v", rule="r"), description="for ERP")
    assert secrets.get_secret_value(SecretId="erp/new")["SecretString"] == "v"
    assert account.undo(*done) == {}
    assert secrets.describe_secret(SecretId="erp/new")["DeletedDate"]
    assert account.plan("aws.secret", name="erp/new", value=Secret("v", rule="r")).blocked
    secrets.restore_secret(SecretId="erp/new")
    done = account.do("aws.secret", name="erp/new", state="absent")
    assert account.undo(*done) == {}
    assert "DeletedDate" not in secrets.describe_secret(SecretId="erp/new")


# Evidence


def test_evidence_is_locked_and_proven_by_its_hash(account, far):
    import hashlib

    bucket = far.bucket("nachweise")
    change, evidence = account.do("aws.s3_evidence", bucket=bucket, key="runs/r1/checklist.md", retain="365d")
    got = far.client("s3").get_object(Bucket=bucket, Key="runs/r1/checklist.md")
    assert got["ObjectLockMode"] == "COMPLIANCE"
    assert hashlib.sha256(got["Body"].read()).hexdigest() == evidence.outputs["sha256"]
    assert isinstance(find("aws.s3_evidence").undo(change, evidence), Irreversible)


def test_evidence_put_twice_by_one_step_lies_there_once_and_replaces_nobody_elses(account, far):
    bucket = far.bucket("nachweise-2")
    values = {"bucket": bucket, "key": "x.md", "retain": "2d"}
    change = account.plan("aws.s3_evidence", **values)
    account.do("aws.s3_evidence", **values)
    action, args = find("aws.s3_evidence"), make_args(find("aws.s3_evidence"), values)
    with account.open(write=True) as session, session.permit(change.writes):
        action.apply(session, args, change, account.context())
        other = Account(far, run="r2")
        text = make_args(action, {**values, "text": "another"})
        with pytest.raises(Failed, match="something else"):
            action.apply(session, text, change, other.context())
    assert len(far.client("s3").list_object_versions(Bucket=bucket)["Versions"]) == 1


# The pen


def every_operation():
    import botocore.session

    session = botocore.session.Session()
    for service in (
        "iam",
        "s3",
        "secretsmanager",
        "identitystore",
        "sts",
        "sso-admin",
        "kms",
        "organizations",
    ):
        model = session.get_service_model(service)
        yield from ((service, name) for name in model.operation_names)


def reading(**more: Any) -> Session:
    """A session that cannot write, towards a door behind which nobody listens."""
    secret = Secret("x", rule="secret_access_key")
    keys = {"region": "eu-central-1", "access_key_id": "AKIAX", "secret_access_key": secret}
    connection = {**keys, "endpoint": f"http://127.0.0.1:{free_port()}", **more}
    from runbook_exec.actions.aws.provider import parsed

    return Session(parsed(connection), write=False)


def test_no_operation_beyond_the_list_of_reads_leaves_a_session_that_only_reads():
    session, refused = reading(), 0
    clients = {service: session._client(service, write=True) for service, _ in every_operation()}
    for service, operation in every_operation():
        if f"{service}.{operation}" in pen.READS:
            continue
        with pytest.raises(NoPen):
            clients[service]._make_api_call(operation, {})
        refused += 1
    assert refused > 400


def test_a_call_that_gets_around_the_first_check_is_stopped_at_the_line(far):
    session = reading(endpoint=far.url)
    client = session._client("iam", write=True)
    client.meta.events.unregister("before-parameter-build", session._at_the_call)
    with pytest.raises(NoPen):
        client.create_user(UserName="nobody")
    with pytest.raises(far.client("iam").exceptions.NoSuchEntityException):
        far.client("iam").get_user(UserName="nobody")


def test_no_read_gives_a_secret_away():
    values = ("GetSecretValue", "BatchGetSecretValue", "GetRandomPassword", "CreateAccessKey", "GetObject")
    assert not [one for one in pen.READS if one.rpartition(".")[2] in values]
    assert not pen.READS & set(pen.WRITES)


def test_a_reading_session_gives_no_permit():
    with pytest.raises(NoPen), reading().permit(["anna"]):
        pass


def test_a_writing_session_writes_what_the_plan_names_and_nothing_else(account, far):
    far.client("iam").create_user(UserName="bystander")
    with account.open(write=True) as session:
        with pytest.raises(Refused, match="not in the plan"):
            session.send("iam", "delete_user", UserName="bystander")
        with session.permit(["anna"]):
            with pytest.raises(Refused, match="not in the plan"):
                session.send("iam", "delete_user", UserName="bystander")
            with pytest.raises(Refused, match="no action of ours"):
                session.send("iam", "create_access_key", UserName="anna")
    assert far.client("iam").get_user(UserName="bystander")


# Trouble


def test_an_account_that_does_not_answer_says_so():
    with pytest.raises(Unreachable) as caught:
        reading().ask("sts", "get_caller_identity")
    assert not caught.value.sent


def test_a_write_without_an_answer_may_have_happened_and_is_not_repeated(far):
    host, port = far.url.removeprefix("http://").split(":")
    with to(host, int(port)) as line:
        account = Account(far, connection=far.connection(endpoint=f"http://127.0.0.1:{line.port}"))
        with account.open(write=True) as session, session.permit(["lost"]):
            line.lose_answers = True
            with pytest.raises(Unreachable) as caught:
                session.send("iam", "create_user", UserName="lost")
            line.lose_answers = False
            assert caught.value.sent
    assert far.client("iam").get_user(UserName="lost")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"region": ""}, "region is missing"),
        ({"secret_access_key": "in clear"}, "in clear"),
        ({"secret_access_key": None}, "belong together"),
        ({"endpoint": "http://elsewhere.example"}, "https"),
        ({"profile": "there-is-none"}, "no profile"),
        ({"ca": "/nowhere"}, "no file"),
    ],
)
def test_a_connection_that_makes_no_sense_is_refused_with_the_key(far, more, what):
    with pytest.raises(Invalid, match=what), find_provider("aws").open(far.connection(**more), write=False):
        pass


def test_doctor_says_who_we_are_and_what_cannot_be_asked(far):
    rights = Rights(read=("iam:GetUser",), apply=("iam:CreateUser",))
    found = find_provider("aws").check(far.connection(), rights)
    assert found[0].ok
    assert "account 123456789012" in found[0].what
    assert [one.known for one in found] == [True, False]


def test_doctor_finds_what_is_missing_and_what_is_too_much(far, monkeypatch):
    from runbook_exec.actions.aws import provider

    allowed = {"iam:GetUser", "iam:CreateAccessKey"}
    monkeypatch.setattr(provider, "_simulated", lambda session, arn, actions: allowed & set(actions))
    rights = Rights(read=("iam:GetUser",), apply=("iam:CreateUser",))
    found = find_provider("aws").check(far.connection(), rights)
    wrong = [one.what for one in found if not one.ok]
    assert wrong == [
        "the right iam:CreateUser is missing",
        "iam:CreateAccessKey is allowed, which no runbook needs and which opens far too much",
    ]


def test_every_right_that_an_action_declares_covers_a_call_on_the_list():
    from runbook_exec.action import every_action

    declared = {
        str(right)
        for action in every_action()
        if action.provider == "aws"
        for right in (*action.rights.read, *action.rights.apply)
    }
    calls = {one.replace(".", ":", 1) for one in (*pen.READS, *pen.WRITES)}
    names = {  # the right's name is another one than the operation's
        "sso:ListInstances": "sso-admin:ListInstances",
        "s3:ListBucket": "s3:HeadObject",
        "s3:GetObject": "s3:HeadObject",
        "s3:GetObjectRetention": "s3:HeadObject",
        "s3:GetBucketObjectLockConfiguration": "s3:GetObjectLockConfiguration",
        "s3:PutObjectRetention": "s3:PutObject",
    }
    assert {names.get(right, right) for right in declared} <= calls


def test_errors_of_the_service_are_told_in_words(far):
    import botocore.exceptions

    from runbook_exec import amazon

    def raised(code, status=400):
        body = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return amazon.told(botocore.exceptions.ClientError(body, "CreateUser"), "connection aws")

    kinds = {
        "AccessDenied": "not-allowed",
        "ExpiredToken": "not-allowed",
        "ThrottlingException": "transient",
        "SlowDown": "transient",
        "EntityAlreadyExists": "failed",
    }
    assert {code: raised(code).kind for code in kinds} == kinds
    assert raised("Odd", 503).kind == "transient"
    assert all(isinstance(raised(code), RunbookError) and raised(code).where for code in kinds)
    assert raised("AccessDenied").next_move
    assert isinstance(raised("AccessDenied"), NotAllowed)
    assert json.dumps(str(raised("AccessDenied")))
