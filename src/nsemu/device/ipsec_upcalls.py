"""What the pipeline asks of a device about its tunnels: SAs that are wanted, run out, unknown or replayed.

The part of `flow.state.Upcalls` that leads to IKE; `Device` has the rest.
"""

from __future__ import annotations

from nsemu.device import ipsec_texts
from nsemu.device.compile import Compiler
from nsemu.device.ike_glue import IkeGlue
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.ike.parameters import Endpoint, Ends
from nsemu.ipsec.database import SaDatabase
from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import Scheduler


class IpsecUpcalls:
    """The tunnels' side of a device. Whoever inherits it has these attributes."""

    scheduler: Scheduler
    database: SaDatabase
    state: FlowState
    ike: IkeGlue
    _compiler: Compiler

    def log(self, type_: int, level: Level, text: str) -> None:
        """Make an event log entry."""
        raise NotImplementedError

    def clear_tunnel(self, identifier: int) -> None:
        """`clear sa ID`: the SAs go, the peer is told. Those of a manual key tunnel stay."""
        if identifier in self._compiler.manual:
            return
        self.ike.engine.delete_tunnel_sas(identifier, self.scheduler.now)
        self.ike.pump()

    def acquire(self, path: TunnelPath) -> None:
        """Traffic wants an SA (B061)."""
        if path.negotiable:
            self.ike.engine.acquire(path.identifier, self.scheduler.now)
            self.ike.pump()

    def prepare(self, path: TunnelPath) -> None:
        """Have a redundant tunnel ready (B349)."""
        if path.negotiable and not self.ike.engine.is_recovering(path.identifier):
            self.acquire(path)

    def bad_spi(self, packet: Packet, spi: int, sequence: int) -> None:
        """An ESP packet with an unknown SPI (Vol. 5, "Packet Flow", Paris 2; B158, B159)."""
        tunnels = self.database.tunnels_of(packet.source)
        if not tunnels:
            return
        self.log(26, Level.ALERT, ipsec_texts.bad_spi(packet, tunnels[0], spi, sequence))
        engine, now = self.ike.engine, self.scheduler.now
        protocol = ipsec_texts.protocol_of(packet)
        told = engine.report_bad_spi(packet.destination, packet.source, protocol, spi, now)
        idle = self.database.inactive_tunnel_of(packet.source)
        if idle is not None and self.state.paths[idle.identifier].negotiable:
            engine.acquire(idle.identifier, now)
        elif not told and self.state.paths[tunnels[0].identifier].negotiable:
            # The two ends disagree about living SAs, and without Phase 1 the peer heeds nobody: begin one.
            engine.rekey(tunnels[0].identifier, now)
        self.ike.pump()

    def replayed(self, packet: Packet, path: TunnelPath, spi: int, sequence: int) -> None:
        """A packet failed the anti-replay check."""
        self.log(42, Level.CRITICAL, ipsec_texts.replayed(packet, path, spi, sequence))

    def peer_moved(self, packet: Packet, path: TunnelPath) -> None:
        """The peer behind NAT now has another address or port: IKE and its tunnels follow."""
        ends = Ends(Endpoint(packet.source, packet.source_port), Endpoint(packet.destination, packet.destination_port))
        self.ike.engine.peer_moved(path.identifier, ends, self.scheduler.now)
        self.ike.pump()

    def soft_lifetime(self, path: TunnelPath) -> None:
        """An SA has nearly used up its kilobytes or sequence numbers."""
        if path.negotiable:
            self.ike.engine.rekey(path.identifier, self.scheduler.now)
            self.ike.pump()
