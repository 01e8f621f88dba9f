"""One write to a directory, as an Ansible module: what community.general's LDAP modules do in a task."""

from __future__ import annotations

import ssl

import ldap3
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    options = {
        "url": {"type": "str", "required": True},
        "ca": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "bind_password": {"type": "str", "required": True, "no_log": True},
        "dn": {"type": "str", "required": True},
        "add": {"type": "dict", "default": {}},
        "password": {"type": "str", "default": "", "no_log": True},
        "modify": {"type": "dict", "default": {}},
    }
    module = AnsibleModule(argument_spec=options)
    asked = module.params
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=asked["ca"])
    server = ldap3.Server(asked["url"], tls=tls, get_info=ldap3.NONE)
    with ldap3.Connection(server, asked["user"], asked["bind_password"], auto_bind=True) as line:
        if asked["add"]:
            done = line.add(asked["dn"], attributes=asked["add"])
        elif asked["password"]:
            done = line.extend.standard.modify_password(asked["dn"], new_password=asked["password"])
        else:
            mods = {name: [(kind, values)] for name, (kind, values) in asked["modify"].items()}
            done = line.modify(asked["dn"], mods)
        if not done:
            module.fail_json(msg=str(line.result))
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
