"""`get vpn …`, `get vpn-group …` (screenos-cli §1.10; the layout is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, NumberType, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, lines, yes_no
from nsemu.cli.types import VPN
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.vpn import Vpn, VpnGroup
from nsemu.device.device import Device
from nsemu.device.tunnels import phase2_proposals, vpns_of_policy
from nsemu.device.views.interfaces import short_name
from nsemu.device.views.ipsec import TunnelView, tunnel_views
from nsemu.sim.scheduler import MILLISECOND
from nsemu.wire.address import format_ipv4


def _all(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(*_tables(context.device, list(config.vpns.values())))


def _one(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    return lines(*_tables(context.device, [require(config.vpns, arguments["vpn"], "vpn")]))


def _tables(device: Device, vpns: list[Vpn]) -> Iterator[str]:
    yield from _table(device.config, [vpn for vpn in vpns if vpn.manual is None])
    manual = [vpn for vpn in vpns if vpn.manual is not None]
    if manual:
        yield from _manual_table(device, manual)


def _manual_table(device: Device, vpns: list[Vpn]) -> Iterator[str]:
    yield ""
    yield "Name            Gateway         Interface       Lcl SPI  Rmt SPI  Algorithm        Tunnel ID"
    yield "--------------- --------------- --------------- -------- -------- ---------------- ---------"
    views = {view.vpn: view for view in tunnel_views(device)}
    for vpn in vpns:
        keys, view = vpn.manual, views.get(vpn.name)
        if keys is not None and view is not None:
            yield (
                f"{cut(vpn.name, 15)} {cut(format_ipv4(keys.peer), 15)} {cut(short_name(keys.outgoing_interface), 15)} "
                f"{keys.local_spi:08x} {keys.remote_spi:08x} {view.label:<16} {view.id:08x}"
            )
            yield from _binding(vpn)
            yield f"  DF-bit = {vpn.df_bit}"
    yield f"Total Manual VPN: {len(vpns)}"


def _binding(vpn: Vpn) -> Iterator[str]:
    if vpn.bind_interface is not None:
        yield f"  bound tunnel interface: {vpn.bind_interface}"
    if vpn.bind_zone is not None:
        yield f"  bound tunnel zone: {vpn.bind_zone}"


def _table(config: DeviceConfig, vpns: list[Vpn]) -> Iterator[str]:
    yield "Name            Gateway         Mode RPlay 1st Proposal         Monitor Use Cnt Interface"
    yield "--------------- --------------- ---- ----- -------------------- ------- ------- ---------------"
    for vpn in vpns:
        yield from _rows(config, vpn)
    yield f"Total Auto VPN: {len(vpns)}"
    yield f"Total Pure Transport Mode IPSEC VPN: {sum(vpn.transport for vpn in vpns)}"


def _rows(config: DeviceConfig, vpn: Vpn) -> Iterator[str]:
    proposals = [proposal.name for proposal in phase2_proposals(config, vpn)]
    users = sum(vpn.name in vpns_of_policy(config, policy) for policy in config.policies.values())
    gateway = config.gateways.get(vpn.gateway)
    outgoing = short_name(gateway.outgoing_interface) if gateway is not None else "n/a"
    mode = "tran" if vpn.transport else "tunl"
    first = cut(proposals[0] if proposals else "", 20)
    yield (
        f"{cut(vpn.name, 15)} {cut(vpn.gateway, 15)} {mode} {yes_no(vpn.replay):<5} {first} "
        f"{'on' if vpn.monitor is not None else 'off':<7} {users:>7} {cut(outgoing, 15).rstrip()}"
    )
    yield f"  all proposals: {' '.join(proposals)}"
    yield f"  peer gateway = {vpn.gateway}"
    yield f"  outgoing interface <{outgoing}>"
    yield from _binding(vpn)
    if vpn.proxy_id is not None:
        proxy = vpn.proxy_id
        yield f"  proxy id: local {proxy.local}, remote {proxy.remote}, service {proxy.service}"
    yield f"  idletime = {vpn.idle_time}, DF-bit = {vpn.df_bit}"


# --- groups of redundant VPNs


def _all_groups(context: Context, _arguments: Arguments) -> str:
    return lines(*_groups(context.device, list(context.device.config.vpn_groups.values())))


def _one_group(context: Context, arguments: Arguments) -> str:
    number = arguments["vpn_group"]
    group = context.device.config.vpn_groups.get(number)
    if group is None:
        raise NotFoundError(f"vpn-group {number} does not exist")
    return lines(*_groups(context.device, [group]))


def _groups(device: Device, groups: list[VpnGroup]) -> Iterator[str]:
    up = {view.vpn for view in tunnel_views(device) if view.active}
    yield "Group  VPN             Weight Status"
    yield "------ --------------- ------ --------"
    for group in groups:
        weights = dict(group.weights)
        carrying = next((name for name in group.members if name in up), None)
        for name in group.members:
            status = "active" if name == carrying else "standby" if name in up else "down"
            yield f"{group.id:>6} {cut(name, 15)} {weights[name]:>6} {status}"
        if not group.members:
            yield f"{group.id:>6}"
    yield f"Total VPN groups: {len(groups)}"


VPN_GROUP_NODE = keyword(
    "vpn-group",
    "show redundant VPNs",
    choice(
        Command(_all_groups),
        keyword("id", "ID of the group", argument("vpn_group", NumberType(1, 65535), "ID", Command(_one_group))),
    ),
)


def _monitoring(context: Context, _arguments: Arguments) -> str:
    settings = context.device.config.ike
    return lines(
        f"Vpn monitor interval : {settings.monitor_interval}(seconds)",
        f"Vpn monitor threshold: {settings.monitor_threshold}",
        *(line for view in tunnel_views(context.device) for line in _monitored(view)),
    )


def _monitored(view: TunnelView) -> Iterator[str]:
    monitor = view.monitor
    if monitor is None:
        return
    state = {None: "unknown", True: "up", False: "down"}[monitor.up]
    latency, average = (
        f"{value // MILLISECOND} ms" if value is not None else "n/a" for value in (monitor.latency, monitor.average)
    )
    yield (
        f"{view.id:08x} {cut(view.vpn, 15)} {format_ipv4(view.peer):<15} {state:<7} latency {latency}, "
        f"average {average}, availability {monitor.availability}%"
    )


VPN_MONITOR_NODE = keyword("vpnmonitor", "show VPN monitoring", Command(_monitoring))


def _auto(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(*_table(config, [vpn for vpn in config.vpns.values() if vpn.manual is None]))


def _manual(context: Context, _arguments: Arguments) -> str:
    vpns = context.device.config.vpns.values()
    return lines(*_manual_table(context.device, [vpn for vpn in vpns if vpn.manual is not None]))


def _proxy_ids(context: Context, _arguments: Arguments) -> str:
    """What each tunnel protects, whether configured or derived from policies."""
    views = [view for view in tunnel_views(context.device) if not view.manual]
    head = ("VPN             Tunnel ID Local              Remote             Protocol  Port",)
    rows = (
        f"{cut(view.vpn, 15)} {view.id:08x}  {view.local_network!s:<18} {view.remote_network!s:<18} "
        f"{view.selector_protocol:>8} {view.selector_port:>5}"
        for view in views
    )
    return lines(*head, *rows, f"Total proxy IDs: {len(views)}")


def _detail(context: Context, arguments: Arguments) -> str:
    """The VPN, then each of its tunnels."""
    name = require(context.device.config.vpns, arguments["vpn"], "vpn").name
    text = _one(context, arguments)
    views = [view for view in tunnel_views(context.device) if view.vpn == name]
    return text + lines(*(row for view in views for row in _tunnel_rows(view)))


def _tunnel_rows(view: TunnelView) -> Iterator[str]:
    state = "active" if view.active else "inactive"
    yield f"tunnel {view.id:08x}: {state}, {view.label}, peer {format_ipv4(view.peer)}"
    if not view.manual:
        yield f"  proxy id: local {view.local_network}, remote {view.remote_network}"
        yield f"  protocol {view.selector_protocol}, port {view.selector_port}"
    for side, sa in (("in", view.inbound), ("out", view.outbound)):
        left = "unlimited" if sa.remaining is None else f"{sa.remaining} s"
        counted = f"{sa.packets} packets, {sa.octets} octets"
        yield f"  {side:<3} SPI {sa.spi:08x}, {counted}, life left {left}, idle {sa.idle} s"


VPN_NODE = keyword(
    "vpn",
    "show VPN info",
    choice(
        Command(_all),
        keyword("auto", "AutoKey IKE VPNs", Command(_auto)),
        keyword("manual", "manual key VPNs", Command(_manual)),
        keyword("proxy-id", "what tunnels protect", Command(_proxy_ids)),
        argument(
            "vpn", VPN, "VPN name", choice(Command(_one), keyword("detail", "with its tunnels", Command(_detail)))
        ),
    ),
)
