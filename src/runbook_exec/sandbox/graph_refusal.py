"""How the Graph double says no: status, code and message, as the service words them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ON_PREMISES = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects "
    "or objects currently undergoing migration."
)
TOO_SIMPLE = (
    "The specified password does not comply with password complexity requirements. "
    "Please provide a different password."
)


@dataclass(frozen=True)
class Detail:
    """One entry of an error's `details`."""

    code: str
    target: str
    message: str


class Refusal(Exception):
    """A request that Graph answers with an error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Detail] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.details = tuple(details)
        self.retry_after = retry_after


def bad(message: str, *, details: Sequence[Detail] = ()) -> Refusal:
    """400 with the code that most of the directory's refusals carry."""
    return Refusal(400, "Request_BadRequest", message, details=details)


def missing(key: str) -> Refusal:
    """404: it does not exist, or is not visible yet."""
    return Refusal(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied() -> Refusal:
    """403: the application has no permission for this."""
    return Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def conflict(name: str) -> Refusal:
    """400: another object holds the same value of a property that must be unique."""
    sentence = f"Another object with the same value for property {name} already exists."
    code = "ConflictingObjects" if name == "proxyAddresses" else "ObjectConflict"
    return bad(sentence, details=[Detail(code, name, sentence)])
