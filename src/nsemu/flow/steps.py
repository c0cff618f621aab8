"""The typed steps that the packet pipeline leaves in a trace, in the order of the book's packet flow.

`subject` names the configuration object that decided; `losers` the candidates that did not, each with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import Step

Subject = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses and ports of a packet, as ints; `kind` is (type, code) of an ICMP message."""

    source: int
    source_port: int
    destination: int
    destination_port: int
    protocol: int
    kind: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PacketReceived(Step):
    """A packet came in. `at` in nanoseconds of uptime."""

    at: int
    zone: str
    interface: str
    length: int
    identification: int
    endpoints: Endpoints


@dataclass(frozen=True, slots=True)
class Originated(Step):
    """The device itself made a packet. `at` in nanoseconds of uptime."""

    at: int
    length: int
    identification: int
    endpoints: Endpoints


@dataclass(frozen=True, slots=True)
class SanityPassed(Step):
    """The IP header is sound."""


@dataclass(frozen=True, slots=True)
class ScreenPassed(Step):
    """The SCREEN options of a zone had nothing against it."""

    zone: str


@dataclass(frozen=True, slots=True)
class ScreenFinding(Step):
    """A SCREEN option found an attack, and the packet goes on nevertheless; `action` says how."""

    zone: str
    attack: str
    action: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class TcpProxied(Step):
    """The TCP proxy took part."""

    what: str


@dataclass(frozen=True, slots=True)
class FragmentHeld(Step):
    """A fragment waits for the others. `offset` in octets."""

    offset: int


@dataclass(frozen=True, slots=True)
class Reassembled(Step):
    """The last missing fragment came in."""

    length: int


@dataclass(frozen=True, slots=True)
class SessionFound(Step):
    """Fast path: the packet belongs to a session, which sends it out through `egress`."""

    session_id: int
    forward: bool
    egress: str


@dataclass(frozen=True, slots=True)
class NoSession(Step):
    """First packet."""

    interface: str


@dataclass(frozen=True, slots=True)
class SelfCheck(Step):
    """Whether the packet is for the device itself."""

    interface: str
    for_self: bool


@dataclass(frozen=True, slots=True)
class RouteLookup(Step):
    """A route was looked for; `route_id` is None when there was none.

    `path` are the next-vrouter routes followed before, as (virtual router, subject). `found_in` is the virtual router
    where the lookup ended, `table` the kind of the table that decided there. `settings` are the subjects that made
    other tables than those by destination be asked.
    """

    interface: str
    vrouter: str
    source: int
    destination: int
    reverse: bool
    route_id: int | None
    prefix: str
    egress: str
    gateway: int
    path: tuple[tuple[str, Subject], ...]
    subject: Subject
    losers: tuple[tuple[str, str], ...] = ()
    found_in: str = ""
    table: str = "destination-routing"
    settings: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRouting(Step):
    """A rule of policy-based routing matched. `bound` says where its policy is bound.

    `egress` is "" and `fault` says why when no entry of its action group can be used: routing tables then decide.
    """

    vrouter: str
    bound: str
    policy: str
    rule: int
    action_group: str
    egress: str
    gateway: int
    fault: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class MacLookup(Step):
    """A MAC address was looked for in transparent mode. `egress` and `zone` are "" when nobody knows where it is."""

    mac: str
    egress: str
    zone: str


@dataclass(frozen=True, slots=True)
class Flooded(Step):
    """A frame to an unknown or a group address was copied to some ports."""

    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyMatch(Step):
    """A policy was looked for. `policy_id` is None when none matched and the default decided.

    `position` is the place of the policy among those of its pair of zones, from 0; -1 without policy. `closed` are
    policies that were passed over because of their schedule: (ID, name of the schedule).
    """

    from_zone: str
    to_zone: str
    from_id: int
    to_id: int
    policy_id: int | None
    action: str
    reason: str
    subject: Subject
    losers: tuple[tuple[int, str, str], ...] = ()
    position: int = -1
    closed: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuthCheck(Step):
    """A policy wants a user who has logged in. `user` is "" without one; `prompt` the protocol that asks for one."""

    policy_id: int
    server: str
    user: str
    prompt: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class SourceTranslation(Step):
    """The source was translated, or why not."""

    before: tuple[int, int]
    after: tuple[int, int] | None
    reason: str
    egress: str
    subject: Subject = ()


@dataclass(frozen=True, slots=True)
class DestinationTranslation(Step):
    """The destination was translated: by a MIP, a VIP or the policy (`kind`)."""

    kind: str
    before: tuple[int, int]
    after: tuple[int, int]
    subject: Subject = ()


@dataclass(frozen=True, slots=True)
class TunnelSelect(Step):
    """A VPN tunnel was chosen."""

    tunnel_id: int
    vpn: str
    peer: int
    reason: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class SynCheck(Step):
    """The first packet of a TCP session was checked for its SYN flag."""

    passed: bool
    skipped: bool


@dataclass(frozen=True, slots=True)
class SessionCreated(Step):
    """A session was made of the decisions."""

    session_id: int
    service: str
    timeout: int
    forward: str
    reverse: str


@dataclass(frozen=True, slots=True)
class NextHop(Step):
    """Where the packet goes on its egress interface."""

    interface: str
    address: int
    resolved: bool


@dataclass(frozen=True, slots=True)
class Translated(Step):
    """The addresses with which the packet goes on."""

    source: int
    source_port: int
    destination: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class EspSeal(Step):
    """The packet was put into a tunnel."""

    tunnel_id: int
    vpn: str
    spi: int
    sequence: int
    source: int
    destination: int
    algorithms: str
    inner_length: int
    outer_length: int
    identification: int
    protocol: str = "ESP"
    transport: bool = False


@dataclass(frozen=True, slots=True)
class EspOpen(Step):
    """The packet was taken out of a tunnel."""

    tunnel_id: int
    vpn: str
    spi: int
    source: int
    destination: int
    inner_length: int
    interface: str
    protocol: str = "ESP"
    transport: bool = False


@dataclass(frozen=True, slots=True)
class L2tpOpen(Step):
    """The packet came out of the call of an L2TP user; `peer` is where the user is."""

    l2tp: str
    user: str
    peer: int
    inner_length: int


@dataclass(frozen=True, slots=True)
class L2tpSeal(Step):
    """The packet was put into the call of an L2TP user."""

    l2tp: str
    user: str
    peer: int
    inner_length: int


@dataclass(frozen=True, slots=True)
class Fragmented(Step):
    """The packet was cut for the MTU of its egress interface."""

    mtu: int
    pieces: int


@dataclass(frozen=True, slots=True)
class Sent(Step):
    """The packet left."""

    interface: str
    mac: str
    length: int


@dataclass(frozen=True, slots=True)
class DeliveredSelf(Step):
    """The packet was for the device, which took it."""

    what: str


@dataclass(frozen=True, slots=True)
class PathMtuReport(Step):
    """A router says that a packet which a tunnel sent to `peer` was too long. `fault` tells why it is not believed."""

    vpn: str
    peer: int
    mtu: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class IkeTriggered(Step):
    """IKE was asked for an SA."""

    tunnel_id: int
    vpn: str
    peer: int


@dataclass(frozen=True, slots=True)
class Event(Step):
    """An event log entry that was made while the packet was under way."""

    at: int
    type: int
    text: str


@dataclass(frozen=True, slots=True)
class Dropped(Step):
    """The end of a packet."""

    stage: str
    reason: DropReason
    detail: str = ""
    subject: Subject = ()
