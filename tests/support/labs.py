"""Whole labs for scenario tests, written as topology and configuration files from parameters.

`two_sites` is the plain case: two LANs behind two devices, a router between them. `hub_and_spokes` has a hub without a
LAN. Everything that a configuration names can be another: devices, zones, interfaces, networks, algorithms, keys.
`Wiretap` listens on links and says what of the LANs is to be seen there in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import cast

from nsemu import Lab
from nsemu.device.device import Device
from nsemu.lab.link import Link, Seen
from nsemu.lab.port import Port
from nsemu.runtime.drop import DropReason
from nsemu.sim.wait import Progress, Wait

Lines = list[str]
Change = Callable[[str, Lines], Lines]
"""Gets a device's name and its configuration, and gives back what to write instead."""

ESP, UDP, ICMP = 50, 17, 1


@dataclass(frozen=True, slots=True)
class Site:
    """One device with its LAN. The device is the first host of the LAN, the PC the fifth."""

    device: str = "tokyo"
    lan: str = "10.1.1.0/24"
    wan: str = "1.1.1.1/24"
    platform: str = "ns208"
    inside: str = "ethernet1"
    outside: str = "ethernet3"
    trust: str = "Trust"
    untrust: str = "Untrust"
    style: str = "route"
    tunnel: str = "tunnel.1"
    gateway: str = "to_peer"
    vpn: str = "vpn"
    here: str = "Here"
    there: str = "There"
    mode: str = "nat"
    services: tuple[str, ...] = ("http", "ftp", "telnet", "echo")

    @property
    def network(self) -> IPv4Network:
        """The LAN."""
        return IPv4Network(self.lan)

    @property
    def inner(self) -> str:
        """The device's address in the LAN."""
        return str(self.network[1])

    @property
    def pc(self) -> str:
        """The address of the PC; also see `pc_node`."""
        return str(self.network[5])

    @property
    def pc_node(self) -> str:
        """The name of the PC."""
        return f"{self.device}-pc"

    @property
    def outer(self) -> str:
        """The device's address at the Internet."""
        return str(IPv4Interface(self.wan).ip)

    @property
    def router(self) -> str:
        """The Internet router's address there: the last host of the network."""
        return str(IPv4Interface(self.wan).network[-2])

    @property
    def wan_port(self) -> str:
        """The end of the Internet link."""
        return f"{self.device}:{self.outside}"

    @property
    def lan_port(self) -> str:
        """The end of the LAN link."""
        return f"{self.device}:{self.inside}"


@dataclass(frozen=True, slots=True)
class Security:
    """What the two ends agree on. `phase1` and `phase2` are what ends the gateway and VPN lines."""

    key: str = "h1p8A24nG5"
    phase1: str = "sec-level compatible"
    phase2: str = "sec-level compatible"
    proposals: tuple[str, ...] = ()
    options: str = ""


TOKYO = Site()
PARIS = Site("paris", "10.2.2.0/24", "2.2.2.2/24")


def quoted(name: str) -> str:
    """A name as a command line needs it."""
    return f'"{name}"' if " " in name else name


def base(site: Site) -> Lines:
    """Interfaces and default route."""
    return [
        f"set interface {site.inside} zone {quoted(site.trust)}",
        f"set interface {site.inside} ip {site.inner}/{site.network.prefixlen}",
        f"set interface {site.inside} {site.mode}",
        f"set interface {site.outside} zone {quoted(site.untrust)}",
        f"set interface {site.outside} ip {site.wan}",
        f"set vrouter trust-vr route 0.0.0.0/0 interface {site.outside} gateway {site.router}",
        f"set hostname {site.device}",
    ]


def ike(site: Site, peer: str, security: Security) -> Lines:
    """Proposals, gateway and VPN."""
    return [
        *security.proposals,
        f"set ike gateway {quoted(site.gateway)} address {peer} main outgoing-interface {site.outside} "
        f"preshare {quoted(security.key)} {security.phase1}",
        f"set vpn {quoted(site.vpn)} gateway {quoted(site.gateway)} {security.options} {security.phase2}",
    ]


