"""LDAP over TCP and TLS: bytes in and out. The encoding is ldaptor's, the transport asyncio's."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

from ldaptor.protocols import pureber, pureldap

from runbook_exec.sandbox.directory_operations import Caller, Operations
from runbook_exec.sandbox.directory_root import START_TLS
from runbook_exec.sandbox.faults import Faults

_LARGEST = 10 * 1024 * 1024
"""Bytes of one request (AD's MaxReceiveBuffer)."""

_DECODER = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
        fallback=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
        inherit=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
    )
)
_WRITES = (
    pureldap.LDAPAddRequest,
    pureldap.LDAPModifyRequest,
    pureldap.LDAPModifyDNRequest,
    pureldap.LDAPDelRequest,
)


class Line(asyncio.Protocol):
    """One client's connection. With `tls_first` it begins with the handshake (LDAPS)."""

    def __init__(
        self, operations: Operations, faults: Faults, context: ssl.SSLContext, *, tls_first: bool
    ) -> None:
        self._operations, self._faults, self._context = operations, faults, context
        self._tls_first = tls_first
        self._caller = Caller(secure=False)
        self._buffer = b""
        self._transport: asyncio.Transport
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._faults.take("directory-down") is not None:
            self._transport.abort()
        elif self._tls_first:
            self._encrypt()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work_off()

    def _work_off(self) -> None:
        while self._buffer and not self._transport.is_closing() and self._upgrade is None:
            try:
                message, used = pureber.berDecodeObject(_DECODER, self._buffer)
            except pureber.BERExceptionInsufficientData:
                if len(self._buffer) > _LARGEST:
                    self._hang_up()
                return
            except Exception:  # noqa: BLE001 - ldaptor answers malformed bytes with whatever breaks first
                self._hang_up()
                return
            self._buffer = self._buffer[used:]
            if not isinstance(message, pureldap.LDAPMessage) or message.id == 0:
                self._hang_up()
                return
            self._take(message)

    def _take(self, message: Any) -> None:
        request = message.value
        if self._faults.look("directory-down") is not None:
            self._transport.abort()
        elif isinstance(request, pureldap.LDAPUnbindRequest):
            self._transport.close()
        elif isinstance(request, pureldap.LDAPAbandonRequest):
            return  # everything is answered at once, so there is nothing left to abandon
        elif isinstance(request, pureldap.LDAPExtendedRequest) and request.requestName == START_TLS.encode():
            self._start_tls(message.id)
        else:
            self._answer(message)

    def _answer(self, message: Any) -> None:
        responses = self._operations.answer(message.value, message.controls or (), self._caller)
        done = responses[-1][0].resultCode == 0
        if (
            done
            and isinstance(message.value, _WRITES)
            and self._faults.take("directory-lost-answer") is not None
        ):
            self._transport.abort()
            return
        self._transport.write(
            b"".join(
                pureldap.LDAPMessage(response, controls=controls, id=message.id).toWire()
                for response, controls in responses
            )
        )

    def _start_tls(self, number: int) -> None:
        code = 1 if self._caller.secure else 0
        answer = pureldap.LDAPExtendedResponse(resultCode=code, responseName=START_TLS)
        self._transport.write(pureldap.LDAPMessage(answer, id=number).toWire())
        if code == 0:
            self._buffer = b""  # what was said in clear after the request counts for nothing
            self._encrypt()

    def _encrypt(self) -> None:
        self._transport.pause_reading()
        self._upgrade = asyncio.get_running_loop().create_task(self._handshake())

    async def _handshake(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            upgraded = await loop.start_tls(self._transport, self, self._context, server_side=True)
        except OSError:  # the client went away, or trusts us not: its own side says why
            self._transport.abort()
            return
        assert upgraded is not None
        self._transport = upgraded
        self._caller.secure = True
        self._upgrade = None
        self._work_off()  # the first request may have come before this coroutine was woken

    def _hang_up(self) -> None:
        """Notice of disconnection (RFC 4511 4.4.1), then silence."""
        notice = pureldap.LDAPExtendedResponse(
            resultCode=2,
            responseName="1.3.6.1.4.1.1466.20036",
            errorMessage="the request could not be decoded",
        )
        self._transport.write(pureldap.LDAPMessage(notice, id=0).toWire())
        self._transport.close()
