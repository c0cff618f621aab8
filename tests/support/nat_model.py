"""Random translation configurations, and a slow second opinion about them that shares no code with the device.

A `Model` writes its own command lines and says, from the rules of the book alone, what becomes of a packet: it maps
the destination, looks the route up by trying every prefix, tries every policy, translates the destination and routes it
again, and translates the source.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

ANY = IPv4Network("0.0.0.0/0")
ZONES = {"ethernet1": "Trust", "ethernet2": "DMZ", "ethernet3": "Untrust"}
OWN = {"ethernet1": IPv4Address("10.1.1.1"), "ethernet2": IPv4Address("10.2.2.1"), "ethernet3": IPv4Address("1.1.1.1")}
PAIRS = (
    *[("Trust", "Untrust")] * 4,
    ("DMZ", "Untrust"),
    *[("Untrust", "Trust")] * 2,
    ("Untrust", "DMZ"),
    ("Trust", "DMZ"),
)
SERVICES = {"any": None, "http": (6, 80), "dns": (0, 53), "ftp": (6, 21)}
"""Name → (protocol, 0 for TCP and UDP; port)."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A packet: `protocol` 1, 6 or 17. For ICMP the port is the identifier, and `dport` means nothing."""

    interface: str
    protocol: int
    source: IPv4Address
    sport: int
    destination: IPv4Address
    dport: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What leaves: the sources it may have, whether the source port is kept, the destination."""

    interface: str
    sources: frozenset[IPv4Address]
    port_kept: bool
    destination: IPv4Address
    dport: int


@dataclass(frozen=True, slots=True)
class Pool:
    number: int
    low: IPv4Address
    high: IPv4Address
    kind: str
    base: IPv4Address


@dataclass(frozen=True, slots=True)
class Rule:
    pair: tuple[str, str]
    source: IPv4Network
    destination: IPv4Network
    service: str
    source_nat: str  # "", "egress", or the number of a pool
    target: tuple[IPv4Address, IPv4Address | None, int | None] | None


@dataclass
class Model:
    """One configuration."""

    nat_mode: bool = False
    pools: dict[int, Pool] = field(default_factory=dict)
    mips: list[tuple[IPv4Network, IPv4Network]] = field(default_factory=list)
    vips: dict[tuple[IPv4Address, int], tuple[str, IPv4Address]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    routes: list[tuple[IPv4Network, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def fate(self, flow: Flow) -> Fate | None:
        """What becomes of the first packet of a flow; None when it is dropped."""
        destination, dport = flow.destination, flow.dport
        mapped = self._mapped(flow)
        if mapped is None:
            return None
        destination, dport, translated = mapped
        egress = self._route(destination)
        pair = (ZONES[flow.interface], ZONES[egress])
        rule = self._rule(pair, flow, dport)
        if rule is None and (pair[0] != pair[1] or pair[0] == "Untrust"):
            return None
        if rule is not None and rule.target is not None and not translated:
            low, high, port = rule.target
            step = int(flow.destination) - int(rule.destination[0]) if high is not None else 0
            destination = low + step
            if high is not None and destination > high:
                return None
            dport = port if port is not None and flow.protocol != 1 else dport
            if ZONES[self._route(destination)] != pair[1]:
                return None
            egress = self._route(destination)
        if self._is_proxied(egress, destination):
            return None
        source = self._source(rule, flow, egress, pair)
        return None if source is None else Fate(egress, source[0], source[1], destination, dport)

    def _mapped(self, flow: Flow) -> tuple[IPv4Address, int, bool] | None:
        for outer, inner in sorted(self.mips, key=lambda pair: -pair[0].prefixlen):
            if flow.destination in outer:
                return inner[int(flow.destination) - int(outer[0])], flow.dport, True
        for (address, port), (service, host) in self.vips.items():
            known = SERVICES[service]
            assert known is not None
            right = flow.protocol == known[0] or (known[0] == 0 and flow.protocol in {6, 17})
            if (address, port) == (flow.destination, flow.dport) and right:
                return host, known[1], True
        if any(address == flow.destination for address, _ in self.vips):
            return None
        return flow.destination, flow.dport, False

    def _route(self, destination: IPv4Address) -> str:
        known = [
            (IPv4Network("10.1.1.0/24"), "ethernet1"),
            (IPv4Network("10.2.2.0/24"), "ethernet2"),
            (IPv4Network("1.1.1.0/24"), "ethernet3"),
            (ANY, "ethernet3"),
            *self.routes,
        ]
        return max((found for found in known if destination in found[0]), key=lambda found: found[0].prefixlen)[1]

    def _rule(self, pair: tuple[str, str], flow: Flow, mapped_port: int) -> Rule | None:
        for port in dict.fromkeys((flow.dport, mapped_port)):
            for rule in self.rules:
                service = SERVICES[rule.service]
                fits = service is None or (
                    flow.protocol != 1 and service[0] in {0, flow.protocol} and service[1] == port
                )
                if rule.pair == pair and flow.source in rule.source and flow.destination in rule.destination and fits:
                    return rule
        return None

    def _source(
        self, rule: Rule | None, flow: Flow, egress: str, pair: tuple[str, str]
    ) -> tuple[frozenset[IPv4Address], bool] | None:
        if rule is not None and rule.source_nat == "egress":
            return frozenset({OWN[egress]}), False
        if rule is not None and rule.source_nat:
            return self._from_pool(self.pools[int(rule.source_nat)], flow, egress)
        if egress == "ethernet3":
            for outer, inner in self.mips:
                if flow.source in inner:
                    candidates = {out[int(flow.source) - int(own[0])] for out, own in self.mips if flow.source in own}
                    exact = {out[0] for out, own in self.mips if own.prefixlen == 32 and flow.source in own}
                    assert outer
                    return frozenset(exact or candidates), True
        if self.nat_mode and flow.interface == "ethernet1" and pair[1] == "Untrust":
            return frozenset({OWN[egress]}), False
        return frozenset({flow.source}), True

    def _from_pool(self, pool: Pool, flow: Flow, egress: str) -> tuple[frozenset[IPv4Address], bool] | None:
        if egress != "ethernet3":
            return None
        addresses = [IPv4Address(number) for number in range(int(pool.low), int(pool.high) + 1)]
        if pool.kind == "shift":
            shifted = int(pool.low) + int(flow.source) - int(pool.base)
            inside = int(pool.low) <= shifted <= int(pool.high)
            return (frozenset({IPv4Address(shifted)}), True) if inside else None
        return frozenset(addresses), pool.kind == "fixed"

    def _is_proxied(self, egress: str, destination: IPv4Address) -> bool:
        """An address that is the device's own, or that it answers ARP for, has no neighbour behind it."""
        if destination in OWN.values():
            return True
        if egress != "ethernet3" or destination not in IPv4Network("1.1.1.0/24"):
            return False
        return (
            any(pool.low <= destination <= pool.high for pool in self.pools.values())
            or any(destination in outer for outer, _ in self.mips)
            or any(destination == address for address, _ in self.vips)
        )


