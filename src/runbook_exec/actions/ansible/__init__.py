"""Ansible: playbooks and single modules on hosts, planned by check mode, run by ansible-runner.

`ansible_runner` is the library; this package only shares its first name. One step from
YAML to report: `request` (what is asked for) → `session` (open, read, permit, run) →
`launch` (one ansible-playbook process) → `results` (its events) → `state` (what check
mode found) → `playbook`/`module` (the change).
"""

from runbook_exec.actions.ansible import module, playbook, provider

__all__ = ["module", "playbook", "provider"]
