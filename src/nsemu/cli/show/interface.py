"""`get interface …` (screenos-cli §1.2, §1.3)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show import dhcp
from nsemu.cli.show.kept import is_kept
from nsemu.cli.show.layout import Layout, cut, dated, enabled, layout_of, lines
from nsemu.cli.show.monitor import MONITOR_NODE
from nsemu.cli.show.nat import dip_table, mip_table
from nsemu.cli.show.routing_protocols import INTERFACE_PROTOCOL
from nsemu.cli.show.screen import screen_lines
from nsemu.cli.types import OUTGOING
from nsemu.config.bridge import is_transparent
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import ConfigError
from nsemu.config.interface import InterfaceKind, ManagementService, UnknownMac
from nsemu.config.platform import Platform
from nsemu.device.views.dhcp import dhcp_relay_view, dhcp_server_view
from nsemu.device.views.interfaces import InterfaceView, interface_view, interface_views
from nsemu.wire.address import format_ipv4, format_mac_dotted

LEGEND = "A - Active, I - Inactive, U - Up, D - Down, R - Ready "


def _table(context: Context, _arguments: Arguments) -> str:
    layout = layout_of(context.device.config)
    rows = (_row(view, layout) for view in interface_views(context.device))
    return lines("", LEGEND, "", "Interfaces in vsys Root: ", _header(layout), *rows)


def _all(context: Context, _arguments: Arguments) -> str:
    layout = layout_of(context.device.config)
    views = interface_views(context.device)
    rows = (_row(view, layout) for view in views)
    title = f"Total interface: {len(views)}"
    mode = "box is in pure_l2_mode" if is_transparent(context.device.config) else "box is not in pure_l2_mode"
    return lines(mode, "", LEGEND, "", title, _header(layout), *rows)


def _header(layout: Layout) -> str:
    return f"{'Name':<14} {'IP Address':<{layout.interface_address}} {'Zone':<11} {'MAC':<14} VLAN State VSD      "


def _row(view: InterfaceView, layout: Layout) -> str:
    vlan = str(view.tag) if view.tag else "1" if view.kind is InterfaceKind.VLAN else "-"
    vsd = "0" if view.kind is InterfaceKind.NULL else "-"
    if view.group is not None:
        blank = cut("N/A", layout.interface_address)
        return f"  {cut(view.short_name, 12)} {blank} {cut('N/A', 11)} {cut('N/A', 14)}{vlan:>5}   {view.state}   {vsd}"
    address = cut(_table_address(view), layout.interface_address)
    zone, mac = cut(view.zone, 11), cut(_table_mac(view), 14)
    return f"{cut(view.short_name, 14)} {address} {zone} {mac}{vlan:>5}   {view.state}   {vsd}  "


def _table_address(view: InterfaceView) -> str:
    if view.lender is not None:
        return "unnumbered"
    return str(view.address) if view.address is not None else "0.0.0.0/0"


def _table_mac(view: InterfaceView) -> str:
    if view.lender is not None:
        return view.lender
    return format_mac_dotted(view.mac) if view.mac is not None else "N/A"


def _one(context: Context, arguments: Arguments) -> str:
    view = _view(context, arguments)
    layout = layout_of(context.device.config)
    physical = _physical(view, context.device.config.platform)
    return lines(
        *_head(view, layout),
        *_tunnels(view),
        *_services(context.device.config, view, layout),
        *(_bandwidth(physical, layout) if view.group is None else ()),
        *_dhcp(context, view, layout),
        *_bridging(view),
    )


def _next_hops(context: Context, arguments: Arguments) -> str:
    view = _view(context, arguments)
    if not view.is_tunnel:
        raise ConfigError(f"interface {view.name} has no next-hop tunnel binding table (a tunnel interface expected)")
    return lines(*_next_hop_table(view))


def _view(context: Context, arguments: Arguments) -> InterfaceView:
    name = arguments["interface"]
    view = interface_view(context.device, name)
    if view is None:
        require(context.device.config.interfaces, name, "interface")
    assert view is not None  # every configured interface runs
    return view


def interface_block(view: InterfaceView, platform: Platform, layout: Layout) -> Iterator[str]:
    """The lines of an interface that `get system` prints."""
    yield from _head(view, layout)
    if view.group is None:
        yield from _bandwidth(_physical(view, platform), layout)


def _physical(view: InterfaceView, platform: Platform) -> int:
    return platform.bandwidth_kbps if view.kind is InterfaceKind.ETHERNET else 0


def _head(view: InterfaceView, layout: Layout) -> Iterator[str]:
    yield f"Interface {view.name}:"
    if layout.extended or view.description:
        yield f"  description {view.description or view.name}"
    number = f"  number {view.number}, if_info {view.number * 88 + view.if_index * 8}, if_index {view.if_index}"
    number += f", VLAN tag {view.tag}" if view.tag else ""
    yield number + (f", mode {'nat' if view.nat_mode else 'route'}" if view.zone_bound else "")
    yield f"  {_link(view, layout)}"
    changed = f", last change:{dated(view.changed)}" if view.changed is not None else ""
    yield f"  status change:{view.changes}{changed}"
    if view.group is not None:
        yield f"  member of {view.group}"
    yield f"  vsys Root, zone {view.zone}, vr {view.vrouter}"
    if view.kind is InterfaceKind.ETHERNET and view.zone_bound:
        yield f"  dhcp client {enabled(view.dhcp_client)}"
        yield "  PPPoE disabled"
    if (layout.extended or view.is_tunnel) and view.group is None:
        yield f"  admin mtu {view.admin_mtu}, operating mtu {view.mtu}, default mtu 1500"
    yield f"  {_address(view)}"
    if view.zone_bound:
        yield f"  *manage ip {format_ipv4(view.manage_ip)}{_mac(view, ', mac ')}"
        yield f"  route-deny {'enable' if view.route_deny else 'disable'}"


def _link(view: InterfaceView, layout: Layout) -> str:
    if view.is_tunnel:
        return {"R": "link ready", "U": "link up"}.get(view.state, "link down")
    word = "up" if view.carrier else "down"
    duplex = "/full-duplex" if view.carrier else ""
    status = f", admin status {'down' if view.admin_down else 'up'}" if layout.extended else ""
    return f"link {word}, phy-link {word}{duplex}{status}"


def _mac(view: InterfaceView, before: str) -> str:
    return f"{before}{format_mac_dotted(view.mac)}" if view.mac is not None else ""


def _address(view: InterfaceView) -> str:
    if view.lender is not None:
        return f"*ip {format_ipv4(view.effective)}/{view.length}   unnumbered, source interface {view.lender}"
    address = str(view.address) if view.address is not None else "0.0.0.0/0"
    return f"*ip {address}{_mac(view, '   mac ')}"


def _tunnels(view: InterfaceView) -> Iterator[str]:
    if view.is_tunnel:
        yield "  bound vpn:"
        yield from (f"    {name}" for name in view.vpns)
        yield ""
        yield from _next_hop_table(view)
        yield ""


def _next_hop_table(view: InterfaceView) -> Iterator[str]:
    yield "  Next-Hop Tunnel Binding table"
    yield "  Flag Status Next-Hop(IP)    tunnel-id  VPN"
    for hop in view.next_hops:
        flag, status = "S" if hop.static else "A", "U" if hop.up else "D"
        yield f"     {flag}      {status} {format_ipv4(hop.next_hop):<15} 0x{hop.tunnel_id:08x} {hop.vpn}"


def _services(config: DeviceConfig, view: InterfaceView, layout: Layout) -> Iterator[str]:
    def state(service: ManagementService) -> str:
        return enabled(service in view.manage)

    wanted = ManagementService
    if layout.extended or view.is_tunnel:
        yield "  pmtu-v4 disabled"
    yield (
        f"  ping {state(wanted.PING)}, telnet {state(wanted.TELNET)}, "
        f"SSH {state(wanted.SSH)}, SNMP {state(wanted.SNMP)}"
    )
    yield f"  web {state(wanted.WEB)}, ident-reset {state(wanted.IDENT_RESET)}, SSL {state(wanted.SSL)}"
    rip = _protocol(config, view, "rip enable")
    if view.is_tunnel:
        ospf, bgp = _protocol(config, view, "ospf enable"), _protocol(config, view, "bgp")
        yield ""
        yield f"  OSPF {ospf}  BGP {bgp}  RIP {rip}  RIPng disabled  mtrace disabled"
        yield "  PIM: not configured  IGMP not configured"
        yield "  NHRP disabled"
    elif layout.extended:
        yield f"  DNS Proxy disabled, {_webauth(view, ', g-arp enabled, ')}"
        yield f"  RIP {rip}  RIPng disabled"
        yield "  NSGP disabled  mtrace disabled"
        yield "  PIM: not configured  IGMP not configured"
        yield "  MLD not configured"
        yield "  NHRP disabled"
    else:
        yield f"  {_webauth(view, ', ')}"
        yield f"  RIP {rip}"


def _protocol(config: DeviceConfig, view: InterfaceView, word: str) -> str:
    """Whether the configuration has a routing protocol on the interface; none is emulated."""
    return enabled(is_kept(config, f"interface protocol {word}", ("interface", view.name)))


def _webauth(view: InterfaceView, between: str) -> str:
    return f"webauth {enabled(view.webauth)}{between}webauth-ip {format_ipv4(view.webauth_ip)}"


def _bandwidth(physical: int, layout: Layout) -> Iterator[str]:
    if layout.extended:
        yield f"  bandwidth: physical {physical}kbps, configured egress [gbw 0kbps mbw 0kbps]"
        yield "             configured ingress mbw 0kbps, current bw 0kbps"
        yield "             total allocated gbw 0kbps"
    else:
        yield f"  bandwidth: physical {physical}kbps, configured 0kbps, current 0kbps"
        yield "             total configured gbw 0kbps, total allocated gbw 0kbps"


def _dhcp(context: Context, view: InterfaceView, layout: Layout) -> Iterator[str]:
    if not view.is_tunnel:
        relay = enabled(dhcp_relay_view(context.device, view.name) is not None)
        yield f"  DHCP-Relay {relay} at interface level" if layout.extended else f"  DHCP-Relay {relay}"
        server = dhcp_server_view(context.device, view.name)
        status = f"enabled, status {'on' if server.on else 'off'}." if server is not None else "disabled"
        yield f"  DHCP-server {status}"


def _bridging(view: InterfaceView) -> Iterator[str]:
    """What `vlan1` has in the place of a router."""
    if view.bridge is None:
        return
    settings = view.bridge
    method = "FLOOD" if settings.unknown_mac is UnknownMac.FLOOD else "ARP"
    yield f"  unknown mac address resolve method: {method}{' + TRACE-ROUTE' if settings.trace_route else ''}"
    yield f"  vlan trunk: {'On' if settings.vlan_trunk else 'Off'}"
    yield f"  bypass others IPSEC: {'On' if settings.bypass_others_ipsec else 'Off'}"
    passing = "Off" if not settings.bypass_non_ip_all else "On" if settings.bypass_non_ip else "multicast"
    yield f"  bypass non IP: {passing}"
    yield "  In backup mode, only traffic from V1-Trust can manage the box"


def _secondary(context: Context, arguments: Arguments) -> str:
    view = _view(context, arguments)
    record = context.device.config.interfaces.get(view.name)
    found = record.secondary if record is not None else ()
    rows = (f"  *ip {address}" for address in found)
    return lines(f"Interface {view.name}: {len(found)} secondary addresses", *rows)


def _dips(context: Context, arguments: Arguments) -> str:
    return dip_table(context, _view(context, arguments).name)


def _mips(context: Context, arguments: Arguments) -> str:
    return mip_table(context, _view(context, arguments).name)


def _screen(context: Context, arguments: Arguments) -> str:
    """The options of the zone that the interface is in."""
    view = _view(context, arguments)
    zone = require(context.device.config.zones, view.zone, "zone")
    return lines(f"Screen of zone {view.zone}:", *screen_lines(zone.screen))


INTERFACE_NODE = keyword(
    "interface",
    "show interface info",
    choice(
        Command(_table),
        keyword("all", "show all interfaces", Command(_all)),
        argument(
            "interface",
            OUTGOING,
            "interface name",
            choice(
                Command(_one),
                keyword("nhtb", "show next-hop tunnel binding table", Command(_next_hops)),
                MONITOR_NODE,
                keyword("dip", "show DIP pools of the interface", Command(_dips)),
                keyword("mip", "show mapped IP addresses of the interface", Command(_mips)),
                keyword("screen", "show SCREEN options of its zone", Command(_screen)),
                keyword("secondary", "show secondary addresses", Command(_secondary)),
                INTERFACE_PROTOCOL,
                dhcp.OF_INTERFACE,
            ),
        ),
    ),
)
