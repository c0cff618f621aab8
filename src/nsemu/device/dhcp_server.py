"""The DHCP servers of a device's interfaces (RFC 2131 §4.3, options of RFC 2132).

Before an address is lent for the first time the server asks with ARP whether somebody uses it (RFC 2131 §3.1). A server
in mode auto looks for another one on its wire first, and is silent while there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from nsemu.config.dhcp import DhcpServerSettings, ServerMode
from nsemu.device.dhcp_pool import FOREVER, OFFER_HELD, DhcpPool, LeaseState
from nsemu.flow.state import FlowState
from nsemu.runtime.event_log import Level
from nsemu.runtime.interface import RunInterface
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration, Timer
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, Prefix, format_ipv4, mask_of
from nsemu.wire.arp import ArpPacket
from nsemu.wire.dhcp import REPLY, REQUEST, DhcpMessage, DhcpOption, DhcpType

PROBE_TIME: Final[Duration] = 500 * MILLISECOND
"""How long an answer to the ARP probe is awaited."""
SEARCH_TIME: Final[Duration] = 3 * SECOND
SEARCHES: Final = 2
Send = Callable[[RunInterface, DhcpMessage], None]
"""Puts a message on the wire of an interface."""

_ARP: Final = b"\x08\x06"
_LOG_TYPE: Final = 527
_LONGEST: Final = 0xFFFFFFFF


@dataclass(slots=True)
class Server:
    """One server. `rival` is another server on the wire; `probes` are the discovers that wait for their ARP probe."""

    interface: str
    pool: DhcpPool
    learned: Mapping[int, bytes] = field(default_factory=dict)
    searching: int = 0
    rival: int = 0
    transaction: int = 0
    timer: Timer | None = None
    probes: dict[int, tuple[DhcpMessage, Timer]] = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        """Whether it answers now."""
        return not self.searching and not self.rival


class DhcpServers:
    """All servers of a device. `broadcast` sends a message as a client does, `answer` one to a client."""

    def __init__(self, state: FlowState, stream: Stream, *, broadcast: Send, answer: Send) -> None:
        self._flow = state
        self._broadcast = broadcast
        self._answer = answer
        self._scheduler = state.scheduler
        self._stream = stream
        self.servers: dict[str, Server] = {}
        state.neighbors.heard = self._heard

    def configure(self, settings: Mapping[str, DhcpServerSettings], learned: Mapping[int, bytes]) -> None:
        """Begin and end servers; `learned` are options that the device's own clients were told."""
        for name in [name for name in self.servers if name not in settings]:
            self._end(self.servers.pop(name))
        for name, wanted in settings.items():
            server = self.servers.get(name)
            if server is None:
                server = self.servers[name] = Server(name, DhcpPool(wanted))
                self._search(server)
            elif server.pool.settings.mode is not wanted.mode:
                server.pool.settings = wanted
                self._search(server)
            server.pool.settings = wanted
            server.learned = learned

    def carrier(self, name: str) -> None:
        """A link came up: another server may be there."""
        if name in self.servers:
            self._search(self.servers[name])

    def stop(self) -> None:
        """Do nothing any more."""
        for server in self.servers.values():
            self._end(server)
        self.servers.clear()

    def _end(self, server: Server) -> None:
        if server.timer is not None:
            server.timer.cancel()
            server.timer = None
        for _message, timer in server.probes.values():
            timer.cancel()
        server.probes.clear()

    # -- is there another server? ------------------------------------------------------------------------------

    def _search(self, server: Server) -> None:
        self._end(server)
        server.rival = 0
        server.searching = SEARCHES if server.pool.settings.mode is ServerMode.AUTO else 0
        if server.searching:
            server.transaction = self._stream.integer(0, 0xFFFFFFFF)
            server.timer = self._scheduler.after(0, self._look, server)

    def _look(self, server: Server) -> None:
        interface = self._flow.interfaces.get(server.interface)
        if interface is None or not interface.carrier or not server.searching:
            server.searching = 0
            return
        kind = {int(DhcpOption.MESSAGE_TYPE): bytes((DhcpType.DISCOVER,))}
        message = DhcpMessage(REQUEST, server.transaction, interface.mac, kind, broadcast=True)
        self._broadcast(interface, message)
        server.timer = self._scheduler.after(SEARCH_TIME, self._nobody, server)

    def _nobody(self, server: Server) -> None:
        server.searching -= 1
        if server.searching:
            self._look(server)

    def found_rival(self, interface: RunInterface, message: DhcpMessage) -> None:
        """An offer on the wire of a server: another server answers there."""
        server = self.servers.get(interface.name)
        address = message.address(DhcpOption.SERVER_IDENTIFIER)
        if server is None or not address or message.transaction != server.transaction or not server.searching:
            return
        self._end(server)
        server.searching, server.rival = 0, address
        text = f"DHCP server on interface {interface.name} is off: there is another server, {format_ipv4(address)}."
        self._log(Level.NOTIFICATION, text)

    # -- messages of clients -----------------------------------------------------------------------------------

    def receive(self, interface: RunInterface, message: DhcpMessage) -> bool:
        """A message of a client, direct or by a relay; whether a server of the interface took it."""
        server = self.servers.get(interface.name)
        if server is None or not server.serves or not interface.address:
            return False
        handler = _HANDLERS.get(message.type)
        if handler is not None:
            handler(self, server, interface, message)
        return True

    def _discover(self, server: Server, interface: RunInterface, message: DhcpMessage) -> None:
        now, pool = self._scheduler.now, server.pool
        wanted = message.address(DhcpOption.REQUESTED_ADDRESS)
        usable = [range(net.address, net.broadcast + 1) for net in _networks(server, interface, message.relay)]
        address = pool.choose(message.hardware, wanted, usable, now)
        if address is None:
            self._log(Level.WARNING, f"DHCP server on interface {interface.name} has no IP address left.")
            return
        known = pool.lease_of(message.hardware, now)
        if message.relay or (known is not None and known.address == address):
            self._offer(server, interface, message, address)
            return
        waiting = server.probes.get(address)
        if waiting is not None and waiting[0].hardware == message.hardware:
            return  # asked again while the probe is under way
        pool.lend(address, message.hardware, LeaseState.OFFERED, now + OFFER_HELD)
        timer = self._scheduler.after(PROBE_TIME, self._unused, server, address)
        server.probes[address] = (message, timer)
        arp = ArpPacket(1, interface.mac, 0, ZERO_MAC, address)  # RFC 5227 §1.1: a probe has no sender address
        self._flow.upcalls.send_frame(interface, BROADCAST_MAC + interface.mac + _ARP + arp.build(), None)

    def _unused(self, server: Server, address: int) -> None:
        message, _timer = server.probes.pop(address)
        interface = self._flow.interfaces.get(server.interface)
        if interface is not None and interface.carrier:
            self._offer(server, interface, message, address)

    def _heard(self, interface: RunInterface, address: int, mac: bytes) -> None:
        """Somebody spoke with an address: it is not to be lent when it was being probed."""
        server = self.servers.get(interface.name)
        if server is None or address not in server.probes:
            return
        message, timer = server.probes.pop(address)
        timer.cancel()
        server.pool.conflict(address, self._scheduler.now)
        text = f"IP address conflict: DHCP server on interface {interface.name}, {format_ipv4(address)} is used by "
        self._log(Level.CRITICAL, f"{text}{mac.hex()}.")
        self._discover(server, interface, message)

    def _offer(self, server: Server, interface: RunInterface, message: DhcpMessage, address: int) -> None:
        now, pool = self._scheduler.now, server.pool
        known = pool.lease_of(message.hardware, now)
        if known is None or known.address != address or known.state is LeaseState.OFFERED:
            pool.lend(address, message.hardware, LeaseState.OFFERED, now + OFFER_HELD)
        self._reply(server, interface, message, DhcpType.OFFER, address)

    def _request(self, server: Server, interface: RunInterface, message: DhcpMessage) -> None:
        now, pool = self._scheduler.now, server.pool
        chosen = message.address(DhcpOption.SERVER_IDENTIFIER)
        lease = pool.lease_of(message.hardware, now)
        if chosen is not None and chosen != interface.address:
            if lease is not None and lease.state is LeaseState.OFFERED:
                pool.clear(lease.address)  # it took the offer of another server
            return
        wanted = message.address(DhcpOption.REQUESTED_ADDRESS) or message.client
        in_net = any(wanted in net for net in _networks(server, interface, message.relay))
        if in_net and lease is None and chosen is None and pool.holds(wanted, message.hardware):
            # RFC 2131 §4.3.2: of a client without record the server remains silent, unless the address is another's.
            known = pool.is_free(wanted, message.hardware, now)
        else:
            known = lease is not None and lease.address == wanted
        if not in_net or not known or not pool.holds(wanted, message.hardware):
            self._reply(server, interface, message, DhcpType.NAK, 0)
            return
        seconds = _seconds(server, message)
        pool.lend(wanted, message.hardware, LeaseState.ALLOCATED, now + seconds * SECOND if seconds else FOREVER)
        self._reply(server, interface, message, DhcpType.ACK, wanted)
        text = f"DHCP server on interface {interface.name} has assigned IP address {format_ipv4(wanted)} to "
        self._log(Level.INFORMATION, f"{text}{message.hardware.hex()}.")

    def _decline(self, server: Server, interface: RunInterface, message: DhcpMessage) -> None:
        address = message.address(DhcpOption.REQUESTED_ADDRESS)
        lease = server.pool.lease_of(message.hardware, self._scheduler.now)
        if address is not None and lease is not None and lease.address == address:
            server.pool.conflict(address, self._scheduler.now)
            text = f"DHCP server on interface {interface.name}: {format_ipv4(address)} was declined by "
            self._log(Level.WARNING, f"{text}{message.hardware.hex()}.")

    def _release(self, server: Server, interface: RunInterface, message: DhcpMessage) -> None:
        if server.pool.give_back(message.client, message.hardware, self._scheduler.now):
            text = f"DHCP server on interface {interface.name}: {format_ipv4(message.client)} was released by "
            self._log(Level.INFORMATION, f"{text}{message.hardware.hex()}.")

    def _inform(self, server: Server, interface: RunInterface, message: DhcpMessage) -> None:
        self._reply(server, interface, message, DhcpType.ACK, 0)

    # -- answers -----------------------------------------------------------------------------------------------

    def _reply(
        self, server: Server, interface: RunInterface, message: DhcpMessage, kind: DhcpType, address: int
    ) -> None:
        options: dict[int, bytes] = {
            DhcpOption.MESSAGE_TYPE: bytes((kind,)),
            DhcpOption.SERVER_IDENTIFIER: interface.address.to_bytes(4, "big"),
        }
        if kind is not DhcpType.NAK:
            options |= _parameters(server, interface, message, leased=bool(address))
        answer = DhcpMessage(
            REPLY,
            message.transaction,
            message.hardware,
            options,
            message.client if kind is DhcpType.ACK else 0,
            address,
            server.pool.settings.next_server if kind is not DhcpType.NAK else 0,
            message.relay,
            broadcast=message.broadcast,
        )
        if kind is DhcpType.NAK and message.relay:
            answer = replace(answer, broadcast=True)  # RFC 2131 §4.3.2
        self._answer(interface, answer)

    def _log(self, level: Level, text: str) -> None:
        self._flow.upcalls.log(_LOG_TYPE, level, text)


