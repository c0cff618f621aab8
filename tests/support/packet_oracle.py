"""Small random configurations and, for every packet, what should become of it: written plainly, sharing nothing.

A `World` keeps its own records and writes the command lines that say the same to a device. `fate` goes through the
rules of the book one after the other, by trying everything: address mapping, route, policy, destination translation,
route again, source translation. Addresses are `ipaddress` objects; nothing here imports the emulator.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

ANY = IPv4Network("0.0.0.0/0")
ICMP, TCP, UDP, GRE = 1, 6, 17, 47
NOW = 10
"""The hour that a device's clock shows, on a Thursday."""


@dataclass(frozen=True, slots=True)
class Port:
    """An interface: its zone, the virtual router of that, its network (the device is the first host)."""

    name: str
    zone: str
    vrouter: str
    network: IPv4Network

    @property
    def own(self) -> IPv4Address:
        return self.network[1]


PORTS = {
    port.name: port
    for port in (
        Port("ethernet1", "Trust", "trust-vr", IPv4Network("10.1.1.0/24")),
        Port("ethernet2", "DMZ", "trust-vr", IPv4Network("10.2.2.0/24")),
        Port("ethernet3", "Untrust", "untrust-vr", IPv4Network("1.1.1.0/24")),
        Port("ethernet4", "Lab", "untrust-vr", IPv4Network("10.4.4.0/24")),
        Port("ethernet5", "Trust", "trust-vr", IPv4Network("10.5.5.0/24")),
    )
}
ZONES = tuple(dict.fromkeys(port.zone for port in PORTS.values()))


@dataclass(frozen=True, slots=True)
class Probe:
    """A first packet. For ICMP (echo requests) `sport` is the identifier; GRE has no ports."""

    port: str
    protocol: int
    source: IPv4Address
    sport: int
    destination: IPv4Address
    dport: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a packet: a reason when it is dropped, else where and with what addresses it leaves.

    `sources` are those that translation may choose from; `port_kept` tells whether the source port stays.
    """

    drop: str = ""
    policy: int | None = None
    egress: str = ""
    sources: frozenset[IPv4Address] = frozenset()
    port_kept: bool = True
    destination: IPv4Address | None = None
    dport: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """A static route: `target` an interface, a virtual router, or "null"."""

    vrouter: str
    prefix: IPv4Network
    target: str
    preference: int = 20


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a service: a protocol, and for TCP and UDP its ports."""

    protocol: int
    low: int = 0
    high: int = 65535
    source_low: int = 0
    source_high: int = 65535


SERVICES: dict[str, list[Match]] = {
    "ANY": [],
    "HTTP": [Match(TCP, 80, 80)],
    "DNS": [Match(TCP, 53, 53), Match(UDP, 53, 53)],
    "PING": [Match(ICMP)],
    "GRE": [Match(GRE)],
}


