"""Predefined services, their groups and time-outs (screenos-cli §6.5, from an SSG550 with ScreenOS 6.x).

One row a service: name, protocol, first and last destination port, time-out in minutes, category. RPC services come
with their ALGs; rows here match by port alone.
"""

from __future__ import annotations

from nsemu.config.service import ANY_SERVICE, ICMP, TCP, UDP, Service, ServiceEntry, ServiceGroup

_ROWS: tuple[tuple[str, int, int, int, int, str], ...] = (
    ("AOL", TCP, 5190, 5194, 30, "remote"),
    ("BGP", TCP, 179, 179, 30, "other"),
    ("FINGER", TCP, 79, 79, 30, "info seeking"),
    ("FTP", TCP, 21, 21, 30, "remote"),
    ("FTP-Get", TCP, 21, 21, 30, "remote"),
    ("FTP-Put", TCP, 21, 21, 30, "remote"),
    ("GOPHER", TCP, 70, 70, 30, "info seeking"),
    ("GTP", TCP, 3386, 3386, 30, "remote"),
    ("H.323", TCP, 1720, 1720, 30, "remote"),
    ("HTTP", TCP, 80, 80, 5, "info seeking"),
    ("HTTP-EXT", TCP, 8000, 8001, 5, "info seeking"),
    ("HTTPS", TCP, 443, 443, 30, "security"),
    ("IDENT", TCP, 113, 113, 30, "other"),
    ("IMAP", TCP, 143, 143, 30, "email"),
    ("Internet Locator Service", TCP, 389, 389, 30, "info seeking"),
    ("IRC", TCP, 6660, 6669, 30, "remote"),
    ("LDAP", TCP, 389, 389, 30, "info seeking"),
    ("LPR", TCP, 515, 515, 30, "other"),
    ("MAIL", TCP, 25, 25, 30, "email"),
    ("MS-SQL", TCP, 1433, 1433, 30, "other"),
    ("MSN", TCP, 1863, 1863, 30, "remote"),
    ("NetMeeting", TCP, 1720, 1720, 30, "remote"),
    ("NNTP", TCP, 119, 119, 30, "info seeking"),
    ("NS Global", TCP, 15397, 15397, 30, "remote"),
    ("NS Global PRO", TCP, 15397, 15397, 30, "remote"),
    ("POP3", TCP, 110, 110, 30, "email"),
    ("PPTP", TCP, 1723, 1723, 30, "security"),
    ("Real Media", TCP, 7070, 7070, 30, "info seeking"),
    ("REXEC", TCP, 512, 512, 30, "remote"),
    ("RLOGIN", TCP, 513, 513, 30, "remote"),
    ("RSH", TCP, 514, 514, 30, "remote"),
    ("RTSP", TCP, 554, 554, 30, "info seeking"),
    ("SCCP", TCP, 2000, 2000, 30, "other"),
    ("SMB", TCP, 139, 139, 30, "remote"),
    ("SMTP", TCP, 25, 25, 30, "email"),
    ("SQL*Net V1", TCP, 1525, 1525, 30, "other"),
    ("SQL*Net V2", TCP, 1521, 1521, 30, "other"),
    ("SSH", TCP, 22, 22, 30, "security"),
    ("TCP-ANY", TCP, 0, 65535, 30, "other"),
    ("TELNET", TCP, 23, 23, 30, "remote"),
    ("VDO Live", TCP, 7000, 7010, 30, "info seeking"),
    ("VNC", TCP, 5800, 5800, 30, "remote"),
    ("WAIS", TCP, 210, 210, 30, "info seeking"),
    ("WHOIS", TCP, 43, 43, 30, "info seeking"),
    ("WINFRAME", TCP, 1494, 1494, 30, "remote"),
    ("X-WINDOWS", TCP, 6000, 6063, 30, "remote"),
    ("YMSG", TCP, 5050, 5050, 30, "remote"),
    ("APPLE-ICHAT-SNATMAP", UDP, 5678, 5678, 1, "other"),
    ("CHARGEN", UDP, 19, 19, 1, "other"),
    ("DHCP-Relay", UDP, 67, 67, 1, "other"),
    ("DISCARD", UDP, 9, 9, 1, "other"),
    ("ECHO", UDP, 7, 7, 1, "other"),
    ("GNUTELLA", UDP, 6346, 6347, 1, "remote"),
    ("IKE", UDP, 500, 500, 1, "security"),
    ("L2TP", UDP, 1701, 1701, 1, "remote"),
    ("MGCP-CA", UDP, 2727, 2727, 120, "other"),
    ("MGCP-UA", UDP, 2427, 2427, 120, "other"),
    ("MS-RPC-EPM", UDP, 135, 135, 60, "remote"),
    ("NBDS", UDP, 138, 138, 1, "remote"),
    ("NBNAME", UDP, 137, 137, 1, "remote"),
    ("NFS", UDP, 111, 111, 40, "remote"),
    ("NSM", UDP, 69, 69, 1, "other"),
    ("NTP", UDP, 123, 123, 1, "other"),
    ("PC-Anywhere", UDP, 5632, 5632, 1, "remote"),
    ("RADIUS", UDP, 1812, 1813, 1, "other"),
    ("RIP", UDP, 520, 520, 1, "other"),
    ("SIP", UDP, 5060, 5060, 1, "other"),
    ("SNMP", UDP, 161, 161, 1, "other"),
    ("SQL Monitor", UDP, 1434, 1434, 1, "other"),
    ("SUN-RPC-PORTMAPPER", UDP, 111, 111, 40, "remote"),
    ("SYSLOG", UDP, 514, 514, 1, "other"),
    ("TALK", UDP, 517, 518, 1, "other"),
    ("TFTP", UDP, 69, 69, 1, "remote"),
    ("UDP-ANY", UDP, 0, 65535, 1, "other"),
    ("UUCP", UDP, 540, 540, 1, "remote"),
    ("GRE", 47, 0, 65535, 60, "remote"),
    ("OSPF", 89, 0, 65535, 1, "other"),
    ("SCTP-ANY", 132, 0, 65535, 1, "other"),
)

