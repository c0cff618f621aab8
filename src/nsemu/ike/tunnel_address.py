"""The addresses of tunnel interfaces, which peers of this kind tell each other in quick mode (B335).

Each end may add a notification of type 40001 to its message with the SA payload: protocol and SPI are those of its
inbound SA, the data are the four octets of its tunnel interface's address. It goes to peers that announced the vendor
ID of ScreenOS, and to no other. The type number is that of the event log of real devices, the rest of the format is
our own (docs/fidelity.md).
"""

from __future__ import annotations

from nsemu.ike.context import IkeContext
from nsemu.ike.events import NotifyReceived, TunnelAddressLearned
from nsemu.ike.exchange import Message, Payloads, QuickMode
from nsemu.ike.peers import Tunnel
from nsemu.wire.isakmp import PayloadType
from nsemu.wire.isakmp_payloads import DOI_IPSEC, NotifyType, build_notification, parse_notification

_FIRST_UNICAST, _LAST_UNICAST = 0x01000000, 0xDFFFFFFF


def _is_automatic(tunnel: Tunnel) -> bool:
    """B336: the table fills itself where tunnels are kept up: `monitor … rekey`, or heartbeats with `reconnect`."""
    return tunnel.parameters.renewed or bool(tunnel.gateway.parameters.heartbeat.reconnect)


def told(quick: QuickMode, protocol: int) -> Payloads:
    """What this end says: nothing unless its tunnel is bound to a numbered interface and the peer will understand."""
    tunnel = quick.tunnel
    if tunnel is None or not tunnel.parameters.hop or not quick.phase1.peer_screenos or not _is_automatic(tunnel):
        return []
    spi, data = quick.inbound_spi.to_bytes(4, "big"), tunnel.parameters.hop.to_bytes(4, "big")
    return [(PayloadType.NOTIFICATION, build_notification(protocol, NotifyType.NHTB_INFORM, spi, data))]


def note(quick: QuickMode, message: Message) -> None:
    """Remember what the peer said; what is no address of a host is passed over. Raises MalformedPacket."""
    for body in message.all(PayloadType.NOTIFICATION):
        notification = parse_notification(body)
        address = int.from_bytes(notification.data, "big")
        whole = len(notification.data) == 4 and _FIRST_UNICAST <= address <= _LAST_UNICAST
        if notification.type == NotifyType.NHTB_INFORM and whole:
            quick.hop = address


def learn(context: IkeContext, quick: QuickMode) -> None:
    """The SAs stand: tell the device where the peer's end of the tunnel is."""
    if not quick.hop or quick.tunnel is None or not _is_automatic(quick.tunnel):
        return
    ends = quick.phase1.gateway.parameters.name, quick.phase1.peer.address
    context.events.append(NotifyReceived(*ends, DOI_IPSEC, NotifyType.NHTB_INFORM, protected=True))
    context.events.append(TunnelAddressLearned(*ends, quick.tunnel.parameters.id, quick.hop))