def build(seed: int) -> Model:
    """A configuration."""
    chance = random.Random(seed)
    model = Model(nat_mode=chance.random() < 0.5)
    model.lines.append(f"set interface ethernet1 {'nat' if model.nat_mode else 'route'}")
    _add_pools(model, chance)
    _add_mappings(model, chance)
    model.routes = [(IPv4Network("1.2.0.0/16"), "ethernet1"), (IPv4Network("1.3.0.0/16"), "ethernet2")]
    model.lines += [f"set route {prefix} interface {interface}" for prefix, interface in model.routes]
    for number in range(chance.randint(3, 10)):
        _add_rule(model, chance, number + 1)
    return model


def _add_pools(model: Model, chance: random.Random) -> None:
    for number in range(chance.randint(1, 3)):
        low = IPv4Address("1.1.1.20") + number * 20
        pool = Pool(4 + number, low, low + chance.choice((0, 1, 2, 9, 19)), chance.choice(("port", "fixed", "shift")),
                    IPv4Address("10.1.1.0") + chance.randint(1, 120))  # fmt: skip
        model.pools[pool.number] = pool
        words = f"{pool.low} {pool.high}"
        if pool.kind == "shift":
            words = f"shift-from {pool.base} to {words}"
        tail = " fix-port" if pool.kind == "fixed" else ""
        model.lines.append(f"set interface ethernet3 dip {pool.number} {words}{tail}")


