"""Looking at hosts and services: nothing is changed, nowhere else is connected to."""

from __future__ import annotations

import json
import socket

import pytest
from servers.estate import estate
from servers.far_host import free_port

from runbook_exec.action import Rights, find_provider
from runbook_exec.change import Ref
from runbook_exec.errors import Invalid, NoPen

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
SAYS = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: {words: "{{ word }}", many: [1, true, null]}}
"""
CHANGES = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Make it
      ansible.builtin.file: {path: "{{ word }}", state: directory}
"""


def looks(tmp_path, text, word):
    here = estate(tmp_path / "p", hosts={"fs-brno": LOCAL}, connection={}, playbooks={"look.yml": text})
    values = {"playbook": "look.yml", "hosts": "fs-brno", "vars": {"word": word}}
    return here.plan("ansible.look", **values)


def test_what_a_playbook_says_keeps_its_types_and_a_template_in_a_value_stays_text(tmp_path):
    change = looks(tmp_path, SAYS, "{{ 7*7 }}")
    assert change.outputs["found"] == {"words": "{{ 7*7 }}", "many": [1, True, None]}


def test_a_look_that_would_change_something_is_refused(tmp_path):
    with pytest.raises(Invalid, match="a look changes nothing"):
        looks(tmp_path, CHANGES, str(tmp_path / "made"))
    assert not (tmp_path / "made").exists()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made.getsockname()[1]


def probe(tmp_path, **ports):
    body = {name: {"outside": {"address": "127.0.0.1", "port": port}} for name, port in ports.items()}
    (tmp_path / "services.yaml").write_text(json.dumps(body))
    connection = {"project": str(tmp_path), "services": "services.yaml"}
    return find_provider("probe"), connection


def test_a_service_answers_or_it_is_said_why_not(tmp_path, listener):
    provider, connection = probe(tmp_path, up=listener, down=free_port())
    up, down = Ref("probe.port", "up"), Ref("probe.port", "down")
    with provider.open(connection, write=False) as session:
        states = session.read([up, down])
    assert states[up] == {"up": True, "why": ""}
    assert states[down]["up"] is False
    assert "refused" in states[down]["why"]
    found = [finding.what for finding in provider.check(connection, Rights())]
    assert found[0].startswith("up: answers at 127.0.0.1:")


@pytest.mark.parametrize("name", ["127.0.0.1:22", "localhost", "", "{{ 7*7 }}", "../services"])
def test_an_address_is_no_service_so_an_input_leads_nowhere_else(tmp_path, listener, name):
    provider, connection = probe(tmp_path, up=listener)
    with provider.open(connection, write=True) as session:
        with pytest.raises(Invalid, match="nobody says where"):
            session.read([Ref("probe.port", name)])
        with pytest.raises(NoPen), session.permit(["up"]):
            pass


def test_a_wrong_file_of_services_is_told_with_its_place(tmp_path):
    provider, connection = probe(tmp_path)
    (tmp_path / "services.yaml").write_text("web: {outside: {address: a, port: many}}")
    with pytest.raises(Invalid) as caught, provider.open(connection, write=False):
        pass
    assert "web: outside" in caught.value.where
