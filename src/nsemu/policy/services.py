"""Which services match a packet, which one names it, and how long its session may idle (screenos-cli §6.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nsemu.config.service import ANY_SERVICE, ICMP, PROTOCOL_ANY, TCP, UDP, Service, ServiceEntry
from nsemu.policy.decision import Traffic
from nsemu.policy.ranges import Range, RangeIndex, bits, merge

DEFAULT_TIMEOUTS: Final = {TCP: 1800, UDP: 60, ICMP: 60}
"""Seconds a session of a protocol may idle when no service says otherwise."""
DEFAULT_TIMEOUT: Final = 60
"""The same for all other protocols."""

_PORTS: Final = (0, 65535)
_ICMP_NUMBERS: Final = (0, 255)
_ALL_NUMBERS: Final = (0, 0xFFFFFFFF)

# Of predefined services with the same ports, the one that names the traffic.
_PREFERRED: Final = frozenset({"FTP", "SMTP", "LDAP", "H.323", "TFTP", "SUN-RPC-PORTMAPPER", "PING", "NS Global"})


def entry_matches(entry: ServiceEntry, traffic: Traffic) -> bool:
    """Whether one entry of a service matches, both port ranges (or ICMP type and code) together."""
    if entry.protocol == PROTOCOL_ANY:
        return True
    if entry.protocol != traffic.protocol:
        return False
    if entry.protocol == ICMP:
        return entry.destination_low in {-1, traffic.source_port_or_type} and entry.destination_high in {
            -1,
            traffic.destination_port_or_code,
        }
    if entry.protocol in {TCP, UDP}:
        return (
            entry.destination_low <= traffic.destination_port_or_code <= entry.destination_high
            and entry.source_low <= traffic.source_port_or_type <= entry.source_high
        )
    return True


def spans_of(entry: ServiceEntry) -> tuple[Range, Range]:
    """What an entry allows in the last two numbers of `Traffic`: (first, last) of each."""
    if entry.protocol == ICMP:
        kind, code = entry.destination_low, entry.destination_high
        return (_ICMP_NUMBERS if kind == -1 else (kind, kind), _ICMP_NUMBERS if code == -1 else (code, code))
    if entry.protocol in {TCP, UDP}:
        return (entry.source_low, entry.source_high), (entry.destination_low, entry.destination_high)
    return _ALL_NUMBERS, _ALL_NUMBERS


class ServiceIndex:
    """Bit vectors of the items whose service entries may match: a superset, exact for each number by itself."""

    __slots__ = ("_any", "_indexes")

    def __init__(self, items: Iterable[tuple[int, Iterable[ServiceEntry]]]) -> None:
        self._any = 0
        spans: dict[int, list[tuple[int, list[Range], list[Range]]]] = {}
        for item, entries in items:
            mine: dict[int, tuple[int, list[Range], list[Range]]] = {}
            for entry in entries:
                if entry.protocol == PROTOCOL_ANY:
                    self._any |= 1 << item
                    continue
                first, second = spans_of(entry)
                of_protocol = mine.setdefault(entry.protocol, (item, [], []))
                of_protocol[1].append(first)
                of_protocol[2].append(second)
            for protocol, of_protocol in mine.items():
                spans.setdefault(protocol, []).append(of_protocol)
        self._indexes = {
            protocol: (
                RangeIndex((item, merge(firsts)) for item, firsts, _ in rows),
                RangeIndex((item, merge(seconds)) for item, _, seconds in rows),
            )
            for protocol, rows in spans.items()
        }

    def at(self, traffic: Traffic) -> int:
        """The items that may match `traffic`."""
        indexes = self._indexes.get(traffic.protocol)
        if indexes is None:
            return self._any
        first, second = indexes
        return self._any | first.at(traffic.source_port_or_type) & second.at(traffic.destination_port_or_code)


class ServiceTable:
    """All services of a device, ranked so that the most telling one names a packet."""

    __slots__ = ("_index", "_ranked", "records")

    def __init__(self, services: Mapping[str, Service]) -> None:
        self.records = services
        rows = [
            (_rank(service, entry), service.name, service, entry)
            for service in services.values()
            for entry in service.entries
            if not (service.predefined and _unspecific(entry))
        ]
        rows.sort(key=lambda row: row[:2])
        self._ranked = [(service, entry) for _, _, service, entry in rows]
        self._index = ServiceIndex((item, (entry,)) for item, (_, entry) in enumerate(self._ranked))

    def identify(self, traffic: Traffic) -> Service | None:
        """The service that names `traffic` in logs and sessions, or None.

        The admin's own services come before predefined ones, narrower port ranges before wider ones; an own service for
        all ports of a protocol comes last, and predefined ones of that kind (TCP-ANY) name nothing.
        """
        for item in bits(self._index.at(traffic)):
            service, entry = self._ranked[item]
            if entry_matches(entry, traffic):
                return service
        return None

    def timeout_of(self, service: Service | None, traffic: Traffic) -> int:
        """Seconds a session for `traffic` may idle, NEVER (0) for no limit.

        `service` is the one by which its policy matched. ANY stands for whatever the packet is: there, and with None,
        the time-out is that of the service that names the packet.
        """
        if service is None or service.name == ANY_SERVICE:
            service = self.identify(traffic)
        if service is not None and service.timeout is not None:
            return service.timeout
        return DEFAULT_TIMEOUTS.get(traffic.protocol, DEFAULT_TIMEOUT)


def compile_services(services: Mapping[str, Service], previous: ServiceTable | None = None) -> ServiceTable:
    """The table of `services`; `previous` itself when it was made from the same mapping."""
    if previous is not None and previous.records is services:
        return previous
    return ServiceTable(services)


def _unspecific(entry: ServiceEntry) -> bool:
    """Whether an entry takes a whole protocol that has ports or types, or every protocol."""
    if entry.protocol in {TCP, UDP}:
        return spans_of(entry) == (_PORTS, _PORTS)
    if entry.protocol == ICMP:
        return spans_of(entry) == (_ICMP_NUMBERS, _ICMP_NUMBERS)
    return entry.protocol == PROTOCOL_ANY


def _rank(service: Service, entry: ServiceEntry) -> tuple[bool, bool, int, int, bool]:
    first, second = spans_of(entry)
    widths = (second[1] - second[0], first[1] - first[0])
    if entry.protocol == ICMP:
        widths = (widths[1], widths[0])  # the type says more than the code
    return (_unspecific(entry), service.predefined, *widths, service.name not in _PREFERRED)