def _add_mappings(model: Model, chance: random.Random) -> None:
    for number in range(chance.randint(0, 2)):
        host = chance.choice(("10.1.1", "10.2.2"))
        model.mips.append((IPv4Network(f"1.1.1.{100 + number}/32"), IPv4Network(f"{host}.{chance.randint(2, 250)}/32")))
    if chance.random() < 0.5:
        length = chance.choice((28, 29, 30))
        inner = IPv4Network((f"10.1.1.{chance.randint(2, 200)}", length), strict=False)
        model.mips.append((IPv4Network((f"1.1.1.{128 + 16}", length), strict=False), inner))
    for outer, inner in model.mips:
        model.lines.append(
            f"set interface ethernet3 mip {outer[0]} host {inner[0]} netmask {outer.netmask} vr trust-vr"
        )
    for number in range(chance.randint(0, 3)):
        address = IPv4Address("1.1.1.180") + chance.randint(0, 1)
        service = chance.choice(("http", "dns", "ftp"))
        port = chance.choice((80, 53, 21, 8080, 2100 + number))
        host_address = IPv4Address(chance.choice(("10.1.1.", "10.2.2.")) + str(chance.randint(2, 250)))
        if (address, port) not in model.vips:
            model.vips[address, port] = (service, host_address)
            model.lines.append(f"set interface ethernet3 vip {address} {port} {service} {host_address}")


def _add_rule(model: Model, chance: random.Random, number: int) -> None:
    pair = chance.choice(PAIRS)
    inside = {"Trust": "10.1.1.0/24", "DMZ": "10.2.2.0/24", "Untrust": "9.9.0.0/16"}
    virtual = {"Trust": "1.2.3.0/24", "DMZ": "1.3.3.0/24", "Untrust": "8.8.8.0/28"}
    source = chance.choice((ANY, IPv4Network(inside[pair[0]])))
    target = None
    destination = ANY
    if chance.random() < 0.5:
        destination = IPv4Network(virtual[pair[1]])
        base = IPv4Network(inside[pair[1]])[chance.randint(2, 60)]
        kind = chance.choice(("address", "port", "range"))
        high = base + chance.randint(0, 300 if pair[1] == "Untrust" else 150) if kind == "range" else None
        target = (base, high, chance.randint(1, 65535) if kind == "port" else None)
    pools = [str(pool) for pool in model.pools] if pair[1] == "Untrust" else []
    rule = Rule(
        pair,
        source,
        destination,
        chance.choice(("any", "any", "any", *SERVICES)),
        chance.choice(("", "egress", *pools, *pools)),
        target,
    )
    names = []
    for zone, network in zip(pair, (source, destination), strict=True):
        name = "any" if network == ANY else f"n{network.network_address}"
        if network != ANY:
            model.lines.append(f"set address {zone} {name} {network}")
        names.append(name)
    words = "src " if rule.source_nat else ""
    words += f"dip-id {rule.source_nat} " if rule.source_nat not in {"", "egress"} else ""
    if target is not None:
        words += f"dst ip {target[0]}"
        words += f" {target[1]}" if target[1] is not None else f" port {target[2]}" if target[2] is not None else ""
    nat = f" nat {words}" if words else ""
    model.rules.append(rule)
    model.lines.append(
        f"set policy id {number} from {pair[0]} to {pair[1]} {' '.join(names)} {rule.service}{nat} permit"
    )


def packet(model: Model, chance: random.Random, number: int) -> Flow:
    """A packet that something may happen to; its source port is its own."""
    interface = chance.choice(("ethernet1", *ZONES))
    sources = {"ethernet1": "10.1.1.", "ethernet2": "10.2.2.", "ethernet3": "9.9.9."}
    source = IPv4Address(sources[interface] + str(chance.randint(2, 250)))
    if chance.random() < 0.4 and model.mips and interface != "ethernet3":
        inner = chance.choice(model.mips)[1]
        wanted = IPv4Address(int(inner[0]) + chance.randrange(inner.num_addresses))
        source = wanted if str(wanted).startswith(sources[interface]) and int(wanted) & 255 > 1 else source
    spans = (("8.8.8.0", 0, 15), ("1.2.3.0", 0, 255), ("1.3.3.0", 0, 255), ("10.1.1.0", 2, 250), ("10.2.2.0", 2, 250))
    places = [IPv4Address(base) + chance.randint(low, high) for base, low, high in spans]
    places += [IPv4Address("9.9.7.7"), IPv4Address("1.1.1.10"), IPv4Address("77.7.7.7")]
    places += [outer[chance.randrange(outer.num_addresses)] for outer, _ in model.mips] * 2
    places += [address for address, _ in model.vips] * 2
    destination = chance.choice(places)
    ports = [80, 53, 21, 8080, 7777, *(port for address, port in model.vips if address == destination)]
    protocol = chance.choice((1, 6, 6, 17))
    return Flow(interface, protocol, source, 20000 + number, destination, chance.choice(ports) if protocol != 1 else 0)
