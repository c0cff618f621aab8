"""Dialup clients: who may call, and what stands for a caller while it is connected (Vol. 5, chapter 5).

A dialup gateway of the configuration is a template. The first message of Aggressive mode names the caller by its IKE
ID; a `Gateway` of its own is made of the template for it, and a `Tunnel` of its own for each quick mode. Both go with
the last SA of the caller. Whole IDs are looked for first, parts of IDs only then (B249).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from nsemu.config.algorithms import Integrity
from nsemu.config.ike import Identity, IdentityType
from nsemu.ike.events import CallerLeft, DialupTunnelGone
from nsemu.ike.parameters import ClientSettings, DialupTunnel, DialupUser, Endpoint
from nsemu.ike.peers import Gateway, Tunnel
from nsemu.runtime.crypto.integrity import hmac
from nsemu.wire.address import Prefix

if TYPE_CHECKING:
    from nsemu.ike.context import IkeContext

ANY_INNER: Final = Prefix(0xFFFFFFFF, 32)
"""As the remote half of a proxy ID: whatever inner address the client has (B147)."""

_HOST_MASK: Final = b"\xff\xff\xff\xff"
_PARTIAL: Final = (IdentityType.FQDN, IdentityType.U_FQDN)

IdentityKey = tuple[int, bytes]
"""Type and data of an ID payload."""


class CallerKey(NamedTuple):
    """What makes two calls the same caller. `origin` tells callers apart that share one ID; None elsewhere."""

    gateway: str
    identity: IdentityKey
    origin: Endpoint | None


class Caller:
    """What is known of a connected client beyond its `Gateway`; `number` is never used twice by one engine."""

    __slots__ = ("key", "name", "number", "settings", "user")

    def __init__(self, key: CallerKey, user: DialupUser, number: int) -> None:
        self.key = key
        self.user = user
        self.number = number
        self.name = ""
        """The name of its XAuth login, "" without one."""
        self.settings: ClientSettings | None = None
        """What it was told after its login."""


def preshared_key(seed: bytes, identity: bytes) -> bytes:
    """The preshared key of one member of a group, 40 hexadecimal digits (B261, B262).

    ScreenOS does not publish its function, and the key that the book prints cannot be had by any obvious one (E071).
    Ours is HMAC-SHA1 with the seed as its key over the full IKE ID.
    """
    return hmac(Integrity.SHA1, seed, identity).hex().encode()


def matches(user: DialupUser, key: IdentityKey, *, partial: bool) -> bool:
    """Whether an IKE ID is that of a user: the same, or with `partial` one whose right-hand part is the user's (B259).

    The type must be the same either way.
    """
    kind, data = key
    if kind != user.identity.type.value:
        return False
    wanted = user.identity.encoded
    return data.endswith(wanted) and data.isascii() if partial else data == wanted


def find(context: IkeContext, local: int, key: IdentityKey, origin: Endpoint) -> Gateway | None:
    """The gateway of a caller at one of our addresses; None when nobody has such an ID, or no more of them may call.

    What is made here goes away again if nothing comes of it (`release`).
    """
    for template, user in _candidates(context, local, key):
        shared = user.share_limit > 1 and not template.parameters.seed
        caller_key = CallerKey(template.parameters.name, key, origin if shared else None)
        known = context.callers.get(caller_key)
        return known if known is not None else _make(context, template, user, caller_key)
    return None


def _candidates(context: IkeContext, local: int, key: IdentityKey) -> Iterator[tuple[Gateway, DialupUser]]:
    templates = [item for item in context.gateways.values() if item.is_template and item.parameters.local == local]
    for partial in (False, True):
        for template in templates:
            if partial and not template.parameters.seed:
                continue  # one key for all: the ID must be the whole one
            for user in template.parameters.dialup or ():
                if matches(user, key, partial=partial) and (not partial or user.identity.type in _PARTIAL):
                    yield template, user


def _make(context: IkeContext, template: Gateway, user: DialupUser, key: CallerKey) -> Gateway:
    parameters = template.parameters
    data = key.identity[1]
    preshared = preshared_key(parameters.seed, data) if parameters.seed else parameters.preshared_key
    whole = data == user.identity.encoded
    identity = Identity(user.identity.type, user.identity.text if whole else data.decode("ascii"))
    own = Gateway(replace(parameters, preshared_key=preshared, peer_identity=identity, dialup=None, seed=b""))
    context.last_caller += 1
    own.caller = Caller(key, user, context.last_caller)
    context.callers[key] = own
    return own


def is_full(context: IkeContext, gateway: Gateway) -> bool:
    """Whether as many others as the limit allows are connected as the user of this caller (B247, B266)."""
    caller = gateway.caller
    if caller is None or gateway.phase1s or any(tunnel.sas for tunnel in gateway.tunnels):
        return False
    others = (
        other
        for other in context.callers.values()
        if other is not gateway
        and other.caller is not None
        and (other.caller.key.gateway, other.caller.user.name) == (caller.key.gateway, caller.user.name)
        and (other.phase1s or any(tunnel.sas for tunnel in other.tunnels))
    )
    return sum(1 for _ in others) >= caller.user.share_limit


def template_tunnels(
    context: IkeContext, gateway: Gateway, identities: tuple[bytes, bytes], *, hidden: bool = False
) -> list[Tunnel]:
    """The configured tunnels that a proxy ID of a caller fits; `identities` are its ID payloads, its own first.

    With `hidden` this end is behind NAT, and the caller calls it by another address.
    """
    caller = gateway.caller
    template = context.gateways.get(caller.key.gateway) if caller is not None else None
    theirs, ours = identities
    found = []
    for tunnel in template.tunnels if template is not None else ():
        parameters = tunnel.parameters
        open_ = parameters.remote == ANY_INNER or (parameters.bound and not parameters.remote.length)
        if _is_own_end(tunnel, ours, hidden) and (_takes_any(tunnel, theirs) if open_ else tunnel.remote_id == theirs):
            found.append(tunnel)
    return found


def _is_own_end(tunnel: Tunnel, ours: bytes, hidden: bool) -> bool:
    """Whether a caller means our half of a proxy ID. In transport mode it names the address to which it sends."""
    if hidden and tunnel.parameters.transport:
        return tunnel.local_id[:4] == ours[:4] and ours[8:12] == _HOST_MASK
    return tunnel.local_id == ours


def _takes_any(tunnel: Tunnel, theirs: bytes) -> bool:
    """Whether this is an inner address to be taken: that of a host or of a network, but not all there are.

    `theirs` is an ID payload in subnet form. Its port may be that of the service, or 0 for any, which is what a client
    uses that knows what a source port is.
    """
    parameters = tunnel.parameters
    if parameters.transport and theirs[8:12] != _HOST_MASK:
        return False  # transport mode has no network behind its end
    protocol, port = theirs[1], int.from_bytes(theirs[2:4], "big")
    inner = Prefix(int.from_bytes(theirs[4:8], "big"), int.from_bytes(theirs[8:12], "big").bit_count())
    usable = inner.length > 0 and inner.address >> 28 < 0xE and inner.address >> 24 not in (0, 127)
    return usable and protocol == parameters.protocol and port in (0, parameters.port)


def tunnel_for(
    context: IkeContext, gateway: Gateway, template: Tunnel, identities: tuple[bytes, bytes]
) -> Tunnel | None:
    """The tunnel of a caller for one of its proxy IDs, made if need be; None when the device has no room for it."""
    theirs, ours = identities
    for known in gateway.tunnels:
        if known.template is template and known.remote_id == theirs:
            return known
    caller = gateway.caller
    assert caller is not None
    inner = Prefix(int.from_bytes(theirs[4:8], "big"), int.from_bytes(theirs[8:12], "big").bit_count())
    if template.parameters.transport:  # what NAT makes of its address is where the caller is
        inner = Prefix(gateway.address, 32)
    asked = DialupTunnel(template.parameters.id, caller.number, gateway.address, inner)
    identifier = context.claim(asked)
    if identifier is None:
        return None
    tunnel = Tunnel(replace(template.parameters, id=identifier, remote=inner), gateway)
    tunnel.template, tunnel.remote_id, tunnel.local_id = template, theirs, ours
    gateway.tunnels.append(tunnel)
    context.tunnels[identifier] = tunnel
    return tunnel


def release(context: IkeContext, gateway: Gateway) -> None:
    """Forget what a caller has no more use for: tunnels without SA, and the caller itself when it has nothing left."""
    caller = gateway.caller
    if caller is None:
        return
    for tunnel in [item for item in gateway.tunnels if not item.sas and not item.negotiations]:
        gateway.tunnels.remove(tunnel)
        identifier = tunnel.parameters.id
        if context.tunnels.get(identifier) is tunnel:
            del context.tunnels[identifier]
        context.events.append(DialupTunnelGone(gateway.parameters.name, gateway.address, identifier))
    busy = gateway.tunnels or gateway.phase1s or any(sa.gateway is gateway for sa in context.half_open)
    if not busy and context.callers.get(caller.key) is gateway:
        del context.callers[caller.key]
        gateway.liveness.stop()
        context.events.append(CallerLeft(gateway.parameters.name, gateway.address, caller.number, caller.name))


def carry_over(
    context: IkeContext, gateways: Mapping[str, Gateway], tunnels: dict[int, Tunnel]
) -> dict[CallerKey, Gateway]:
    """The callers that a new configuration leaves as they are.

    Tunnels of theirs whose template is unchanged are put into `tunnels`. A caller stays while its user may still call
    and nothing else of its gateway has changed.
    """
    staying: dict[CallerKey, Gateway] = {}
    for key, own in context.callers.items():
        template = gateways.get(key.gateway)
        old = context.gateways.get(key.gateway)
        if template is None or old is None or not _still_welcome(own, old, template):
            continue
        staying[key] = own
        for tunnel in own.tunnels:
            now = tunnels.get(tunnel.template.parameters.id) if tunnel.template is not None else None
            if now is not None and tunnel.template is not None and now.parameters == tunnel.template.parameters:
                tunnel.template = now
                tunnels[tunnel.parameters.id] = tunnel
    return staying


def _still_welcome(own: Gateway, old: Gateway, new: Gateway) -> bool:
    caller = own.caller
    assert caller is not None
    users = new.parameters.dialup or ()
    same = replace(old.parameters, dialup=None) == replace(new.parameters, dialup=None)
    return same and any(replace(user, share_limit=1) == replace(caller.user, share_limit=1) for user in users)
