"""SCREEN options of a zone (`set zone Z screen …`): which are on, and their thresholds (screenos-cli §6.4).

Order and defaults of the options are those of `get config` and of `get zone Z screen`. Turning an option on and giving
it a threshold are two lines, as on a device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class ScreenOption(Enum):
    """An option that is on or off; the value is its words. The order is the one in which they are printed."""

    ICMP_FLOOD = "icmp-flood"
    UDP_FLOOD = "udp-flood"
    WINNUKE = "winnuke"
    PORT_SCAN = "port-scan"
    IP_SWEEP = "ip-sweep"
    TEAR_DROP = "tear-drop"
    SYN_FLOOD = "syn-flood"
    IP_SPOOFING = "ip-spoofing"
    PING_DEATH = "ping-death"
    IP_FILTER_SRC = "ip-filter-src"
    LAND = "land"
    SYN_FRAG = "syn-frag"
    TCP_NO_FLAG = "tcp-no-flag"
    UNKNOWN_PROTOCOL = "unknown-protocol"
    IP_BAD_OPTION = "ip-bad-option"
    IP_RECORD_ROUTE = "ip-record-route"
    IP_TIMESTAMP_OPT = "ip-timestamp-opt"
    IP_SECURITY_OPT = "ip-security-opt"
    IP_LOOSE_SRC_ROUTE = "ip-loose-src-route"
    IP_STRICT_SRC_ROUTE = "ip-strict-src-route"
    IP_STREAM_OPT = "ip-stream-opt"
    ICMP_FRAGMENT = "icmp-fragment"
    ICMP_LARGE = "icmp-large"
    SYN_FIN = "syn-fin"
    FIN_NO_ACK = "fin-no-ack"
    LIMIT_SOURCE = "limit-session source-ip-based"
    SYN_ACK_ACK_PROXY = "syn-ack-ack-proxy"
    BLOCK_FRAG = "block-frag"
    LIMIT_DESTINATION = "limit-session destination-ip-based"
    CODE_RED = "mal-url code-red"
    TCP_SWEEP = "tcp-sweep"
    UDP_SWEEP = "udp-sweep"
    ICMP_ID = "icmp-id"
    BLOCK_ACTIVEX = "component-block activex"
    BLOCK_JAVA = "component-block java"
    BLOCK_ZIP = "component-block zip"
    BLOCK_EXE = "component-block exe"


COMPONENTS = frozenset(
    {ScreenOption.BLOCK_ACTIVEX, ScreenOption.BLOCK_JAVA, ScreenOption.BLOCK_ZIP, ScreenOption.BLOCK_EXE}
)
"""What `component-block` alone stands for."""


class Threshold(Enum):
    """A number of an option: (option, words after it, unit, default, lowest, highest)."""

    ICMP_FLOOD = (ScreenOption.ICMP_FLOOD, "threshold", "packets a second", 1000, 1, 1_000_000)
    UDP_FLOOD = (ScreenOption.UDP_FLOOD, "threshold", "packets a second", 1000, 1, 1_000_000)
    PORT_SCAN = (ScreenOption.PORT_SCAN, "threshold", "microseconds for 10 ports", 5000, 1000, 1_000_000)
    IP_SWEEP = (ScreenOption.IP_SWEEP, "threshold", "microseconds for 10 addresses", 5000, 1000, 1_000_000)
    SYN_ALARM = (ScreenOption.SYN_FLOOD, "alarm-threshold", "proxied requests a second", 512, 1, 1_000_000)
    SYN_ATTACK = (ScreenOption.SYN_FLOOD, "attack-threshold", "requests a second", 200, 1, 1_000_000)
    SYN_DESTINATION = (ScreenOption.SYN_FLOOD, "destination-threshold", "requests a second", 4000, 4, 1_000_000)
    SYN_QUEUE = (ScreenOption.SYN_FLOOD, "queue-size", "connections", 1024, 10, 65_535)
    SYN_SOURCE = (ScreenOption.SYN_FLOOD, "source-threshold", "requests a second", 4000, 4, 1_000_000)
    SYN_TIMEOUT = (ScreenOption.SYN_FLOOD, "timeout", "seconds", 20, 1, 50)
    LIMIT_SOURCE = (ScreenOption.LIMIT_SOURCE, "", "sessions", 128, 1, 1_000_000)
    SYN_ACK_ACK = (ScreenOption.SYN_ACK_ACK_PROXY, "threshold", "connections", 512, 1, 250_000)
    LIMIT_DESTINATION = (ScreenOption.LIMIT_DESTINATION, "", "sessions", 128, 1, 1_000_000)
    TCP_SWEEP = (ScreenOption.TCP_SWEEP, "threshold", "microseconds for 10 addresses", 5000, 1000, 1_000_000)
    UDP_SWEEP = (ScreenOption.UDP_SWEEP, "threshold", "microseconds for 10 addresses", 5000, 1000, 1_000_000)

    @property
    def option(self) -> ScreenOption:
        """The option it belongs to."""
        return self.value[0]

    @property
    def words(self) -> str:
        """What stands before the number; nothing when the number follows the option itself."""
        return self.value[1]

    @property
    def unit(self) -> str:
        """What is counted."""
        return self.value[2]

    @property
    def default(self) -> int:
        """The number when none was given."""
        return self.value[3]

    @property
    def bounds(self) -> tuple[int, int]:
        """Lowest and highest number."""
        return self.value[4], self.value[5]


class SpoofingMode(Enum):
    """Refinements of `ip-spoofing`; the value is the word after it."""

    DROP_NO_RPF_ROUTE = "drop-no-rpf-route"
    ZONE_BASED = "zone-based"


MAXIMUM_URLS = 64


@dataclass(frozen=True, slots=True)
class MaliciousUrl:
    """`mal-url NAME PATTERN LENGTH`: a URL that begins with `pattern` and has at least `length` characters."""

    name: str
    pattern: str
    length: int


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """The SCREEN options of one zone. Tables are tuples without defaults and in a fixed order: equal means the same.

    `udp_flood_hosts` are the addresses with a UDP flood threshold of their own. `drop_unknown_mac` is
    `syn-flood drop-unknown-mac`: what the TCP proxy cannot answer in transparent mode does not pass.
    """

    active: frozenset[ScreenOption] = frozenset()
    thresholds: tuple[tuple[Threshold, int], ...] = ()
    spoofing_modes: frozenset[SpoofingMode] = frozenset()
    udp_flood_hosts: tuple[tuple[int, int], ...] = ()
    urls: tuple[MaliciousUrl, ...] = ()
    alarm_without_drop: bool = False
    drop_unknown_mac: bool = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look for."""
        return not self.active and not self.urls

    def value(self, threshold: Threshold) -> int:
        """A threshold, given or default."""
        return dict(self.thresholds).get(threshold, threshold.default)

    def with_option(self, option: ScreenOption, on: bool) -> ScreenOptions:
        """With an option turned on or off."""
        return replace(self, active=self.active | {option} if on else self.active - {option})

    def with_threshold(self, threshold: Threshold, value: int) -> ScreenOptions:
        """With a threshold; the default leaves no trace."""
        table = {**dict(self.thresholds), threshold: value}
        kept = tuple((item, table[item]) for item in Threshold if table.get(item, item.default) != item.default)
        return replace(self, thresholds=kept)

    def with_udp_flood_host(self, address: int, value: int | None) -> ScreenOptions:
        """With a UDP flood threshold for one destination, or without."""
        table = {key: count for key, count in self.udp_flood_hosts if key != address}
        if value is not None:
            table[address] = value
        return replace(self, udp_flood_hosts=tuple(sorted(table.items())))

    def with_url(self, name: str, url: MaliciousUrl | None) -> ScreenOptions:
        """With a URL pattern of that name, or without."""
        table = {known.name: known for known in self.urls}
        if url is not None:
            table[name] = url
        else:
            table.pop(name, None)
        return replace(self, urls=tuple(table.values()))


DEFAULT_SCREEN = ScreenOptions(
    frozenset(
        {
            ScreenOption.TEAR_DROP,
            ScreenOption.SYN_FLOOD,
            ScreenOption.PING_DEATH,
            ScreenOption.IP_FILTER_SRC,
            ScreenOption.LAND,
        }
    )
)
"""What Untrust and V1-Untrust have on a factory device (screenos-cli §6.4)."""
