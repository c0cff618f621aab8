"""The VPN clients of a lab beside the gateways that they call: what keeps them from connecting.

Keys and passwords are compared, never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nsemu.api.doctor_model import Finding, Line, Node
from nsemu.config.ike import IkeGateway
from nsemu.config.users import UserType
from nsemu.device.tunnels import TunnelPlan, dialup_users, is_dynamic, phase1_proposals, phase2_proposals
from nsemu.device.views.dialup import member_key
from nsemu.ike.dialup import ANY_INNER, matches
from nsemu.ike.proposals import phase1_key, phase2_key
from nsemu.lab.dialup.connection import Connection
from nsemu.wire.address import Prefix, format_ipv4

Clients = Mapping[str, Connection]
"""The connections of the VPN clients of a lab, by node."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A client and the gateway that its IKE ID belongs to."""

    client: str
    connection: Connection
    node: Node
    gateway: IkeGateway

    def finding(self, topic: str, message: str, *lines: Line) -> Finding:
        subject = f"{self.client} - {self.node.name} gateway {self.gateway.name}"
        return Finding(subject, topic, message, (self.node.gateway_line(self.gateway), *lines))


def is_called(node: Node, gateway: IkeGateway, clients: Clients) -> bool:
    """Whether a client means this gateway."""
    return any(
        connection.gateway == node.local(gateway) and _knows(node, gateway, connection, partial=False)
        for connection in clients.values()
    )


def examine_clients(nodes: Iterable[Node], clients: Clients) -> Iterator[Finding]:
    """Everything that keeps these clients from connecting to these devices."""
    known = list(nodes)
    for name, connection in clients.items():
        node = next((item for item in known if connection.gateway in item.addresses.values()), None)
        if node is None:
            message = f"no device here has the address {format_ipv4(connection.gateway)}"
            yield Finding(name, "address", message)
            continue
        gateway = _gateway_for(node, connection)
        if gateway is None:
            gateways = [item for item in node.config.gateways.values() if is_dynamic(item) or item.dialup is not None]
            message = f"{node.name} has no dialup or dynamic gateway for the IKE ID {connection.identity.text}"
            yield Finding(name, "identity", message, tuple(node.gateway_line(item) for item in gateways))
            continue
        yield from _compare(_Call(name, connection, node, gateway))


def _gateway_for(node: Node, connection: Connection) -> IkeGateway | None:
    """Whole IDs before parts of them (B249)."""
    here = [item for item in node.config.gateways.values() if node.local(item) == connection.gateway]
    for partial in (False, True):
        for gateway in here:
            if _knows(node, gateway, connection, partial=partial):
                return gateway
    return None


def _knows(node: Node, gateway: IkeGateway, connection: Connection, *, partial: bool) -> bool:
    if is_dynamic(gateway):
        return not partial and gateway.peer_id == connection.identity.text
    key = connection.identity.type.value, connection.identity.encoded
    users = dialup_users(node.config, gateway) or ()
    return (not partial or bool(gateway.seed_preshare)) and any(matches(user, key, partial=partial) for user in users)


def _compare(call: _Call) -> Iterator[Finding]:
    connection, gateway, config = call.connection, call.gateway, call.node.config
    identity = connection.identity.text
    key = member_key(gateway, identity) if gateway.seed_preshare else gateway.preshared_key
    if connection.key != key:
        hint = f" (exec ike preshare-gen {gateway.name} {identity} prints it)" if gateway.seed_preshare else ""
        yield call.finding("key", f"the preshared keys differ{hint}")
    if connection.mode is not gateway.mode:
        message = f"the modes differ: {call.client} uses {connection.mode.value}, {call.node.name} {gateway.mode.value}"
        yield call.finding("mode", message)
    theirs = phase1_proposals(config, gateway)
    if not {phase1_key(item) for item in connection.phase1} & {phase1_key(item) for item in theirs}:
        names = ", ".join(item.name for item in connection.phase1), ", ".join(item.name for item in theirs)
        yield call.finding("phase 1", f"no common phase 1 proposal: {names[0]} against {names[1]}")
    yield from _login(call)
    yield from _tunnels(call)


def _login(call: _Call) -> Iterator[Finding]:
    connection, config = call.connection, call.node.config
    asks = call.gateway.xauth is not None and call.gateway.xauth.asks
    if asks != bool(connection.user):
        who = f"{call.node.name} asks for a login, and {call.client} has no user name"
        yield call.finding("login", who if asks else f"{call.client} logs in, and {call.node.name} does not ask for it")
        return
    if not asks:
        return
    user = config.users.get(connection.user)
    if user is None or UserType.XAUTH not in user.types or not user.enabled:
        yield call.finding("login", f"{connection.user} is no XAuth user of {call.node.name}, or disabled")
    elif user.password != connection.password:
        yield call.finding("login", f"the password of {connection.user} is another one")
    elif connection.assigned and not (user.remote.ip or user.remote.pool or config.ike.xauth.pool):
        yield call.finding("login", f"{call.node.name} has no inner address for {connection.user} (ippool expected)")


def _tunnels(call: _Call) -> Iterator[Finding]:
    plans = call.node.plans_of(call.gateway)
    if not plans:
        yield call.finding("vpn", f"no VPN of {call.node.name} that is in use has this gateway")
        return
    for remote in call.connection.remote:
        fitting = [plan for plan in plans if _fits(plan, call.connection, remote)]
        if not fitting:
            there = "; ".join(_selector(plan.selector.remote, plan.selector.local, plan) for plan in plans)
            asked = _asked(call.connection, remote)
            lines = tuple(call.node.proxy_line(plan.vpn) for plan in plans)
            message = f"the proxy IDs differ: {call.client} asks for {asked}; {call.node.name} has {there}"
            yield call.finding("proxy-id", message, *lines)
            continue
        vpn = call.node.config.vpns[fitting[0].vpn]
        theirs = phase2_proposals(call.node.config, vpn)
        if not {phase2_key(item) for item in call.connection.phase2} & {phase2_key(item) for item in theirs}:
            names = ", ".join(item.name for item in call.connection.phase2), ", ".join(item.name for item in theirs)
            message = f"no common phase 2 proposal: {names[0]} against {names[1]}"
            yield call.finding("phase 2", message, call.node.vpn_line(vpn.name))


def _selector(inner: Prefix, remote: Prefix, plan: TunnelPlan) -> str:
    service = f", protocol {plan.selector.protocol}, port {plan.selector.port}" if plan.selector.protocol else ""
    return f"client {inner}, network {remote}{service}"


def _asked(connection: Connection, remote: Prefix) -> str:
    own = format_ipv4(connection.inner) if connection.inner is not None else "its own address"
    service = f", protocol {connection.protocol}, port {connection.port}" if connection.protocol else ""
    return f"client {own}, network {remote}{service}"


def _fits(plan: TunnelPlan, connection: Connection, remote: Prefix) -> bool:
    """Whether the client's quick mode for one of its networks finds this tunnel."""
    selector = plan.selector
    if selector.local != remote or (selector.protocol, selector.port) != (connection.protocol, connection.port):
        return False
    bound = plan.settings.bound_interface is not None
    if plan.dialup and (selector.remote == ANY_INNER or (bound and not selector.remote.length)):
        return True
    return connection.inner is not None and selector.remote == Prefix(connection.inner, 32)
