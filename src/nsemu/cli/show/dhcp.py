"""`get interface X dhcp client` and `get dhcp client` (the layout is our own, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines
from nsemu.device.views.dhcp import DhcpClientView, dhcp_client_view
from nsemu.wire.address import format_ipv4


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


OF_INTERFACE = keyword("dhcp", "show DHCP info", keyword("client", "the interface as a DHCP client", Command(_one)))
DHCP = keyword("dhcp", "show DHCP info", keyword("client", "all DHCP clients", Command(_all)))
