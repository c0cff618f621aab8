"""The device's DNS client (RFC 1035; Vol. 5, "IKE Gateways Using FQDN", B215 to B217).

It keeps the names in use resolved: those of IKE gateways and address book entries. An answer is asked for again when
its time to live ends, and stays good until there is another one, so a silent server breaks nothing that works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from nsemu.flow.originate import egress_towards, originate
from nsemu.flow.state import FlowState
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Instant, Timer
from nsemu.wire.dns import NAME_ERROR, PORT, TYPE_A, TYPE_CNAME, DnsMessage, DnsQuestion, DnsRecord
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram

MANAGEMENT_VROUTER: Final = "trust-vr"
"""Where the device's own queries are routed."""

_TIMEOUT: Final = 2 * SECOND
_TRIES: Final = 2  # for each server
_RETRY: Final = 30 * SECOND
_SHORTEST: Final = 5 * SECOND
_LONGEST: Final = 86400 * SECOND
_FIRST_PORT, _LAST_PORT = 1024, 65535


@dataclass(slots=True)
class Entry:
    """One name in use. `addresses` in the order of the answer; `failed` tells that the last attempt gave nothing.

    `tried` counts the attempts of the round that is under way; 0 between rounds.
    """

    name: str
    addresses: tuple[int, ...] = ()
    answered_at: Instant | None = None
    due: Instant = 0
    failed: bool = False
    tried: int = 0
    identifier: int = 0
    port: int = 0
    server: int = 0
    timer: Timer | None = None


class DnsClient:
    """Resolves names for one device. `changed` is called when the addresses of a name in use are others than before."""

    def __init__(self, state: FlowState, stream: Stream, changed: Callable[[], None]) -> None:
        self._state = state
        self._stream = stream
        self._changed = changed
        self._scheduler = state.scheduler
        self.servers: tuple[int, ...] = ()
        self.domain = ""
        self.entries: dict[str, Entry] = {}
        self.version = 0

    def configure(self, names: Iterable[str], servers: tuple[int, ...], domain: str) -> None:
        """The names in use and the servers to ask, the preferred one first. Names that are new are asked for now."""
        renew = (servers, domain) != (self.servers, self.domain)
        self.servers, self.domain = servers, domain
        wanted = dict.fromkeys(names)
        for gone in [name for name in self.entries if name not in wanted]:
            self._rest(self.entries.pop(gone))
        for name in wanted:
            if name not in self.entries:
                self.entries[name] = Entry(name)
                self._begin(self.entries[name])
            elif renew:
                self._begin(self.entries[name])

    def lookup(self, name: str) -> tuple[int, ...]:
        """The addresses of a name in use, none while there is no answer."""
        entry = self.entries.get(name)
        return entry.addresses if entry is not None else ()

    def refresh(self) -> None:
        """Ask for all names again (`exec dns refresh`, and when an interface comes up)."""
        for entry in self.entries.values():
            self._begin(entry)

    def clear(self) -> None:
        """Forget all answers and ask again."""
        known = any(entry.addresses for entry in self.entries.values())
        for entry in self.entries.values():
            entry.addresses, entry.answered_at = (), None
        self.version += known
        if known:
            self._changed()
        self.refresh()

    def stop(self) -> None:
        """Ask no more (the device restarts)."""
        for entry in self.entries.values():
            self._rest(entry)
        self.entries.clear()

    # -- one name ----------------------------------------------------------------------------------------------

    def _begin(self, entry: Entry) -> None:
        self._rest(entry)
        if self.servers:
            # Not at once: what the same commit changes is in force first.
            entry.timer = self._scheduler.after(0, self._ask, entry)

    def _rest(self, entry: Entry) -> None:
        entry.tried = 0
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        if entry.port:
            self._state.udp_handlers.pop(entry.port, None)
            entry.port = 0

    def _ask(self, entry: Entry) -> None:
        tried = entry.tried
        self._rest(entry)
        if tried >= _TRIES * len(self.servers):
            entry.failed = True
            self._again(entry, _RETRY)
            return
        entry.tried = tried + 1
        entry.server = self.servers[tried % len(self.servers)]
        entry.identifier = self._stream.integer(0, 0xFFFF)
        entry.port = self._free_port()
        self._state.udp_handlers[entry.port] = self._handler(entry)
        self._send(entry)
        entry.timer = self._scheduler.after(_TIMEOUT, self._ask, entry)

    def _again(self, entry: Entry, delay: Duration) -> None:
        entry.due = self._scheduler.now + delay
        entry.timer = self._scheduler.at(entry.due, self._ask, entry)

    def _free_port(self) -> int:
        # RFC 5452 §9.2: an unpredictable port for each query.
        while True:
            port = self._stream.integer(_FIRST_PORT, _LAST_PORT)
            if port not in self._state.udp_handlers:
                return port

    def full_name(self, name: str) -> str:
        """A name without dots belongs to the domain of the device."""
        return f"{name}.{self.domain}" if self.domain and "." not in name else name

    def _send(self, entry: Entry) -> None:
        query = DnsMessage(entry.identifier, questions=(DnsQuestion(self.full_name(entry.name).lower()),))
        originate(self._state, self._packet(entry, query.build()), MANAGEMENT_VROUTER)

    def _packet(self, entry: Entry, query: bytes) -> Ipv4Packet:
        egress = egress_towards(self._state, MANAGEMENT_VROUTER, entry.server)
        source = egress.address if egress is not None else 0
        payload = UdpDatagram(entry.port, PORT, query).build(source, entry.server)
        identification = self._state.next_identification()
        return Ipv4Packet(source, entry.server, PROTOCOL_UDP, payload, identification=identification)

    def _handler(self, entry: Entry) -> Callable[..., None]:
        def receive(
            payload: bytes, source: tuple[int, int], destination: tuple[int, int], trace: PacketTrace | None
        ) -> None:
            del destination, trace
            if source == (entry.server, PORT):
                self._answered(entry, payload)

        return receive

    def _answered(self, entry: Entry, payload: bytes) -> None:
        try:
            message = DnsMessage.parse(payload)
        except MalformedPacket:
            return
        asked = DnsQuestion(self.full_name(entry.name).lower())
        if not message.response or message.identifier != entry.identifier or message.questions != (asked,):
            return
        found, ttl = _addresses(asked.name, message.answers)
        if message.code == NAME_ERROR or (not message.code and not found):
            self._rest(entry)
            entry.failed = True
            self._again(entry, _RETRY)
        elif not message.code:
            self._rest(entry)
            entry.failed, entry.answered_at = False, self._scheduler.now
            self._again(entry, min(max(ttl * SECOND, _SHORTEST), _LONGEST))
            if found != entry.addresses:
                entry.addresses = found
                self.version += 1
                self._changed()


def _addresses(name: str, records: Iterable[DnsRecord]) -> tuple[tuple[int, ...], int]:
    """The addresses of a name in the order of the answer, through aliases, and the shortest time to live."""
    answers = tuple(records)
    alias = any(record.type == TYPE_CNAME and record.name == name for record in answers)
    found = [record for record in answers if record.type == TYPE_A and (alias or record.name == name)]
    addresses = tuple(record.address for record in found if record.address is not None)
    return addresses, min((record.ttl for record in found), default=0)