_Handler = Callable[[DhcpServers, Server, RunInterface, DhcpMessage], None]
_HANDLERS: Final[Mapping[int, _Handler]] = {
    DhcpType.DISCOVER: DhcpServers._discover,
    DhcpType.REQUEST: DhcpServers._request,
    DhcpType.DECLINE: DhcpServers._decline,
    DhcpType.RELEASE: DhcpServers._release,
    DhcpType.INFORM: DhcpServers._inform,
}


def _networks(server: Server, interface: RunInterface, relay: int) -> list[Prefix]:
    """The networks of the wire a client is on: those of the interface, or that of the relay."""
    if not relay:
        prefixes = interface.config.prefixes or (Prefix(interface.address, interface.length),)
        return [prefix.network for prefix in prefixes]
    mask = dict(server.pool.settings.options).get(DhcpOption.SUBNET_MASK)
    length = int.from_bytes(mask, "big").bit_count() if mask is not None else interface.length
    return [Prefix(relay & mask_of(length), length)]


def _parameters(server: Server, interface: RunInterface, message: DhcpMessage, *, leased: bool) -> Mapping[int, bytes]:
    """What a client is told: what the admin wrote, then what the device itself was told."""
    settings = server.pool.settings
    seconds = _seconds(server, message) or _LONGEST
    options: dict[int, bytes] = {DhcpOption.LEASE_TIME: seconds.to_bytes(4, "big")} if leased else {}
    options[DhcpOption.SUBNET_MASK] = mask_of(interface.length).to_bytes(4, "big")
    options[DhcpOption.ROUTER] = interface.address.to_bytes(4, "big")
    for code, value in (*server.learned.items(), *settings.options):
        options[code] = value
    return options


def _seconds(server: Server, message: DhcpMessage) -> int:
    """The length of a lease: what the client asks for, but not more than the server lends; 0 for ever."""
    longest, wished = server.pool.settings.lease, message.number(DhcpOption.LEASE_TIME)
    if not wished or wished == _LONGEST:
        return longest
    return min(longest, wished) if longest else wished
