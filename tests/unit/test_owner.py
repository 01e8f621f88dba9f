"""Who holds a lease, and when it is certain that nobody does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from runbook_exec.store import owner

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture
def other():
    """Another process and how it would sign."""
    child = subprocess.Popen(SLEEP, stdout=subprocess.PIPE)
    child.stdout.readline()
    yield (
        child,
        owner.this_process()
        .replace(str(os.getpid()), str(child.pid), 1)
        .replace(owner._mark(os.getpid()), owner._mark(child.pid)),
    )
    child.kill()
    child.wait()
    child.stdout.close()


def test_an_owner_reads_like_a_sentence():
    assert owner.said(owner.this_process()).startswith(f"process {os.getpid()} on ")
    assert "~" not in owner.said(owner.this_process())


def test_a_process_that_lives_is_not_gone(other):
    assert not owner.is_gone(owner.this_process())
    assert not owner.is_gone(other[1])


def test_a_process_that_stands_still_is_not_gone(other):
    child, name = other
    os.kill(child.pid, signal.SIGSTOP)
    assert not owner.is_gone(name)
    os.kill(child.pid, signal.SIGCONT)


def test_a_killed_process_is_gone_even_while_nobody_has_taken_note(other):
    child, name = other
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table as a zombie
    assert owner.is_gone(name)
    child.wait()
    assert owner.is_gone(name)


def test_a_process_number_that_was_given_out_again_is_not_taken_for_the_old_owner():
    who, _, mark = owner.this_process().partition(" ~ ")
    boot, space, started = mark.split()
    assert owner.is_gone(f"{who} ~ {boot} {space} {int(started) - 1}")


@pytest.mark.parametrize("part", [0, 1])
def test_of_another_boot_or_container_nobody_can_tell(part):
    who, _, mark = owner.this_process().partition(" ~ ")
    words = mark.split()
    words[part] = "elsewhere"
    assert not owner.is_gone(f"{who.replace(str(os.getpid()), '999999999')} ~ {' '.join(words)}")


@pytest.mark.parametrize("name", ["", "process 1 on alpha", "p2", " ~ "])
def test_of_an_owner_without_a_mark_nobody_can_tell(name):
    assert not owner.is_gone(name)


def test_looking_is_quick():
    began = time.perf_counter()
    owner.is_gone(owner.this_process())
    assert time.perf_counter() - began < 0.5
