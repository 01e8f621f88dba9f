"""Power cuts: an ext4 file system on a loop device that drops everything which was not synced."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash.freeze import standing_still
from crash.person import Person
from crash.point import Blow, Outcome, Reference, judged, to_the_end
from crash.trial import Trial

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
"""FS_IOC_SHUTDOWN, and its way that flushes nothing: not even the file system's own journal."""


class NoPower(Exception):
    """This machine does not let us cut the power."""


class Disk:
    """A file system of our own."""

    def __init__(self, folder: Path) -> None:
        self.image, self.mount = folder / "disk.img", folder / "disk"

    def cut(self) -> None:
        """From now on nothing reaches the disk, and what had not been synced is gone."""
        handle = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def back(self) -> None:
        """The machine starts again."""
        _command("umount", str(self.mount))
        _command("mount", "-o", "loop", str(self.image), str(self.mount))


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Raises `NoPower` with the reason where this machine has no such disk."""
    if os.geteuid() != 0:
        raise NoPower("mounting takes root")
    for program in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(program) is None:
            raise NoPower(f"{program} is not installed")
    made = Disk(folder)
    made.mount.mkdir(parents=True)
    with made.image.open("wb") as image:
        image.truncate(64 * 1024 * 1024)
    _command("mkfs.ext4", "-q", "-F", str(made.image))
    _command("mount", "-o", "loop", str(made.image), str(made.mount))
    try:
        yield made
    finally:
        _command("umount", str(made.mount))


def cut(trial: Trial, there: Disk, key: str, reference: Reference, at: int) -> Outcome:
    """Cut the power at a point; when it is back a person goes on. What was acknowledged is noted elsewhere."""
    notes = there.image.parent / f"notes-{key}"
    notes.mkdir()
    person = Person(trial.project(there.mount / key), notes=notes)
    os.sync()  # the project's own files are older than the run
    outcome = Outcome(trial=trial.name, key=key, blow=Blow(at=at, how="power cut"))
    with standing_still(person, trial, key, at, on="") as (_, pid):
        if pid is not None:
            point = person.points()[-1]
            outcome.where = f"{point['call']} {point['on']}"
            there.cut()
    there.back()
    to_the_end(trial, person, outcome)
    return judged(trial, person, outcome, reference)


def moments(reference: Reference, dice: random.Random, count: int) -> list[int]:
    """Points from the run's first event on, at random."""
    begun = [call["n"] for call in reference.calls if call["begun"] >= 1]
    return sorted(dice.sample(begun, min(count, len(begun))))


def _command(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPower(f"{words[0]} does not work here: {done.stderr.strip()}")
