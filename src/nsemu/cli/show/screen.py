"""`get zone Z screen [all]`, and the counters of `get counter screen` (screenos-cli §6.4, §1.16).

The names of the options are those of the WebUI of 5.4; the layout of the counters is our own (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines, on_off
from nsemu.config.screen import ScreenOption, ScreenOptions, SpoofingMode, Threshold
from nsemu.wire.address import format_ipv4

LABELS: Mapping[ScreenOption, str] = {
    ScreenOption.ICMP_FLOOD: "ICMP Flood Protection",
    ScreenOption.UDP_FLOOD: "UDP Flood Protection",
    ScreenOption.WINNUKE: "WinNuke Attack Protection",
    ScreenOption.PORT_SCAN: "Port Scan Protection",
    ScreenOption.IP_SWEEP: "IP Sweep Protection",
    ScreenOption.TEAR_DROP: "Tear-drop Attack Protection",
    ScreenOption.SYN_FLOOD: "SYN Flood Protection",
    ScreenOption.IP_SPOOFING: "IP Spoofing Attack Protection",
    ScreenOption.PING_DEATH: "Ping-of-Death Protection",
    ScreenOption.IP_FILTER_SRC: "Source Route IP Option Filter",
    ScreenOption.LAND: "Land Attack Protection",
    ScreenOption.SYN_FRAG: "SYN Fragment Detection",
    ScreenOption.TCP_NO_FLAG: "TCP Packet without Flag Detection",
    ScreenOption.UNKNOWN_PROTOCOL: "Unknown Protocol Protection",
    ScreenOption.IP_BAD_OPTION: "Bad IP Option Detection",
    ScreenOption.IP_RECORD_ROUTE: "IP Record Route Option",
    ScreenOption.IP_TIMESTAMP_OPT: "IP Timestamp Option",
    ScreenOption.IP_SECURITY_OPT: "IP Security Option",
    ScreenOption.IP_LOOSE_SRC_ROUTE: "IP Loose Src Route Option",
    ScreenOption.IP_STRICT_SRC_ROUTE: "IP Strict Src Route Option",
    ScreenOption.IP_STREAM_OPT: "IP Stream Option",
    ScreenOption.ICMP_FRAGMENT: "ICMP Fragment",
    ScreenOption.ICMP_LARGE: "Large ICMP Packet",
    ScreenOption.SYN_FIN: "SYN and FIN bits set",
    ScreenOption.FIN_NO_ACK: "FIN bit with no ACK bit",
    ScreenOption.LIMIT_SOURCE: "Source IP Session Limit",
    ScreenOption.SYN_ACK_ACK_PROXY: "SYN-ACK-ACK Proxy DoS Protection",
    ScreenOption.BLOCK_FRAG: "Block Fragment Traffic",
    ScreenOption.LIMIT_DESTINATION: "Destination IP Session Limit",
    ScreenOption.CODE_RED: "Code Red Protection",
    ScreenOption.TCP_SWEEP: "TCP Sweep Protection",
    ScreenOption.UDP_SWEEP: "UDP Sweep Protection",
    ScreenOption.ICMP_ID: "ICMP Ping ID Zero Protection",
    ScreenOption.BLOCK_ACTIVEX: "Block ActiveX Component",
    ScreenOption.BLOCK_JAVA: "Block Java Component",
    ScreenOption.BLOCK_ZIP: "Block ZIP Component",
    ScreenOption.BLOCK_EXE: "Block EXE Component",
}

_IN_BRACKETS = {
    ScreenOption.ICMP_FLOOD: Threshold.ICMP_FLOOD,
    ScreenOption.UDP_FLOOD: Threshold.UDP_FLOOD,
    ScreenOption.PORT_SCAN: Threshold.PORT_SCAN,
    ScreenOption.IP_SWEEP: Threshold.IP_SWEEP,
    ScreenOption.SYN_FLOOD: Threshold.SYN_ATTACK,
    ScreenOption.TCP_SWEEP: Threshold.TCP_SWEEP,
    ScreenOption.UDP_SWEEP: Threshold.UDP_SWEEP,
    ScreenOption.LIMIT_SOURCE: Threshold.LIMIT_SOURCE,
    ScreenOption.SYN_ACK_ACK_PROXY: Threshold.SYN_ACK_ACK,
    ScreenOption.LIMIT_DESTINATION: Threshold.LIMIT_DESTINATION,
}
_SYN_DETAILS = (
    ("Alarm Threshold", Threshold.SYN_ALARM),
    ("Queue Size", Threshold.SYN_QUEUE),
    ("Timeout Value", Threshold.SYN_TIMEOUT),
    ("Source Threshold", Threshold.SYN_SOURCE),
    ("Destination Threshold", Threshold.SYN_DESTINATION),
)
_COLUMN = 56
_COUNTER_COLUMN = 34


def _option_lines(options: ScreenOptions, option: ScreenOption) -> Iterator[str]:
    threshold = _IN_BRACKETS.get(option)
    name = LABELS[option] if threshold is None else f"{LABELS[option]} ({options.value(threshold)})"
    yield f"{name:<{_COLUMN}}{on_off(option in options.active)}"
    if option is ScreenOption.SYN_FLOOD:
        yield from (f"  {f'{label}:':<{_COLUMN - 2}}{options.value(item)}" for label, item in _SYN_DETAILS)
        unknown = on_off(options.drop_unknown_mac)
        yield f"  {'Drop unknown MAC (transparent mode only):':<{_COLUMN - 2}}{unknown}"
    elif option is ScreenOption.UDP_FLOOD:
        yield from (f"  dst-ip {format_ipv4(address)}: {value}" for address, value in options.udp_flood_hosts)
    elif option is ScreenOption.IP_SPOOFING:
        for label, mode in (
            ("Drop sources without route:", SpoofingMode.DROP_NO_RPF_ROUTE),
            ("Based on zones:", SpoofingMode.ZONE_BASED),
        ):
            yield f"  {label:<{_COLUMN - 2}}{on_off(mode in options.spoofing_modes)}"


def screen_lines(options: ScreenOptions, *, everything: bool = False) -> Iterator[str]:
    """What is on, or with `everything` all options."""
    only = "ON" if options.alarm_without_drop else "OFF"
    yield f"Screen function only generate alarm without dropping packet: {only}"
    for option in ScreenOption:
        if everything or option in options.active:
            yield from _option_lines(options, option)
    for url in options.urls:
        yield f'Malicious URL "{url.name}": pattern "{url.pattern}", length {url.length}'


def _shown(*, everything: bool) -> Command:
    def run(context: Context, arguments: Arguments) -> str:
        zone = require(context.device.config.zones, arguments["zone"], "zone")
        return lines(*screen_lines(zone.screen, everything=everything))

    return Command(run)


ZONE_SCREEN: Node = keyword(
    "screen",
    "show SCREEN options",
    choice(_shown(everything=False), keyword("all", "those that are off as well", _shown(everything=True))),
)
"""What may follow the name of a zone."""


def counter_lines(counts: Mapping[str, int]) -> Iterator[str]:
    """Two columns of attacks; `counts` by the words of the options."""
    cells = [
        f"{LABELS[option]:<{_COUNTER_COLUMN}}{counts.get(option.value, 0):>10}"
        for option in ScreenOption
        if option is not ScreenOption.CODE_RED
    ]
    cells.append(f"{'Malicious URL Protection':<{_COUNTER_COLUMN}}{counts.get('mal-url', 0):>10}")
    half = -(-len(cells) // 2)
    for left, right in zip(cells[:half], [*cells[half:], ""], strict=False):
        yield f"{left} | {right}".rstrip()
