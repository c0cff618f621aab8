"""FTP: the addresses in PORT, EPRT, PASV and EPSV, and the gates for the connections they announce.

RFC 959 §4.1.2 and §4.2.2 (PORT, 227), RFC 2428 (EPRT, EPSV, 229). Only the client's own address is believed in PORT,
only the server's own in a 227 that was asked for (RFC 2577 §3): anything else passes unchanged and opens nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nsemu.flow.alg.gates import Gate
from nsemu.flow.alg.segments import SegmentEditor
from nsemu.flow.alg.stream import Line, Stream
from nsemu.wire.address import AddressError, format_ipv4, parse_ipv4

if TYPE_CHECKING:
    from nsemu.flow.session import FlowTuple, Session
    from nsemu.flow.state import FlowState
    from nsemu.nat.pools import Lease

Endpoint = tuple[int, int]

SERVICES: Final = frozenset({"FTP", "FTP-Get", "FTP-Put"})
"""Services whose connections are read."""

_FIRST_FREE_PORT: Final = 1024
_TRIES: Final = 64

_COMMAND: Final = re.compile(rb"[^A-Za-z]*(PORT|EPRT)[ \t]+(?=(\S))", re.IGNORECASE)
_PASSIVE: Final = re.compile(rb"[^A-Za-z]*(?:PASV|EPSV)\b", re.IGNORECASE)
_REPLY: Final = re.compile(rb"(?:227 [^0-9\r\n]*(?=[0-9])|229 [^(\r\n]*\()")
_NUMBERS: Final = re.compile(rb"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})(?!\d)")
_EXTENDED: Final = re.compile(rb"([!-~])1\1([0-9.]{7,15})\1(\d{1,5})\1")
_EXTENDED_PORT: Final = re.compile(rb"([!-~])\1\1(\d{1,5})\1")


class FtpControl(SegmentEditor):
    """One control connection."""

    __slots__ = ("_passive",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._passive = False

    def end(self, state: FlowState) -> None:
        """The control connection is over, and with it what it announced."""
        state.gates.close_of(self.session)

    def read(self, state: FlowState, stream: Stream, *, from_client: bool) -> None:
        """Work on the lines that have come, and keep back the beginning of an address."""
        while (line := stream.line()) is not None:
            done = self._command(state, stream, line) if from_client else self._reply(state, stream, line)
            if not done:
                stream.release(line)
        begun = (_COMMAND if from_client else _REPLY).match(stream.partial)
        stream.hold(begun.end() if begun is not None else None)

    # What the client says

    def _command(self, state: FlowState, stream: Stream, line: Line) -> bool:
        if _PASSIVE.match(line.text):
            self._passive = True
            return False
        begun = _COMMAND.match(line.text)
        if begun is None:
            return False
        extended = begun[1].upper() == b"EPRT"
        found = (_EXTENDED if extended else _NUMBERS).match(line.text, begun.end())
        told = _endpoint(found, extended) if found is not None else None
        if found is None or told is None or told[0] != self._flow[0] or told[1] < _FIRST_FREE_PORT:
            return False
        shown = self._await_server(state, told)
        if shown is None:
            return False
        text = _extended(found[1], shown) if extended else _numbers(shown)
        stream.replace(line, found.span(), text)
        return True

    def _await_server(self, state: FlowState, client: Endpoint) -> Endpoint | None:
        """Open a gate from the server to an endpoint of the client; the endpoint as the server must see it."""
        after = self._after
        lease: Lease | None = None
        seen = (after[0], client[1])
        if self.session.lease is not None:
            lease = self.session.lease.another(client[1])
            if lease is None:
                return None
            seen = lease.source
        vrouter = self.session.reverse.ingress.vrouter
        key = (vrouter, after[1], *seen)
        gate = Gate(self.session, False, key, self._flow[1], client, lease=lease)
        state.gates.open(gate, state.scheduler.now)
        return seen

    # What the server says

    def _reply(self, state: FlowState, stream: Stream, line: Line) -> bool:
        begun = _REPLY.match(line.text)
        if begun is None or not self._passive:
            return False
        self._passive = False
        if line.text.startswith(b"229"):
            found = _EXTENDED_PORT.match(line.text, begun.end())
            port = int(found[2]) if found is not None else 0
            told = (self._after[1], port)
        else:
            found = _NUMBERS.match(line.text, begun.end())
            told = (_endpoint(found, extended=False) or (0, 0)) if found is not None else (0, 0)
        if found is None or told[0] != self._after[1] or not _FIRST_FREE_PORT <= told[1] <= 65535:
            return False
        shown = self._await_client(state, told)
        text = _numbers(shown) if line.text.startswith(b"227") else found[1] * 3 + b"%d" % shown[1] + found[1]
        stream.replace(line, found.span(), text)
        return True

    def _await_client(self, state: FlowState, server: Endpoint) -> Endpoint:
        """Open a gate from the client to an endpoint of the server; the endpoint as the client must see it."""
        client, destination = self._flow[:2]
        vrouter = self.session.forward.ingress.vrouter
        state.gates.close_of(self.session)
        port = server[1]
        for _ in range(_TRIES):
            if (vrouter, client, destination, port) not in state.gates:
                break
            port = port + 1 if port < 65535 else _FIRST_FREE_PORT
        leased = self.session.lease is not None
        gate = Gate(self.session, True, (vrouter, client, destination, port), self._after[0], server, leased)
        state.gates.open(gate, state.scheduler.now)
        return destination, port

    @property
    def _flow(self) -> FlowTuple:
        """The addresses as the client sees them."""
        return self.session.forward.flow

    @property
    def _after(self) -> FlowTuple:
        """The addresses as the server sees them."""
        rewrite = self.session.forward.rewrite
        return rewrite.after if rewrite is not None else self.session.forward.flow


def _endpoint(found: re.Match[bytes], extended: bool) -> Endpoint | None:
    if not extended:
        numbers = [int(number) for number in found.groups()]
        if max(numbers) > 255:
            return None
        return int.from_bytes(bytes(numbers[:4]), "big"), numbers[4] << 8 | numbers[5]
    try:
        address, port = parse_ipv4(found[2].decode("ascii")), int(found[3])
    except AddressError:
        return None
    return (address, port) if port <= 65535 else None


def _numbers(endpoint: Endpoint) -> bytes:
    octets = (*endpoint[0].to_bytes(4, "big"), *endpoint[1].to_bytes(2, "big"))
    return ",".join(map(str, octets)).encode("ascii")


def _extended(mark: bytes, endpoint: Endpoint) -> bytes:
    return mark.join((b"", b"1", format_ipv4(endpoint[0]).encode("ascii"), b"%d" % endpoint[1], b""))