_ICMP_ROWS: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    ("PING", ((8, 0),)),
    ("TRACEROUTE", ((8, 0),)),
    ("ICMP-ANY", ((-1, -1),)),
    ("ICMP-INFO", ((15, 0), (16, 0))),
    ("ICMP-TIMESTAMP", ((13, 0), (14, 0))),
    ("ICMP Address Mask", ((17, 0), (18, 0))),
    ("ICMP Dest Unreachable", ((3, -1),)),
    ("ICMP Fragment Needed", ((3, 4),)),
    ("ICMP Fragment Reassembly", ((11, 1),)),
    ("ICMP Host Unreachable", ((3, 1),)),
    ("ICMP Parameter Problem", ((12, -1),)),
    ("ICMP Port Unreachable", ((3, 3),)),
    ("ICMP Protocol Unreach", ((3, 2),)),
    ("ICMP Redirect", ((5, 0),)),
    ("ICMP Redirect Host", ((5, 1),)),
    ("ICMP Redirect TOS & Host", ((5, 3),)),
    ("ICMP Redirect TOS & Net", ((5, 2),)),
    ("ICMP Source Quench", ((4, 0),)),
    ("ICMP Source Route Fail", ((3, 5),)),
    ("ICMP Time Exceeded", ((11, 0),)),
)

# Services of several protocols or ports, of which the device's own table prints the first row only.
_COMPOSITE: tuple[Service, ...] = (
    Service(ANY_SERVICE, (ServiceEntry(0),), None, "other", predefined=True),
    Service("DNS", (ServiceEntry(UDP, 53, 53), ServiceEntry(TCP, 53, 53)), 60, "info seeking", predefined=True),
    Service("IKE-NAT", (ServiceEntry(UDP, 500, 500), ServiceEntry(UDP, 4500, 4500)), 180, "security", predefined=True),
)


def _table() -> dict[str, Service]:
    services = list(_COMPOSITE)
    for name, protocol, low, high, minutes, category in _ROWS:
        services.append(Service(name, (ServiceEntry(protocol, low, high),), minutes * 60, category, predefined=True))
    for name, matches in _ICMP_ROWS:
        entries = tuple(ServiceEntry(ICMP, kind, code) for kind, code in matches)
        services.append(Service(name, entries, 60, "other", predefined=True))
    return {service.name: service for service in sorted(services, key=lambda service: service.name.lower())}


PREDEFINED_SERVICES = _table()

PREDEFINED_SERVICE_GROUPS: dict[str, ServiceGroup] = {
    group.name: group
    for group in (
        ServiceGroup(
            "APPLE-ICHAT",
            ("AOL", "APPLE-ICHAT-SNATMAP", "DNS", "HTTP", "HTTPS", "SIP"),
            "Apple iChat Services Group",
            predefined=True,
        ),
        ServiceGroup("MGCP", ("MGCP-CA", "MGCP-UA"), "Media Gateway Control Protocol", predefined=True),
        ServiceGroup("VOIP", ("H.323", "MGCP-CA", "MGCP-UA", "SCCP", "SIP"), "VOIP Service Group", predefined=True),
    )
}
