"""Run-time tunnels: what a VPN (or one policy's use of it) is between two gateways, with its SAs of the moment.

A tunnel outlives its SAs: it is there before the first negotiation and after the last expiry, which is what `get sa`
lists. Two generations of SAs overlap while one replaces the other (make before break): packets leave through the
newest, and arrive through any that has not expired or been deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.sa import DfBit, InboundSa, OutboundSa, SecurityAssociation, transform_label

NO_POLICY = -1
"""What `get sa` shows as PID of a tunnel that is bound to a tunnel interface."""


@dataclass(frozen=True, slots=True)
class TunnelSettings:
    """What the configuration says of a tunnel. A VPN that several policies name makes one tunnel for each (B142).

    `bound_interface` is the tunnel interface of a route-based VPN; the policy ids are those of a policy-based one,
    as `get sa` prints them: `policy_in` on the `<` line, `policy_out` on the `>` line. The transform is that of the
    first proposal, shown until one has been negotiated. `df` is what becomes of the DF bit, `dscp` a mark. `gateway` is
    the name of the IKE gateway, "" for a manual key tunnel. `transport`: the mode that L2TP uses (B015).
    """

    vpn: str
    gateway: str
    peer: int
    local: int
    outgoing_interface: str
    protocol: IpsecProtocol
    encryption: Encryption
    integrity: Integrity
    bound_interface: str | None = None
    policy_in: int = NO_POLICY
    policy_out: int = NO_POLICY
    df: DfBit = DfBit.CLEAR
    dscp: int | None = None
    transport: bool = False


@dataclass(slots=True)
class DirectionStatistics:
    """One line of `get sa stat`."""

    fragments: int = 0
    authentication_failures: int = 0
    other_failures: int = 0
    octets: int = 0
    packets: int = 0

    def add(self, sa: OutboundSa | InboundSa) -> None:
        """Count what `sa` has counted."""
        self.fragments += sa.fragments
        self.authentication_failures += sa.authentication_failures
        self.other_failures += sa.other_failures
        self.octets += sa.octets
        self.packets += sa.packets


class Tunnel:
    """One tunnel of one device. Made, given SAs and relieved of them by `SaDatabase` alone.

    `outbound` is the SA to seal with, None while the tunnel is inactive. `inbound_sas` and `outbound_sas` hold all
    living ones, oldest first. `port` is the peer's IKE port, as `get sa` prints it.
    """

    __slots__ = (
        "_retired_inbound",
        "_retired_outbound",
        "identifier",
        "inbound_sas",
        "last_inbound_spi",
        "last_outbound_spi",
        "outbound",
        "outbound_sas",
        "port",
        "settings",
    )

    def __init__(self, identifier: int, settings: TunnelSettings) -> None:
        self.identifier = identifier
        self.settings = settings
        self.port = 500
        self.outbound: OutboundSa | None = None
        self.outbound_sas: list[OutboundSa] = []
        self.inbound_sas: list[InboundSa] = []
        self.last_inbound_spi = 0
        self.last_outbound_spi = 0
        self._retired_inbound = DirectionStatistics()
        self._retired_outbound = DirectionStatistics()

    @property
    def active(self) -> bool:
        """Whether packets can be sent: a living outbound SA."""
        return self.outbound is not None

    @property
    def inbound(self) -> InboundSa | None:
        """The newest inbound SA."""
        return self.inbound_sas[-1] if self.inbound_sas else None

    @property
    def label(self) -> str:
        """`esp:a128/sha1`: the transform in use, else that of the first proposal."""
        if self.outbound is not None:
            return self.outbound.parameters.label
        return transform_label(self.settings.protocol, self.settings.encryption, self.settings.integrity)

    @property
    def inbound_statistics(self) -> DirectionStatistics:
        """Counters of all inbound SAs since the tunnel was made."""
        return _total(self._retired_inbound, self.inbound_sas)

    @property
    def outbound_statistics(self) -> DirectionStatistics:
        """Counters of all outbound SAs since the tunnel was made."""
        return _total(self._retired_outbound, self.outbound_sas)

    def clear_statistics(self) -> None:
        """Count from 0 again; the SAs keep their own counts, which their lifetimes in kilobytes need."""
        self._retired_inbound = _negative(_total(DirectionStatistics(), self.inbound_sas))
        self._retired_outbound = _negative(_total(DirectionStatistics(), self.outbound_sas))

    def install_outbound(self, sa: OutboundSa, *, current: bool = True) -> None:
        """The newest SA is used from the next packet on; one that is not `current` waits until the last is gone."""
        if not current and self.outbound_sas:
            self.outbound_sas.insert(-1, sa)
            return
        self.outbound_sas.append(sa)
        self.outbound = sa
        self.last_outbound_spi = sa.spi

    def install_inbound(self, sa: InboundSa) -> None:
        """The older ones go on receiving."""
        self.inbound_sas.append(sa)
        self.last_inbound_spi = sa.spi

    def retire(self, sa: SecurityAssociation) -> bool:
        """Take an SA out and keep its counts; whether it was this tunnel's."""
        if isinstance(sa, OutboundSa) and sa in self.outbound_sas:
            self.outbound_sas.remove(sa)
            self.outbound = self.outbound_sas[-1] if self.outbound_sas else None
            self._retired_outbound.add(sa)
            return True
        if isinstance(sa, InboundSa) and sa in self.inbound_sas:
            self.inbound_sas.remove(sa)
            self._retired_inbound.add(sa)
            return True
        return False


def _negative(count: DirectionStatistics) -> DirectionStatistics:
    return DirectionStatistics(
        -count.fragments, -count.authentication_failures, -count.other_failures, -count.octets, -count.packets
    )


def _total(retired: DirectionStatistics, living: list[OutboundSa] | list[InboundSa]) -> DirectionStatistics:
    total = DirectionStatistics(
        retired.fragments, retired.authentication_failures, retired.other_failures, retired.octets, retired.packets
    )
    for sa in living:
        total.add(sa)
    return total
