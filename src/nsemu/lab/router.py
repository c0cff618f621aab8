"""A router: a forwarding IPv4 stack with addresses and static routes, that answers pings and sends ICMP errors."""

from __future__ import annotations

from collections.abc import Mapping

from nsemu.lab.ip_stack import DEFAULT_MTU, IpStack
from nsemu.lab.port import Port
from nsemu.lab.stack_commands import STACK_COMMANDS, run_command
from nsemu.lab.vlan_port import VlanPort, split_vlan
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix


class Router:
    """A node of kind `router`. Interfaces stand in the order given; `routes` maps a prefix to its gateway.

    An interface `eth1.10` is the VLAN 10 of the cable at `eth1`.
    """

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
        self._cables = self._split(interfaces, scheduler)
        for prefix, gateway in (routes or {}).items():
            self.stack.add_route(prefix, gateway)

    def port(self, interface: str) -> Port:
        """The port a link attaches to. Raises KeyError for an unknown interface."""
        cable = self._cables.get(interface)
        return cable.port if cable is not None else self.stack.interfaces[interface].port

    def _split(self, interfaces: Mapping[str, Prefix], scheduler: Scheduler) -> dict[str, VlanPort]:
        """The cables that carry VLANs, by the name of their interface."""
        trunks = {stem for stem, vlan in map(split_vlan, interfaces) if vlan}
        cables = {stem: VlanPort(self.name, stem, scheduler) for stem in sorted(trunks)}
        for name in interfaces:
            stem, vlan = split_vlan(name)
            if stem in cables:
                cables[stem].attach(vlan, self.stack.interfaces[name].port)
        return cables

    def run(self, command: str) -> Progress:
        """Start a text command: ping, traceroute, arp, routes, interfaces. Raises CommandRefused."""
        return run_command(self.stack, command, STACK_COMMANDS)
