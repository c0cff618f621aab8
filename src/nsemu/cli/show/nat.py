"""`get dip`, `get mip`, `get vip` (screenos-cli §1.14; the layouts are listed in docs/fidelity.md)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.show.layout import cut, lines, on_off
from nsemu.device.views.nat import DipView, MipView, VipView, dip_views, mip_views, vip_views
from nsemu.wire.address import format_ipv4, mask_of


def _dips(context: Context, _arguments: Arguments) -> str:
    return dip_table(context)


def dip_table(context: Context, interface: str | None = None) -> str:
    """The DIP pools of all interfaces or of one."""
    header = f"{'Dip Id':<10}{'Dip Low':<20}{'Dip High':<20}{'Interface':<21}{'Attribute':<13}Usage"
    sticky = on_off(context.device.config.nat.dip_sticky)
    rows = (_dip(view) for view in dip_views(context.device) if interface in {None, view.interface})
    groups = (
        f"DIP group {number}: {', '.join(map(str, members)) or 'no member'}"
        for number, members in sorted(context.device.config.dip_groups.items())
    )
    return lines(header, *rows, *groups, f"Port-xlated dip stickness {sticky}")


def _dip(view: DipView) -> str:
    low, high = format_ipv4(view.low), format_ipv4(view.high)
    return f"{view.id:<10}{low:<20}{high:<20}{view.short_interface:<21}{view.attribute:<13}{view.in_use}"


def _mips(context: Context, _arguments: Arguments) -> str:
    return mip_table(context)


def mip_table(context: Context, interface: str | None = None) -> str:
    """The MIPs of all interfaces or of one."""
    views = [view for view in mip_views(context.device) if interface in {None, view.interface}]
    header = f"{'Map IP':<17}{'Host IP':<17}{'VSYS':<13}{'Interface':<12}{'Netmask':<17}VRouter"
    return lines(f"Total MIPs under Root vsys:{len(views)} is shown below", header, *(_mip(view) for view in views))


def _mip(view: MipView) -> str:
    mapped, host, mask = (format_ipv4(number) for number in (view.address, view.host, mask_of(view.length)))
    return f"{mapped:<17}{host:<17}{'Root':<13}{cut(view.short_interface, 11)} {mask:<17}{view.vrouter}"


def _vips(context: Context, _arguments: Arguments) -> str:
    header = f"{'Virtual IP':<14}{'Port':<6}{'Service':<16}Server/Port"
    return lines(header, *(_vip(view) for view in vip_views(context.device)))


def _vip(view: VipView) -> str:
    status = "OK" if view.reachable else "DOWN"
    server = f"{format_ipv4(view.host)}/{view.server_port}({status})"
    address = format_ipv4(view.address)
    return f"{address} {view.port:>{17 - len(address)}}  {cut(view.service, 15)} {server}"


DIP_NODE = keyword(
    "dip", "show DIP pools", choice(Command(_dips), keyword("all", "show the pools of all interfaces", Command(_dips)))
)
MIP_NODE = keyword("mip", "show mapped IP addresses", Command(_mips))
VIP_NODE = keyword(
    "vip",
    "show virtual IP addresses",
    choice(Command(_vips), keyword("server", "show whether the servers are reached", Command(_vips))),
)