def addresses(site: Site, remote: str) -> Lines:
    """The address book."""
    return [
        f"set address {quoted(site.trust)} {quoted(site.here)} {site.lan}",
        f"set address {quoted(site.untrust)} {quoted(site.there)} {remote}",
    ]


def route_based(site: Site, peer: Site, security: Security) -> Lines:
    """A VPN bound to a tunnel interface, a route to it and a null route behind that (04-01)."""
    return [
        *base(site),
        f"set interface {site.tunnel} zone {quoted(site.untrust)}",
        f"set interface {site.tunnel} ip unnumbered interface {site.outside}",
        *addresses(site, peer.lan),
        *ike(site, peer.outer, security),
        f"set vpn {quoted(site.vpn)} bind interface {site.tunnel}",
        f"set vpn {quoted(site.vpn)} proxy-id local-ip {site.lan} remote-ip {peer.lan} any",
        f"set vrouter trust-vr route {peer.lan} interface {site.tunnel}",
        f"set vrouter trust-vr route {peer.lan} interface null metric 10",
        *policies(site, "permit"),
    ]


def policy_based(site: Site, peer: Site, security: Security) -> Lines:
    """A VPN that two policies name (04-02)."""
    return [
        *base(site),
        *addresses(site, peer.lan),
        *ike(site, peer.outer, security),
        *policies(site, f"tunnel vpn {quoted(site.vpn)}"),
    ]


def policies(site: Site, action: str, service: str = "any") -> Lines:
    """Out and in, with IDs 11 and 12."""
    trust, untrust, here, there = map(quoted, (site.trust, site.untrust, site.here, site.there))
    return [
        f"set policy id 11 from {trust} to {untrust} {here} {there} {service} {action}",
        f"set policy id 12 from {untrust} to {trust} {there} {here} {service} {action}",
    ]


STYLES = {"route": route_based, "policy": policy_based}


def unchanged(_device: str, lines: Lines) -> Lines:
    """The configuration as it is."""
    return lines


def without(device: str, *fragments: str) -> Change:
    """Leave out the lines of a device that contain one of the fragments; each must be found."""

    def change(name: str, lines: Lines) -> Lines:
        if name != device:
            return lines
        for fragment in fragments:
            assert any(fragment in line for line in lines), f"{device} has no line with {fragment!r}"
        return [line for line in lines if not any(fragment in line for fragment in fragments)]

    return change


def swapped(device: str, old: str, new: str) -> Change:
    """Replace a text in the lines of a device; it must be found."""

    def change(name: str, lines: Lines) -> Lines:
        if name != device:
            return lines
        assert any(old in line for line in lines), f"{device} has no line with {old!r}"
        return [line.replace(old, new) for line in lines]

    return change


def also(device: str, *more: str) -> Change:
    """Add lines at the end of a device's configuration."""
    return lambda name, lines: [*lines, *more] if name == device else lines


def all_of(*changes: Change) -> Change:
    """One change after the other."""

    def change(name: str, lines: Lines) -> Lines:
        for one in changes:
            lines = one(name, lines)
        return lines

    return change


@dataclass(slots=True)
class Plan:
    """A lab to be: configurations by device, hosts, and how they are wired to the router in the middle."""

    folder: Path
    name: str = "scenario"
    seed: int = 1
    delay: str = "10ms"
    sites: list[Site] = field(default_factory=list)
    configurations: dict[str, Lines] = field(default_factory=dict)

    def write(self) -> Path:
        """The topology file, with its configurations beside it."""
        nodes, links = [], []
        ports = []
        for number, site in enumerate(self.sites, 1):
            (self.folder / f"{site.device}.cfg").write_text(
                "\n".join(self.configurations[site.device]) + "\n", encoding="latin-1"
            )
            nodes.append(f"    {site.device}: {{kind: screenos, type: {site.platform}, "
                         f"startup-config: {site.device}.cfg}}")  # fmt: skip
            ports.append(f"eth{number}: {site.router}/{IPv4Interface(site.wan).network.prefixlen}")
            links.append(f'    - {{endpoints: ["{site.wan_port}", "internet:eth{number}"], delay: {self.delay}}}')
            if site.lan:
                nodes.append(
                    f"    {site.pc_node}: {{kind: host, address: {site.pc}/{site.network.prefixlen}, "
                    f"gateway: {site.inner}, services: [{', '.join(site.services)}]}}"
                )
                links.append(f'    - endpoints: ["{site.pc_node}:eth0", "{site.lan_port}"]')
        nodes.append(f"    internet: {{kind: router, interfaces: {{{', '.join(ports)}}}}}")
        text = ["name: " + self.name, f"seed: {self.seed}", "topology:", "  nodes:", *nodes, "  links:", *links]
        path = self.folder / f"{self.name}.yaml"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        return path

    def load(self, *, strict: bool = True) -> Lab:
        """Start it; with `strict` every line of every configuration must be accepted."""
        lab = Lab.load(self.write())
        if strict:
            assert [str(problem) for problem in lab.problems] == []
        return lab


