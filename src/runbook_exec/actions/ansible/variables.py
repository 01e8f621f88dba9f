"""Values on their way into Ansible: data, never templates.

Ansible computes `{{ … }}` wherever it trusts a text, and it trusts extra variables: a first
name of `{{ lookup('pipe', 'id') }}` would run. So every text is wrapped as unsafe, down to
the last nested one, and the names of variables are allow-listed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from runbook_exec.change import Json
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_WORDS = (
    # what Ansible itself sets
    "environment group_names groups hostvars inventory_dir inventory_file inventory_hostname "
    "inventory_hostname_short omit play_hosts playbook_dir role_name role_names role_path role_uuid "
    # keywords of plays, blocks and tasks
    "action always any_errors_fatal args async async_val become become_exe become_flags become_method "
    "become_user block changed_when check_mode collections connection debugger delay delegate_facts "
    "delegate_to diff fact_path failed_when force_handlers gather_facts gather_subset gather_timeout "
    "handlers hosts ignore_errors ignore_unreachable item local_action loop loop_control loop_with "
    "max_fail_percentage module_defaults name no_log notify order poll port post_tasks pre_tasks "
    "register remote_user rescue retries roles run_once serial strategy tags tasks throttle timeout "
    "until vars vars_files vars_prompt when with_ "
    # names that templates know
    "cycler dict joiner lipsum lookup namespace now q query range true false none undef"
)
RESERVED = frozenset(_WORDS.split())
"""What Ansible itself sets, the keywords of plays and tasks, and names that templates know."""

UNSAFE = "__ansible_unsafe"


def checked_name(name: str, *, what: str = "variable") -> str:
    """The name of a variable, or `Invalid`: nothing that Ansible gives a meaning of its own."""
    if not NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} is no name for a {what}",
            next_move="use lower-case letters, digits and _, beginning with a letter",
        )
    if name in RESERVED or name.startswith(("ansible_", "runbook_")):
        raise Invalid(
            f"{name!r} cannot be a {what}: Ansible or we give it a meaning",
            next_move="choose another name, for example one that begins with the playbook's subject",
        )
    return name


def wrapped(value: Json) -> Json:
    """The value with every text marked as data.

    Ansible never reads the keys of mappings as templates, but it would obey a key of its own
    (`__ansible_vault`), so those are refused.
    """
    if isinstance(value, str):
        return {UNSAFE: _sound(value)}
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {_key(key): wrapped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [wrapped(item) for item in value]
    if isinstance(value, Secret):
        raise Invalid(
            "a secret stands among the ordinary values",
            next_move="name it under secrets: instead, so that it is never shown",
        )
    raise Invalid(
        f"{type(value).__name__} cannot be given to Ansible", next_move="give a text, number, list or mapping"
    )


def _key(key: object) -> str:
    if not isinstance(key, str) or key.startswith("__ansible"):
        raise Invalid(
            f"a mapping with the key {key!r} cannot be given to Ansible", next_move="rename the key"
        )
    return _sound(key)


def _sound(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(
            f"the text {text!r} holds half a character",
            next_move="find out where the value was cut, and send it whole",
        ) from error
    return text
