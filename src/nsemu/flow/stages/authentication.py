"""Authentication of the user whose policy it is (Vol. 5, "Policy-Based … Dynamic Peer", NOTE; B209, B210)."""

from __future__ import annotations

from typing import Final

from nsemu.auth.table import AuthEntry, Origin
from nsemu.auth.users import standing
from nsemu.config.authentication import LoginProtocol, PolicyAuthentication
from nsemu.config.users import LOCAL
from nsemu.flow.packet import TCP
from nsemu.flow.session import ACK, RST, SYN
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import AuthCheck
from nsemu.ipsec.tunnel import Tunnel
from nsemu.runtime.drop import DropReason

PROMPTS: Final = {21: LoginProtocol.FTP, 23: LoginProtocol.TELNET, 80: LoginProtocol.HTTP}
"""By which TCP port a connection is known in which a user can be asked for name and password."""


def authentication(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Find the login that the policy wants; without one, decide whether the user can be asked."""
    found = setup.decision.policy if setup.decision is not None else None
    wanted = found.policy.authentication if found is not None else None
    if found is None or wanted is None:
        return None
    server = state.config.auth.server_of(wanted)
    entry = find_login(state, origin_of(state, setup.source, setup.from_zone, setup.tunnel_in), wanted)
    if entry is None and server == LOCAL and _begins(setup) and not wanted.webauth:
        setup.prompt = PROMPTS.get(setup.destination_port)
    if setup.trace is not None:
        asked = setup.prompt.value if setup.prompt is not None else ""
        user = entry.login.user if entry is not None else ""
        setup.add(AuthCheck(found.id, server, user, asked, ("policy", found.id)))
    if entry is not None:
        setup.login = entry
        return None
    setup.detail = f"policy {found.id}"
    setup.subject = ("policy", found.id)
    return DropReason.AUTH_REQUIRED if server == LOCAL else DropReason.AUTH_UNAVAILABLE


def find_login(state: FlowState, origin: Origin, wanted: PolicyAuthentication) -> AuthEntry | None:
    """The login at a place by which a policy may be used; one at a server counts for policies of that server."""
    server = state.config.auth.server_of(wanted)
    for entry in state.auth.at(origin, state.scheduler.now):
        fits = entry.login.server == server and (entry.login.webauth or not wanted.webauth)
        if fits and standing(state.config, wanted, entry.login.user) is None:
            return entry
    return None


def origin_of(state: FlowState, source: int, zone: str, tunnel: Tunnel | None) -> Origin:
    """Where a user is."""
    path = state.paths.get(tunnel.identifier) if tunnel is not None else None
    return Origin(source, zone, path.vpn if path is not None else "")


def _begins(setup: FlowSetup) -> bool:
    """Whether it is the first segment of a new connection."""
    return setup.protocol == TCP and setup.renews is None and setup.tcp_flags & (SYN | ACK | RST) == SYN
