"""Which words a playbook may not use, why, and what to write instead."""

from __future__ import annotations

PLUGIN_FOLDERS = (
    "action_plugins", "become_plugins", "cache_plugins", "callback_plugins", "cliconf_plugins",
    "collections", "connection_plugins", "filter_plugins", "httpapi_plugins", "inventory_plugins",
    "library", "lookup_plugins", "module_utils", "netconf_plugins", "roles", "shell_plugins",
    "strategy_plugins", "terminal_plugins", "test_plugins", "vars_plugins",
)  # fmt: skip
"""Folders beside a playbook whose code Ansible would load into this machine's process."""

_NOBODY = "waits for somebody who is not there"
_UNSEEN_CODE = "takes code that is not looked at"
_FREE_SHELL = "is a free shell that check mode cannot see"

FORBIDDEN_KEYWORDS = {
    "delegate_to": ("acts on another host than planned", "give that host a play of its own"),
    "local_action": ("acts on this machine", "do it on the host"),
    "connection": ("chooses where the task runs", "set ansible_connection in the inventory"),
    "vars_prompt": (_NOBODY, "pass the value as a variable"),
    "roles": (_UNSEEN_CODE, "write the tasks into the playbook"),
    "debugger": (_NOBODY, "remove it"),
    "strategy": ("changes the order in which things are reported", "remove it"),
    "ignore_unreachable": ("hides a host that does not answer", "remove it"),
    "async": ("is not waited for, so it cannot be read back", "remove it; the step has a timeout"),
    "action": ("hides which module is used", "write the module's full name as the key"),
}

FORBIDDEN_MODULES = {
    "raw": (_FREE_SHELL, "use a module"),
    "script": ("runs a file of this machine that check mode cannot see", "use a module"),
    "expect": (_FREE_SHELL, "use a module"),
    "add_host": ("adds a host that nobody planned", "put the host into the inventory"),
    "pause": (_NOBODY, "use a step of the runbook: wait.until, people.confirm"),
    "include_role": (_UNSEEN_CODE, "write the tasks into the playbook"),
    "import_role": (_UNSEEN_CODE, "write the tasks into the playbook"),
    "fetch": ("writes to this machine", "read it in a step of the runbook"),
}

COMMANDS = ("command", "shell")
INCLUDES = ("include_tasks", "import_tasks", "import_playbook")
TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")

_TASK_WORDS = (
    "action any_errors_fatal args async become become_exe become_flags become_method become_user "
    "changed_when check_mode collections connection debugger delay delegate_facts delegate_to diff "
    "environment failed_when ignore_errors ignore_unreachable listen local_action loop loop_control "
    "module_defaults name no_log notify poll port register remote_user retries run_once tags throttle "
    "timeout until vars when block rescue always"
)
TASK_KEYWORDS = frozenset(_TASK_WORDS.split())
"""Keys of a task that are no module."""
