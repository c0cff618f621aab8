"""XAuth logins: who may log in through which gateway, and which inner address a client is given (B263 to B266).

The local database decides. An address of a pool stays with its user for `set xauth lifetime`, also when the user has
left meanwhile, so that whoever comes back finds the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.device import DeviceConfig
from nsemu.config.ike import GatewayXauth
from nsemu.config.ippool import IpPool
from nsemu.config.users import LOCAL, User, UserType
from nsemu.flow.state import FlowState
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import CallerLeft, Event, LoginRequested
from nsemu.ike.parameters import ClientSettings
from nsemu.sim.scheduler import SECOND, Instant

_MINUTE = 60 * SECOND


@dataclass(slots=True)
class Lease:
    """An address of a pool: whose it is, the client that uses it (0 when the user has left), until when it is kept."""

    user: str
    caller: int
    until: Instant


class ClientLogins:
    """The logins of one device. `leases` are by address."""

    def __init__(self, state: FlowState, engine: IkeEngine) -> None:
        self._state = state
        self._engine = engine
        self.leases: dict[int, Lease] = {}

    def heard(self, event: Event) -> None:
        """Decide about logins; a client that has left uses its address no more. Listens to the engine's events."""
        if isinstance(event, LoginRequested):
            settings = self.decide(self._state.config, event)
            self._engine.answer_login(event.cookies, settings, self._state.scheduler.now)
        elif isinstance(event, CallerLeft):
            for lease in self.leases.values():
                if lease.caller == event.caller:
                    lease.caller = 0

    def decide(self, config: DeviceConfig, event: LoginRequested) -> ClientSettings | None:
        """What the client is told; None when name or password is wrong, or no address is left for it."""
        gateway = config.gateways.get(event.gateway)
        user = config.users.get(event.name)
        if gateway is None or gateway.xauth is None or user is None or not _may(config, gateway.xauth, user):
            return None
        if not user.password or user.password != event.password:
            return None
        defaults, own = config.ike.xauth, user.remote
        address = own.ip
        pool = config.ippools.get(own.pool or defaults.pool)
        if address is None and pool is not None:
            address = self._lease(pool, user.name, event.caller, defaults.lifetime)
            if address is None:
                return None
        return ClientSettings(
            address or 0,
            dns=_servers((own.dns1, defaults.dns1), (own.dns2, defaults.dns2)),
            wins=_servers((own.wins1, defaults.wins1), (own.wins2, defaults.wins2)),
        )

    def _lease(self, pool: IpPool, user: str, caller: int, lifetime: int) -> int | None:
        now = self._state.scheduler.now
        self.leases = {address: lease for address, lease in self.leases.items() if lease.caller or lease.until > now}
        held = {address: lease for address, lease in self.leases.items() if address in pool}
        again = [address for address, lease in held.items() if lease.caller == caller and lease.user == user]
        again += [address for address, lease in held.items() if not lease.caller and lease.user == user]
        free = next((address for address in range(pool.low, pool.high + 1) if address not in held), None)
        address = again[0] if again else free
        if address is not None:
            self.leases[address] = Lease(user, caller, now + lifetime * _MINUTE)
        return address


def _may(config: DeviceConfig, xauth: GatewayXauth, user: User) -> bool:
    """Whether a user may log in through a gateway. Other servers than the local database are not emulated."""
    if xauth.server not in ("", LOCAL) or not user.enabled or UserType.XAUTH not in user.types:
        return False
    if xauth.user:
        return user.name == xauth.user
    group = config.user_groups.get(xauth.group)
    return not xauth.group or (group is not None and user.name in group.members)


def _servers(*choices: tuple[int | None, int | None]) -> tuple[int, ...]:
    """The user's own servers before the defaults, without gaps."""
    return tuple(own or default or 0 for own, default in choices if own or default)
