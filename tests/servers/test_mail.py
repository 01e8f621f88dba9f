"""Mails over real SMTP: to the rehearsal company's server, and to servers that behave badly."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from runbook_exec.action import Context, Rights, find, find_provider, make_args
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused, Transient, Unreachable
from runbook_exec.plan import gather
from runbook_exec.sandbox import certificates, mail
from runbook_exec.sandbox.rehearsal import open_rehearsal
from runbook_exec.secret import Secret

SEND = find("mail.send")
PROVIDER = find_provider("mail")
NOW = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


@contextmanager
def loop_in_a_thread():
    loop = asyncio.new_event_loop()
    listening = []
    create_server = loop.create_server

    async def noted(*args, **options):
        listening.append(await create_server(*args, **options))
        return listening[-1]

    loop.create_server = noted
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(_wind_down(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _wind_down(listening):
    for one in listening:
        one.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def company(tmp_path):
    """The rehearsal company with its mail server running, and the connection to it."""
    rehearsal = open_rehearsal(tmp_path / "company")
    mail.seed(rehearsal)
    with loop_in_a_thread() as run:
        connection = run(mail.start(rehearsal))["mail"]
        password = Path(connection["password"].removeprefix("file:")).read_text()
        yield rehearsal, project(tmp_path, **{**connection, "password": Secret(password)})
    rehearsal.shelf.close()


@contextmanager
def server(tmp_path, handler, *, tls=None, **options):
    """An SMTP server of a test's own, on loopback; gives the connection to it."""

    async def start():
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            lambda: SMTP(handler, loop=loop, **options), "127.0.0.1", 0, ssl=tls
        )
        return listening.sockets[0].getsockname()[1]

    with loop_in_a_thread() as run:
        yield project(tmp_path, host="127.0.0.1", port=run(start()), security="none")


def project(tmp_path, **connection):
    folder = tmp_path / "templates" / "mail" / "welcome"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "en.txt").write_text(
        "Subject: Welcome {{ given_name }}\n\nDear {{ given_name }},\n.\n..dots\n{{ more }}\n"
    )
    (folder / "en.html").write_text("<p>Dear {{ given_name }}</p>\n")
    return {"project": str(tmp_path), "from": "it@kranich.example", "from_name": "Kranich ÍT", **connection}


def context(tmp_path, run):
    return Context(
        client="kranich",
        run=run,
        step="welcome",
        language="en",
        project=tmp_path,
        now=lambda: NOW,
        deadline=NOW + timedelta(seconds=5),
        say=lambda _text: None,
        record=lambda _body: None,
        ask=lambda _question: None,
    )


def arguments(*, to="anna.weiss@kranich.example", **args):
    values = {"given_name": "Anna Weiß", "more": "the end"}
    return make_args(SEND, {"to": to, "template": "welcome", "values": values, **args})


def send(connection, tmp_path, *, run="260301-abcde", **args):
    made = arguments(**args)
    with PROVIDER.open(connection, write=True) as session:
        change = SEND.plan(made, gather(SEND, made, session.read))
        with session.permit(change.writes):
            return SEND.apply(session, made, change, context(tmp_path, run))


def kept(rehearsal):
    return [body for _, body in rehearsal.shelf.items("mail")]


def test_a_mail_arrives_as_it_was_planned(company, tmp_path):
    rehearsal, connection = company
    evidence = send(connection, tmp_path)
    (found,) = kept(rehearsal)
    assert found["subject"] == "Welcome Anna Weiß"
    assert found["text"].splitlines() == ["Dear Anna Weiß,", ".", "..dots", "the end"]
    assert found["html"].strip() == "<p>Dear Anna Weiß</p>"
    assert found["receivers"] == ["anna.weiss@kranich.example"]
    assert found["headers"]["From"] == "Kranich IT-Service <it-service@kranich.example>"
    assert found["headers"]["Auto-Submitted"] == "auto-generated"
    assert found["message_id"] == evidence.outputs["message_id"]
    assert evidence.answer["answer"] == "2.0.0 kept as 1"


def test_the_same_step_of_a_run_has_the_same_message_id_and_another_run_another(company, tmp_path):
    _, connection = company
    first, again, other = [send(connection, tmp_path, run=run).outputs["message_id"] for run in "aab"]
    assert first == again
    assert first != other


def test_what_arrived_survives_a_restart_of_the_sandbox(company, tmp_path):
    rehearsal, connection = company
    send(connection, tmp_path)
    again = open_rehearsal(rehearsal.folder)
    assert [body["subject"] for body in kept(again)] == ["Welcome Anna Weiß"]
    again.shelf.close()


def test_a_secret_with_a_reason_is_opened_only_in_the_mail_itself(company, tmp_path):
    rehearsal, connection = company
    values = {"given_name": "Anna", "more": Secret("tr0ub4dor", rule="a word")}
    evidence = send(connection, tmp_path, values=values, secret_because="encrypted mailbox")
    assert "tr0ub4dor" in kept(rehearsal)[0]["text"]
    assert "tr0ub4dor" not in str(evidence)


def test_a_refused_mail_is_a_passing_trouble_and_nothing_is_kept(company, tmp_path):
    rehearsal, connection = company
    rehearsal.faults.on("mail-refused", times=1)
    with pytest.raises(Transient, match="451"):
        send(connection, tmp_path)
    assert kept(rehearsal) == []
    send(connection, tmp_path)
    assert len(kept(rehearsal)) == 1


