"""The keys of an AWS connection, the clients made from them, and the service's errors in words.

boto3 is imported where a client is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, RunbookError, Transient, Unreachable
from runbook_exec.secret import Secret

KEYS = (
    "region", "profile", "access_key_id", "secret_access_key", "session_token", "role_arn", "endpoint", "ca",
)  # fmt: skip

_STRANGERS = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "InvalidClientTokenId", "InvalidAccessKeyId",
    "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException", "ExpiredToken",
    "ExpiredTokenException", "AuthFailure", "OptInRequired",
}  # fmt: skip
_BUSY = {
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
    "SlowDown", "ServiceUnavailable", "ServiceUnavailableException", "InternalFailure", "InternalServerError",
    "InternalServiceError", "RequestTimeout", "ConcurrentModification",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Access:
    """As whom we come, and where to. Without keys and profile: the machine's own role."""

    where: str
    region: str
    profile: str = ""
    access_key_id: str = ""
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    role_arn: str = ""
    endpoint: str = ""
    ca: str = ""


def access(values: Mapping[str, Json], *, where: str) -> Access:
    """The access that a connection's keys describe; `values` holds no other keys. Says which one is wrong."""
    for name in values:
        if name not in KEYS:
            raise Invalid(f"{name!r} is no key of it", where=where, next_move="known: " + ", ".join(KEYS))
    if not values.get("region"):
        raise Invalid("region is missing", where=where, next_move="write region: eu-central-1")
    secret = values.get("secret_access_key")
    if secret is not None and not isinstance(secret, Secret):
        raise Invalid(
            "secret_access_key stands there in clear",
            where=where,
            next_move="write a reference: env:NAME or file:/path",
        )
    if bool(values.get("access_key_id")) != bool(secret):
        raise Invalid("access_key_id and secret_access_key belong together", where=where)
    endpoint = urlsplit(str(values.get("endpoint") or ""))
    if endpoint.geturl() and endpoint.scheme != "https" and endpoint.hostname != "127.0.0.1":
        raise Invalid("endpoint does not begin with https://", where=where, next_move="use https://")
    if values.get("ca") and not Path(str(values["ca"])).is_file():
        raise Invalid(f"ca names {values['ca']}, which is no file", where=where, next_move="correct the path")
    return Access(where=where, **{name: value for name, value in values.items() if value})


def session(found: Access) -> Any:
    """A boto3 session; nothing is asked of anybody yet, but for a role that is to be taken on."""
    import boto3
    import botocore.exceptions

    try:
        opened = boto3.Session(
            aws_access_key_id=found.access_key_id or None,
            aws_secret_access_key=found.secret_access_key.reveal() if found.secret_access_key else None,
            aws_session_token=found.session_token.reveal() if found.session_token else None,
            region_name=found.region,
            profile_name=found.profile or None,
        )
    except botocore.exceptions.ProfileNotFound as error:
        raise Invalid(
            f"there is no profile {found.profile!r} on this machine",
            where=found.where,
            next_move="`aws configure list-profiles` shows those that there are",
        ) from error
    if not found.role_arn:
        return opened
    with in_words(found.where):
        given = client(found, opened, "sts").assume_role(RoleArn=found.role_arn, RoleSessionName="runbook")
    keys = given["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=found.region,
    )


def client(found: Access, opened: Any, service: str, *, attempts: int = 3) -> Any:
    """A client of one service. `attempts` is 1 where a repetition must be decided by whoever looks first."""
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=12,
        retries={"mode": "standard", "total_max_attempts": attempts},
        s3={"addressing_style": "path"} if found.endpoint else {},
    )
    return opened.client(service, endpoint_url=found.endpoint or None, verify=found.ca or None, config=config)


@contextmanager
def in_words(where: str, *, writes: bool = False) -> Iterator[None]:
    """The service's and the line's troubles as errors that a person can act on."""
    import botocore.exceptions as troubles
    from botocore.parsers import ResponseParserError

    try:
        yield
    except troubles.ClientError as error:
        raise told(error, where) from error
    except troubles.SSLError as error:
        distrusted = "certificate verify failed" in str(error).casefold()
        raise Unreachable(
            f"the line to AWS cannot be trusted or broke: {_short(error)}",
            where=where,
            next_move="check endpoint and ca",
            sent=writes and not distrusted,  # it may have broken after the request went out
        ) from error
    except (troubles.EndpointConnectionError, troubles.ConnectTimeoutError) as error:
        raise Unreachable(
            f"AWS does not answer: {_short(error)}",
            where=where,
            next_move="check endpoint, region and network",
        ) from error
    except (troubles.HTTPClientError, troubles.ConnectionError) as error:
        raise Unreachable(
            f"AWS gave no answer: {_short(error)}",
            where=where,
            next_move="`runbook doctor` tries the connection",
            sent=writes,
        ) from error
    except ResponseParserError as error:  # a proxy's page, an outage
        raise Unreachable(
            "what answers is not AWS, or it is broken",
            where=where,
            next_move="check endpoint and proxies; try again later",
            sent=writes,
        ) from error
    except (
        troubles.NoCredentialsError,
        troubles.PartialCredentialsError,
        troubles.CredentialRetrievalError,
    ) as error:
        raise NotAllowed(
            f"there are no AWS credentials: {_short(error)}",
            where=where,
            next_move="name access_key_id and secret_access_key, or a profile",
        ) from error
    except troubles.ParamValidationError as error:
        raise Invalid(_short(error), where=where) from error


def told(error: Any, where: str) -> RunbookError:
    """An answer of the service that is an error."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message", "")) or code
    operation = error.operation_name
    if code in _STRANGERS or code == "403":
        return NotAllowed(
            f"AWS refuses {operation}: {said}",
            where=where,
            next_move="`runbook doctor` shows which right is missing; the policy is in docs/aws.md",
        )
    if code in _BUSY or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in {500, 503}:
        return Transient(f"AWS is busy with {operation}: {said}", where=where, next_move="try again later")
    return Failed(f"AWS cannot do {operation}: {said}", where=where)


def code_of(error: Any) -> str:
    """The service's own word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