def two_sites(
    folder: Path,
    left: Site = TOKYO,
    right: Site = PARIS,
    security: Security | Mapping[str, Security] | None = None,
    change: Change = unchanged,
) -> Lab:
    """A running lab of two sites. `security` may differ by device name."""
    return two_sites_plan(folder, left, right, security, change).load()


def two_sites_plan(
    folder: Path,
    left: Site = TOKYO,
    right: Site = PARIS,
    security: Security | Mapping[str, Security] | None = None,
    change: Change = unchanged,
) -> Plan:
    """The same, not yet running."""
    plan = Plan(folder, sites=[left, right])
    for site, peer in ((left, right), (right, left)):
        own = security.get(site.device, Security()) if isinstance(security, Mapping) else security or Security()
        plan.configurations[site.device] = change(site.device, STYLES[site.style](site, peer, own))
    return plan


def hub_and_spokes(
    folder: Path, hub: Site, spokes: Sequence[Site], security: Security | None = None, change: Change = unchanged
) -> Lab:
    """A hub that only routes between its spokes: a tunnel to each, no policy (07-11, all in trust-vr)."""
    own = security or Security()
    plan = Plan(folder, sites=[replace(hub, lan=""), *spokes])
    lines = [
        f"set interface {hub.outside} zone {quoted(hub.untrust)}",
        f"set interface {hub.outside} ip {hub.wan}",
        f"unset zone {quoted(hub.untrust)} block",
        f"set vrouter trust-vr route 0.0.0.0/0 interface {hub.outside} gateway {hub.router}",
    ]
    for number, spoke in enumerate(spokes, 1):
        at_hub = replace(hub, gateway=f"gw {spoke.device}", vpn=f"vpn {spoke.device}")
        lines += [
            f"set interface tunnel.{number} zone {quoted(hub.untrust)}",
            f"set interface tunnel.{number} ip unnumbered interface {hub.outside}",
            *ike(at_hub, spoke.outer, own if number == 1 else replace(own, proposals=())),
            f"set vpn {quoted(at_hub.vpn)} bind interface tunnel.{number}",
            f"set vrouter trust-vr route {spoke.lan} interface tunnel.{number}",
        ]
        others = [other for other in spokes if other is not spoke]
        plan.configurations[spoke.device] = change(spoke.device, _spoke(spoke, hub, others, own))
    plan.configurations[hub.device] = change(hub.device, lines)
    return plan.load()


def _spoke(spoke: Site, hub: Site, others: Iterable[Site], security: Security) -> Lines:
    lines = [
        *base(spoke),
        f"set interface {spoke.tunnel} zone {quoted(spoke.untrust)}",
        f"set interface {spoke.tunnel} ip unnumbered interface {spoke.outside}",
        *ike(spoke, hub.outer, security),
        f"set vpn {quoted(spoke.vpn)} bind interface {spoke.tunnel}",
    ]
    trust, untrust = quoted(spoke.trust), quoted(spoke.untrust)
    for other in others:
        name = quoted(f"LAN of {other.device}")
        lines += [
            f"set address {untrust} {name} {other.lan}",
            f"set vrouter trust-vr route {other.lan} interface {spoke.tunnel}",
            f"set policy from {trust} to {untrust} any {name} any permit",
            f"set policy from {untrust} to {trust} {name} any any permit",
        ]
    return lines


