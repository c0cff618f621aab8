"""Dialup clients and the device they call, as engines on one wire; the device's part in a login is played here too.

client n (3.3.3.n)  --->  east (2.2.2.2), LAN 10.2.2.0/24
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Identity, Phase1Proposal
from nsemu.ike.dialup import ANY_INNER
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import ClientConfigured, LoginRequested, Phase2Completed
from nsemu.ike.parameters import (
    ClientSettings,
    DialupUser,
    EngineSettings,
    GatewayParameters,
    TunnelParameters,
    XauthLogin,
)
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.address import Prefix, parse_ipv4
from support.ike import EAST, EAST_LAN, KEY, End, Pair, p1, p2

PASSWORDS = {"Joe": "1234", "Mike": "5678"}
SHARED = DialupUser("Remote_Sales", Identity.infer("sales@ns.com"), share_limit=3)
WENDY = DialupUser("wendy", Identity.infer("wparker@email.com"))
FIRST_INNER = parse_ipv4("10.9.9.1")


class Calls(Pair):
    """`east` is the device; `dial` adds a client. Logins are decided by PASSWORDS."""

    def __init__(
        self,
        *users: DialupUser,
        seed: bytes = b"",
        xauth: bool = False,
        settings: ClientSettings | None = None,
        engine_settings: EngineSettings | None = None,
        p1s: tuple[Phase1Proposal, ...] = (p1(),),
    ) -> None:
        super().__init__(mode=ExchangeMode.AGGRESSIVE, settings=engine_settings)
        self.told = settings or ClientSettings()
        self.p1s = p1s
        self.clients: list[End] = []
        self.east.gateway = GatewayParameters(
            "dialup",
            EAST,
            None,
            p1s,
            b"" if seed else KEY,
            ExchangeMode.AGGRESSIVE,
            dialup=users,
            seed=seed,
            xauth=xauth,
        )
        self.east.tunnel = replace(self.east.tunnel, gateway="dialup", remote=ANY_INNER)
        self.ends: Sequence[End] = (self.east,)  # type: ignore[assignment]
        self.east.configure(0)

    def dial(
        self,
        identity: str,
        *,
        key: bytes = KEY,
        login: XauthLogin | None = None,
        inner: str | None = None,
        remote: Prefix = EAST_LAN,
        service: tuple[int, int] = (0, 0),
        begin: bool = True,
    ) -> End:
        """A client at an address of its own; with `begin` it has traffic at once."""
        number = len(self.clients) + 1
        address = parse_ipv4(f"3.3.3.{number}")
        own = Prefix(parse_ipv4(inner) if inner is not None else FIRST_INNER + number - 1, 32)
        gateway = GatewayParameters(
            "office", address, EAST, self.p1s, key, ExchangeMode.AGGRESSIVE, Identity.infer(identity), login=login
        )
        tunnel = TunnelParameters(1, "office", "office", (p2(),), own, remote, *service)
        engine = IkeEngine(Entropy(100 + number).stream("client/ike"), self.east.engine.settings)
        engine.used = self.last_use
        end = End(engine, address, gateway, tunnel)
        end.configure(self.now)
        self.clients.append(end)
        self.ends = (*self.ends, end)
        if begin:
            self.acquire(end)
        return end

    def collect(self) -> None:
        """Decide logins as a device would, and give clients that were told an address a tunnel from it."""
        seen = {id(end): len(end.events) for end in self.ends}
        super().collect()
        for end in self.ends:
            for event in end.events[seen[id(end)] :]:
                if isinstance(event, LoginRequested):
                    accepted = PASSWORDS.get(event.name) == event.password
                    told = (
                        replace(self.told, address=self.told.address + event.caller) if self.told.address else self.told
                    )
                    end.engine.answer_login(event.cookies, told if accepted else None, self.now)
                    super().collect()
                elif isinstance(event, ClientConfigured) and event.settings.address:
                    end.tunnel = replace(end.tunnel, id=2, local=Prefix(event.settings.address, 32))
                    end.configure(self.now)
                    self.acquire(end)
                    super().collect()

    def run(self, duration: Duration = SECOND) -> None:
        """Let `duration` pass."""
        self.collect()
        super().run(duration)

    @property
    def connected(self) -> list[str]:
        """The identities that are connected, as the device sees them."""
        return [view.identity for view in self.east.engine.callers()]

    def tunnel_of(self, client: End) -> Phase2Completed:
        """The device's end of the newest pair of a client."""
        ours = {event.inbound.spi for event in client.of(Phase2Completed)}
        return [event for event in self.east.of(Phase2Completed) if event.outbound.spi in ours][-1]


def connects(calls: Calls, client: End) -> bool:
    """Whether a client has a pair of SAs that the device has too."""
    return any(
        event.inbound.spi in {item.outbound.spi for item in calls.east.of(Phase2Completed)}
        for event in client.installed.values()
    )


def login(name: str, password: str | None = None, *, wants_address: bool = False) -> XauthLogin:
    """A login with the right password unless another is given."""
    return XauthLogin(name, PASSWORDS[name] if password is None else password, wants_address)


def later(calls: Calls, seconds: int) -> Instant:
    """The time `seconds` from now."""
    return calls.now + seconds * SECOND
