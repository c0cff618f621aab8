"""From what IKE has negotiated to one direction of an SA, as devices and VPN clients install it."""

from __future__ import annotations

from nsemu.ike.events import Phase2Completed, Phase2InboundReady, SaKeys
from nsemu.ike.parameters import NatVariant
from nsemu.ipsec.sa import DfBit, SaMode, SaParameters, UdpPorts


def sa_parameters(
    event: Phase2InboundReady | Phase2Completed,
    keys: SaKeys,
    marks: tuple[DfBit, int | None] = (DfBit.CLEAR, None),
    *,
    replay: bool = False,
    udp_checksum: bool = True,
) -> SaParameters:
    """The SA with `keys` among those of an event. With NAT it goes in UDP, with or without a checksum (B309).

    `marks` are what becomes of the DF bit, and the DSCP of the outer header.
    """
    proposal = event.proposal
    udp = None
    if event.nat is not None:
        marker = event.nat is NatVariant.DRAFT_00
        udp = UdpPorts(event.local.port, event.remote.port, marker, udp_checksum)
    return SaParameters(
        keys.spi,
        event.local.address,
        event.remote.address,
        proposal.protocol,
        proposal.encryption,
        proposal.integrity,
        keys.encryption_key,
        keys.integrity_key,
        replay,
        event.lifetime,
        event.lifesize,
        df=marks[0],
        udp=udp,
        dscp=marks[1],
        mode=SaMode.TRANSPORT if event.transport else SaMode.TUNNEL,
        originals=event.originals,
    )
