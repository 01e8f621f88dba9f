"""Decisions signed with a person's SSH key, by `ssh-keygen -Y`; and what exactly is signed.

What is signed names client, run, gate, plan, verdict, person and time, and the journal's
head at that moment: a signature fits one place in one journal and no other.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from runbook_exec.change import Json
from runbook_exec.errors import Invalid, Refused

NAMESPACE = "runbook-decision@runbook-exec"
"""What our signatures are for; one made for git or a file is refused."""

_PRINCIPAL = "decider"
"""Each verification has a list of allowed signers of its own, with one person's keys alone."""

PROGRAMS = "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin"
"""Where programs are looked for; never along PATH, which its user chooses."""

FIELDS = (
    "client",
    "environment",
    "run",
    "gate",
    "plan",
    "shown",
    "verdict",
    "about",
    "person",
    "delegated_for",
    "reason",
    "at",
    "after",
)


def signed_text(fields: Mapping[str, Json]) -> str:
    """The text that is signed: one line for each field, values as JSON in plain ASCII."""
    lines = [f"{name}: {_ascii(fields[name])}" for name in FIELDS]
    return "\n".join(["runbook decision, version 1", *lines, ""])


def _ascii(value: Json) -> str:
    text = msgspec.json.encode(value).decode()
    return text.encode("ascii", "backslashreplace").decode()


def sign(text: str, key: Path) -> str:
    """The armoured signature of a text. `key` is a private key, or a public one whose other half the agent holds."""
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        told = Path(folder) / "decision"
        told.write_text(text, encoding="ascii")
        command = [_program(), "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(told)]
        # Its passphrase is asked for at the terminal: stdin and stderr stay the person's.
        done = subprocess.run(  # noqa: S603
            command, stdout=subprocess.DEVNULL, env=_surroundings(), check=False, timeout=300
        )
        made = told.with_suffix(".sig")
        if done.returncode or not made.exists():
            raise Refused(
                "the decision was not signed, so it was not recorded",
                where=str(key),
                next_move="name a key that you can use: --key ~/.ssh/id_ed25519",
            )
        return made.read_text(encoding="ascii")


def sign_by_agent(text: str, public: str) -> str:
    """The signature of a text by the key that the SSH agent holds."""
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        named = Path(folder) / "key.pub"
        named.write_text(public + "\n", encoding="ascii")
        return sign(text, named)


def agent_keys() -> list[str]:
    """Public keys (kind and key) that the running SSH agent holds."""
    if "SSH_AUTH_SOCK" not in os.environ:
        return []
    found = shutil.which("ssh-add", path=PROGRAMS)
    if found is None:
        return []
    done = subprocess.run(  # noqa: S603
        [found, "-L"], capture_output=True, text=True, env=_surroundings(), check=False, timeout=20
    )
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return [" ".join(line.split()[:2]) for line in lines]


def public_key(key: Path) -> str:
    """Kind and key of a key file's public half."""
    beside = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    try:
        return " ".join(beside.read_text(encoding="ascii").split()[:2])
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            "its public half cannot be read",
            where=str(beside),
            next_move="name the private key beside its .pub",
        ) from error


@cache
def fingerprint(key: str) -> str:
    """`SHA256:…` of a public key, as ssh-keygen prints it."""
    import base64
    import hashlib

    try:
        raw = base64.b64decode(key.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise Invalid(f"{key[:30]!r} is no public key", next_move="copy the .pub file") from error
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


@cache
def verify(text: str, signature: str, keys: tuple[str, ...]) -> str:
    """The fingerprint of the one of a person's keys that signed the text; empty where none did."""
    if not signature.startswith("-----BEGIN SSH SIGNATURE-----") or not text.isascii():
        return ""
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        made = Path(folder) / "decision.sig"
        made.write_text(signature, encoding="ascii", errors="replace")
        for key in keys:
            allowed = Path(folder) / "allowed_signers"
            allowed.write_text(
                f'{_PRINCIPAL} namespaces="{NAMESPACE}" {key}\n', encoding="ascii", errors="replace"
            )
            command = [_program(), "-Y", "verify", "-f", str(allowed), "-I", _PRINCIPAL]
            command += ["-n", NAMESPACE, "-s", str(made)]
            done = subprocess.run(  # noqa: S603
                command,
                input=text.encode(),
                capture_output=True,
                env=_surroundings(),
                check=False,
                timeout=20,
            )
            if done.returncode == 0:
                return fingerprint(key)
    return ""


def _program() -> str:
    found = shutil.which("ssh-keygen", path=PROGRAMS)
    if found is None:
        raise Refused(
            "ssh-keygen is not installed", next_move="install OpenSSH's client, version 8.1 or later"
        )
    return found


def _surroundings() -> dict[str, str]:
    """Only what reaching the agent and the terminal takes."""
    kept = ("SSH_AUTH_SOCK", "HOME", "TERM", "DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")
    return {"PATH": PROGRAMS, **{name: os.environ[name] for name in kept if name in os.environ}}
