"""Who the peer is, and who we are: PAP and CHAP with MD5 (RFC 1334 §2, RFC 1994 §4; B278, B279)."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from nsemu.config.algorithms import Integrity
from nsemu.ppp.automaton import MAX_CONFIGURE, RESTART_TIME
from nsemu.ppp.parameters import Authority, Caller, Scheme
from nsemu.runtime.crypto.integrity import digest
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant
from nsemu.wire.ppp import PppPacket, Protocol, build_texts, parse_texts

REQUEST: Final = 1
ACK, NAK = 2, 3
CHALLENGE, RESPONSE, SUCCESS, FAILURE = 1, 2, 3, 4
PROTOCOLS: Final = {Scheme.CHAP: Protocol.CHAP, Scheme.PAP: Protocol.PAP}
_CHALLENGE_SIZE: Final = 16
_REFUSAL: Final = b"Authentication failed"


def chap_response(identifier: int, secret: str, challenge: bytes) -> bytes:
    """RFC 1994 §4.1."""
    return digest(Integrity.MD5, bytes((identifier,)) + secret.encode() + challenge)


class Repeated:
    """A packet that is sent until it is answered. `deadline` is None while there is nothing to wait for."""

    def __init__(self, send: Callable[[int, PppPacket], None], fail: Callable[[str], None]) -> None:
        self._send, self._fail = send, fail
        self._packet: tuple[int, PppPacket] | None = None
        self._left = 0
        self.deadline: Instant | None = None

    def start(self, protocol: int, packet: PppPacket, now: Instant) -> None:
        """Send it, and again if need be."""
        self._packet, self._left = (protocol, packet), MAX_CONFIGURE
        self._repeat(now)

    def stop(self) -> None:
        """It was answered."""
        self.deadline = None

    def timeout(self, now: Instant) -> None:
        """Send it again, or give up."""
        if self.deadline is None or now < self.deadline:
            return
        if self._left:
            self._repeat(now)
        else:
            self.deadline = None
            self._fail("no answer to authentication")

    def _repeat(self, now: Instant) -> None:
        assert self._packet is not None
        self._left -= 1
        self.deadline = now + RESTART_TIME
        self._send(*self._packet)


class Examiner:
    """The end that asks: `done` is called with the user's name, `fail` with (name, reason)."""

    def __init__(
        self,
        authority: Authority,
        stream: Stream,
        send: Callable[[int, PppPacket], None],
        done: Callable[[str], bool],
        fail: Callable[[str, str], None],
    ) -> None:
        self._authority, self._stream, self._send, self._done, self._fail = authority, stream, send, done, fail
        self.repeated = Repeated(send, lambda reason: fail("", reason))
        self._scheme: Scheme | None = None
        self._challenge = b""
        self._identifier = 0
        self._verdict: tuple[int, PppPacket] | None = None

    def start(self, scheme: Scheme, now: Instant) -> None:
        """Begin: with CHAP a challenge goes out, with PAP the peer begins."""
        self._scheme, self._verdict = scheme, None
        if scheme is Scheme.CHAP:
            self._identifier = self._stream.integer(0, 255)
            self._challenge = self._stream.octets(_CHALLENGE_SIZE)
            data = build_texts(self._challenge) + self._authority.name.encode()
            self.repeated.start(Protocol.CHAP, PppPacket(CHALLENGE, self._identifier, data), now)

    def receive(self, protocol: int, packet: PppPacket, _now: Instant) -> None:
        """A response or a request. Raises MalformedPacket."""
        if self._scheme is None or protocol != PROTOCOLS[self._scheme]:
            return
        chap = self._scheme is Scheme.CHAP
        if packet.code != (RESPONSE if chap else REQUEST) or (chap and packet.identifier != self._identifier):
            return
        if self._verdict is not None:  # RFC 1994 §4.2: the verdict may have been lost, and stays what it was
            self._send(self._verdict[0], self._verdict[1]._replace(identifier=packet.identifier))
            return
        self.repeated.stop()
        name, right = self._check_chap(packet) if chap else self._check_pap(packet)
        good = right and self._done(name)
        code = (SUCCESS if good else FAILURE) if chap else (ACK if good else NAK)
        text = b"" if good else _REFUSAL
        self._verdict = (protocol, PppPacket(code, packet.identifier, text if chap else build_texts(text)))
        self._send(*self._verdict)
        if not good:
            self._fail(name, "wrong user name or password" if not right else "no address for the user")

    def _check_chap(self, packet: PppPacket) -> tuple[str, bool]:
        (value,) = parse_texts(packet.data, 1)
        name = packet.data[1 + len(value) :].decode("utf-8", "replace")
        secret = self._authority.secret_of(name)
        expected = chap_response(self._identifier, secret or "", self._challenge)
        return name, secret is not None and compare_digest(value, expected)

    def _check_pap(self, packet: PppPacket) -> tuple[str, bool]:
        user, password = parse_texts(packet.data, 2)
        name = user.decode("utf-8", "replace")
        secret = self._authority.secret_of(name)
        return name, secret is not None and compare_digest(password, secret.encode())


class Examinee:
    """The end that proves itself: `done` and `fail` are called with the peer's verdict."""

    def __init__(
        self,
        caller: Caller,
        send: Callable[[int, PppPacket], None],
        done: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._caller, self._done, self._fail = caller, done, fail
        self.repeated = Repeated(send, fail)
        self._scheme: Scheme | None = None

    def start(self, scheme: Scheme, now: Instant) -> None:
        """Begin: with PAP name and password go out in clear (B279), with CHAP the peer begins."""
        self._scheme = scheme
        if scheme is Scheme.PAP:
            data = build_texts(self._caller.name.encode(), self._caller.password.encode())
            self.repeated.start(Protocol.PAP, PppPacket(REQUEST, 1, data), now)

    def receive(self, protocol: int, packet: PppPacket, now: Instant) -> None:
        """A challenge or a verdict. Raises MalformedPacket."""
        if self._scheme is None or protocol != PROTOCOLS[self._scheme]:
            return
        chap = self._scheme is Scheme.CHAP
        if chap and packet.code == CHALLENGE:
            (challenge,) = parse_texts(packet.data, 1)
            value = chap_response(packet.identifier, self._caller.password, challenge)
            data = build_texts(value) + self._caller.name.encode()
            # RFC 1994 §4.2: repeated, as the verdict may get lost.
            self.repeated.start(protocol, PppPacket(RESPONSE, packet.identifier, data), now)
        elif packet.code == (SUCCESS if chap else ACK):
            self.repeated.stop()
            self._done()
        elif packet.code == (FAILURE if chap else NAK):
            self.repeated.stop()
            self._fail("the peer refused the user name or the password")
