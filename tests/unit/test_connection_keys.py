"""The application adds the client and the project folder to every connection; no provider minds."""

from __future__ import annotations

from functools import partial

import pytest

from runbook_exec.action import ADDED
from runbook_exec.actions.ansible import configuration
from runbook_exec.actions.aws import provider as aws
from runbook_exec.actions.exchange import provider as exchange
from runbook_exec.actions.graph import connection as graph
from runbook_exec.actions.ldap import connection as ldap
from runbook_exec.actions.mail.session import MailSession
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret
from runbook_exec.settings import find_project

LDAP = {"url": "ldaps://dc.example", "base": "DC=x", "user": "u@x.example", "password": Secret("p")}
GRAPH = {"tenant": "t", "client_id": "i", "client_secret": Secret("s")}
AWS = {"region": "eu-central-1", "profile": "plan", "identity_store": "d-1234567890"}
EXCHANGE = {"organization": "x.onmicrosoft.com", "app_id": "a", "certificate": "c.pfx"}
MAIL = {"host": "mail.example", "from": "it@x.example"}
READERS = {
    "mail": (partial(MailSession, write=False), MAIL),
    "aws": (aws.parsed, AWS),
    "exchange": (exchange.parsed, EXCHANGE),
    "ldap": (ldap.read_connection, LDAP),
    "graph": (graph.parsed, GRAPH),
    "ansible": (configuration.connection, {}),
}


@pytest.mark.parametrize("name", READERS)
def test_what_the_application_adds_is_no_mistake_and_anything_else_is(name, tmp_path):
    read, keys = READERS[name]
    (tmp_path / "runbook.yaml").write_text(
        "client: kranich\nenvironments: {test: {connections: {other: {}}}}\n"
    )
    added = find_project(tmp_path).environment("test").connection("other", write=False)
    assert set(added) == ADDED
    assert read({**keys, **added})
    with pytest.raises(Invalid, match="nonsense"):
        read({**keys, **added, "nonsense": 1})
