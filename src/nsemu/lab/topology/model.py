"""What a topology file says, once it is known to be right. Frozen data; no YAML, no checks, nothing that runs.

Times are virtual nanoseconds, rates bits per second, IPv4 addresses ints (prefixes keep their host bits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from nsemu.lab.dialup.connection import Connection
from nsemu.lab.dialup.l2tp_client import L2tpConnection
from nsemu.lab.topology.errors import Problem
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.address import Prefix

DEFAULT_PLATFORM: Final = "ns208"

DEFAULT_SEED: Final = 1

SERVICE_PORTS: Final[Mapping[str, int]] = {
    "http": 80,
    "ftp": 21,
    "telnet": 23,
    "smtp": 25,
    "pop3": 110,
    "ident": 113,
    "echo": 7,
    "dns": 53,
    "dhcp": 67,
    "tftp": 69,
    "ntp": 123,
    "syslog": 514,
}
"""The services a host can offer, with their well-known ports (IANA)."""

LAB_COMMANDS: Final = frozenset(
    {
        "advance", "capture", "console", "exit", "graph", "help", "inspect", "link", "nodes", "pause", "quit", "rate",
        "resume", "run", "save", "trace", "validate",
    }
)  # fmt: skip
"""First words of the lab shell; `NODE COMMAND` would be ambiguous if a node had such a name."""


HOST_NODE: Final = "host"
"""In an endpoint, the machine on which the lab runs: `host:tap0` (as in containerlab)."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Base of all nodes. `kind` is the word in the file."""

    kind: ClassVar[str] = ""
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ScreenosSpec(NodeSpec):
    """A security device. Its start-up configuration is the file's lines, then the inline `config` lines."""

    kind: ClassVar[str] = "screenos"
    platform: str = DEFAULT_PLATFORM
    startup_config: Path | None = None
    config: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A static route of a host or router: the network `to` by the next hop `via`."""

    to: Prefix
    via: int


@dataclass(frozen=True, slots=True)
class ZoneSpec:
    """What a DNS server answers: names with their addresses, in order; `ttl` in seconds."""

    records: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ttl: int = 60


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """What a DHCP server hands out: addresses `first` to `last`; `lease` in seconds."""

    first: int
    last: int
    gateway: int | None = None
    dns: tuple[int, ...] = ()
    domain: str = ""
    lease: int = 86400


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A server on a host; `name` is a key of SERVICE_PORTS. `zone` belongs to dns, `pool` to dhcp."""

    name: str
    port: int
    zone: ZoneSpec | None = None
    pool: PoolSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec(NodeSpec):
    """A workstation or server with one interface, eth0; without `address` it is a DHCP client.

    `users` maps account names to passwords (FTP, POP3, Telnet). `files` are what its servers (FTP, HTTP, TFTP) have to
    offer: the name there, and the file it is read from. `vlan` is the IEEE 802.1Q tag of all its frames, 0 for none.
    """

    kind: ClassVar[str] = "host"
    address: Prefix | None
    gateway: int | None = None
    services: tuple[ServiceSpec, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[RouteSpec, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    vlan: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialupSpec(HostSpec):
    """A remote user's PC: a host with a VPN client, which has one connection."""

    kind: ClassVar[str] = "dialup"
    vpn: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class L2tpSpec(HostSpec):
    """A remote user's PC with an L2TP client instead."""

    kind: ClassVar[str] = "dialup"
    l2tp: L2tpConnection


@dataclass(frozen=True, slots=True)
class RouterSpec(NodeSpec):
    """A plain IPv4 router: its interfaces with their addresses, and its static routes."""

    kind: ClassVar[str] = "router"
    interfaces: Mapping[str, Prefix] = field(default_factory=dict)
    routes: tuple[RouteSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NatSpec(RouterSpec):
    """A router that translates addresses. `pool` are whole ranges; `table` maps inside to outside addresses."""

    kind: ClassVar[str] = "nat"
    inside: tuple[str, ...]
    outside: str
    mode: str = "overload"
    pool: tuple[int, int] | None = None
    table: Mapping[int, int] = field(default_factory=dict)
    timeout: Duration = 300 * SECOND
    ike_aware: bool = False
    keep_ports: bool = True


@dataclass(frozen=True, slots=True)
class PortVlanSpec:
    """The VLANs of a switch port: `native` without tag, 0 for none; `tagged` with tag, None for all."""

    native: int
    tagged: frozenset[int] | None = frozenset()


@dataclass(frozen=True, slots=True)
class SwitchSpec(NodeSpec):
    """A learning Ethernet switch; every endpoint that names it is one more port. `ports` are the VLANs of ports."""

    kind: ClassVar[str] = "switch"
    ports: Mapping[str, PortVlanSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachineSpec(NodeSpec):
    """The machine on which the lab runs; no file declares it, endpoints `host:IF` name it."""

    kind: ClassVar[str] = "machine"


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One end of a link."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A cable, both ways alike. `loss` is a fraction from 0 to 1; `rate` and `mtu` None mean unlimited."""

    endpoints: tuple[Endpoint, Endpoint]
    delay: Duration = 0
    jitter: Duration = 0
    loss: float = 0.0
    rate: int | None = None
    mtu: int | None = None
    down: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ValidationSpec:
    """One check: wait, run the commands on the node, then look at what they printed.

    The check holds when `match` is found in the output and `not_match` is not (None: not asked). Both are compiled
    with re.MULTILINE. `node` is empty and `commands` too for a block that only waits.
    """

    name: str
    description: str = ""
    node: str = ""
    commands: tuple[str, ...] = ()
    match: re.Pattern[str] | None = None
    not_match: re.Pattern[str] | None = None
    wait: Duration = 0
    pass_text: str = ""
    fail_text: str = ""
    level: str = "error"


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole file. Nodes are in the order of the file; `warnings` are what the loader found odd."""

    name: str
    seed: int
    nodes: Mapping[str, NodeSpec]
    links: tuple[LinkSpec, ...]
    validations: tuple[ValidationSpec, ...]
    path: Path
    warnings: tuple[Problem, ...] = ()

    @property
    def joined(self) -> bool:
        """Whether a link ends at an interface of the machine: the lab then runs in real time."""
        return any(endpoint.node == HOST_NODE for link in self.links for endpoint in link.endpoints)
