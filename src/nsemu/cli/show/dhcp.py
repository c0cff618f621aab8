"""`get interface X dhcp …` and `get dhcp …` (the layouts are our own, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines
from nsemu.config.errors import NotFoundError
from nsemu.device.views.dhcp import (
    DhcpClientView,
    DhcpRelayView,
    DhcpServerView,
    LeaseView,
    dhcp_client_view,
    dhcp_relay_view,
    dhcp_server_view,
)
from nsemu.wire.address import format_ipv4
from nsemu.wire.dhcp import DhcpOption


def _one(context: Context, arguments: Arguments) -> str:
    record = require(context.device.config.interfaces, arguments["interface"], "interface")
    view = dhcp_client_view(context.device, record.name)
    return lines(*(_rows(view) if view is not None else [f"interface {record.name}: dhcp client disabled"]))


def _all(context: Context, _arguments: Arguments) -> str:
    views = (dhcp_client_view(context.device, name) for name in context.device.config.interfaces)
    rows = [line for view in views if view is not None for line in _rows(view)]
    return lines(*(rows or ["no dhcp client"]))


def _rows(view: DhcpClientView) -> Iterator[str]:
    yield f"interface {view.interface}: dhcp client enabled, state {view.state}"
    if view.wanted_server:
        yield f"  asks server {format_ipv4(view.wanted_server)} only"
    if view.address is None:
        yield "  no lease"
        return
    yield f"  ip {view.address}, gateway {format_ipv4(view.gateway)}"
    yield f"  server {format_ipv4(view.server)}, lease {view.lease} seconds, {view.left} remain"
    yield f"  dns {' '.join(map(format_ipv4, view.dns)) or '-'}, domain {view.domain or '-'}"


def _server(context: Context, arguments: Arguments) -> str:
    return lines(*_described(_server_view(context, arguments)))


def _server_view(context: Context, arguments: Arguments) -> DhcpServerView:
    record = require(context.device.config.interfaces, arguments["interface"], "interface")
    view = dhcp_server_view(context.device, record.name)
    if view is None:
        raise NotFoundError(f"interface {record.name} is no DHCP server")
    return view


def _servers(context: Context, _arguments: Arguments) -> str:
    views = (dhcp_server_view(context.device, name) for name in context.device.config.interfaces)
    rows = [line for view in views if view is not None for line in _described(view)]
    return lines(*(rows or ["no dhcp server"]))


def _described(view: DhcpServerView) -> Iterator[str]:
    status = "on" if view.on else f"off, another server is {format_ipv4(view.rival)}" if view.rival else "off"
    yield f"interface {view.interface}: dhcp server {view.mode}, status {status}"
    yield f"  lease {'unlimited' if not view.lease else f'{view.lease // 60} minutes'}"
    for first, last in view.ranges:
        yield f"  ip {format_ipv4(first)}" + (f" to {format_ipv4(last)}" if last != first else "")
    for mac, address in view.reserved:
        yield f"  ip {format_ipv4(address)} mac {mac.hex()}"
    used = sum(lease.state == "allocated" for lease in view.leases)
    yield f"  {view.size} addresses, {used} allocated, {view.size - len(view.leases)} idle"
    yield from (f"  {line}" for line in _option_lines(view))


def _options(context: Context, arguments: Arguments) -> str:
    return lines(*_option_lines(_server_view(context, arguments)))


def _option_lines(view: DhcpServerView) -> Iterator[str]:
    for code, value in view.options:
        name = DhcpOption(code).name.lower().replace("_", "-") if code in set(DhcpOption) else f"option {code}"
        yield f"{name}: {_option_value(code, value)}"


def _option_value(code: int, value: bytes) -> str:
    """Text and addresses as such; of an option of the admin's own, what can be printed, or its octets."""
    if code in _TEXTS or code not in set(DhcpOption) or len(value) % 4:
        return value.decode() if value.isascii() and value.decode().isprintable() else f"0x{value.hex()}"
    return " ".join(format_ipv4(int.from_bytes(value[at : at + 4], "big")) for at in range(0, len(value), 4))


def _allocated(context: Context, arguments: Arguments) -> str:
    view = _server_view(context, arguments)
    rows = (lease for lease in view.leases if lease.state == arguments.get("state", lease.state))
    return lines(_HEADER, *map(_lease_row, rows))


def _lease_row(lease: LeaseView) -> str:
    left = "unlimited" if lease.left is None else f"{lease.left // 60}:{lease.left % 60:02d}"
    state = f"{lease.state}{' (reserved)' if lease.reserved else ''}"
    return f"{format_ipv4(lease.address):<16}{lease.hardware.hex() or '-':<14}{state:<22}{left:>12}"


def _idle(context: Context, arguments: Arguments) -> str:
    view = _server_view(context, arguments)
    taken = {lease.address for lease in view.leases} | {address for _mac, address in view.reserved}
    rows = []
    for first, last in view.ranges:
        for start, end in _runs([address for address in range(first, last + 1) if address not in taken]):
            rows.append(format_ipv4(start) + (f" - {format_ipv4(end)}" if end != start else ""))
    return lines(*rows)


def _runs(addresses: list[int]) -> Iterator[tuple[int, int]]:
    """Ranges of neighbours."""
    while addresses:
        size = 1
        while size < len(addresses) and addresses[size] == addresses[0] + size:
            size += 1
        yield addresses[0], addresses[size - 1]
        addresses = addresses[size:]


def _relay(context: Context, arguments: Arguments) -> str:
    record = require(context.device.config.interfaces, arguments["interface"], "interface")
    view = dhcp_relay_view(context.device, record.name)
    return lines(*(_relay_rows(view) if view is not None else [f"interface {record.name}: dhcp relay disabled"]))


def _relays(context: Context, _arguments: Arguments) -> str:
    views = (dhcp_relay_view(context.device, name) for name in context.device.config.interfaces)
    rows = [line for view in views if view is not None for line in _relay_rows(view)]
    return lines(*(rows or ["no dhcp relay"]))


def _relay_rows(view: DhcpRelayView) -> Iterator[str]:
    yield f"interface {view.interface}: dhcp relay enabled{', through VPNs' if view.vpn else ''}"
    yield from (f"  server {server}" for server in view.servers)


_TEXTS = {DhcpOption.DOMAIN_NAME, DhcpOption.NIS_DOMAIN}
_HEADER = f"{'IP':<16}{'MAC':<14}{'State':<22}{'Left (min)':>12}"
_IP_NODE = keyword(
    "ip",
    "its addresses",
    choice(
        Command(_allocated),
        keyword("allocate", "addresses that are lent", Command(_allocated), binds=("state", "allocated")),
        keyword("conflict", "addresses that others use", Command(_allocated), binds=("state", "conflict")),
        keyword("idle", "addresses that are free", Command(_idle)),
    ),
)
OF_INTERFACE = keyword(
    "dhcp",
    "show DHCP info",
    choice(
        keyword("client", "the interface as a DHCP client", Command(_one)),
        keyword(
            "server",
            "the interface as a DHCP server",
            choice(Command(_server), keyword("option", "what clients are told", Command(_options)), _IP_NODE),
        ),
        keyword("relay", "the interface as a DHCP relay", Command(_relay)),
    ),
)
DHCP = keyword(
    "dhcp",
    "show DHCP info",
    choice(
        keyword("client", "all DHCP clients", Command(_all)),
        keyword("server", "all DHCP servers", Command(_servers)),
        keyword("relay", "all DHCP relays", Command(_relays)),
    ),
)
