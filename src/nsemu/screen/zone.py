"""The SCREEN options of a zone compiled into tuples of checks, chosen by protocol and, for TCP, by flags.

What a zone does not look for costs nothing: most packets meet an empty tuple. A zone without options has no
`ZoneScreen` at all.
"""

from __future__ import annotations

from nsemu.config.screen import COMPONENTS, ScreenOption, ScreenOptions, SpoofingMode, Threshold
from nsemu.screen.attack import Attack
from nsemu.screen.facts import ACK, ICMP, RST, SYN, TCP, UDP, URG, Check
from nsemu.screen.floods import IcmpFlood, PortScan, Sweep, SynFlood, UdpFlood
from nsemu.screen.fragments import (
    TearDrop,
    is_icmp_fragment,
    is_ping_of_death,
    is_reassembled_syn,
    is_syn_fragment,
)
from nsemu.screen.headers import (
    FIRST_UNKNOWN_PROTOCOL,
    IpOptions,
    always,
    flag_attack,
    is_land,
    is_large_icmp,
    is_ping_without_id,
    is_winnuke,
)
from nsemu.screen.http import CODE_RED, component_check, url_check
from nsemu.screen.limits import Holdings, SessionLimits
from nsemu.screen.syn_proxy import SynQueue
from nsemu.sim.scheduler import SECOND

_FLAGS = 64
_PROTOCOLS = 256

Checks = tuple[Check, ...]


class ZoneScreen:
    """What is looked for in packets from one zone, and what is remembered of them.

    `by_flags` has the checks of whole TCP packets by their six flags, `by_protocol` those of all others; `fragments`
    sees each fragment, `reassembled` the whole that fragments made. `queue` is None unless SYN floods are looked for.
    """

    __slots__ = (
        "alarm_only",
        "by_flags",
        "by_protocol",
        "fragments",
        "ip_options",
        "limits",
        "options",
        "proxied",
        "queue",
        "reassembled",
        "spoofing",
        "spoofing_modes",
        "zone",
    )

    def __init__(self, zone: str, options: ScreenOptions) -> None:
        active = options.active
        self.zone = zone
        self.options = options
        self.alarm_only = options.alarm_without_drop
        self.by_flags = _tcp_checks(options)
        self.by_protocol = _protocol_checks(options)
        self.fragments = _fragment_checks(active)
        self.reassembled: Checks = (is_reassembled_syn,) if ScreenOption.SYN_FRAG in active else ()
        ip_options = IpOptions(active)
        self.ip_options: Checks = (ip_options,) if ip_options.wanted else ()
        self.spoofing = ScreenOption.IP_SPOOFING in active
        self.spoofing_modes: frozenset[SpoofingMode] = options.spoofing_modes
        limited = {ScreenOption.LIMIT_SOURCE, ScreenOption.LIMIT_DESTINATION} & active
        self.limits = SessionLimits(options) if limited else None
        self.queue: SynQueue | None = None
        if ScreenOption.SYN_FLOOD in active:
            self.queue = SynQueue(options.value(Threshold.SYN_QUEUE), options.value(Threshold.SYN_TIMEOUT) * SECOND)
        self.proxied: Holdings | None = None
        if ScreenOption.SYN_ACK_ACK_PROXY in active:
            self.proxied = Holdings(options.value(Threshold.SYN_ACK_ACK))

    def spoofed(self, ingress: tuple[str, str], way_back: tuple[str, str] | None) -> bool:
        """Whether a source is forged: (interface, zone) it came in by, and (interface, zone) of the route to it.

        A source without route passes unless the zone says otherwise.
        """
        if way_back is None:
            return SpoofingMode.DROP_NO_RPF_ROUTE in self.spoofing_modes
        which = 1 if SpoofingMode.ZONE_BASED in self.spoofing_modes else 0
        return ingress[which] != way_back[which]


