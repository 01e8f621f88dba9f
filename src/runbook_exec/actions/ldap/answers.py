"""What a directory's refusals mean, in words that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runbook_exec.errors import Failed, NotAllowed, Refused, RunbookError, Transient, Unreachable

SUCCESS = 0
NO_SUCH_ATTRIBUTE, UNKNOWN_ATTRIBUTE, INAPPROPRIATE_MATCHING, VALUE_EXISTS = 16, 17, 18, 20
NO_SUCH_OBJECT, ENTRY_EXISTS, INVALID_CREDENTIALS, UNWILLING = 32, 68, 49, 53

BIND: Mapping[str, tuple[str, str]] = {
    "525": ("there is no such account", "check user:"),
    "52e": ("the password or the name is wrong", "check user: and the secret that password: names"),
    "530": ("the account may not log in at this hour", "ask for its logon hours"),
    "531": ("the account may not log in from this machine", "ask for its workstations"),
    "532": ("the account's password has expired", "set a new password and store it"),
    "533": ("the account is disabled", "enable it, or use another account"),
    "701": ("the account has expired", "extend it, or use another account"),
    "773": ("the account must change its password first", "change it and store the new one"),
    "775": ("the account is locked after wrong passwords", "unlock it, then check who uses the old password"),
}
"""Sub-codes of a refused bind (Win32 errors in hex, as AD and Samba put them after `data`)."""

_WORDS: Mapping[int, tuple[type[RunbookError], str, str]] = {
    3: (Transient, "took too long", "try again"),
    8: (NotAllowed, "wants an encrypted connection", "use ldaps:// or starttls: true"),
    10: (Failed, "is not responsible for this entry (it answers with a referral)", "connect to a server that is"),
    11: (Transient, "has reached a limit of its own", "try again, or ask its administrator"),
    13: (NotAllowed, "wants an encrypted connection", "use ldaps:// or starttls: true"),
    16: (Refused, "does not have the value that was planned against: somebody changed it", "plan again"),
    17: (Failed, "does not know one of the attributes", "correct the attribute's name"),
    18: (Failed, "cannot compare this attribute", "set the whole attribute instead"),
    20: (Refused, "already has this value: somebody was faster", "plan again"),
    21: (Failed, "does not take this value for the attribute", "correct the value"),
    32: (Failed, "does not have this entry, or the OU that it should be in", "create the OU, or correct the name"),
    34: (Failed, "cannot read the entry's name", "correct the name"),
    50: (NotAllowed, "does not let this account do it", "`runbook doctor` says which right is missing"),
    51: (Transient, "is busy", "try again"),
    52: (Transient, "is unavailable for now", "try again"),
    53: (Failed, "refuses to do it", "see its message"),
    64: (Failed, "does not allow this name here", "correct the name"),
    65: (Failed, "lacks an attribute that this kind of entry needs, or has one too many", "see its message"),
    66: (Refused, "keeps entries below this one", "remove or move them first"),
    68: (Refused, "already has an entry of this name: somebody was faster", "plan again"),
}  # fmt: skip


def bind_code(result: Mapping[str, Any]) -> str:
    """AD's sub-code of a refused bind, or '' where the server gives none."""
    found = re.search(r"\bdata ([0-9a-fA-F]+)", str(result.get("message", "")))
    return found[1].lower() if found else ""


def bind_refusal(result: Mapping[str, Any], *, where: str, user: str) -> RunbookError:
    """Why the server did not let us in."""
    if result.get("result") != INVALID_CREDENTIALS:
        return refusal(result, where=where, doing=f"log in as {user}")
    what, next_move = BIND.get(bind_code(result), BIND["52e"])
    return NotAllowed(f"cannot log in as {user}: {what}", where=where, next_move=next_move)


def refusal(result: Mapping[str, Any], *, where: str, doing: str) -> RunbookError:
    """Why the server did not do what it was asked: `doing` says what, `where` which server."""
    code, message = int(result.get("result", -1)), _clean(result.get("message"))
    if re.search(r"0000052D", message, re.IGNORECASE) or (code == 19 and "password" in message.lower()):
        return Failed(
            f"cannot {doing}: the directory's rules refuse this password, or the account has none ({message})",
            where=where,
            next_move="use a longer password of several kinds of characters that was not used before",
        )
    if code == 19:
        return Failed(
            f"cannot {doing}: a value breaks a rule of the directory ({message})",
            where=where,
            next_move="correct the value; a login or address may be taken",
        )
    if code == NO_SUCH_ATTRIBUTE and re.search(r"00000057|not found in the schema", message):
        code = (
            UNKNOWN_ATTRIBUTE  # AD and Samba call an attribute that is not in the schema "no such attribute"
        )
    kind, what, next_move = _WORDS.get(code, (Failed, "refuses", "see its message"))
    told = message or str(result.get("description", ""))
    return kind(f"cannot {doing}: the directory {what} ({told})", where=where, next_move=next_move)


def silence(error: Exception, *, where: str, sent: bool) -> Unreachable:
    """No answer: refused connection, bad certificate, timeout, or a line that dropped."""
    whole = _clean(error)
    text = _innermost(whole)
    if re.search(r"certificate|hostname|IP address mismatch", whole, re.IGNORECASE):
        return Unreachable(
            f"the server's certificate cannot be trusted: {text}",
            where=where,
            next_move="ca: must name the authority that signed it, and url: a name that it lists",
            sent=sent,
        )
    if sent:
        return Unreachable(
            f"the connection broke before the answer came: {text}",
            where=where,
            next_move="whether it was done is read before anything is repeated",
            sent=True,
        )
    return Unreachable(
        f"no answer: {text}", where=where, next_move="is the server up, and the address in url: right?"
    )


def _innermost(text: str) -> str:
    """The cause itself, out of the wrappings that ldap3 puts around it."""
    if "UNEXPECTED_EOF" in text:
        return "the server hung up before the line was encrypted"
    for pattern in (
        r"certificate verify failed: (.+?)\.? \(_ssl",
        r"\[Errno -?\d+\] ([^'\")]+)",
        r"(timed out)",
    ):
        found = re.search(pattern, text)
        if found:
            return found[1].replace("\\", "")
    return text


def _clean(message: object) -> str:
    text = "".join(char if char.isprintable() else " " for char in str(message or ""))
    return re.sub(r"\s+", " ", text).strip()[:300]
