"""`get system`, `get clock`, `get hostname`, `get admin`, `get console` (screenos-cli §1.1, §1.18)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.show.interface import interface_block
from nsemu.cli.show.kept import kept_value
from nsemu.cli.show.layout import Layout, dated, layout_of, lines
from nsemu.device.views.interfaces import interface_views
from nsemu.device.views.system import ClockView, SystemView, clock_view, system_view
from nsemu.wire.address import format_ipv4, format_mac_dotted

_MANAGER_RULE = f"{'-' * 40} {'-' * 40} {'-' * 20}"


def _system(context: Context, _arguments: Arguments) -> str:
    device = context.device
    layout = layout_of(device.config)
    view = system_view(device)
    port = kept_value(device.config, "admin port", "port", 80)
    blocks = (
        line for each in interface_views(device) for line in interface_block(each, device.config.platform, layout)
    )
    return lines(*_identity(view), "", *_state(view), *_management(view, layout, port), *blocks)


def _identity(view: SystemView) -> Iterator[str]:
    platform = view.platform
    yield f"Product Name: {platform.product}"
    yield f"Serial Number: {view.serial}, Control Number: 00000000"
    vlan1 = format_ipv4(view.vlan1_address)
    yield f"Hardware Version: {platform.hardware}, FPGA checksum: 00000000, VLAN1 IP ({vlan1})"
    yield f"Software Version: {platform.release}, Type: Firewall+VPN"
    yield f"Base Mac: {format_mac_dotted(view.base_mac)}"
    yield f"File Name: {view.image}, Checksum: {view.checksum:08x}"
    yield f", Total Memory: {platform.memory}MB"


def _dates(clock: ClockView) -> Iterator[str]:
    saving = "enabled" if clock.has_saving else "disabled"
    yield f"Date {dated(clock.now)}, Daylight Saving Time {saving}"
    yield f"The Network Time Protocol is {'Enabled' if clock.has_ntp else 'Disabled'}"
    hours, rest = divmod(clock.uptime, 3600)
    booted = clock.booted
    since = f"{booted.day}{booted:%b%Y:%H:%M:%S}"
    yield f"Up {hours} hours {rest // 60} minutes {rest % 60} seconds Since {since}"


def _state(view: SystemView) -> Iterator[str]:
    yield from _dates(view.clock)
    last = f", Last Device Reset at: {dated(view.clock.booted)}" if view.resets else ""
    yield f"Total Device Resets: {view.resets}{last}"
    yield ""
    yield "System in transparent mode." if view.transparent else "System in NAT/route mode."
    yield ""


def _management(view: SystemView, layout: Layout, port: int) -> Iterator[str]:
    yield f"Use interface IP, Config Port: {port}"
    if layout.extended:
        yield f"Manager IP enforced: {bool(view.manager_ips)}"
        yield f"Manager IPs: {len(view.manager_ips)}"
        yield ""
        yield f"{'Address':<40} {'Mask':<40} {'Vsys':<20}"
        yield _MANAGER_RULE
        for prefix in view.manager_ips:
            mask = format_ipv4(prefix.mask)
            yield f"{format_ipv4(prefix.address):<40} {mask:<40} {'Root':<20}"
    else:
        for prefix in view.manager_ips:
            yield f"Mng Host IP: {format_ipv4(prefix.address)}/{format_ipv4(prefix.mask)}"
    yield f"User Name: {view.admin}"


def _version(context: Context, _arguments: Arguments) -> str:
    major, revision = context.device.config.platform.release.split("r")
    return f"Version: {major}.{revision.split('.')[0]}.0.0.0.0\n"


def _clock(context: Context, _arguments: Arguments) -> str:
    clock = clock_view(context.device)
    seconds, nanoseconds = divmod(clock.unix_nanoseconds, 1_000_000_000)
    return lines(
        *_dates(clock),
        f"{seconds}.{nanoseconds // 1000:06d} seconds since 1/1/1970 0:0:0 GMT",
        f"GMT time zone area {clock.timezone}:00",
        f"GMT time zone offset {abs(clock.timezone)}:00",
    )


def _hostname(context: Context, _arguments: Arguments) -> str:
    return f"Hostname: {context.device.config.system.hostname}\n"


def _domain(context: Context, _arguments: Arguments) -> str:
    return f"Domain name: {context.device.config.system.domain}\n"


def _console(context: Context, _arguments: Arguments) -> str:
    settings = context.device.config.system
    changed = "config was changed and not saved!" if context.device.modified else "config was not changed!"
    page = settings.console_page
    privilege = 250 if context.console.privilege == "all" else 1
    return lines(
        f"Console timeout: {settings.console_timeout}(minute), Page size: {page}/{page}, debug: buffer",
        f"privilege {privilege}, {changed}",
    )


SYSTEM = keyword(
    "system",
    "show system information",
    choice(Command(_system), keyword("version", "show system version", Command(_version))),
)
CLOCK = keyword("clock", "show system clock", Command(_clock))
HOSTNAME = keyword("hostname", "show host name", Command(_hostname))
DOMAIN = keyword("domain", "show domain name", Command(_domain))
CONSOLE = keyword("console", "show console parameters", Command(_console))
