"""doctor: what it says of what it found."""

from __future__ import annotations

from runbook_exec.action import Finding
from runbook_exec.cli.checkup import shown


def test_what_nobody_can_tell_has_no_tick():
    lines = shown(
        [
            ("ldap, applying", Finding(ok=True, what="answers")),
            ("ldap, applying", Finding(ok=True, known=False, what="needed: Reset Password")),
            ("mail, applying", Finding(ok=False, what="silent", next_move="start it")),
        ]
    )
    assert "\n".join(lines) == (
        "ldap, applying\n  ✓ answers\n  ? needed: Reset Password\nmail, applying\n  ✗ silent\n"
        "      next: start it\n\n3 checks, 1 to mend, 1 nobody can tell from here (?)"
    )
