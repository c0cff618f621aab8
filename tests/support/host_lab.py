"""Two hosts on a cable, and a channel that keeps what a service says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nsemu.lab.host.host import Host
from nsemu.lab.host.services.context import ServiceContext
from nsemu.lab.host.services.registry import SERVICES
from nsemu.lab.link import Link, LinkProperties, Seen
from nsemu.lab.port import Port
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import Endpoint
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Instant, Scheduler
from nsemu.sim.wait import run_to_end
from nsemu.wire.address import Prefix, parse_ipv4

PC = parse_ipv4("10.1.1.5")
SERVER = parse_ipv4("10.1.1.9")
ALL_SERVICES = tuple(SERVICES)


class TwoHosts:
    """`pc` 10.1.1.5 (gateway .1, which is not there) and `server` 10.1.1.9, 2 ms apart."""

    def __init__(
        self,
        *,
        services: Sequence[str] = ALL_SERVICES,
        pc_services: Sequence[str] = (),
        properties: LinkProperties | None = None,
        seed: int = 1,
        mtu: int = 1500,
    ) -> None:
        self.scheduler = Scheduler()
        entropy = Entropy(seed)
        gateway = parse_ipv4("10.1.1.1")
        address = Prefix.parse("10.1.1.5/24")
        self.pc = Host("pc", self.scheduler, entropy, address, gateway, pc_services, mtu=mtu)
        self.server = Host("server", self.scheduler, entropy, Prefix.parse("10.1.1.9/24"), None, services)
        self.link = Link(
            self.pc.port("eth0"),
            self.server.port("eth0"),
            self.scheduler,
            entropy.stream("link"),
            properties or LinkProperties(delay_ns=2 * MILLISECOND),
        )
        self.frames: list[tuple[Instant, bytes]] = []
        self.link.add_tap(self._tap)

    def _tap(self, port: Port, frame: bytes, at: Instant, seen: Seen) -> None:
        del port
        if seen is Seen.SENT:
            self.frames.append((at, frame))

    def run(self, command: str) -> str:
        """A command of `pc`, driven to its end."""
        return run_to_end(self.pc.run(command), self.scheduler)

    def settle(self) -> None:
        """Let all connections end."""
        self.scheduler.run_for(120 * SECOND)


class KeptChannel:
    """A channel without a network: keeps what is sent."""

    def __init__(self, local: Endpoint, remote: Endpoint) -> None:
        self.local = local
        self.remote = remote
        self.sent = bytearray()
        self.is_closed = False
        self.acknowledged = 0

    def send(self, data: bytes) -> None:
        assert not self.is_closed, "sends after it has closed"
        self.sent += data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def take(self) -> bytes:
        data = bytes(self.sent)
        self.sent.clear()
        return data


class Session:
    """One conversation with a service, by its octets."""

    def __init__(self, name: str, *, options: frozenset[str] = frozenset(), lab: TwoHosts | None = None) -> None:
        self.lab = lab or TwoHosts(services=())
        server = self.lab.server
        context = ServiceContext(server.name, server.store, server.tcp, self.lab.scheduler.after, options)
        kind = SERVICES[name]
        self.channel = KeptChannel(Endpoint(SERVER, kind.port), Endpoint(PC, 40000))
        make: Callable[[Channel, ServiceContext], Conversation] | None = kind.make
        assert make is not None, f"{name} has no TCP side"
        self.conversation = make(self.channel, context)
        self.conversation.connected()

    def greeting(self) -> bytes:
        return self.channel.take()

    def say(self, data: bytes) -> bytes:
        """Feed octets, and take the answer."""
        if not self.channel.is_closed:
            self.conversation.received(data)
        return self.channel.take()