@dataclass(slots=True)
class Rule:
    number: int
    zones: tuple[str, str]
    sources: list[str]
    destinations: list[str]
    services: list[str]
    action: str
    source_negate: bool = False
    destination_negate: bool = False
    enabled: bool = True
    schedule: str = ""
    source_nat: str = ""
    target: tuple[IPv4Address, IPv4Address | None, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    low: IPv4Address
    high: IPv4Address
    kind: str
    base: IPv4Address


@dataclass
class World:
    """One configuration, as records and as `lines`."""

    permit_all: bool = False
    blocked: dict[str, bool] = field(default_factory=dict)
    nat_mode: dict[str, bool] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    addresses: dict[tuple[str, str], IPv4Network] = field(default_factory=dict)
    groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    services: dict[str, list[Match]] = field(default_factory=lambda: dict(SERVICES))
    service_groups: dict[str, list[str]] = field(default_factory=dict)
    schedules: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    pools: dict[int, Pool] = field(default_factory=dict)
    mips: dict[IPv4Network, IPv4Network] = field(default_factory=dict)
    vips: dict[tuple[IPv4Address, int], tuple[str, IPv4Address]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    # --- what becomes of a packet

    def fate(self, probe: Probe) -> Fate:
        ingress = PORTS[probe.port]
        vrouter = ingress.vrouter
        destination, dport, mapped = probe.destination, probe.dport, False
        mip = self._mip(probe.destination)
        vip = self._vip(probe)
        if mip is not None:
            destination, mapped, vrouter = mip, True, "trust-vr"
        elif vip is not None:
            (destination, dport), mapped = vip, True
        elif any(address == probe.destination for address, _ in self.vips):
            return Fate("no mapping")
        way = self.way(vrouter, destination)
        if way in {"", "null"}:
            return Fate("null route" if way == "null" else "no route")
        zones = (ingress.zone, PORTS[way].zone)
        rule = self._decide(zones, probe, probe.dport) or (
            self._decide(zones, probe, dport) if mapped and dport != probe.dport else None
        )
        refused = self._refusal(rule, zones)
        if refused:
            return Fate(refused, rule.number if rule is not None else None)
        number = rule.number if rule is not None else None
        if rule is not None and rule.target is not None and not mapped:
            low, high, port = rule.target
            first = min(int(self.addresses[rule.zones[1], name][0]) for name in rule.destinations)
            destination = low if high is None else low + (int(probe.destination) - first)
            if high is not None and destination > high:
                return Fate("no mapping", number)
            dport = port if port is not None and probe.protocol in {TCP, UDP} else dport
            way = self.way(vrouter, destination)
            if way in {"", "null"} or PORTS[way].zone != zones[1]:
                return Fate("no route", number)
        return self._leave(probe, rule, way, (destination, dport))

    def _leave(self, probe: Probe, rule: Rule | None, way: str, target: tuple[IPv4Address, int]) -> Fate:
        number = rule.number if rule is not None else None
        egress, ingress = PORTS[way], PORTS[probe.port]
        sources, kept = frozenset({probe.source}), True
        if rule is not None and rule.source_nat == "egress":
            sources, kept = frozenset({egress.own}), False
        elif rule is not None and rule.source_nat:
            found = self._from_pool(self.pools[int(rule.source_nat)], probe, way)
            if found is None:
                return Fate("no dip", number)
            sources, kept = found
        elif way == "ethernet3" and self._behind(probe.source) is not None:
            sources = frozenset({self._behind(probe.source) or probe.source})
        elif self.nat_mode.get(probe.port) and egress.zone == "Untrust" and ingress.zone != "Untrust":
            sources, kept = frozenset({egress.own}), False
        return Fate("", number, way, sources, kept, *target)

    def _from_pool(self, pool: Pool, probe: Probe, way: str) -> tuple[frozenset[IPv4Address], bool] | None:
        if way != "ethernet3":
            return None
        if pool.kind == "shift":
            shifted = int(pool.low) + int(probe.source) - int(pool.base)
            inside = int(pool.low) <= shifted <= int(pool.high)
            return (frozenset({IPv4Address(shifted)}), True) if inside else None
        numbers = range(int(pool.low), int(pool.high) + 1)
        return frozenset(map(IPv4Address, numbers)), pool.kind == "fixed"

    def _mip(self, destination: IPv4Address) -> IPv4Address | None:
        for outer, inner in self.mips.items():
            if destination in outer:
                return inner[int(destination) - int(outer[0])]
        return None

    def _behind(self, source: IPv4Address) -> IPv4Address | None:
        for outer, inner in self.mips.items():
            if source in inner:
                return outer[int(source) - int(inner[0])]
        return None

    def _vip(self, probe: Probe) -> tuple[IPv4Address, int] | None:
        for (address, port), (service, host) in self.vips.items():
            entries = self.services[service]
            protocols = {entry.protocol for entry in entries}
            if (address, port) == (probe.destination, probe.dport) and probe.protocol in protocols:
                return host, entries[0].low
        return None

    def way(self, vrouter: str, destination: IPv4Address) -> str:
        """The interface that a destination is behind; "null" where it is thrown away, "" without route."""
        for _ in range(4):
            known = [(port.network.prefixlen, 1, port.name) for port in PORTS.values()
                     if port.vrouter == vrouter and destination in port.network]  # fmt: skip
            known += [(route.prefix.prefixlen, -route.preference, route.target) for route in self.routes
                      if route.vrouter == vrouter and destination in route.prefix]  # fmt: skip
            if not known:
                return ""
            target = max(known, key=lambda one: one[:2])[2]
            if not target.endswith("-vr"):
                return target
            vrouter = target
        return ""

    def _decide(self, zones: tuple[str, str], probe: Probe, port: int) -> Rule | None:
        for searched in (zones, ("Global", "Global")):
            for rule in self.rules:
                if rule.zones == searched and self._takes(rule, probe, port):
                    return rule
        return None

    def _takes(self, rule: Rule, probe: Probe, port: int) -> bool:
        day, start, stop = self.schedules.get(rule.schedule, ("thursday", 0, 24))
        if not rule.enabled or day != "thursday" or not start <= NOW < stop:
            return False
        source = any(self.holds(rule.zones[0], name, probe.source) for name in rule.sources)
        destination = any(self.holds(rule.zones[1], name, probe.destination) for name in rule.destinations)
        if source == rule.source_negate or destination == rule.destination_negate:
            return False
        return any(self._serves(name, probe, port) for name in rule.services)

    def holds(self, zone: str, name: str, address: IPv4Address) -> bool:
        """Whether an address is in an entry or group of a zone's book."""
        if name == "any":
            return True
        if name.startswith("MIP("):
            return any(str(outer[0]) == name[4:-1] and address in outer for outer in self.mips)
        if name.startswith("VIP("):
            return str(address) == name[4:-1]
        if (zone, name) in self.addresses:
            return address in self.addresses[zone, name]
        return any(self.holds(zone, member, address) for member in self.groups[zone, name])

    def _serves(self, name: str, probe: Probe, port: int) -> bool:
        if name == "ANY":
            return True
        if name in self.service_groups:
            return any(self._serves(member, probe, port) for member in self.service_groups[name])
        for entry in self.services[name]:
            ported = probe.protocol in {TCP, UDP}
            in_range = entry.low <= port <= entry.high and entry.source_low <= probe.sport <= entry.source_high
            if entry.protocol == probe.protocol and (in_range or not ported):
                return True
        return False

    def _refusal(self, rule: Rule | None, zones: tuple[str, str]) -> str:
        if rule is not None:
            return "" if rule.action == "permit" else rule.action
        if zones[0] == zones[1]:
            return "intrazone" if self.blocked[zones[0]] else ""
        return "" if self.permit_all else "default"

    # --- making one

    def say(self, line: str) -> None:
        self.lines.append(line)


def build(seed: int) -> World:
    """A configuration."""
    chance = random.Random(seed)
    world = World(permit_all=chance.random() < 0.15)
    _network(world, chance)
    _names(world, chance)
    _translations(world, chance)
    for number in range(chance.randint(2, 12)):
        _rule(world, chance, number + 1)
    for rule in world.rules:
        if not rule.enabled:
            world.say(f"set policy id {rule.number} disable")
    if len(world.rules) > 2 and chance.random() < 0.5:
        _move(world, chance)
    if world.permit_all:
        world.say("set policy default-permit-all")
    return world


def _network(world: World, chance: random.Random) -> None:
    world.say("set zone name Lab")
    for zone in ("Untrust", "Lab"):
        world.say(f"set zone {zone} vrouter untrust-vr")
    for zone in ZONES:
        world.blocked[zone] = chance.random() < 0.5
        world.say(f"{'set' if world.blocked[zone] else 'unset'} zone {zone} block")
    world.say("unset zone untrust screen syn-flood")
    for port in PORTS.values():
        world.nat_mode[port.name] = chance.random() < 0.4
        world.say(f"set interface {port.name} zone {port.zone}")
        world.say(f"set interface {port.name} ip {port.own}/{port.network.prefixlen}")
        world.say(f"set interface {port.name} {'nat' if world.nat_mode[port.name] else 'route'}")
    _route(world, Route("trust-vr", ANY, "untrust-vr"))
    _route(world, Route("untrust-vr", ANY, "ethernet3"))
    if chance.random() < 0.8:
        _route(world, Route("untrust-vr", IPv4Network("10.0.0.0/14"), "trust-vr"))
    for _ in range(chance.randint(0, 5)):
        prefix = IPv4Network((f"{chance.choice(('20.0.0', '20.0.1', '20.1.0'))}.0", chance.choice((8, 16, 24))), False)
        vrouter = chance.choice(("trust-vr", "untrust-vr"))
        targets = [port.name for port in PORTS.values() if port.vrouter == vrouter]
        other = "untrust-vr" if vrouter == "trust-vr" else "trust-vr"
        route = Route(vrouter, prefix, chance.choice((*targets, *targets, other, "null")), chance.choice((20, 40, 60)))
        same = [known for known in world.routes if (known.vrouter, known.prefix) == (vrouter, prefix)]
        if all(route.preference != known.preference and route.target != known.target for known in same):
            _route(world, route)


def _route(world: World, route: Route) -> None:
    world.routes.append(route)
    if route.target.endswith("-vr"):
        where = f"vrouter {route.target}"
    elif route.target == "null":
        where = "interface null"
    else:
        where = f"interface {route.target} gateway {PORTS[route.target].network[250]}"
    world.say(f"set vrouter {route.vrouter} route {route.prefix} {where} preference {route.preference}")


def _names(world: World, chance: random.Random) -> None:
    for zone in (*ZONES, "Global"):
        for index in range(4):
            name = f"{zone.lower()}{index}"
            network = IPv4Network((_somewhere(chance, zone), chance.choice((24, 25, 28, 32))), strict=False)
            world.addresses[zone, name] = network
            world.say(f"set address {zone} {name} {network}")
        members = chance.sample([f"{zone.lower()}{index}" for index in range(4)], chance.randint(1, 3))
        for group, inside in (("inner", members), ("outer", ["inner", f"{zone.lower()}3"])):
            world.groups[zone, group] = inside
            for member in inside:
                world.say(f"set group address {zone} {group} add {member}")
    for index in range(3):
        low, source = chance.choice((53, 80, 90)), chance.choice((0, 20000, 20010))
        entries = [Match(chance.choice((TCP, UDP)), low, low + chance.choice((0, 1, 40)), source, 65535)]
        if chance.random() < 0.5:
            entries.append(Match(chance.choice((TCP, UDP)), 7000, 8080))
        world.services[f"own{index}"] = entries
        for at, entry in enumerate(entries):
            protocol = "tcp" if entry.protocol == TCP else "udp"
            ports = f"src-port {entry.source_low}-{entry.source_high} dst-port {entry.low}-{entry.high}"
            world.say(f"set service own{index} {'+' if at else 'protocol'} {protocol} {ports}")
    world.service_groups["both"] = ["own0", chance.choice(("PING", "GRE", "own1"))]
    for member in world.service_groups["both"]:
        world.say(f"set group service both add {member}")
    for name in ("early", "late"):
        day = chance.choice(("thursday", "thursday", "friday"))
        start = chance.choice((0, 8, 10, 11))
        world.schedules[name] = (day, start, start + chance.randint(1, 12))
        hours = f"start {start:02d}:00 stop {world.schedules[name][2]:02d}:00"
        world.say(f"set scheduler {name} recurrent {day} {hours}")


def _somewhere(chance: random.Random, zone: str) -> str:
    inside = [str(port.network[0])[:-1] for port in PORTS.values() if port.zone == zone]
    base = chance.choice((*inside, *inside, "20.0.0.", "20.0.1.", "20.1.0."))
    return base + str(chance.choice((0, 16, 64, 128, 130, 200)))


def _translations(world: World, chance: random.Random) -> None:
    for number in range(chance.randint(0, 2)):
        low = IPv4Address("1.1.1.20") + number * 20
        kind, base = chance.choice(("port", "fixed", "shift")), IPv4Address("10.1.1.0") + chance.randint(1, 60)
        pool = world.pools[4 + number] = Pool(low, low + chance.choice((0, 3, 19)), kind, base)
        words = f"shift-from {base} to {pool.low} {pool.high}" if kind == "shift" else f"{pool.low} {pool.high}"
        world.say(f"set interface ethernet3 dip {4 + number} {words}{' fix-port' if kind == 'fixed' else ''}")
    for number in range(chance.randint(0, 3)):
        length = chance.choice((32, 32, 30))
        outer = IPv4Network((f"1.1.1.{96 + 8 * number}", length))
        inner = IPv4Network((f"{chance.choice(('10.1.1', '10.2.2'))}.{64 + 8 * number}", length))
        world.mips[outer] = inner
        words = f"mip {outer[0]} host {inner[0]} netmask {outer.netmask} vr trust-vr"
        world.say(f"set interface ethernet3 {words}")
    for _ in range(chance.randint(0, 2)):
        address, port = IPv4Address("1.1.1.180") + chance.randint(0, 1), chance.choice((80, 53, 8080))
        if (address, port) not in world.vips:
            service, host = chance.choice(("HTTP", "DNS")), IPv4Address(chance.choice(("10.4.4.7", "10.2.2.7")))
            world.vips[address, port] = (service, host)
            world.say(f"set interface ethernet3 vip {address} {port} {service} {host}")


def _rule(world: World, chance: random.Random, number: int) -> None:
    pairs = [(chance.choice(ZONES), chance.choice(ZONES))] * 5 + [("Trust", "Untrust")] * 2 + [("Global", "Global")] * 2
    zones = chance.choice(pairs)
    rule = Rule(
        number,
        zones,
        _cell(chance, zones[0]),
        _cell(chance, zones[1]),
        chance.sample([*world.services, "both"], chance.randint(1, 2)) if chance.random() < 0.6 else ["ANY"],
        chance.choice(("permit", "permit", "permit", "deny", "reject")),
        enabled=chance.random() < 0.85,
        schedule=chance.choice(("", "", "", *world.schedules)),
    )
    if "ANY" in rule.services:
        rule.services = ["ANY"]
    mapped = [f"MIP({outer[0]})" for outer in world.mips] + [f"VIP({address})" for address, _ in world.vips]
    if mapped and chance.random() < 0.3:
        rule.destinations = [chance.choice(mapped)]
    rule.source_negate = rule.sources != ["any"] and chance.random() < 0.25
    rule.destination_negate = (
        rule.destinations != ["any"] and "IP(" not in rule.destinations[0] and chance.random() < 0.25
    )
    if rule.action == "permit":
        _add_nat(world, chance, rule)
    world.rules.append(rule)
    _say_rule(world, rule)


def _cell(chance: random.Random, zone: str) -> list[str]:
    names = [*(f"{zone.lower()}{index}" for index in range(4)), "inner", "outer"]
    return ["any"] if chance.random() < 0.4 else chance.sample(names, chance.randint(1, 2))


def _add_nat(world: World, chance: random.Random, rule: Rule) -> None:
    pools = [str(pool) for pool in world.pools] if rule.zones[1] == "Untrust" else []
    rule.source_nat = chance.choice(("", "", "egress", *pools, *pools))
    single = len(rule.destinations) == 1 and (rule.zones[1], rule.destinations[0]) in world.addresses
    if single and not rule.destination_negate and chance.random() < 0.5:
        home = chance.choice([port for port in PORTS.values() if port.zone == rule.zones[1]] or list(PORTS.values()))
        low = home.network[chance.choice((200, 210, 240))]
        kind = chance.choice(("address", "port", "range"))
        high = low + chance.choice((0, 3, 9)) if kind == "range" else None
        rule.target = (low, high, chance.choice((80, 8080)) if kind == "port" else None)


def _say_rule(world: World, rule: Rule) -> None:
    nat = ""
    if rule.source_nat:
        nat += " src" if rule.source_nat == "egress" else f" src dip-id {rule.source_nat}"
    if rule.target is not None:
        low, high, port = rule.target
        nat += f" dst ip {low}" + (f" {high}" if high is not None else f" port {port}" if port is not None else "")
    where = "global" if rule.zones[0] == "Global" else ""
    zones = "" if where else f" from {rule.zones[0]} to {rule.zones[1]}"
    cells = f"{_quoted(rule.sources[0])} {_quoted(rule.destinations[0])} {rule.services[0]}"
    schedule = f" schedule {rule.schedule}" if rule.schedule else ""
    head = f"set policy {where} id {rule.number}" if where else f"set policy id {rule.number}"
    world.say(f"{head}{zones} {cells}{' nat' if nat else ''}{nat} {rule.action}{schedule}")
    inside = [f"set src-address {name}" for name in rule.sources[1:]]
    inside += [f"set dst-address {name}" for name in rule.destinations[1:]]
    inside += [f"set service {name}" for name in rule.services[1:]]
    inside += ["set src-address negate"] if rule.source_negate else []
    inside += ["set dst-address negate"] if rule.destination_negate else []
    if inside:
        for line in (f"set policy id {rule.number}", *inside, "exit"):
            world.say(line)


def _quoted(name: str) -> str:
    return f'"{name}"' if "(" in name else name


def _move(world: World, chance: random.Random) -> None:
    moving, other = chance.sample(world.rules, 2)
    if moving.zones == other.zones:
        word = chance.choice(("before", "after"))
        world.say(f"set policy move {moving.number} {word} {other.number}")
        world.rules.remove(moving)
        world.rules.insert(world.rules.index(other) + (word == "after"), moving)


def probe(world: World, chance: random.Random, number: int) -> Probe:
    """A packet that something may happen to; its source is its own."""
    port = chance.choice(list(PORTS.values()))
    base = chance.choice((port.network[0], port.network[0], IPv4Address("20.0.0.0"), IPv4Address("20.1.0.0")))
    source = base + 2 + number * 7 if base != PORTS["ethernet3"].network[0] else base + 221 + number
    inner = [network for network in world.mips.values() if port.network.supernet_of(network)]
    if inner and chance.random() < 0.4:
        source = chance.choice(inner)[0]
    places = [
        other.network[chance.choice((7, 20, 64, 70, 130, 201))] for other in PORTS.values() if other.name != "ethernet3"
    ]
    places += [PORTS["ethernet3"].network[220], IPv4Address("9.9.9.9")]
    places += [
        IPv4Address(start) + chance.choice((1, 20, 64, 130, 200)) for start in ("20.0.0.0", "20.0.1.0", "20.1.0.0")
    ]
    places += [outer[chance.randrange(outer.num_addresses)] for outer in world.mips] * 2
    places += [address for address, _ in world.vips] * 2
    protocol = chance.choice((ICMP, TCP, TCP, UDP, UDP, GRE))
    dport = chance.choice((53, 80, 81, 90, 130, 7500, 8080)) if protocol in {TCP, UDP} else 0
    return Probe(port.name, protocol, source, 0 if protocol == GRE else 20000 + number, chance.choice(places), dport)
