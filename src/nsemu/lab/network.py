"""From a topology to running nodes and links, on one scheduler and one source of chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from nsemu.lab.dialup.host import DialupHost
from nsemu.lab.dialup.l2tp_host import L2tpHost
from nsemu.lab.external import ExternalError, ExternalInterface
from nsemu.lab.host.host import Host
from nsemu.lab.host.services.dhcp import DhcpPool
from nsemu.lab.host.services.dns import DnsZone
from nsemu.lab.host.services.registry import SERVICES
from nsemu.lab.host.services.registry import ServiceSpec as HostService
from nsemu.lab.link import Link, LinkProperties
from nsemu.lab.nat_box import NatBox, NatRules
from nsemu.lab.port import Port
from nsemu.lab.router import Router
from nsemu.lab.screenos import ScreenosNode
from nsemu.lab.switch import PortVlans, Switch
from nsemu.lab.topology.model import (
    HOST_NODE,
    DialupSpec,
    Endpoint,
    HostSpec,
    L2tpSpec,
    LinkSpec,
    NatSpec,
    NodeSpec,
    RouterSpec,
    ScreenosSpec,
    SwitchSpec,
    Topology,
)
from nsemu.sim.entropy import Entropy
from nsemu.sim.realtime import RealTimeScheduler
from nsemu.sim.scheduler import Scheduler

Node = ScreenosNode | Host | Router | NatBox | Switch


class LabError(ValueError):
    """Something in a lab cannot be as asked; the message says what."""


class Network:
    """The nodes and links of one lab. `link_of` finds the link at an endpoint `node:interface`."""

    def __init__(self, topology: Topology, entropy: Entropy) -> None:
        self.topology = topology
        self.entropy = entropy
        self._real_time = RealTimeScheduler() if topology.joined else None
        self.scheduler: Scheduler = self._real_time or Scheduler()
        self._external: list[ExternalInterface] = []
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self._ends: dict[str, Link] = {}
        for spec in topology.nodes.values():
            self.nodes[spec.name] = self._make(spec)

    def connect(self) -> None:
        """Plug in all links. Done after the devices have their start-up configuration, as in a rack."""
        for spec in self.topology.links:
            self.links.append(self._connect(spec))

    def link_of(self, endpoint: str) -> Link:
        """The link at `node:interface`. Raises LabError."""
        link = self._ends.get(endpoint)
        if link is None:
            raise LabError(f"no link at {endpoint!r}; there are links at {', '.join(sorted(self._ends))}")
        return link

    def devices(self) -> Mapping[str, ScreenosNode]:
        """The security devices, in the order of the file."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, ScreenosNode)}

    def close(self) -> None:
        """Give back the interfaces of the machine."""
        while self._external:
            self._external.pop().close()

    def _port(self, endpoint: Endpoint) -> Port:
        if endpoint.node != HOST_NODE or self._real_time is None:
            return self.nodes[endpoint.node].port(endpoint.interface)
        try:
            opened = ExternalInterface(endpoint.interface, self._real_time)
        except ExternalError as error:
            self.close()
            raise LabError(str(error)) from None
        self._external.append(opened)
        return opened.port

    def _make(self, spec: NodeSpec) -> Node:
        maker = _MAKERS[type(spec)]
        return maker(self, spec)

    def _connect(self, spec: LinkSpec) -> Link:
        a, b = spec.endpoints
        properties = LinkProperties(spec.delay, spec.jitter, spec.loss, spec.rate, spec.mtu, spec.down)
        ports = (self._port(a), self._port(b))
        stream = self.entropy.stream(f"link/{a}/{b}")
        link = Link(*ports, self.scheduler, stream, properties)
        self._ends[str(a)] = self._ends[str(b)] = link
        return link


def _screenos(network: Network, spec: NodeSpec) -> Node:
    assert isinstance(spec, ScreenosSpec)
    return ScreenosNode(spec.name, network.scheduler, network.entropy, spec.platform)


def _host(network: Network, spec: NodeSpec) -> Node:
    assert isinstance(spec, HostSpec)
    make: Callable[..., Host] = Host
    if isinstance(spec, DialupSpec):
        make = partial(DialupHost, connection=spec.vpn)
    elif isinstance(spec, L2tpSpec):
        make = partial(L2tpHost, connection=spec.l2tp)
    host = make(
        spec.name,
        network.scheduler,
        network.entropy,
        spec.address,
        gateway=spec.gateway,
        routes={route.to: route.via for route in spec.routes},
        vlan=spec.vlan,
    )
    host.store.users.update(spec.users)
    for name, file in spec.files.items():
        host.store.files.write(host.store.files.resolve("/", name), file.read_bytes())
    for service in spec.services:
        if service.zone is not None:
            host.store.zone = DnsZone(dict(service.zone.records), service.zone.ttl)
        pool = service.pool
        if pool is not None:
            host.store.pool = DhcpPool(pool.first, pool.last, pool.gateway, pool.dns, pool.domain, pool.lease)
        host.start_service(HostService(SERVICES[service.name], service.port))
    return host


def _router(network: Network, spec: NodeSpec) -> Node:
    assert isinstance(spec, RouterSpec)
    stream = network.entropy.stream(f"{spec.name}/ip")
    return Router(spec.name, network.scheduler, stream, spec.interfaces, {route.to: route.via for route in spec.routes})


def _nat(network: Network, spec: NodeSpec) -> Node:
    assert isinstance(spec, NatSpec)
    pool = tuple(range(spec.pool[0], spec.pool[1] + 1)) if spec.pool is not None else ()
    rules = NatRules(
        spec.mode, spec.inside, spec.outside, pool, spec.table, spec.timeout, spec.ike_aware, spec.keep_ports
    )
    stream = network.entropy.stream(f"{spec.name}/ip")
    routes = {route.to: route.via for route in spec.routes}
    return NatBox(spec.name, network.scheduler, stream, spec.interfaces, rules, routes)


def _switch(network: Network, spec: NodeSpec) -> Node:
    assert isinstance(spec, SwitchSpec)
    vlans = {name: PortVlans(one.native, one.tagged) for name, one in spec.ports.items()}
    return Switch(spec.name, network.scheduler, vlans=vlans)


_MAKERS: Mapping[type[NodeSpec], Callable[[Network, NodeSpec], Node]] = {
    ScreenosSpec: _screenos,
    HostSpec: _host,
    DialupSpec: _host,
    L2tpSpec: _host,
    RouterSpec: _router,
    NatSpec: _nat,
    SwitchSpec: _switch,
}
