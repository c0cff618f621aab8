"""The DHCP service of a host (RFC 2131): one pool in the host's own network.

Leases are kept by hardware address; a client gets its old address again while that is free and in the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.address import BROADCAST_ADDRESS, Prefix
from nsemu.wire.dhcp import CLIENT_PORT, REPLY, REQUEST, SERVER_PORT, DhcpMessage, DhcpOption, DhcpType
from nsemu.wire.errors import MalformedPacket

PORT: Final = SERVER_PORT
DEFAULT_LEASE: Final = 86400
_OFFER_HELD: Final = 60 * SECOND


@dataclass(slots=True)
class Lease:
    """An address that a client has, or has been offered, until `expires`."""

    address: int
    expires: Instant


@dataclass(slots=True)
class DhcpPool:
    """What is handed out, addresses `first` to `last`; `lease` in seconds. `leases` by hardware address."""

    first: int
    last: int
    gateway: int | None = None
    dns: tuple[int, ...] = ()
    domain: str = ""
    lease: int = DEFAULT_LEASE
    leases: dict[bytes, Lease] = field(default_factory=dict)
    declined: set[int] = field(default_factory=set)

    def holds(self, address: int) -> bool:
        """Whether the address is one of the pool."""
        return self.first <= address <= self.last and address not in self.declined

    def free(self, address: int, hardware: bytes, now: Instant) -> bool:
        """Whether a client may have an address of the pool."""
        return not any(
            one.address == address and one.expires > now and owner != hardware for owner, one in self.leases.items()
        )

    def choose(self, hardware: bytes, wanted: int | None, now: Instant) -> int | None:
        """An address for a client: its old one, the one it asks for, the lowest free one; None when all are taken."""
        old = self.leases.get(hardware)
        liked = [old.address] if old is not None else []
        liked += [wanted] if wanted is not None else []
        for address in (*liked, *range(self.first, self.last + 1)):
            if self.holds(address) and self.free(address, hardware, now):
                return int(address)
        return None


class DhcpServer:
    """Serves one pool on port 67, silent while there is none. `server` is the host's own address with its mask."""

    def __init__(self, stack: IpStack, server: Prefix, pool: Callable[[], DhcpPool | None], port: int = PORT) -> None:
        self._stack = stack
        self._server = server
        self._configured = pool
        self._pool = DhcpPool(1, 0)
        self.socket: UdpSocket = stack.udp.bind(port, self._receive)

    def _receive(self, datagram: UdpReceived) -> None:
        try:
            message = DhcpMessage.parse(datagram.payload)
        except MalformedPacket:
            self._stack.counters["malformed"] += 1
            return
        pool = self._configured()
        if pool is None or message.operation != REQUEST:
            return
        self._pool = pool
        answer = self._answer(message)
        if answer is not None:
            # RFC 2131 §4.1: to the relay, to a client that has its address, or to everybody.
            nak = answer.type == DhcpType.NAK
            to = message.relay or (0 if nak or message.broadcast else message.client) or BROADCAST_ADDRESS
            port = SERVER_PORT if message.relay else CLIENT_PORT
            self.socket.send(to, port, answer.build(), source=self._server.address)

    def _answer(self, message: DhcpMessage) -> DhcpMessage | None:
        now, pool = self._stack.scheduler.now, self._pool
        if message.type == DhcpType.DISCOVER:
            address = pool.choose(message.hardware, message.address(DhcpOption.REQUESTED_ADDRESS), now)
            if address is None:
                return None
            old = pool.leases.get(message.hardware)
            held = old.expires if old is not None and old.address == address else 0
            pool.leases[message.hardware] = Lease(address, max(held, now + _OFFER_HELD))
            return self._reply(message, DhcpType.OFFER, address)
        if message.type == DhcpType.REQUEST:
            return self._request(message, now)
        if message.type == DhcpType.INFORM:
            return self._reply(message, DhcpType.ACK, 0)
        self._given_back(message)
        return None

    def _request(self, message: DhcpMessage, now: Instant) -> DhcpMessage | None:
        pool = self._pool
        chosen = message.address(DhcpOption.SERVER_IDENTIFIER)
        if chosen is not None and chosen != self._server.address:
            pool.leases.pop(message.hardware, None)
            return None
        wanted = message.address(DhcpOption.REQUESTED_ADDRESS) or message.client
        if not pool.holds(wanted) or not pool.free(wanted, message.hardware, now):
            return self._reply(message, DhcpType.NAK, 0)
        pool.leases[message.hardware] = Lease(wanted, now + pool.lease * SECOND)
        return self._reply(message, DhcpType.ACK, wanted)

    def _given_back(self, message: DhcpMessage) -> None:
        lease = self._pool.leases.get(message.hardware)
        if message.type == DhcpType.RELEASE and lease is not None and lease.address == message.client:
            lease.expires = self._stack.scheduler.now
        elif message.type == DhcpType.DECLINE:
            address = message.address(DhcpOption.REQUESTED_ADDRESS)
            if lease is not None and lease.address == address:
                del self._pool.leases[message.hardware]
                self._pool.declined.add(lease.address)

    def _reply(self, message: DhcpMessage, kind: DhcpType, address: int) -> DhcpMessage:
        options: dict[int, bytes] = {
            DhcpOption.MESSAGE_TYPE: bytes((kind,)),
            DhcpOption.SERVER_IDENTIFIER: self._server.address.to_bytes(4, "big"),
        }
        if kind is not DhcpType.NAK:
            options.update(self._parameters(leased=address != 0))
        client = message.client if kind is DhcpType.ACK else 0
        return DhcpMessage(
            REPLY,
            message.transaction,
            message.hardware,
            options,
            client,
            address,
            relay=message.relay,
            broadcast=message.broadcast,
        )

    def _parameters(self, *, leased: bool) -> Mapping[int, bytes]:
        pool = self._pool
        options: dict[int, bytes] = {DhcpOption.SUBNET_MASK: self._server.mask.to_bytes(4, "big")}
        if leased:
            options[DhcpOption.LEASE_TIME] = pool.lease.to_bytes(4, "big")
        if pool.gateway is not None:
            options[DhcpOption.ROUTER] = pool.gateway.to_bytes(4, "big")
        if pool.dns:
            options[DhcpOption.DNS_SERVER] = b"".join(one.to_bytes(4, "big") for one in pool.dns)
        if pool.domain:
            options[DhcpOption.DOMAIN_NAME] = pool.domain.encode("ascii")
        return options
