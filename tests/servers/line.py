"""A TCP line that breaks on request: whatever runs over it, TLS too, only sees silence or an end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Line:
    """Forwards to a server until `lose_answers` or `silent` says otherwise."""

    def __init__(self, to: tuple[str, int]) -> None:
        self.to = to
        self.lose_answers = False
        """From the next request on: it reaches the server, and the connection ends before the answer."""
        self.silent = False
        """New connections are taken and never answered."""
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._welcome, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._door.getsockname()[1])

    def cut(self) -> None:
        """End every connection now, as a server does that restarts."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()
        for thread in list(self._threads):
            thread.join(5)
        for one in self._open:
            one.close()

    def _welcome(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            self._open.append(client)
            if self.silent:
                continue
            server = socket.create_connection(self.to)
            self._open.append(server)
            for pair in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._carry, args=pair, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while data := source.recv(65536):
                if self.lose_answers and not asks:
                    break
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def to(host: str, port: int) -> Iterator[Line]:
    """A line to a server, closed at the end."""
    line = Line((host, port))
    try:
        yield line
    finally:
        line.close()
