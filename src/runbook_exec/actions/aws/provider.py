"""How a session to an AWS account is opened, and what `doctor` finds out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from runbook_exec import amazon
from runbook_exec.action import ADDED, Finding, Rights
from runbook_exec.actions.aws.session import Session
from runbook_exec.change import Json
from runbook_exec.errors import NotAllowed, RunbookError

NEVER = ("iam:CreateAccessKey", "iam:PutUserPolicy", "iam:AttachUserPolicy", "secretsmanager:GetSecretValue")
"""Rights that no runbook of this product needs, and that open far too much."""


class AwsProvider:
    """One AWS account and region, through boto3.

    Connection keys: `region`; `access_key_id` and `secret_access_key` (a reference), or `profile`, or neither:
    then the machine's own role is used; `role_arn`: a role to take on; `session_token` (a reference) beside
    temporary keys; `identity_store`: the id of Identity Center's store, looked up if left out; `endpoint` and
    `ca` for rehearsals. Keys under `planning` replace the others in sessions that only read: give it an
    identity that may not write.
    """

    name = "aws"

    def open(self, connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[Session]:
        return _opened(connection, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Who we are there, and whether the rights fit, as far as the account lets us ask."""
        try:
            with _opened(connection, write=False) as session:
                who = session.ask("sts", "get_caller_identity")
                what = f"AWS answers: account {who['Account']}, as {who['Arn'].rpartition(':')[2]}"
                return [Finding(ok=True, what=what), *_measured(session, str(who["Arn"]), rights)]
        except RunbookError as error:
            return [Finding.of(error)]


def parsed(values: Mapping[str, Json]) -> amazon.Access:
    """The access that a connection's keys describe."""
    own = {*ADDED, "identity_store", "planning"}
    return amazon.access(
        {name: value for name, value in values.items() if name not in own}, where="connection aws"
    )


@contextmanager
def _opened(connection: Mapping[str, Json], *, write: bool) -> Iterator[Session]:
    session = Session(
        parsed(connection), write=write, identity_store=str(connection.get("identity_store") or "")
    )
    try:
        yield session
    finally:
        session.close()


def _measured(session: Session, arn: str, rights: Rights) -> Iterator[Finding]:
    wanted = [need for need in (*rights.read, *rights.apply) if isinstance(need, str)]
    try:
        allowed = _simulated(session, _source(arn), [*wanted, *NEVER])
    except RunbookError:
        yield Finding(
            ok=True,
            known=False,
            what=f"whether {len(wanted)} rights are there cannot be asked (iam:SimulatePrincipalPolicy)",
        )
        return
    for need in wanted:
        if need not in allowed:
            move = f"allow {need} in the policy of {arn}; docs/aws.md has the whole one"
            yield Finding(ok=False, what=f"the right {need} is missing", next_move=move)
    for extra in NEVER:
        if extra in allowed:
            what = f"{extra} is allowed, which no runbook needs and which opens far too much"
            yield Finding(ok=False, what=what, next_move=f"take {extra} out of the policy of {arn}")
    if allowed.issuperset(wanted):
        yield Finding(ok=True, what=f"all {len(wanted)} rights that the runbooks need are there")


def _simulated(session: Session, arn: str, actions: list[str]) -> set[str]:
    found = session.every(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=arn,
        ActionNames=list(dict.fromkeys(actions)),
    )
    if not found:
        raise NotAllowed("nothing was evaluated", where=arn)
    return {one["EvalActionName"] for one in found if one["EvalDecision"] == "allowed"}


def _source(arn: str) -> str:
    """The identity whose policies count: of a role that was taken on, the role."""
    head, _, tail = arn.rpartition(":")
    if tail.startswith("assumed-role/"):
        return f"{head.replace(':sts:', ':iam:')}:role/{tail.split('/')[1]}"
    return arn
