"""Tunnels and their security associations as `get sa` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.algorithms import DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.ike import Phase2Proposal
from nsemu.device.device import Device
from nsemu.ipsec.sa import InboundSa, OutboundSa
from nsemu.ipsec.tunnel import DirectionStatistics, Tunnel
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class SaView:
    """One direction of a tunnel. Lifetimes in seconds and kilobytes, 0 for no limit.

    `spi` of an SA that is gone stays; it is 0 before the first one. `remaining` is None without a living SA or a limit
    in seconds. `kilobytes_remaining` is None without a limit. `last_sequence` is the highest number received or sent,
    `window` the low 32 bits of the replay window, `idle` seconds since the last packet.
    `replay` is the configured setting while there is no SA.
    """

    active: bool
    spi: int
    policy_id: int
    lifetime: int
    remaining: int | None
    lifesize: int
    kilobytes_remaining: int | None
    octets_remaining: int
    replay: bool
    last_sequence: int
    window: int
    idle: int
    fragments: int
    authentication_failures: int
    other_failures: int
    octets: int
    packets: int


@dataclass(frozen=True, slots=True)
class MonitorView:
    """What VPN monitoring knows of a tunnel. `up` is None before the first verdict; times in nanoseconds."""

    up: bool | None
    latency: Duration | None
    average: Duration | None
    availability: int


@dataclass(frozen=True, slots=True)
class TunnelView:
    """One tunnel. `bound_interface` is None for a policy-based one. `pfs` is None without perfect forward secrecy.

    `monitor` is None for a tunnel that is not monitored.
    `manual` tells a manual key tunnel from one that IKE keys; `dialup` one of a dialup client, or for such clients.
    `ike_activity` is when its newest SA was made, in seconds after the device started, 0 before the first.
    """

    id: int
    index: int
    vpn: str
    gateway: str
    peer: int
    peer_id: int
    port: int
    local: int
    outgoing_interface: str
    bound_interface: str | None
    active: bool
    label: str
    protocol: IpsecProtocol
    encryption: Encryption
    integrity: Integrity
    pfs: DhGroup | None
    df_bit: str
    local_network: Prefix
    remote_network: Prefix
    selector_protocol: int
    selector_port: int
    ike_activity: int
    inbound: SaView
    outbound: SaView
    manual: bool = False
    monitor: MonitorView | None = None
    dialup: bool = False
    transport: bool = False


def tunnel_views(device: Device) -> tuple[TunnelView, ...]:
    """All tunnels by ID."""
    return tuple(_tunnel(device, index, tunnel) for index, tunnel in enumerate(device.database))


def tunnel_view(device: Device, identifier: int) -> TunnelView | None:
    """One tunnel, None when there is none with that ID."""
    return next((view for view in tunnel_views(device) if view.id == identifier), None)


def _tunnel(device: Device, index: int, tunnel: Tunnel) -> TunnelView:
    settings = tunnel.settings
    plan = device.tunnel_plans[tunnel.identifier]
    vpn = device.config.vpns.get(settings.vpn)
    used = tunnel.outbound.parameters if tunnel.outbound is not None else settings
    inbound, outbound = tunnel.inbound, tunnel.outbound
    made = max((sa.installed_at for sa in (*tunnel.inbound_sas, *tunnel.outbound_sas)), default=device.booted_at)
    gateways = list(device.config.gateways)
    return TunnelView(
        tunnel.identifier,
        index,
        settings.vpn,
        settings.gateway,
        settings.peer,
        gateways.index(settings.gateway) if settings.gateway in gateways else -1,
        tunnel.port,
        settings.local,
        settings.outgoing_interface,
        settings.bound_interface,
        tunnel.active,
        tunnel.label,
        used.protocol,
        used.encryption,
        used.integrity,
        _pfs(plan.proposals, used.encryption, used.integrity),
        vpn.df_bit if vpn is not None else "clear",
        plan.selector.local,
        plan.selector.remote,
        plan.selector.protocol,
        plan.selector.port,
        (made - device.booted_at) // SECOND,
        _inbound(device, tunnel, inbound, plan.replay),
        _outbound(device, tunnel, outbound, plan.replay),
        plan.manual is not None,
        _monitor(device, tunnel),
        plan.dialup or bool(plan.caller),
        settings.transport,
    )


def _monitor(device: Device, tunnel: Tunnel) -> MonitorView | None:
    held = device.vpn_monitors.watched.get(tunnel.identifier)
    return MonitorView(held.up, held.latency, held.average, held.availability) if held is not None else None


def _pfs(proposals: tuple[Phase2Proposal, ...], encryption: Encryption, integrity: Integrity) -> DhGroup | None:
    """The group of the proposal in use; the first that has the algorithms."""
    fitting = (item for item in proposals if (item.encryption, item.integrity) == (encryption, integrity))
    chosen = next(fitting, None)
    return chosen.pfs if chosen is not None else None


def _inbound(device: Device, tunnel: Tunnel, sa: InboundSa | None, replay: bool) -> SaView:
    window = sa.window if sa is not None else None
    last = window.highest if window is not None else 0
    bits = window.bitmap & 0xFFFFFFFF if window is not None else 0
    ids = (tunnel.last_inbound_spi, tunnel.settings.policy_in)
    return _view(device, sa, ids, (last, bits), tunnel.inbound_statistics, replay)


def _outbound(device: Device, tunnel: Tunnel, sa: OutboundSa | None, replay: bool) -> SaView:
    last = sa.sequence if sa is not None else 0
    ids = (tunnel.last_outbound_spi, tunnel.settings.policy_out)
    return _view(device, sa, ids, (last, 0), tunnel.outbound_statistics, replay)


def _view(
    device: Device,
    sa: InboundSa | OutboundSa | None,
    ids: tuple[int, int],
    sequence: tuple[int, int],
    counted: DirectionStatistics,
    replay: bool,
) -> SaView:
    now = device.scheduler.now
    left = sa.nanoseconds_remaining(now) if sa is not None else None
    lifesize = sa.parameters.lifesize_kilobytes if sa is not None else 0
    octets_left = sa.octets_remaining if sa is not None else 0
    return SaView(
        sa is not None,
        ids[0],
        ids[1],
        # The responder may have shortened the life of an SA after it was made.
        (sa.expires_at - sa.installed_at) // SECOND if sa is not None and sa.expires_at is not None else 0,
        left // SECOND if left is not None else None,
        lifesize,
        octets_left // 1024 if lifesize else None,
        octets_left,
        sa.parameters.replay if sa is not None else replay,
        *sequence,
        (now - sa.last_used) // SECOND if sa is not None else 0,
        counted.fragments,
        counted.authentication_failures,
        counted.other_failures,
        counted.octets,
        counted.packets,
    )
