"""The SAs of one device: tunnels by number, inbound SAs by destination, protocol and SPI (RFC 2401 §4.4.3, B030).

Time comes from the caller: `expire(now)` takes out what has outlived its seconds, `next_deadline` says when to call.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from nsemu.config.algorithms import IpsecProtocol
from nsemu.ipsec.ah import AhInbound, AhOutbound
from nsemu.ipsec.esp import EspInbound, EspOutbound
from nsemu.ipsec.esp_udp import EspUdpOutbound
from nsemu.ipsec.sa import MINIMUM_SPI, InboundSa, Octets, OutboundSa, SaError, SaParameters
from nsemu.ipsec.tunnel import Tunnel, TunnelSettings
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant


@dataclass(frozen=True, slots=True)
class Expired:
    """An SA whose lifetime in seconds is over, and which the database has taken out."""

    tunnel: Tunnel
    sa: OutboundSa | InboundSa


@dataclass(frozen=True, slots=True)
class InboundEntry:
    """What an inbound packet finds: the SA that opens it and the tunnel it came through (B162)."""

    sa: InboundSa
    tunnel: Tunnel


_OUTBOUND = {IpsecProtocol.ESP: EspOutbound, IpsecProtocol.AH: AhOutbound}
_INBOUND = {IpsecProtocol.ESP: EspInbound, IpsecProtocol.AH: AhInbound}


def _key(destination: int, spi: int) -> bytes:
    return (destination << 32 | spi).to_bytes(8, "big")


class SaDatabase:
    """All tunnels and SAs of a device. `stream` feeds SPIs and the IVs of outbound SAs.

    `esp` maps destination and SPI, 8 octets, to the entry. In an ESP packet whose IPv4 header has no options these
    octets stand side by side, so `esp.get(packet[16:24])` is the whole look-up of the data path (wrapped in `bytes` if
    the packet is a bytearray). `ah` is the same for AH.
    """

    __slots__ = (
        "_deadlines",
        "_free_numbers",
        "_highest",
        "_order",
        "_owners",
        "_stream",
        "_tunnels_of_peer",
        "ah",
        "esp",
        "tunnels",
    )

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.tunnels: dict[int, Tunnel] = {}
        self.esp: dict[bytes, InboundEntry] = {}
        self.ah: dict[bytes, InboundEntry] = {}
        self._tunnels_of_peer: dict[int, list[Tunnel]] = {}
        self._owners: dict[OutboundSa | InboundSa, Tunnel] = {}
        self._deadlines: list[tuple[Instant, int, OutboundSa | InboundSa]] = []
        self._order = count()
        self._free_numbers: list[int] = []
        self._highest = 0

    # -- tunnels ------------------------------------------------------------------------------------------------

    def add_tunnel(self, settings: TunnelSettings, number: int | None = None) -> Tunnel:
        """A new, inactive tunnel under a number that is free, the lowest one unless it is given."""
        identifier = number or self._lowest_free()
        assert identifier not in self.tunnels
        tunnel = Tunnel(identifier, settings)
        self.tunnels[identifier] = tunnel
        self._tunnels_of_peer.setdefault(settings.peer, []).append(tunnel)
        return tunnel

    def _lowest_free(self) -> int:
        """Numbers up to `_highest` that are free are on the heap, among others that have been given by name since."""
        while self._free_numbers:
            number = heapq.heappop(self._free_numbers)
            if number not in self.tunnels:
                return number
        while True:
            self._highest += 1
            if self._highest not in self.tunnels:
                return self._highest

    def remove_tunnel(self, tunnel: Tunnel) -> None:
        """Take out a tunnel and all its SAs; its number is free again."""
        self.clear(tunnel)
        del self.tunnels[tunnel.identifier]
        if tunnel.identifier <= self._highest:
            heapq.heappush(self._free_numbers, tunnel.identifier)
        self._forget_peer(tunnel)

    def change_tunnel(self, tunnel: Tunnel, settings: TunnelSettings) -> None:
        """Give a tunnel other settings and keep its number. SAs between other ends than the new ones are taken out."""
        old = tunnel.settings
        if (old.local, old.peer, old.protocol) != (settings.local, settings.peer, settings.protocol):
            self.clear(tunnel)
        self._forget_peer(tunnel)
        tunnel.settings = settings
        self._tunnels_of_peer.setdefault(settings.peer, []).append(tunnel)

    def move_tunnel(self, tunnel: Tunnel, peer: int) -> None:
        """The peer has another address now; SAs stay."""
        self._forget_peer(tunnel)
        tunnel.settings = replace(tunnel.settings, peer=peer)
        self._tunnels_of_peer.setdefault(peer, []).append(tunnel)

    def _forget_peer(self, tunnel: Tunnel) -> None:
        others = self._tunnels_of_peer[tunnel.settings.peer]
        others.remove(tunnel)
        if not others:
            del self._tunnels_of_peer[tunnel.settings.peer]

    def tunnels_of(self, peer: int) -> tuple[Tunnel, ...]:
        """The tunnels to the gateway with the address `peer`, in order of making."""
        return tuple(self._tunnels_of_peer.get(peer, ()))

    def inactive_tunnel_of(self, source: int) -> Tunnel | None:
        """For a packet with an unknown SPI: a tunnel to its sender that is not active (B158, B159)."""
        return next((tunnel for tunnel in self._tunnels_of_peer.get(source, ()) if not tunnel.active), None)

    def __iter__(self) -> Iterator[Tunnel]:
        """All tunnels by number."""
        return (self.tunnels[identifier] for identifier in sorted(self.tunnels))

    # -- SAs ----------------------------------------------------------------------------------------------------

    def allocate_spi(self, destination: int, protocol: IpsecProtocol) -> int:
        """An SPI for a new inbound SA: random, unused at `destination`, out of the reserved range."""
        table = self._table(protocol)
        while True:
            spi = self._stream.integer(MINIMUM_SPI, 0xFFFFFFFF)
            if _key(destination, spi) not in table:
                return spi

    def install_inbound(self, tunnel: Tunnel, parameters: SaParameters, now: Instant) -> InboundSa:
        """Make an SA that receives at `parameters.local`. Raises SaError if its SPI is taken there."""
        table = self._table(parameters.protocol)
        key = _key(parameters.local, parameters.spi)
        if key in table:
            raise SaError(f"SPI {parameters.spi:#010x} is in use")
        sa: InboundSa = _INBOUND[parameters.protocol](parameters, now)
        table[key] = InboundEntry(sa, tunnel)
        tunnel.install_inbound(sa)
        self._watch(sa, tunnel)
        return sa

    def install_outbound(
        self, tunnel: Tunnel, parameters: SaParameters, now: Instant, *, current: bool = True
    ) -> OutboundSa:
        """Make an SA that the tunnel sends through from now on, or, when not `current`, once that one is gone."""
        kind = _OUTBOUND[parameters.protocol] if parameters.udp is None else EspUdpOutbound
        sa: OutboundSa = kind(parameters, self._stream, now)
        tunnel.install_outbound(sa, current=current)
        self._watch(sa, tunnel)
        return sa

    def remove(self, sa: OutboundSa | InboundSa) -> Tunnel | None:
        """Take an SA out, expired or deleted; the tunnel it belonged to, None if it was not here."""
        tunnel = self._owners.pop(sa, None)
        if tunnel is None:
            return None
        if isinstance(sa, InboundSa):
            del self._table(sa.parameters.protocol)[_key(sa.parameters.local, sa.spi)]
        tunnel.retire(sa)
        return tunnel

    def clear(self, tunnel: Tunnel) -> None:
        """Take out all SAs of a tunnel (`clear sa ID`)."""
        sas: list[OutboundSa | InboundSa] = [*tunnel.inbound_sas, *tunnel.outbound_sas]
        for sa in sas:
            self.remove(sa)

    def find(self, destination: int, protocol: IpsecProtocol, spi: int) -> InboundEntry | None:
        """The SA for an inbound packet (B030)."""
        return self._table(protocol).get(_key(destination, spi))

    def find_for_packet(self, datagram: Octets, protocol: IpsecProtocol, offset: int = 20) -> InboundEntry | None:
        """The SA for an IPv4 packet with ESP or AH at `offset`; None if it is unknown or cut off."""
        spi = offset if protocol is IpsecProtocol.ESP else offset + 4  # RFC 4302 §2
        return self._table(protocol).get(bytes(datagram[16:20]) + bytes(datagram[spi : spi + 4]))

    def find_outbound(self, peer: int, protocol: IpsecProtocol, spi: int) -> OutboundSa | None:
        """The SA that a peer's delete notification names (RFC 2408 §3.15: the SPI is the receiver's own)."""
        for tunnel in self._tunnels_of_peer.get(peer, ()):
            for sa in tunnel.outbound_sas:
                if sa.spi == spi and sa.parameters.protocol is protocol:
                    return sa
        return None

    # -- time ---------------------------------------------------------------------------------------------------

    def next_deadline(self) -> Instant | None:
        """When the next SA ends; None if none has a lifetime in seconds."""
        while self._deadlines and self._deadlines[0][2] not in self._owners:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, now: Instant) -> list[Expired]:
        """Take out every SA whose lifetime in seconds is over, earliest first."""
        expired = []
        while self._deadlines and self._deadlines[0][0] <= now:
            sa = heapq.heappop(self._deadlines)[2]
            tunnel = self.remove(sa)
            if tunnel is not None:
                expired.append(Expired(tunnel, sa))
        return expired

    def _watch(self, sa: OutboundSa | InboundSa, tunnel: Tunnel) -> None:
        self._owners[sa] = tunnel
        if sa.expires_at is not None:
            heapq.heappush(self._deadlines, (sa.expires_at, next(self._order), sa))

    def _table(self, protocol: IpsecProtocol) -> dict[bytes, InboundEntry]:
        return self.esp if protocol is IpsecProtocol.ESP else self.ah