@dataclass(slots=True)
class Wiretap:
    """Hears every frame that is sent on links, and every frame that arrives when `arrivals` is set."""

    frames: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    @classmethod
    def on(cls, lab: Lab, *ends: str) -> Wiretap:
        """Listen on the links at these ends."""
        tap = cls()
        for end in ends:
            lab.link(end).link.add_tap(tap.hear)
        return tap

    def hear(self, port: Port, frame: bytes, _now: int, seen: Seen) -> None:
        """Take a frame."""
        if seen is Seen.SENT:
            self.frames.append(frame)
            self.senders.append(port.label)

    def packets(self, protocol: int | None = None) -> list[bytes]:
        """The IPv4 packets, of one protocol when it is given."""
        found = [frame[14:] for frame in self.frames if frame[12:14] == b"\x08\x00"]
        return found if protocol is None else [packet for packet in found if packet[9] == protocol]

    def leaks(self, *secrets: str | bytes) -> list[str]:
        """Frames in which an address or a text of the LANs can be read.

        A network given as text ("10.1.1.0/24") is looked for as source, destination, quoted or ARP address; octets, and
        the addresses of a network's device and PC, anywhere.
        """
        networks = [IPv4Network(secret) for secret in secrets if isinstance(secret, str)]
        texts = [secret for secret in secrets if isinstance(secret, bytes)]
        texts += [network[host].packed for network in networks for host in (1, 5)]
        found = []
        for frame, sender in zip(self.frames, self.senders, strict=True):
            body = _without_checksums(frame)
            shown: object = next((text for text in texts if text in body), None)
            shown = shown or next((str(one) for one in networks if _mentions(frame, one)), None)
            if shown is not None:
                found.append(f"{sender}: {shown!r}: {frame.hex()}")
        return found


def _is_icmp_error(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == ICMP and len(frame) >= 62 and frame[34] in {3, 5, 11, 12}


def _without_checksums(frame: bytes) -> bytes:
    """What follows the IP header. A checksum beside an address can look like another address, so none is there."""
    return frame[34:52] + b"??" + frame[54:] if _is_icmp_error(frame) else frame[34:]


def _mentions(frame: bytes, network: IPv4Network) -> bool:
    """Whether an address that stands where addresses stand is of that network."""
    if frame[12:14] == b"\x08\x06":
        places = [28, 38]
    else:
        places = [26, 30]
        if _is_icmp_error(frame):
            places += [54, 58]
    return any(IPv4Address(frame[at : at + 4]) in network for at in places)


def events(lab: Lab, device: str) -> list[str]:
    """The event log, oldest first."""
    return [entry.text for entry in reversed(list(lab[device].device.event_log.newest_first()))]


def logged(lab: Lab, device: str, fragment: str) -> bool:
    """Whether the event log of a device says so."""
    return any(fragment in text for text in events(lab, device))


def dropped(device: Device, reason: DropReason) -> int:
    """The flow counter that a reason moves, all interfaces together."""
    return sum(interface.counters.flow[reason.counter] for interface in device.interfaces.items.values())


def type_lines(lab: Lab, device: str, *lines: str) -> None:
    """Type commands that must be accepted."""
    for line in lines:
        lab[device].run(line)


def link_of(lab: Lab, end: str) -> Link:
    """The link itself."""
    return lab.link(end).link


def quiet(lab: Lab, seconds: float = 600) -> bool:
    """Let time pass; whether nothing is left to happen but sweeps and key lifetimes (no event in the last minute)."""
    lab.run_for(seconds)
    start = lab.now
    steps = 0
    while lab.now < start + 60 and lab.scheduler.step(round((start + 60) * 1e9)):
        steps += 1
    return steps <= 60


class Background:
    """A command of a host that runs while the test does other things; `output` is what it has printed so far.

    It goes on at the end of each of its waits, whoever moves time.
    """

    def __init__(self, lab: Lab, node: str, command: str) -> None:
        self.output = ""
        self.finished = False
        self._scheduler = lab.scheduler
        self._progress = cast("Progress", lab[node].start(command)[0])
        self._go_on()

    def _go_on(self) -> None:
        for item in self._progress:
            if isinstance(item, Wait):
                self._scheduler.at(item.until, self._go_on)
                return
            self.output += item
        self.finished = True
