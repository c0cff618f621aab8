"""A DHCP client on one interface (RFC 2131 §4.4): of a device, or of a host of the lab.

Messages and instants in; messages, timers and leases out. The wire below it owns link headers, routing and the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from nsemu.config.dhcp import ClientSettings
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler, Timer
from nsemu.wire.address import AddressError, Prefix, format_ipv4, parse_mask
from nsemu.wire.dhcp import REPLY, REQUEST, DhcpMessage, DhcpOption, DhcpType

_FIRST_WAIT, _LONGEST_WAIT = 4 * SECOND, 64 * SECOND  # RFC 2131 §4.1
_SHORTEST_RENEWAL: Final = 60 * SECOND  # RFC 2131 §4.4.5
PARAMETERS: Final = (
    DhcpOption.SUBNET_MASK,
    DhcpOption.ROUTER,
    DhcpOption.DNS_SERVER,
    DhcpOption.DOMAIN_NAME,
    DhcpOption.LEASE_TIME,
)
"""What a client asks for, whatever else it wants."""


class State(Enum):
    """Where a client is (RFC 2131 figure 5); the value is what views print."""

    INIT = "init"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    REBOOTING = "rebooting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


@dataclass(frozen=True, slots=True)
class Lease:
    """What a server gave. Times count from `since`, in seconds; `gateway` 0 for none.

    `link` is the link address that the answer came from, of the server or of a relay before it; `options` are all
    options of the answer.
    """

    address: Prefix
    server: int
    gateway: int
    dns: tuple[int, ...]
    domain: str
    seconds: int
    renewal: int
    rebinding: int
    since: Instant
    link: bytes
    options: tuple[tuple[int, bytes], ...]

    @property
    def terms(self) -> tuple[object, ...]:
        """What is used of it; a renewal with equal terms changes nothing (B323)."""
        return (self.address, self.gateway, self.dns, self.domain)


class ClientWire(Protocol):
    """What a client needs of its interface."""

    def hardware(self) -> bytes:
        """Its link address."""

    def broadcast(self, message: bytes, source: int) -> None:
        """Send to everybody, from port 68 to 67; `source` is 0 without address."""

    def unicast(self, message: bytes, source: int, server: int) -> None:
        """Send to the server, by the routes."""

    def hand_back(self, message: bytes, lease: Lease) -> None:
        """Send a release, in the moment in which the address goes."""

    def bound(self, lease: Lease) -> None:
        """There is a lease with new terms."""

    def lost(self, lease: Lease) -> None:
        """The lease is over."""


class DhcpClient:
    """One client. `lease` is in force while it is not None."""

    def __init__(self, wire: ClientWire, scheduler: Scheduler, stream: Stream, settings: ClientSettings) -> None:
        self._wire = wire
        self._scheduler = scheduler
        self._stream = stream
        self.settings = settings
        self.state = State.INIT
        self.lease: Lease | None = None
        self.transaction = 0
        self._offer: DhcpMessage | None = None
        self._wait: Duration = _FIRST_WAIT
        self._attempts = 0
        self._link = b""
        self._timer: Timer | None = None

    def start(self) -> None:
        """Ask for an address, or whether the old one still holds (RFC 2131 §3.2)."""
        self._attempts = 0
        self._restart()

    def renew(self) -> None:
        """Ask for the address again, now."""
        if self.lease is None:
            self.start()
        else:
            self._go(State.RENEWING)

    def release(self) -> None:
        """Give the address back, and ask for none."""
        self._rest()
        lease, self.lease, self.state = self.lease, None, State.INIT
        if lease is not None:
            options: dict[int, bytes] = {
                DhcpOption.MESSAGE_TYPE: bytes((DhcpType.RELEASE,)),
                DhcpOption.SERVER_IDENTIFIER: lease.server.to_bytes(4, "big"),
            }
            self._wire.hand_back(self._message(options, lease.address.address), lease)

    def stop(self) -> None:
        """Do nothing any more."""
        self._rest()

    def receive(self, message: DhcpMessage, link: bytes) -> None:
        """An answer; `link` is the link address it came from. What is for others is not heeded."""
        mine = (REPLY, self.transaction, self._wire.hardware())
        if (message.operation, message.transaction, message.hardware) != mine:
            return
        server = message.address(DhcpOption.SERVER_IDENTIFIER)
        if server is None or (self.settings.server and server != self.settings.server):
            return
        handler = _TRANSITIONS.get((self.state, message.type))
        if handler is not None:
            self._link = link
            handler(self, message)

    def _offered(self, message: DhcpMessage) -> None:
        if _lease_of(message, self._scheduler.now, self._link) is not None:
            self._offer = message
            self._go(State.REQUESTING)

    def _acknowledged(self, message: DhcpMessage) -> None:
        # RFC 2131 §4.4.1: times count from the request.
        lease = _lease_of(message, self._scheduler.now, self._link)
        if lease is None:
            return
        self._rest()
        old, self.lease = self.lease, lease
        self.state, self._offer, self._attempts = State.BOUND, None, 0
        self._timer = self._scheduler.after(lease.renewal * SECOND, self._go, State.RENEWING)
        if old is None or old.terms != lease.terms:
            self._wire.bound(lease)

    def _refused(self, _message: DhcpMessage) -> None:
        self._lose()

    def _lose(self) -> None:
        """No address any more: begin from nothing."""
        lost, self.lease = self.lease, None
        self._restart()
        if lost is not None:
            self._wire.lost(lost)

    def _restart(self) -> None:
        self._go(State.SELECTING if self.lease is None else State.REBOOTING)

    def _go(self, state: State) -> None:
        self._rest()
        self.state = state
        self._wait = _FIRST_WAIT
        if state is not State.REQUESTING:
            self.transaction = self._stream.integer(0, 0xFFFFFFFF)
        # Not at once: what the same commit changes is in force first.
        self._timer = self._scheduler.after(0, self._attempt)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _attempt(self) -> None:
        """Send what the state asks for, and come back when there was no answer."""
        lease, now = self.lease, self._scheduler.now
        if lease is not None and now >= lease.since + lease.seconds * SECOND:
            self._lose()
            return
        if lease is not None and self.state is State.RENEWING and now >= lease.since + lease.rebinding * SECOND:
            self.state = State.REBINDING
        if self.state is State.REQUESTING and self._wait > _LONGEST_WAIT // 4:
            self._restart()
            return
        if self._is_tired():
            return
        self._send(lease)
        self._timer = self._scheduler.after(self._next_wait(lease, now), self._attempt)
        self._wait = min(self._wait * 2, _LONGEST_WAIT)

    def _is_tired(self) -> bool:
        """Whether there were as many attempts as allowed; it begins anew after its pause."""
        if self.state is not State.SELECTING or not self.settings.attempts:
            return False
        self._attempts += 1
        if self._attempts <= self.settings.attempts:
            return False
        self._attempts, self._wait = 0, _FIRST_WAIT
        self._timer = self._scheduler.after(self.settings.pause * SECOND, self._attempt)
        return True

    def _next_wait(self, lease: Lease | None, now: Instant) -> Duration:
        if lease is None or self.state not in {State.RENEWING, State.REBINDING}:
            return self._wait
        # RFC 2131 §4.4.5: half of what is left until the next stage, not less than a minute.
        end = lease.rebinding if self.state is State.RENEWING else lease.seconds
        left = lease.since + end * SECOND - now
        return max(min(max(left // 2, _SHORTEST_RENEWAL), left), SECOND)

    def _send(self, lease: Lease | None) -> None:
        options: dict[int, bytes] = {DhcpOption.MESSAGE_TYPE: bytes((DhcpType.REQUEST,))}
        current = lease.address.address if lease is not None else 0
        if self.state is State.SELECTING:
            options[DhcpOption.MESSAGE_TYPE] = bytes((DhcpType.DISCOVER,))
        elif self.state is State.REQUESTING and self._offer is not None:
            options[DhcpOption.REQUESTED_ADDRESS] = self._offer.yours.to_bytes(4, "big")
            options[DhcpOption.SERVER_IDENTIFIER] = self._offer.options[DhcpOption.SERVER_IDENTIFIER]
        elif self.state is State.REBOOTING:
            options[DhcpOption.REQUESTED_ADDRESS] = current.to_bytes(4, "big")
        options |= self._wishes()
        renewing = self.state in {State.RENEWING, State.REBINDING}
        message = self._message(options, current if renewing else 0)
        if lease is not None and self.state is State.RENEWING:
            self._wire.unicast(message, current, lease.server)
        else:
            self._wire.broadcast(message, current if renewing else 0)

    def _wishes(self) -> dict[int, bytes]:
        settings = self.settings
        wishes: dict[int, bytes] = {DhcpOption.PARAMETER_LIST: bytes((*PARAMETERS, *settings.parameters))}
        if settings.lease:
            wishes[DhcpOption.LEASE_TIME] = settings.lease.to_bytes(4, "big")
        if settings.vendor:
            wishes[DhcpOption.VENDOR_CLASS] = settings.vendor.encode()
        return wishes

    def _message(self, options: Mapping[int, bytes], current: int) -> bytes:
        hardware = self._wire.hardware()
        return DhcpMessage(REQUEST, self.transaction, hardware, options, current, broadcast=not current).build()


_Handler = Callable[[DhcpClient, DhcpMessage], None]
_ASKING: Final = (State.REQUESTING, State.REBOOTING, State.RENEWING, State.REBINDING)
_TRANSITIONS: Final[Mapping[tuple[State, int], _Handler]] = {
    (State.SELECTING, DhcpType.OFFER): DhcpClient._offered,
    **{(state, DhcpType.ACK): DhcpClient._acknowledged for state in _ASKING},
    **{(state, DhcpType.NAK): DhcpClient._refused for state in _ASKING},
}
"""State × message; what is not here is not heeded."""


def _lease_of(message: DhcpMessage, now: Instant, link: bytes) -> Lease | None:
    """The lease in an offer or acknowledgement; None when it is of no use."""
    server, seconds = message.address(DhcpOption.SERVER_IDENTIFIER), message.number(DhcpOption.LEASE_TIME)
    mask = message.address(DhcpOption.SUBNET_MASK)
    if server is None or not seconds or not 0 < message.yours < 0xE0000000 or message.yours >> 24 == 127:
        return None
    try:
        length = parse_mask(format_ipv4(mask)) if mask is not None else 24
    except AddressError:
        return None
    renewal = message.number(DhcpOption.RENEWAL_TIME) or seconds // 2
    rebinding = message.number(DhcpOption.REBINDING_TIME) or seconds * 7 // 8
    if not renewal <= rebinding <= seconds:
        renewal, rebinding = seconds // 2, seconds * 7 // 8
    return Lease(
        Prefix(message.yours, length),
        server,
        message.address(DhcpOption.ROUTER) or 0,
        message.addresses(DhcpOption.DNS_SERVER),
        message.options.get(DhcpOption.DOMAIN_NAME, b"").decode("ascii", "replace"),
        seconds,
        max(renewal, 1),
        max(rebinding, 1),
        now,
        link,
        tuple(message.options.items()),
    )
