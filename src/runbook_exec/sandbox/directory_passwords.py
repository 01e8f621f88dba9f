"""Passwords: set, changed, tried; who is locked out, expired, or must change first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_refusal import Code, refuse


def read_unicode_pwd(values: Sequence[bytes]) -> str:
    """The password in a value of unicodePwd: UTF-16LE, in double quotes (MS-ADTS 3.1.1.3.1.5.1)."""
    try:
        (text,) = [value.decode("utf-16-le") for value in values]
    except (UnicodeDecodeError, ValueError):
        raise refuse(Code.unwilling_to_perform, "0000001F") from None
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise refuse(Code.unwilling_to_perform, "0000001F")
    return text[1:-1]


def keep_password(draft: Entry, password: str, now: datetime) -> None:
    """Make this the entry's password from now on."""
    draft.password = accounts.hashed(password)
    draft.attributes["pwdLastSet"] = [str(accounts.windows_time(now))]


def is_locked(entry: Entry, policy: Entry, now: datetime) -> bool:
    """True while a lockout lasts; lockoutDuration 0 lasts until somebody unlocks."""
    since = entry.number("lockoutTime")
    if not since:
        return False
    lasts = -policy.number("lockoutDuration")
    return lasts == 0 or now < accounts.from_windows_time(since + lasts)


def is_expired(entry: Entry, now: datetime) -> bool:
    """True where the account's last day is over."""
    ends = entry.number("accountExpires")
    return ends not in {0, accounts.NEVER} and accounts.from_windows_time(ends) <= now


def password_is_expired(entry: Entry, policy: Entry, now: datetime) -> bool:
    """True where the password is older than the policy allows, or must be changed first."""
    if entry.number("userAccountControl") & accounts.PASSWORD_STAYS:
        return False
    since, longest = entry.number("pwdLastSet"), -policy.number("maxPwdAge")
    return since == 0 or (longest > 0 and accounts.from_windows_time(since + longest) <= now)


def try_password(entry: Entry, password: str, policy: Entry, now: datetime) -> tuple[str, Entry | None]:
    """The sub-code with which AD refuses a logon, "" where it lets in; and the entry as it is afterwards.

    Whether an account is disabled, expired or must change its password is said only to those who
    know the password.
    """
    if is_locked(entry, policy, now):
        return "775", None
    draft = entry.draft()
    if not accounts.fits(password, entry.password):
        return "52e", _counted(draft, policy, now)
    if entry.number("userAccountControl") & accounts.DISABLED:
        return "533", None
    if is_expired(entry, now):
        return "701", None
    if entry.number("pwdLastSet") == 0 and password_is_expired(entry, policy, now):
        return "773", None
    if password_is_expired(entry, policy, now):
        return "532", None
    draft.attributes["badPwdCount"] = ["0"]
    if entry.number("lockoutTime"):
        draft.attributes["lockoutTime"] = ["0"]
    draft.attributes["lastLogon"] = [str(accounts.windows_time(now))]
    draft.attributes["logonCount"] = [str(entry.number("logonCount") + 1)]
    return "", draft


def _counted(draft: Entry, policy: Entry, now: datetime) -> Entry:
    last = draft.number("badPasswordTime")
    window = timedelta(microseconds=-policy.number("lockOutObservationWindow") // 10)
    fresh = bool(last) and now - accounts.from_windows_time(last) < window
    count = draft.number("badPwdCount") + 1 if fresh else 1
    draft.attributes["badPwdCount"] = [str(count)]
    draft.attributes["badPasswordTime"] = [str(accounts.windows_time(now))]
    if 0 < policy.number("lockoutThreshold") <= count:
        draft.attributes["lockoutTime"] = [str(accounts.windows_time(now))]
    return draft
