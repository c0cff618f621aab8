"""Why a packet was dropped: the only way to drop.

Every reason carries the flow counter it moves (the names of `get counter flow`, screenos-cli §1.16), a text and a hint.
`docs/dispositions.md` lists them with their exact conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a drop reason says and counts. `rank` keeps otherwise equal dispositions apart."""

    counter: str
    text: str
    hint: str
    rank: int = 0


class DropReason(Enum):
    """All fates of a packet that does not go on."""

    ILLEGAL_PACKET = Disposition(
        "illegal pak",
        "malformed IP packet",
        "The header is damaged: look at the sender, or at a tool that crafts packets.",
    )
    BAD_CHECKSUM = Disposition(
        "illegal pak", "bad IP header checksum", "A node before this one damages or forges packets.", 1
    )
    NULL_ZONE = Disposition(
        "null zone", "interface is not bound to a zone", "Bind the interface: set interface NAME zone ZONE."
    )
    FRAGMENT_TIMEOUT = Disposition(
        "no frag sess", "fragments missing", "Not all fragments arrived in time: look for loss on the way."
    )
    BAD_FRAGMENT = Disposition(
        "no frag sess", "inconsistent fragments", "The fragments overlap or exceed 65535 octets.", 1
    )
    TTL_EXPIRED = Disposition("misc prot", "time to live exceeded", "A routing loop, or a traceroute at work.")
    BROADCAST = Disposition(
        "misc prot", "broadcast or multicast is not forwarded", "A firewall does not forward it.", 1
    )
    MARTIAN = Disposition(
        "address spoof", "impossible source address", "The source is a broadcast, loopback or own address."
    )
    NOT_FOR_SELF = Disposition(
        "in un-auth",
        "for self but not interested",
        "Nothing listens there, or the management service is off: set interface NAME manage SERVICE.",
    )
    NO_ROUTE = Disposition("no route", "no route to destination", "Add a route, or bring its interface up.")
    NO_REVERSE_ROUTE = Disposition(
        "no route", "no route back into the tunnel", "Replies would leave in clear: route the source to the tunnel.", 1
    )
    ROUTE_LOOP = Disposition(
        "no route", "virtual routers point at each other", "Two next-vrouter routes form a loop: mend one of them.", 2
    )
    NULL_ROUTE = Disposition(
        "no route",
        "routed to the null interface",
        "The preferred route is inactive and the null route took over: look at the tunnel interface.",
        3,
    )
    ROUTE_DENIED = Disposition(
        "no route",
        "routed out of the interface it came in by",
        "The interface refuses that: unset interface NAME route-deny.",
        4,
    )
    POLICY_DENY = Disposition("policy deny", "denied by policy", "The policy that matched says deny.")
    POLICY_REJECT = Disposition("policy deny", "rejected by policy", "The policy that matched says reject.", 1)
    POLICY_SESSION_LIMIT = Disposition(
        "sessn thresh", "session limit of the policy", "The source has as many sessions by the policy as it allows.", 1
    )
    DEFAULT_DENY = Disposition(
        "policy deny",
        "no policy matches",
        "Add a policy between the two zones for these addresses and this service.",
        2,
    )
    INTRAZONE_BLOCK = Disposition(
        "policy deny",
        "intrazone traffic is blocked",
        "Add an intrazone policy, or unset zone NAME block.",
        3,
    )
    AUTH_REQUIRED = Disposition(
        "auth deny",
        "the policy wants a user who has logged in",
        "Log in first: by HTTP, FTP or telnet through the policy, or at the WebAuth address. See get auth table.",
    )
    AUTH_UNAVAILABLE = Disposition(
        "auth deny",
        "the authentication server cannot be asked",
        "The policy names a server that is not emulated: only the local database can let users in.",
        1,
    )
    NOT_SYN = Disposition(
        "no conn",
        "first packet of a TCP session is not SYN",
        "The session is unknown here: asymmetric routing, a reboot, or a scan.",
    )
    TCP_OUT_OF_SEQUENCE = Disposition(
        "tcp out of seq",
        "TCP segment outside of the window of its connection",
        "Forged, or half of the connection goes another way: set flow no-tcp-seq-check lets it pass.",
    )
    DNS_REPLY = Disposition(
        "illegal pak",
        "DNS answer without a question",
        "Its question went another way, or it was forged: set flow allow-dns-reply lets it pass.",
        2,
    )
    ICMP_REPEATED = Disposition(
        "in icmp",
        "ICMP unreachable once more",
        "The session has had one already: unset flow icmp-ur-msg-filter lets more pass.",
    )
    SESSION_LIMIT = Disposition(
        "connections",
        "session table is full",
        "The platform holds no more sessions: shorter time-outs, or set flow aging, make room.",
    )
    WRONG_INTERFACE = Disposition(
        "wrong intf",
        "arrived where its session does not expect it",
        "Clear text where a tunnel is due, or a spoofed source.",
    )
    NO_PORT = Disposition("no dip", "no port left for address translation", "All ports of the address are in use.")
    NO_MAPPING = Disposition(
        "no map",
        "destination has no translation",
        "Make the range as large as the destination, or add the port to the VIP.",
    )
    NO_TUNNEL = Disposition(
        "no nsp-tunnel",
        "tunnel interface has no VPN for it",
        "Bind one: set vpn NAME bind interface tunnel.N. With several: set interface tunnel.N nhtb GATEWAY vpn NAME.",
    )
    NO_SA = Disposition(
        "no sa", "no security association", "The VPN is not usable: look at its gateway and interfaces."
    )
    SA_INACTIVE = Disposition(
        "sa inactive", "no active Phase 2 SA; IKE is triggered", "Normal for the first packet. If it stays: get event."
    )
    BAD_SPI = Disposition("no sa", "unknown SPI", "The peer uses an SA that does not exist here; it is told so.", 1)
    NO_SA_POLICY = Disposition(
        "no sa policy",
        "clear text that a policy wants in a VPN",
        "The policy names a VPN through which this packet did not come.",
    )
    SA_POLICY_DENY = Disposition(
        "sa policy deny",
        "policy does not name the VPN it came through",
        "Name the same VPN in the policy of this direction.",
    )
    ESP_REPLAY = Disposition(
        "auth fail", "replayed or too old ESP sequence number", "Duplicates on the way, or an attack."
    )
    ESP_AUTHENTICATION = Disposition(
        "auth fail", "ESP authentication failed", "The keys differ, or the packet was changed on the way.", 1
    )
    ESP_MALFORMED = Disposition("encrypt fail", "malformed ESP packet", "Truncated or badly padded.")
    SEQUENCE_EXHAUSTED = Disposition("encrypt fail", "ESP sequence numbers used up", "The SA must be renewed.", 1)
    FRAGMENTATION_NEEDED = Disposition(
        "no frag netpak",
        "too big and must not be fragmented",
        "Lower the MTU or the MSS of the sender: set flow tcp-mss.",
    )
    NO_ARP = Disposition("no arp entry", "next hop does not answer ARP", "The next hop is down, or on another wire.")
    LINK_DOWN = Disposition("no xmit vpnf", "egress interface is down", "Look at the link.")
    UNKNOWN_MAC = Disposition(
        "no mac",
        "nobody knows where the destination MAC address is",
        "Transparent mode: the destination has sent nothing yet. See get mac-learn, set interface vlan1 broadcast.",
    )
    NON_IP = Disposition(
        "unknown pak",
        "neither IPv4 nor ARP",
        "Transparent mode: set interface vlan1 bypass-non-ip lets such frames pass.",
    )
    UNKNOWN_VLAN = Disposition(
        "drop vlan",
        "no sub-interface has the VLAN tag",
        "Make one: set interface NAME.N tag VLAN zone ZONE; in transparent mode: set interface vlan1 vlan trunk.",
    )
    OTHERS_IPSEC = Disposition(
        "misc prot",
        "IPsec between others",
        "Transparent mode: set interface vlan1 bypass-others-ipsec lets ESP and AH pass.",
    )
    SCREEN_TEAR_DROP = Disposition(
        "tear drop", "tear drop", "Fragments overlap: an attack on the receiver's reassembly."
    )
    SCREEN_PING_DEATH = Disposition(
        "ping of death", "ping of death", "An ICMP fragment ends beyond 65535 octets: it was crafted."
    )
    SCREEN_LAND = Disposition(
        "land attack", "land attack", "A SYN with the same source and destination: it was forged."
    )
    SCREEN_IP_SPOOFING = Disposition(
        "address spoof",
        "IP spoofing",
        "The route back to the source leaves by another interface: look at get route ip SOURCE.",
    )
    SCREEN_SYN_FLOOD = Disposition(
        "tcp proxy",
        "SYN flood",
        "More connection requests than the syn-flood thresholds or the proxy queue of the zone allow.",
    )
    SCREEN_SYN_ACK_ACK_PROXY = Disposition(
        "tcp proxy", "SYN-ACK-ACK proxy DoS", "Too many proxied connections of one source wait for their server."
    )
    SCREEN_ICMP_FLOOD = Disposition(
        "icmp flood", "ICMP flood", "More ICMP packets a second than the icmp-flood threshold of the zone."
    )
    SCREEN_UDP_FLOOD = Disposition(
        "udp flood", "UDP flood", "More datagrams a second to one address than the udp-flood threshold."
    )
    SCREEN_PORT_SCAN = Disposition(
        "port scan", "port scan", "One source tried ten ports of one address within the port-scan interval."
    )
    SCREEN_IP_SWEEP = Disposition(
        "ip sweep", "address sweep", "One source sent ICMP to ten addresses within the ip-sweep interval."
    )
    SCREEN_ICMP_FRAGMENT = Disposition(
        "misc prot", "ICMP fragment", "Lower the size of the ping, or unset zone Z screen icmp-fragment."
    )
    SCREEN_ICMP_LARGE = Disposition(
        "misc prot", "large ICMP packet", "It is longer than 1024 octets: unset zone Z screen icmp-large allows it."
    )
    SCREEN_ICMP_ID = Disposition(
        "misc prot", "ICMP ping ID zero", "Its echo identifier is 0: unset zone Z screen icmp-id allows it."
    )
    SCREEN_BLOCK_FRAG = Disposition(
        "tiny frag", "fragmented traffic", "The zone admits no fragments: lower the MTU of the sender, or the MSS."
    )
    SCREEN_SYN_FRAG = Disposition("syn frag", "SYN fragment", "No sound stack fragments a SYN: it was crafted.")
    SCREEN_IP_BAD_OPTION = Disposition("illegal pak", "bad IP option", "An option of the IP header is malformed.")
    SCREEN_IP_FILTER_SRC = Disposition(
        "src route", "source route IP option", "The packet asks for a way of its own; that evades the routing table."
    )
    SCREEN_IP_LOOSE_SRC_ROUTE = Disposition(
        "src route", "loose source route IP option", "unset zone Z screen ip-loose-src-route lets it pass."
    )
    SCREEN_IP_STRICT_SRC_ROUTE = Disposition(
        "src route", "strict source route IP option", "unset zone Z screen ip-strict-src-route lets it pass."
    )
    SCREEN_IP_RECORD_ROUTE = Disposition(
        "misc prot", "record route IP option", "ping -R does that; unset zone Z screen ip-record-route lets it pass."
    )
    SCREEN_IP_TIMESTAMP = Disposition(
        "misc prot", "timestamp IP option", "unset zone Z screen ip-timestamp-opt lets it pass."
    )
    SCREEN_IP_SECURITY = Disposition(
        "misc prot", "security IP option", "unset zone Z screen ip-security-opt lets it pass."
    )
    SCREEN_IP_STREAM = Disposition("misc prot", "stream IP option", "unset zone Z screen ip-stream-opt lets it pass.")
    SCREEN_UNKNOWN_PROTOCOL = Disposition(
        "in unk prot", "unknown protocol", "The protocol number is 137 or above: nothing legitimate uses it."
    )
    SCREEN_SYN_FIN = Disposition("tcp check drop", "SYN and FIN bits", "Both flags together: a scan of the stack.")
    SCREEN_FIN_NO_ACK = Disposition("tcp check drop", "FIN but no ACK bit", "FIN without ACK: a FIN scan.")
    SCREEN_TCP_NO_FLAG = Disposition("tcp check drop", "no TCP flag", "A segment without flags: a null scan.")
    SCREEN_LIMIT_SOURCE = Disposition(
        "sessn thresh", "source session limit", "The source has as many sessions as limit-session allows it."
    )
    SCREEN_LIMIT_DESTINATION = Disposition(
        "sessn thresh", "destination session limit", "The destination has as many sessions as limit-session allows."
    )
    SCREEN_TCP_SWEEP = Disposition(
        "tcp sweep", "TCP sweep", "One source sent SYN to ten addresses within the tcp-sweep interval."
    )
    SCREEN_UDP_SWEEP = Disposition(
        "udp sweep", "UDP sweep", "One source sent UDP to ten addresses within the udp-sweep interval."
    )
    SCREEN_ACTIVEX = Disposition(
        "mal url", "ActiveX control in HTTP", "unset zone Z screen component-block activex lets it pass.", 1
    )
    SCREEN_JAVA_APPLET = Disposition(
        "mal url", "Java applet in HTTP", "unset zone Z screen component-block java lets it pass.", 2
    )
    SCREEN_ZIP_FILE = Disposition(
        "mal url", "ZIP file in HTTP", "unset zone Z screen component-block zip lets it pass.", 3
    )
    SCREEN_EXE_FILE = Disposition(
        "mal url", "EXE file in HTTP", "unset zone Z screen component-block exe lets it pass.", 4
    )
    SCREEN_MAL_URL = Disposition("mal url", "malicious URL", "The URL matches a mal-url pattern of the zone.")

    @property
    def counter(self) -> str:
        """The flow counter that moves."""
        return self.value.counter

    @property
    def text(self) -> str:
        """The reason in words."""
        return self.value.text

    @property
    def hint(self) -> str:
        """What to look at."""
        return self.value.hint
