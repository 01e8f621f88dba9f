"""What the numbers of an account mean: userAccountControl, Windows times, security ids, passwords."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from enum import IntFlag

DISABLED, NO_PASSWORD_NEEDED, NORMAL, TRUSTED_COMPUTER, PASSWORD_STAYS = 0x2, 0x20, 0x200, 0x1000, 0x10000
ACCOUNT_KINDS = 0x100 | NORMAL | 0x800 | TRUSTED_COMPUTER | 0x2000
IGNORED = 0x10 | 0x40 | 0x800000
"""Bits that AD computes and does not store: locked out, cannot change password, password expired."""
LOCKED, EXPIRED = 0x10, 0x800000
NEVER = 9223372036854775807

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_ROUNDS = 2000  # a rehearsal's passwords guard nothing; seeding the company must stay quick


class GroupKind(IntFlag):
    """Bits of groupType."""

    BUILTIN = 0x1
    GLOBAL = 0x2
    LOCAL = 0x4
    UNIVERSAL = 0x8
    SECURITY = 0x80000000

    @classmethod
    def of(cls, text: str) -> GroupKind:
        return cls(int(text) & 0xFFFFFFFF)


def windows_time(moment: datetime) -> int:
    """Intervals of 100 ns since 1601."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10


def from_windows_time(ticks: int) -> datetime:
    """The moment that a Windows time means."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def generalized_time(moment: datetime) -> str:
    """As AD writes it, in UTC with one meaningless decimal."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S.0Z")


def sid_bytes(text: str) -> bytes:
    """S-1-5-21-… in its binary form (MS-DTYP 2.4.2.2)."""
    revision, authority, *subs = (int(part) for part in text.split("-")[1:])
    return (
        bytes([revision, len(subs)])
        + authority.to_bytes(6, "big")
        + b"".join(sub.to_bytes(4, "little") for sub in subs)
    )


def sid_text(raw: bytes) -> str:
    """The text form of a binary security id."""
    subs = (int.from_bytes(raw[8 + 4 * n : 12 + 4 * n], "little") for n in range(raw[1]))
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, subs)])


def hashed(password: str) -> dict[str, str]:
    """What is kept of a password."""
    salt = secrets.token_bytes(16)
    return {"salt": salt.hex(), "hash": _digest(password, salt).hex()}


def fits(password: str, kept: dict[str, str] | None) -> bool:
    """True where this is the password of which `kept` was kept."""
    if kept is None:
        return False
    return hmac.compare_digest(_digest(password, bytes.fromhex(kept["salt"])).hex(), kept["hash"])


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-16-le", "surrogatepass"), salt, _ROUNDS)


def is_complex(password: str, *, login: str, display_name: str) -> bool:
    """AD's complexity rule: three of five kinds of characters, no part of the person's names."""
    kinds = (
        any(char.isupper() for char in password),
        any(char.islower() for char in password),
        any(char.isdecimal() for char in password),
        any(not char.isalnum() for char in password),
        any(char.isalpha() and not char.isupper() and not char.islower() for char in password),
    )
    parts = [login, *re.split(r"[,.\-_ #\t]+", display_name)]
    lower = password.lower()
    return sum(kinds) >= 3 and not any(len(part) >= 3 and part.lower() in lower for part in parts)
