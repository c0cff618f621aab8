"""The attacks that SCREEN knows: one table from attack to option, drop reason and event log entry.

Types, levels and texts of the log are screenos-cli §3.4; those marked there as unknown are in docs/fidelity.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.config.screen import ScreenOption
from nsemu.runtime.drop import DropReason
from nsemu.runtime.event_log import Level


class Action(Enum):
    """What becomes of a packet that is part of an attack, unless the zone only gives alarms."""

    DROP = "dropped"
    PROXY = "answered by the TCP proxy"
    CLEAN = "cleaned"


@dataclass(frozen=True, slots=True)
class AttackInfo:
    """`event` is the type of the log entry, `title` its beginning; `ports` tells whether it names ports.

    An attack that is not `logged` only counts. `per_target` puts all sources of a flood into one entry,
    `per_zone` all targets of a sweep.
    """

    option: ScreenOption | None
    reason: DropReason
    event: int
    level: Level
    title: str
    ports: bool = True
    action: Action = Action.DROP
    logged: bool = True
    per_target: bool = False
    per_zone: bool = False


_O, _R = ScreenOption, DropReason
_EMERGENCY, _ALERT, _CRITICAL = Level.EMERGENCY, Level.ALERT, Level.CRITICAL


class Attack(Enum):
    """An attack that was found."""

    SYN_FLOOD = AttackInfo(_O.SYN_FLOOD, _R.SCREEN_SYN_FLOOD, 5, _EMERGENCY, "SYN flood!", per_target=True)
    SYN_PROXIED = AttackInfo(
        _O.SYN_FLOOD,
        _R.SCREEN_SYN_FLOOD,
        5,
        _EMERGENCY,
        "SYN flood!",
        action=Action.PROXY,
        logged=False,
        per_target=True,
    )
    SYN_PROXIED_ALARM = AttackInfo(
        _O.SYN_FLOOD, _R.SCREEN_SYN_FLOOD, 5, _EMERGENCY, "SYN flood!", action=Action.PROXY, per_target=True
    )
    TEAR_DROP = AttackInfo(_O.TEAR_DROP, _R.SCREEN_TEAR_DROP, 6, _EMERGENCY, "Teardrop attack!")
    PING_DEATH = AttackInfo(_O.PING_DEATH, _R.SCREEN_PING_DEATH, 7, _EMERGENCY, "Ping of Death!", ports=False)
    # The packet goes on without its URG flag; its reason is never used to drop it.
    WINNUKE = AttackInfo(_O.WINNUKE, _R.ILLEGAL_PACKET, 4, _ALERT, "WinNuke attack!", action=Action.CLEAN)
    IP_SPOOFING = AttackInfo(_O.IP_SPOOFING, _R.SCREEN_IP_SPOOFING, 8, _ALERT, "IP spoofing!")
    IP_FILTER_SRC = AttackInfo(_O.IP_FILTER_SRC, _R.SCREEN_IP_FILTER_SRC, 9, _ALERT, "Source Route IP option!")
    LAND = AttackInfo(_O.LAND, _R.SCREEN_LAND, 10, _ALERT, "Land attack!")
    ICMP_FLOOD = AttackInfo(
        _O.ICMP_FLOOD, _R.SCREEN_ICMP_FLOOD, 11, _ALERT, "ICMP flood!", ports=False, per_target=True
    )
    UDP_FLOOD = AttackInfo(_O.UDP_FLOOD, _R.SCREEN_UDP_FLOOD, 12, _ALERT, "UDP flood!", per_target=True)
    PORT_SCAN = AttackInfo(_O.PORT_SCAN, _R.SCREEN_PORT_SCAN, 16, _ALERT, "Port scan!")
    IP_SWEEP = AttackInfo(_O.IP_SWEEP, _R.SCREEN_IP_SWEEP, 17, _ALERT, "Address sweep!", ports=False)
    MAL_URL = AttackInfo(None, _R.SCREEN_MAL_URL, 32, _CRITICAL, "Malicious URL!")
    ZIP_FILE = AttackInfo(_O.BLOCK_ZIP, _R.SCREEN_ZIP_FILE, 431, _CRITICAL, "ZIP file blocked!")
    JAVA_APPLET = AttackInfo(_O.BLOCK_JAVA, _R.SCREEN_JAVA_APPLET, 432, _CRITICAL, "Java applet blocked!")
    EXE_FILE = AttackInfo(_O.BLOCK_EXE, _R.SCREEN_EXE_FILE, 433, _CRITICAL, "EXE file blocked!")
    ACTIVEX = AttackInfo(_O.BLOCK_ACTIVEX, _R.SCREEN_ACTIVEX, 434, _CRITICAL, "ActiveX control blocked!")
    TCP_SWEEP = AttackInfo(_O.TCP_SWEEP, _R.SCREEN_TCP_SWEEP, 442, _ALERT, "TCP sweep!", per_zone=True)
    UDP_SWEEP = AttackInfo(_O.UDP_SWEEP, _R.SCREEN_UDP_SWEEP, 443, _ALERT, "UDP sweep!", per_zone=True)
    LIMIT_SOURCE = AttackInfo(_O.LIMIT_SOURCE, _R.SCREEN_LIMIT_SOURCE, 33, _CRITICAL, "Src IP session limit!")
    SYN_FRAG = AttackInfo(_O.SYN_FRAG, _R.SCREEN_SYN_FRAG, 412, _CRITICAL, "SYN fragment!")
    TCP_NO_FLAG = AttackInfo(_O.TCP_NO_FLAG, _R.SCREEN_TCP_NO_FLAG, 413, _CRITICAL, "No TCP flag!")
    UNKNOWN_PROTOCOL = AttackInfo(_O.UNKNOWN_PROTOCOL, _R.SCREEN_UNKNOWN_PROTOCOL, 414, _CRITICAL, "Unknown protocol!")
    IP_BAD_OPTION = AttackInfo(_O.IP_BAD_OPTION, _R.SCREEN_IP_BAD_OPTION, 415, _CRITICAL, "Bad IP option!")
    LIMIT_DESTINATION = AttackInfo(
        _O.LIMIT_DESTINATION, _R.SCREEN_LIMIT_DESTINATION, 430, _CRITICAL, "Dst IP session limit!"
    )
    ICMP_FRAGMENT = AttackInfo(_O.ICMP_FRAGMENT, _R.SCREEN_ICMP_FRAGMENT, 435, _CRITICAL, "ICMP fragment!", ports=False)
    ICMP_LARGE = AttackInfo(_O.ICMP_LARGE, _R.SCREEN_ICMP_LARGE, 436, _CRITICAL, "Large ICMP packet!", ports=False)
    ICMP_ID = AttackInfo(_O.ICMP_ID, _R.SCREEN_ICMP_ID, 441, _CRITICAL, "ICMP ping ID zero!", ports=False)
    SYN_FIN = AttackInfo(_O.SYN_FIN, _R.SCREEN_SYN_FIN, 437, _CRITICAL, "SYN and FIN bits!")
    FIN_NO_ACK = AttackInfo(_O.FIN_NO_ACK, _R.SCREEN_FIN_NO_ACK, 438, _CRITICAL, "FIN but no ACK bit!")
    SYN_ACK_ACK_PROXY = AttackInfo(
        _O.SYN_ACK_ACK_PROXY, _R.SCREEN_SYN_ACK_ACK_PROXY, 439, _CRITICAL, "SYN-ACK-ACK Proxy DoS!"
    )
    BLOCK_FRAG = AttackInfo(_O.BLOCK_FRAG, _R.SCREEN_BLOCK_FRAG, 440, _CRITICAL, "Fragmented traffic!")
    IP_LOOSE_SRC_ROUTE = AttackInfo(
        _O.IP_LOOSE_SRC_ROUTE, _R.SCREEN_IP_LOOSE_SRC_ROUTE, 9, _ALERT, "Loose Source Route IP option!"
    )
    IP_STRICT_SRC_ROUTE = AttackInfo(
        _O.IP_STRICT_SRC_ROUTE, _R.SCREEN_IP_STRICT_SRC_ROUTE, 9, _ALERT, "Strict Source Route IP option!"
    )
    IP_RECORD_ROUTE = AttackInfo(
        _O.IP_RECORD_ROUTE, _R.SCREEN_IP_RECORD_ROUTE, 415, _CRITICAL, "Record Route IP option!"
    )
    IP_TIMESTAMP = AttackInfo(_O.IP_TIMESTAMP_OPT, _R.SCREEN_IP_TIMESTAMP, 415, _CRITICAL, "Timestamp IP option!")
    IP_SECURITY = AttackInfo(_O.IP_SECURITY_OPT, _R.SCREEN_IP_SECURITY, 415, _CRITICAL, "Security IP option!")
    IP_STREAM = AttackInfo(_O.IP_STREAM_OPT, _R.SCREEN_IP_STREAM, 415, _CRITICAL, "Stream IP option!")

    @property
    def info(self) -> AttackInfo:
        """Its row of the table."""
        return self.value

    @property
    def counter(self) -> str:
        """The SCREEN counter that it moves: the words of the option, `mal-url` for any URL."""
        option = self.info.option
        return "mal-url" if option is None else option.value
