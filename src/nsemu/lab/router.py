"""A router: a forwarding IPv4 stack with addresses and static routes, that answers pings and sends ICMP errors."""

from __future__ import annotations

from collections.abc import Mapping

from nsemu.lab.ip_stack import DEFAULT_MTU, IpStack
from nsemu.lab.port import Port
from nsemu.lab.stack_commands import STACK_COMMANDS, run_command
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix


class Router:
    """A node of kind `router`. Interfaces stand in the order given; `routes` maps a prefix to its gateway."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        stream: Stream,
        interfaces: Mapping[str, Prefix],
        routes: Mapping[Prefix, int] | None = None,
        *,
        mtu: int = DEFAULT_MTU,
    ) -> None:
        """Raises ValueError for a route whose gateway is on no network of the router."""
        self.name = name
        self.stack = IpStack(name, scheduler, stream, forwarding=True)
        for interface, prefix in interfaces.items():
            self.stack.add_interface(interface, prefix, mtu=mtu)
        for prefix, gateway in (routes or {}).items():
            self.stack.add_route(prefix, gateway)

    def port(self, interface: str) -> Port:
        """The port a link attaches to. Raises KeyError for an unknown interface."""
        return self.stack.interfaces[interface].port

    def run(self, command: str) -> Progress:
        """Start a text command: ping, traceroute, arp, routes, interfaces. Raises CommandRefused."""
        return run_command(self.stack, command, STACK_COMMANDS)
