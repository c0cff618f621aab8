"""The device's NTP client (RFC 5905, simple client of §14): asks one server after the other, and moves the clock.

Automatic updates move it by no more than `max-adjustment`; `exec ntp update` asks its user about more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.ntp import NtpAuthentication, NtpServer, NtpSettings, ntp_settings
from nsemu.device.clock import DeviceClock
from nsemu.device.names import addresses_of
from nsemu.device.own_traffic import send_own
from nsemu.flow.originate import egress_towards
from nsemu.flow.state import FlowState
from nsemu.runtime.event_log import Level
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Timer
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.ntp import CLIENT, PORT, SERVER, UNSYNCHRONISED, NtpMessage, date, timestamp
from nsemu.wire.udp import UdpDatagram

_TIMEOUT: Final[Duration] = 3 * SECOND
_TRIES: Final = 2
_MINUTE: Final = 60 * SECOND
_MANAGEMENT_VROUTER: Final = "trust-vr"
_LOG_TYPE: Final = 531
_HIGHEST_STRATUM: Final = 15


@dataclass(slots=True)
class Round:
    """One update under way. `failure` says why the last server was of no use; `offset` is what the clock lacks."""

    manual: bool
    servers: list[NtpServer]
    tries: int = 0
    address: int = 0
    asked: int = 0
    sent_at: datetime | None = None
    authenticated: bool = False
    offset: timedelta | None = None
    server: NtpServer | None = None
    failure: str = ""


class NtpClient:
    """The client of one device. `moved` is called when the clock was moved."""

    def __init__(
        self, state: FlowState, clock: DeviceClock, stream: Stream, lookup: Callable[[str], tuple[int, ...]]
    ) -> None:
        self._flow = state
        self._clock = clock
        self._stream = stream
        self._lookup = lookup
        self._scheduler = state.scheduler
        self.settings = NtpSettings()
        self.round: Round | None = None
        self.updated_at: datetime | None = None
        self.moved: Callable[[], None] = _nothing
        self._timer: Timer | None = None
        self._port = 0

    def configure(self, config: DeviceConfig) -> None:
        """Follow the configuration; a change of it asks at once."""
        settings = ntp_settings(config)
        if settings == self.settings:
            return
        self.settings = settings
        self.stop()
        if settings.enabled and settings.servers:
            self._timer = self._scheduler.after(SECOND, self._begin)

    def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._close()
        self.round = None

    def ask(self) -> Round:
        """`exec ntp update`: begin a round whose outcome the user decides; it is done when `round` is None again."""
        self.stop()
        now = Round(True, list(self.settings.servers))
        self.round = now
        self._next()
        return now

    def apply(self, outcome: Round) -> None:
        """Move the clock by what a round found."""
        if outcome.offset is None or outcome.server is None:
            return
        self._clock.set(self._clock.now() + outcome.offset)
        self.updated_at = self._clock.now()
        milliseconds = outcome.offset // timedelta(milliseconds=1)
        digest = "MD5" if outcome.authenticated else "None"
        place = outcome.server.place
        text = (
            f"The system clock was updated from {place if place == 'primary' else 'backup'} NTP server type "
            f"{outcome.server.address} with an adjustment of {milliseconds} ms. Authentication was {digest}. "
            f"Update mode was {'Manual' if outcome.manual else 'Automatic'}"
        )
        self._flow.upcalls.log(_LOG_TYPE, Level.NOTIFICATION, text)
        self.moved()

    # -- a round -----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.round = Round(False, list(self.settings.servers))
        self._next()

    def _next(self) -> None:
        """Ask the first server that is left, again or for the first time; the round ends when none is."""
        now = self.round
        if now is None:
            return
        self._close()
        if now.tries >= _TRIES:
            now.tries = 0
            now.failure = now.failure or f"no answer from {now.servers[0].address}"
            del now.servers[0]
        if not now.servers:
            self._finish(now)
            return
        now.tries += 1
        self._send(now, now.servers[0])
        self._timer = self._scheduler.after(_TIMEOUT, self._next)

    def _send(self, now: Round, server: NtpServer) -> None:
        address = next(iter(addresses_of(server.address, self._lookup)), 0)
        chosen = self._flow.interfaces.get(server.source)
        source = chosen or (egress_towards(self._flow, _MANAGEMENT_VROUTER, address) if address else None)
        if source is None or not source.address or not address:
            return
        now.sent_at, now.address = self._clock.now(), address
        now.asked = timestamp(now.sent_at)
        key_id = server.key_id if self.settings.authentication is not NtpAuthentication.NONE else 0
        message = NtpMessage(CLIENT, transmit=now.asked, key_id=key_id).build(server.key.encode())
        self._port = self._free_port()
        self._flow.udp_handlers[self._port] = self._receive
        payload = UdpDatagram(self._port, PORT, message).build(source.address, address)
        identification = self._flow.next_identification()
        packet = Ipv4Packet(source.address, address, PROTOCOL_UDP, payload, identification=identification)
        send_own(self._flow, packet, source, policy_based=self.settings.vpn)

    def _free_port(self) -> int:
        while True:
            port = self._stream.integer(1024, 65535)
            if port not in self._flow.udp_handlers:
                return port

    def _close(self) -> None:
        if self._port:
            self._flow.udp_handlers.pop(self._port, None)
            self._port = 0

    def _receive(
        self, payload: bytes, source: tuple[int, int], destination: tuple[int, int], trace: PacketTrace | None
    ) -> None:
        del destination, trace
        now = self.round
        if now is None or not now.servers or source != (now.address, PORT) or now.sent_at is None:
            return
        try:
            message = NtpMessage.parse(payload)
        except MalformedPacket:
            return
        if message.mode != SERVER or message.originate != now.asked:
            return  # RFC 5905 §8: bogus
        server = now.servers[0]
        now.authenticated = message.key_id == server.key_id and message.is_authentic(server.key.encode())
        refused = self._refusal(now, message)
        if refused:
            now.failure, now.tries = f"{server.address}: {refused}", _TRIES
            if self._timer is not None:
                self._timer.cancel()
            self._next()
            return
        # RFC 5905 §8: half of what the two ways differ.
        ways = (date(message.receive) - now.sent_at, date(message.transmit) - self._clock.now())
        now.offset, now.server = (ways[0] + ways[1]) / 2, server
        self._finish(now)

    def _refusal(self, now: Round, message: NtpMessage) -> str:
        """Why an answer is of no use; "" when it is good."""
        if not now.authenticated:
            wanted = self.settings.authentication
            if wanted is NtpAuthentication.REQUIRED or (message.key_id and wanted is NtpAuthentication.PREFERRED):
                return "the answer is not authentic"
        if message.leap == UNSYNCHRONISED or not 1 <= message.stratum <= _HIGHEST_STRATUM or not message.transmit:
            return "its clock is not set"
        return ""

    def _finish(self, now: Round) -> None:
        self.stop()
        if self.settings.enabled and self.settings.servers:
            self._timer = self._scheduler.after(self.settings.interval * _MINUTE, self._begin)
        if now.manual:
            return
        limit = self.settings.adjustment
        if now.offset is None:
            self._flow.upcalls.log(_LOG_TYPE, Level.NOTIFICATION, f"No NTP server could be reached: {now.failure}.")
        elif limit and abs(now.offset) > timedelta(seconds=limit):
            milliseconds = now.offset // timedelta(milliseconds=1)
            text = f"The NTP adjustment of {milliseconds} ms exceeds the maximum of {limit} seconds; the clock stays."
            self._flow.upcalls.log(_LOG_TYPE, Level.NOTIFICATION, text)
        else:
            self.apply(now)


def _nothing() -> None:
    return None
