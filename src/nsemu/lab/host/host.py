"""A host: one IPv4 interface, TCP with services and clients, and the commands a person types at it.

Puts the parts together; the protocols are in `services` and `clients`, the words of the commands in `commands`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsemu.lab.host.dhcp_client import HostDhcp
from nsemu.lab.host.probe import Probe, ProbeKind
from nsemu.lab.host.services import dns
from nsemu.lab.host.services.context import ServiceContext
from nsemu.lab.host.services.dhcp import DhcpServer
from nsemu.lab.host.services.ntp import NtpServer
from nsemu.lab.host.services.registry import SERVICES, ServiceError, ServiceKind, ServiceSpec
from nsemu.lab.host.services.syslog import SyslogServer
from nsemu.lab.host.services.tftp import TftpServer
from nsemu.lab.host.store import HostStore
from nsemu.lab.ip_stack import DEFAULT_MTU, IpStack
from nsemu.lab.ping import Pinger, PingOptions
from nsemu.lab.port import Port
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.lab.vlan_port import VlanPort
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.table import Listener, TcpTable
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix
from nsemu.wire.ipv4 import PROTOCOL_TCP

if TYPE_CHECKING:
    from nsemu.lab.host.commands import HostCommand


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that is started. `socket` is that of its UDP side, if it has one."""

    spec: ServiceSpec
    listener: Listener | None
    socket: UdpSocket | None