def compile_screen(zone: str, options: ScreenOptions, before: ZoneScreen | None = None) -> ZoneScreen | None:
    """The checks of a zone; None when it has no option on. `before` is kept when nothing changed.

    After a change all rates begin anew, but half-open connections stay.
    """
    if options.idle:
        return None
    if before is not None and before.options == options:
        return before
    screen = ZoneScreen(zone, options)
    if before is not None and before.queue is not None and screen.queue is not None:
        before.queue.size, before.queue.timeout = screen.queue.size, screen.queue.timeout
        screen.queue = before.queue
    if before is not None and before.proxied is not None and screen.proxied is not None:
        before.proxied.limit = screen.proxied.limit
        screen.proxied = before.proxied
    return screen


def _tcp_checks(options: ScreenOptions) -> tuple[Checks, ...]:
    """The checks of each combination of the six flags."""
    request: list[Check] = []
    anything: list[Check] = []
    urgent: list[Check] = []
    active = options.active
    if ScreenOption.LAND in active:
        request.append(is_land)
    if ScreenOption.PORT_SCAN in active:
        request.append(PortScan(options))
    if ScreenOption.TCP_SWEEP in active:
        request.append(Sweep(options, Threshold.TCP_SWEEP, Attack.TCP_SWEEP))
    if ScreenOption.SYN_FLOOD in active:
        request.append(SynFlood(options))
    urls = (*options.urls, CODE_RED) if ScreenOption.CODE_RED in active else options.urls
    if urls:
        anything.append(url_check(urls, alarm_only=options.alarm_without_drop))
    if COMPONENTS & active:
        anything.append(component_check(COMPONENTS & active, alarm_only=options.alarm_without_drop))
    if ScreenOption.WINNUKE in active:
        urgent.append(is_winnuke)
    return tuple(_of_flags(flags, active, (request, anything, urgent)) for flags in range(_FLAGS))


def _of_flags(
    flags: int, active: frozenset[ScreenOption], checks: tuple[list[Check], list[Check], list[Check]]
) -> Checks:
    request, anything, urgent = checks
    found: list[Check] = []
    illegal = flag_attack(flags, active)
    if illegal is not None:
        found.append(always(illegal))
    if flags & SYN and not flags & RST:
        # SYN-ACK to oneself is as forged as SYN; what counts requests sees requests only.
        found += request if not flags & ACK else [check for check in request if check is is_land]
    if flags & ACK and not flags & SYN:
        found += anything
    if flags & URG:
        found += urgent
    return tuple(found)


def _protocol_checks(options: ScreenOptions) -> tuple[Checks, ...]:
    active = options.active
    icmp: list[Check] = []
    if ScreenOption.ICMP_LARGE in active:
        icmp.append(is_large_icmp)
    if ScreenOption.ICMP_ID in active:
        icmp.append(is_ping_without_id)
    if ScreenOption.IP_SWEEP in active:
        icmp.append(Sweep(options, Threshold.IP_SWEEP, Attack.IP_SWEEP))
    if ScreenOption.ICMP_FLOOD in active:
        icmp.append(IcmpFlood(options))
    udp: list[Check] = []
    if ScreenOption.UDP_SWEEP in active:
        udp.append(Sweep(options, Threshold.UDP_SWEEP, Attack.UDP_SWEEP))
    if ScreenOption.UDP_FLOOD in active:
        udp.append(UdpFlood(options))
    unknown: Checks = (always(Attack.UNKNOWN_PROTOCOL),) if ScreenOption.UNKNOWN_PROTOCOL in active else ()
    table: list[Checks] = [unknown if number >= FIRST_UNKNOWN_PROTOCOL else () for number in range(_PROTOCOLS)]
    table[ICMP], table[UDP] = tuple(icmp), tuple(udp)
    assert not table[TCP]
    return tuple(table)


def _fragment_checks(active: frozenset[ScreenOption]) -> Checks:
    checks: list[Check] = []
    if ScreenOption.PING_DEATH in active:
        checks.append(is_ping_of_death)
    if ScreenOption.TEAR_DROP in active:
        checks.append(TearDrop())
    if ScreenOption.ICMP_FRAGMENT in active:
        checks.append(is_icmp_fragment)
    if ScreenOption.SYN_FRAG in active:
        checks.append(is_syn_fragment)
    if ScreenOption.BLOCK_FRAG in active:
        checks.append(always(Attack.BLOCK_FRAG))
    return tuple(checks)