def test_a_wrong_password_is_said_without_the_password(company, tmp_path):
    _, connection = company
    with pytest.raises(NotAllowed, match="login of runbook") as caught:
        send({**connection, "password": Secret("wr0ng-pass")}, tmp_path)
    assert "wr0ng-pass" not in str(caught.value)


def test_a_certificate_of_another_authority_is_not_trusted(company, tmp_path):
    _, connection = company
    other = certificates.make(tmp_path / "other")
    with pytest.raises(Unreachable, match="certificate is not trusted") as caught:
        send({**connection, "ca": str(other.ca)}, tmp_path)
    assert not caught.value.sent


def test_an_address_outside_the_plan_gets_nothing(company):
    rehearsal, connection = company
    with (
        PROVIDER.open(connection, write=True) as session,
        session.permit(["a@kranich.example"]),
        pytest.raises(Refused, match="not in the plan"),
    ):
        session.send(None, ["b@kranich.example"], seconds=5)
    assert kept(rehearsal) == []


def test_doctor_tries_the_server_without_sending(company):
    rehearsal, connection = company
    found = PROVIDER.check(connection, Rights())
    assert all(finding.ok for finding in found), found
    assert "logged in as runbook" in found[-1].what
    assert kept(rehearsal) == []


def test_doctor_says_what_is_wrong_with_the_connection(company):
    _, connection = company
    bad = PROVIDER.check({**connection, "password": Secret("x")}, Rights())[-1]
    assert not bad.ok
    assert "user and password" in bad.next_move


class Visits:
    """Keeps who came, and answers as it is told."""

    def __init__(self, **answers):
        self.answers, self.commands, self.mails = answers, [], []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd calls it so
        self.commands.append("MAIL")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd calls it so
        self.commands.append(f"RCPT {address}")
        envelope.rcpt_tos.append(address)
        return self.answers.get(address, "250 OK")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it so
        self.commands.append("DATA")
        if self.answers.get("data") == "gone":
            server.transport.abort()
            return "250 nobody hears this"
        self.mails.append(envelope.content)
        return self.answers.get("data", "250 OK")


def test_a_dry_run_never_talks_to_the_server(tmp_path):
    visits = Visits()
    with server(tmp_path, visits) as connection, PROVIDER.open(connection, write=False) as session:
        args = arguments()
        change = SEND.plan(args, gather(SEND, args, session.read))
        with pytest.raises(NoPen), session.permit(change.writes):
            pass
        with pytest.raises(NoPen):
            session.send(None, list(change.writes), seconds=5)
    assert visits.commands == []


def test_planning_needs_no_server_that_is_up(tmp_path):
    connection = project(tmp_path, host="127.0.0.1", port=1, security="none")
    with PROVIDER.open(connection, write=False) as session:
        args = arguments()
        change = SEND.plan(args, gather(SEND, args, session.read))
    assert change.request["from"] == "it@kranich.example"


def test_one_refused_receiver_means_that_nobody_gets_the_mail(tmp_path):
    visits = Visits(**{"b@b.example": "550 5.1.1 no such user"})
    with (
        server(tmp_path, visits) as connection,
        pytest.raises(Failed, match=r"b@b\.example: 550 5\.1\.1 no such user"),
    ):
        send(connection, tmp_path, to=["a@b.example", "b@b.example"])
    assert "DATA" not in visits.commands


def test_a_final_no_to_the_text_is_a_failure(tmp_path):
    with (
        server(tmp_path, Visits(data="554 5.7.1 looks like spam")) as connection,
        pytest.raises(Failed, match=r"554 5\.7\.1 looks like spam") as caught,
    ):
        send(connection, tmp_path)
    assert not isinstance(caught.value, Transient)


def test_a_connection_lost_while_handing_over_leaves_us_in_doubt(tmp_path):
    with (
        server(tmp_path, Visits(data="gone")) as connection,
        pytest.raises(Unreachable, match="broke while the mail was handed over") as caught,
    ):
        send(connection, tmp_path)
    assert caught.value.sent


def test_a_server_that_is_down_was_sent_nothing(tmp_path):
    connection = project(tmp_path, host="127.0.0.1", port=1, security="none")
    with pytest.raises(Unreachable, match="no connection") as caught:
        send(connection, tmp_path)
    assert not caught.value.sent


def test_a_server_without_starttls_gets_neither_password_nor_mail(tmp_path):
    visits = Visits()
    with server(tmp_path, visits) as connection, pytest.raises(Unreachable, match="does not offer"):
        send({**connection, "security": "starttls", "user": "u", "password": Secret("p")}, tmp_path)
    assert visits.commands == []


def test_mail_in_clear_is_for_loopback_alone(tmp_path):
    connection = project(tmp_path, host="mail.kranich.example", security="none")
    with pytest.raises(Invalid, match="in clear"), PROVIDER.open(connection, write=True):
        pass


def test_tls_from_the_first_byte_works_too(tmp_path):
    made = certificates.make(tmp_path / "ca")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.cert, made.key)
    visits = Visits()
    with server(tmp_path, visits, tls=tls) as connection:
        evidence = send({**connection, "security": "tls", "ca": str(made.ca)}, tmp_path)
    assert evidence.answer["status"] == 250
    assert len(visits.mails) == 1
