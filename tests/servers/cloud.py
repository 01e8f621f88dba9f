"""moto's AWS server on loopback, over real HTTP, in a process of its own: a fresh, empty account."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.sshd import free_port

from runbook_exec.secret import Secret

REGION = "eu-central-1"


@dataclass(frozen=True)
class Cloud:
    """Where it listens."""

    url: str

    def connection(self, **more: Any) -> dict[str, Any]:
        """The keys of an aws connection to it."""
        secret = Secret("rehearsed", rule="secret_access_key")
        keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": secret}
        return {"region": REGION, "endpoint": self.url, **keys, **more}

    def client(self, service: str) -> Any:
        """A client that goes around the product."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="outside",
        )

    def bucket(self, name: str, *, lock: bool = True) -> str:
        where = {"LocationConstraint": REGION}
        self.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=lock
        )
        return name


@contextmanager
def running(folder: Path) -> Iterator[Cloud]:
    """A server for the length of this context."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "moto.log").open("wb") as log:
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull},
        )
    try:
        _awaited(process, port, folder / "moto.log")
        yield Cloud(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _awaited(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"moto did not start: {log.read_text()}")
