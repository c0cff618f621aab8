"""How `debug flow basic` words each drop (screenos-cli §2.3, §2.4).

Only NOT_FOR_SELF is known from a capture; the rest is listed in docs/fidelity.md.
"""

from __future__ import annotations

from typing import Final

from nsemu.runtime.drop import DropReason

DROP_LINES: Final[dict[DropReason, str]] = {
    DropReason.ILLEGAL_PACKET: "packet dropped, malformed IP header",
    DropReason.BAD_CHECKSUM: "packet dropped, bad IP checksum",
    DropReason.NULL_ZONE: "packet dropped, interface {interface} is in the null zone",
    DropReason.FRAGMENT_TIMEOUT: "packet dropped, fragment reassembly timed out",
    DropReason.BAD_FRAGMENT: "packet dropped, bad fragment",
    DropReason.TTL_EXPIRED: "packet dropped, ttl expired",
    DropReason.BROADCAST: "packet dropped, broadcast or multicast to {destination}",
    DropReason.MARTIAN: "packet dropped, invalid source {source}",
    DropReason.NOT_FOR_SELF: "packet dropped: for self but not interested",
    DropReason.NO_ROUTE: "packet dropped, no route to ({source}->{destination}) in vr {vrouter}",
    DropReason.NO_REVERSE_ROUTE: "packet dropped, no reverse route to ({destination}->{source}) in vr {vrouter}",
    DropReason.ROUTE_LOOP: "packet dropped, route loop to ({source}->{destination}) in vr {vrouter}",
    DropReason.NULL_ROUTE: "packet dropped, null route {detail}",
    DropReason.ROUTE_DENIED: "packet dropped, route-deny on interface {detail}",
    DropReason.POLICY_DENY: "packet dropped, denied by policy",
    DropReason.POLICY_SESSION_LIMIT: "packet dropped, session limit of policy reached",
    DropReason.POLICY_REJECT: "packet dropped, rejected by policy",
    DropReason.DEFAULT_DENY: "packet dropped, denied by policy",
    DropReason.INTRAZONE_BLOCK: "packet dropped, denied by policy",
    DropReason.AUTH_REQUIRED: "packet dropped, auth required by {detail}",
    DropReason.AUTH_UNAVAILABLE: "packet dropped, auth server of {detail} not available",
    DropReason.NOT_SYN: "packet dropped, first pak not sync",
    DropReason.TCP_OUT_OF_SEQUENCE: "packet dropped, tcp seq check failed ({detail})",
    DropReason.DNS_REPLY: "packet dropped, dns reply without request",
    DropReason.ICMP_REPEATED: "packet dropped, icmp unreachable filtered",
    DropReason.SESSION_LIMIT: "packet dropped, session allocation failed",
    DropReason.WRONG_INTERFACE: "packet dropped, session came in on wrong interface {interface}",
    DropReason.NO_PORT: "packet dropped, no port available on dip 2",
    DropReason.NO_MAPPING: "packet dropped, no destination translation for {detail}",
    DropReason.NO_TUNNEL: "packet dropped, no vpn bound to {detail}",
    DropReason.NO_SA: "packet dropped, no sa",
    DropReason.SA_INACTIVE: "packet dropped, no sa",
    DropReason.BAD_SPI: "packet dropped, bad spi ({detail})",
    DropReason.NO_SA_POLICY: "packet dropped, no policy for sa",
    DropReason.SA_POLICY_DENY: "packet dropped, denied by policy of sa",
    DropReason.ESP_REPLAY: "packet dropped, replay packet detected",
    DropReason.ESP_AUTHENTICATION: "packet dropped, esp authentication failed",
    DropReason.ESP_MALFORMED: "packet dropped, bad esp packet",
    DropReason.SEQUENCE_EXHAUSTED: "packet dropped, esp sequence number overflow",
    DropReason.FRAGMENTATION_NEEDED: "packet dropped, df bit set and packet too big",
    DropReason.NO_ARP: "packet dropped, no arp response from {detail}",
    DropReason.LINK_DOWN: "packet dropped, interface {detail} is down",
    DropReason.UNKNOWN_MAC: "packet dropped, no mac entry ({detail})",
    DropReason.NON_IP: "packet dropped, not ip ({detail})",
    DropReason.UNKNOWN_VLAN: "packet dropped, no interface for {detail}",
    DropReason.OTHERS_IPSEC: "packet dropped, ipsec of others",
    **{reason: f"packet dropped: {reason.text} attack" for reason in DropReason if reason.name.startswith("SCREEN_")},
}
"""One line for each reason; the words in braces come from the trace."""
