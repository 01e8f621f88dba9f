"""The key of the black box: made at first use, kept in the project's state folder or named by a reference.

Checkpoints are signed with Ed25519. Only the private half is secret; the public half is
what an auditor is given.
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runbook_exec.checkpoint import Signer
from runbook_exec.errors import JournalError
from runbook_exec.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE = "blackbox.key"
NEXT = "blackbox.key.next"
"""The new key while it is being changed over: durable before anything is signed with it."""


class PrivateKey:
    """An Ed25519 key that signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = base64.b64encode(key.public_key().public_bytes_raw()).decode()

    def sign(self, text: bytes) -> str:
        return base64.b64encode(self._key.sign(text)).decode()

    def pem(self) -> bytes:
        """The private half as PEM (PKCS 8), as `openssl genpkey -algorithm ed25519` writes it."""
        from cryptography.hazmat.primitives import serialization as s

        return self._key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())


class Keys:
    """Where the key of one project is. `given` is what the reference in `runbook.yaml` names; None: none there."""

    def __init__(self, folder: Path, given: Secret | None = None) -> None:
        self.folder, self.given = folder, given

    @property
    def is_ours(self) -> bool:
        """True where the program keeps the key itself."""
        return self.given is None

    def signer(self, newest: str | None) -> Signer:
        """Whoever signs after the key `newest` (None: nothing was signed yet, and a key is made).

        Raises `JournalError` where the key at hand is another one, or is gone: nothing
        may be recorded then, since nobody could tell it from a forgery.
        """
        if self.given is not None:
            return self._same(parse(self.given.reveal().encode(), "the reference blackbox.key"), newest)
        path = self.folder / FILE
        if not path.exists():
            if newest is not None:
                raise JournalError(
                    "the key that signs the black box is gone", where=str(path), next_move=_LOST
                )
            _keep(made(), path)
        found = parse(_read(path), str(path))
        if newest not in {None, found.public} and self._change_over(newest):
            found = parse(_read(path), str(path))
        return self._same(found, newest)

    def prepare(self) -> Signer:
        """A new key beside the present one, durable; it takes its place once a checkpoint names it."""
        path = self.folder / NEXT
        path.unlink(missing_ok=True)
        _keep(made(), path)
        return parse(_read(path), str(path))

    def take_over(self, public: str) -> None:
        """The new key is named by a checkpoint: it takes the old one's place."""
        self._change_over(public)

    def public(self) -> str:
        """The public half of the key at hand. Raises `JournalError` where there is none."""
        if self.given is not None:
            return parse(self.given.reveal().encode(), "the reference blackbox.key").public
        return parse(_read(self.folder / FILE), str(self.folder / FILE)).public

    def _change_over(self, newest: str | None) -> bool:
        """Ends a rotation that was recorded: the new key takes the old one's place."""
        path = self.folder / NEXT
        if not path.exists() or parse(_read(path), str(path)).public != newest:
            return False
        path.replace(self.folder / FILE)
        _sync(self.folder)
        return True

    def _same(self, found: PrivateKey, newest: str | None) -> PrivateKey:
        if newest in {None, found.public}:
            return found
        raise JournalError(
            "the key at hand is not the one that signed the black box so far",
            where="blackbox.key in runbook.yaml" if self.given else str(self.folder / FILE),
            next_move=_LOST,
        )


_LOST = (
    "put the right key back; if it is lost for good: `runbook blackbox rotate-key --lost --reason TEXT`, "
    "which the verifier will tell"
)


def made() -> PrivateKey:
    """A new key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return PrivateKey(Ed25519PrivateKey.generate())


def parse(text: bytes, where: str) -> PrivateKey:
    """A private key from PEM, or from the 32 bytes of its seed in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if b"-----BEGIN" in text:
            key = load_pem_private_key(text, password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.strip(), validate=True))
    except (ValueError, TypeError) as error:
        # The cause may quote the key.
        raise JournalError("this is no private Ed25519 key", where=where, next_move=_LOST) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise JournalError("this key is not of the kind Ed25519", where=where, next_move=_LOST)
    return PrivateKey(key)


def _keep(key: PrivateKey, path: Path) -> None:
    """Write a key that is complete and durable, or none; who comes second finds the first one's."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    shared = path.parent.stat().st_mode & stat.S_IWGRP  # a folder for the whole desk: all of it signs
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            if shared:
                os.fchmod(file.fileno(), 0o640)
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return
        finally:
            beside.unlink()
        _sync(path.parent)
    except OSError as error:
        raise JournalError(
            f"the key of the black box cannot be kept: {error.strerror}",
            where=str(path),
            next_move="check disk space and rights of the folder",
        ) from error


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JournalError(
            f"the key of the black box cannot be read: {error.strerror}",
            where=str(path),
            next_move="make it readable for whoever runs this",
        ) from error