class Host:
    """A node of kind `host`. `services` are written as `ServiceSpec.parse` reads them."""

    def __init__(  # noqa: PLR0913 - what a topology says of a host, mostly by name
        self,
        name: str,
        scheduler: Scheduler,
        entropy: Entropy,
        address: Prefix | None,
        gateway: int | None = None,
        services: Sequence[str] = (),
        *,
        interface: str = "eth0",
        mac: bytes | None = None,
        mtu: int = DEFAULT_MTU,
        secondary: Sequence[Prefix] = (),
        routes: Mapping[Prefix, int] | None = None,
        vlan: int = 0,
    ) -> None:
        """With `vlan` all frames have that IEEE 802.1Q tag. Without `address` the host gets one by DHCP.

        Raises ValueError for a gateway that is on no network of the host, and ServiceError for a bad service."""
        self.name = name
        self.scheduler = scheduler
        self.stack = IpStack(name, scheduler, entropy.stream(f"{name}/ip"))
        self.interface = self.stack.add_interface(interface, address, mac=mac, mtu=mtu, secondary=secondary)
        self._cable = VlanPort(name, interface, scheduler) if vlan else None
        if self._cable is not None:
            self._cable.attach(vlan, self.interface.port)
        for prefix, hop in (routes or {}).items():
            self.stack.add_route(prefix, hop)
        if gateway is not None:
            self.stack.add_route(Prefix(0, 0), gateway)
        self.dhcp = HostDhcp(self.stack, self.interface, entropy.stream(f"{name}/dhcp")) if address is None else None
        self.stream = entropy.stream(f"{name}/tcp")
        self.tcp = TcpTable(self.stack, self.stream)
        self.stack.register(PROTOCOL_TCP, self.tcp.receive)
        self.stack.on_icmp_error(PROTOCOL_TCP, self.tcp.icmp_error)
        self.store = HostStore.for_host(name)
        self._running: dict[tuple[str, int], RunningService] = {}
        for text in services:
            self.start_service(ServiceSpec.parse(text))

    @property
    def address(self) -> int:
        """The primary address, 0 while there is none."""
        return self.interface.address

    def port(self, interface: str) -> Port:
        """The port a link attaches to. Raises KeyError for an unknown interface."""
        own = self.stack.interfaces[interface].port
        return self._cable.port if self._cable is not None else own

    # Services

    @property
    def services(self) -> list[RunningService]:
        """What runs, by name and port."""
        return [self._running[key] for key in sorted(self._running)]

    def start_service(self, spec: ServiceSpec) -> None:
        """Open its port. Raises ServiceError when it runs there already, or another has the port."""
        key = (spec.kind.name, spec.port)
        if key in self._running:
            raise ServiceError(f"service {spec.kind.name} runs already on port {spec.port}")
        try:
            listener = self._listen(spec)
        except ValueError as error:
            raise ServiceError(f"service {spec.kind.name}: {error}") from None
        try:
            socket = self._bind(spec) if spec.kind.udp else None
        except ValueError as error:
            if listener is not None:
                self.tcp.stop_listening(listener)
            raise ServiceError(f"service {spec.kind.name}: {error}") from None
        self._running[key] = RunningService(spec, listener, socket)

    def _listen(self, spec: ServiceSpec) -> Listener | None:
        begin = spec.kind.make
        if begin is None:
            return None
        context = ServiceContext(self.name, self.store, self.tcp, self.scheduler.after, spec.options)

        def make(channel: Channel) -> Conversation:
            return begin(channel, context)

        return self.tcp.listen(spec.port, make)

    def _bind(self, spec: ServiceSpec) -> UdpSocket:
        """The datagram side of a service. Raises ValueError."""
        if spec.kind.name == "dns":
            return self._bind_dns(spec.port)
        if spec.kind.name == "dhcp":
            if not self.interface.prefixes:
                raise ValueError("a host without address cannot serve addresses")
            return DhcpServer(self.stack, self.interface.prefixes[0], lambda: self.store.pool, spec.port).socket
        if spec.kind.name == "tftp":
            return TftpServer(self.stack, self.store.files, spec.port).socket
        if spec.kind.name == "ntp":
            return NtpServer(self.stack, self.store.clock, spec.port).socket
        if spec.kind.name == "syslog":
            return SyslogServer(self.stack, self.store.syslog, spec.port).socket
        return self._bind_echo(spec.port)

    def _bind_dns(self, port: int) -> UdpSocket:
        def respond(datagram: UdpReceived) -> None:
            response = dns.answer(self.store.zone, datagram.payload)
            if response is not None:
                source = datagram.destination if self.stack.is_local(datagram.destination) else None
                socket.send(datagram.source, datagram.source_port, response, source=source)

        socket = self.stack.udp.bind(port, respond)
        return socket

    def stop_service(self, kind: ServiceKind, port: int | None = None) -> None:
        """Close its ports (None: wherever it runs); connections go on. Raises ServiceError when it does not run."""
        keys = [key for key in self._running if key[0] == kind.name and port in (None, key[1])]
        if not keys:
            where = f" on port {port}" if port is not None else ""
            raise ServiceError(f"service {kind.name} does not run{where}")
        for key in keys:
            service = self._running.pop(key)
            if service.listener is not None:
                self.tcp.stop_listening(service.listener)
            if service.socket is not None:
                service.socket.close()

    def _bind_echo(self, port: int) -> UdpSocket:
        """RFC 862 over UDP; never to another echo service, with which it would play for ever."""

        def answer(datagram: UdpReceived) -> None:
            if datagram.source_port == SERVICES["echo"].port or datagram.source_port == port:
                return
            if datagram.trace is not None:
                datagram.trace.turn_around()
            socket.send(
                datagram.source,
                datagram.source_port,
                datagram.payload,
                source=datagram.destination if self.stack.is_local(datagram.destination) else None,
                trace=datagram.trace,
            )

        socket = self.stack.udp.bind(port, answer)
        return socket

    # What a lab asks

    @property
    def commands(self) -> Mapping[str, HostCommand]:
        """What can be typed at it."""
        from nsemu.lab.host.commands import HOST_COMMANDS

        return HOST_COMMANDS

    def run(self, command: str) -> Progress:
        """Start a text command. Raises CommandRefused (a ValueError) when it is not understood."""
        # Late: a lab is at its prompt sooner without the clients.
        from nsemu.lab.host.commands import run_host_command

        return run_host_command(self, command)

    def ping(self, options: PingOptions, *, trace: PacketTrace | None = None) -> Pinger:
        """Start pinging; the caller lets time pass until the pinger is done."""
        pinger = Pinger(self.stack, options, trace=trace)
        pinger.start()
        return pinger

    def probe(self, destination: int, kind: ProbeKind, port: int = 0, trace: PacketTrace | None = None) -> Probe:
        """Send exactly one packet, with a trace; `port` is the destination port of TCP and UDP."""
        probe = Probe(self.stack, self.tcp, destination)
        probe.send(kind, port, self.stream.integer(0, 0xFFFFFFFF), trace)
        return probe
