"""A real Request Tracker 5 on loopback: SQLite, three queues, a user with a pen and one without."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import missing_server

from runbook_exec.secret import Secret

SERVER = "/usr/share/request-tracker5/libexec/rt-server"
SETUP = "/usr/sbin/rt-setup-database-5"

_CONFIG = """\
Set($WebPort, {port});
Set($rtname, 'desk.example');
Set($Organization, 'desk.example');
Set($WebDomain, '127.0.0.1');
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($WebPath, '');
Set($CorrespondAddress, 'desk@example');
Set($CommentAddress, 'desk-comment@example');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.sqlite');
Set($DatabaseUser, 'rt');
Set($MailCommand, 'testfile');
Set($WebSessionClass, 'Apache::Session::File');
Set($LogToFile, 'warning');
Set($LogDir, '{folder}/log');
Set($LogToSyslog, '');
Set($LogToSTDERR, '');
Set($Timezone, 'UTC');
$RT::VarPath = '{folder}';
$RT::MasonDataDir = '{folder}/mason';
$RT::MasonSessionDir = '{folder}/sessions';
1;
"""

_SEED = """
use strict; use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT; RT::LoadConfig(); RT::Init();
use JSON;
my $system = RT->SystemUser;
sub must { my ($ok, $why) = @_; die "$why\\n" unless $ok; return $ok }
my %queue;
for my $name (qw(it facility other)) {
    $queue{$name} = RT::Queue->new($system);
    must($queue{$name}->Create(Name => $name));
}
my %made;
my %rights = (
    desk   => [qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ModifyTicket CommentOnTicket)],
    reader => [qw(SeeQueue ShowTicket ShowTicketComments)],
    nobody_here => [],
);
for my $name (sort keys %rights) {
    my $user = RT::User->new($system);
    must($user->Create(Name => $name, EmailAddress => "$name\\@example", Privileged => 1));
    for my $queue (values %queue) {
        must($user->PrincipalObj->GrantRight(Right => $_, Object => $queue)) for @{$rights{$name}};
    }
    must($user->PrincipalObj->GrantRight(Right => 'ManageAuthTokens', Object => RT->System));
    my $token = RT::AuthToken->new(RT::CurrentUser->new($user));
    my ($id, $why, $text) = $token->Create(Owner => $user->Id, Description => 'runbook');
    must($id, $why);
    must($user->PrincipalObj->RevokeRight(Right => 'ManageAuthTokens', Object => RT->System));
    $made{$name} = $text;
}
my $hr = RT::User->new($system);
must($hr->Create(Name => 'hr', EmailAddress => 'hr@example', Privileged => 0));
print encode_json(\\%made);
"""


@dataclass
class RequestTracker:
    """One running server; `connection` is what an environment would hold."""

    folder: Path
    port: int
    tokens: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def connection(self) -> dict:
        return self.as_user("desk")

    def as_user(self, name: str) -> dict:
        """A connection as one of the seeded users: desk, reader, nobody_here."""
        return {
            "system": "rt",
            "url": f"http://127.0.0.1:{self.port}",
            "token": Secret(self.tokens[name]),
            "queue": "it",
            "timeout": 30,
        }

    def start(self) -> None:
        log = (self.folder / "server.log").open("ab")
        command = [SERVER, "--server", "Starlet", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--max-workers", "2"],
            env=_environment(self.folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("RT did not start: " + (self.folder / "server.log").read_text()[-2000:])

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)


@contextmanager
def running(folder: Path, golden: Path) -> Iterator[RequestTracker]:
    """Start a desk copied from the `golden` folder (set up on first use); stop it at the end."""
    if not Path(SERVER).exists() or not Path(SETUP).exists():
        missing_server("request-tracker5")
    _set_up(golden)
    shutil.copytree(golden, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    _configure(folder, port)
    server = RequestTracker(folder, port, json.loads((folder / "tokens.json").read_text()))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prepared desk is kept, once for all workers of a test session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "rt-golden"


def _set_up(golden: Path) -> None:
    golden.parent.mkdir(parents=True, exist_ok=True)
    with (golden.parent / f"{golden.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (golden / "tokens.json").exists():
            return
        shutil.rmtree(golden, ignore_errors=True)
        golden.mkdir()
        _configure(golden, 1)
        _run(golden, SETUP, "--action", "init", "--skip-create", "--dba", "rt")
        tokens = _run(golden, "perl", "-e", _SEED)
        (golden / "tokens.json").write_text(tokens)


def _configure(folder: Path, port: int) -> None:
    for name in ("log", "mason", "sessions"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "RT_SiteConfig.pm").write_text(_CONFIG.format(folder=folder, port=port))


def _environment(folder: Path) -> dict[str, str]:
    config = {"RT_SITE_CONFIG": str(folder / "RT_SiteConfig.pm"), "RT_SITE_CONFIG_DIR": str(folder / "none")}
    return {**os.environ, **config}


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
