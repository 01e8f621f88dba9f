"""Ansible: playbooks and single modules on hosts, planned by check mode, run by ansible-runner.

`ansible_runner` is the library; this package only shares its first name. One step from
YAML to report: `request` (what is asked for) → `session` (open, read, permit, run) →
`launch` (one ansible-playbook process) → `results` (its events) → `state` (what check
mode found) → `playbook`/`module` (the change). `look` reads by a playbook that changes nothing; `looking`
is what it found.
"""

from runbook_exec.actions.ansible import look, module, playbook, provider

__all__ = ["look", "module", "playbook", "provider"]
