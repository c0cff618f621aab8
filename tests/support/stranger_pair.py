"""Our device and a strongSwan, wherever that runs: what both agree on, and what a test asks of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nsemu import Lab
from support.labs import events, type_lines
from support.live import answered, until
from support.live_lab import THERE, device_of


class Stranger(Protocol):
    """A charon that runs, in a namespace or on a machine of its own."""

    def log(self) -> str:
        """All that it has logged."""
        ...

    def swanctl(self, lab: Lab, *words: str) -> str:
        """Run a swanctl command while the lab goes on."""
        ...

    def load(self, lab: Lab, text: str) -> None:
        """Take a configuration."""
        ...

    def pinged(self, lab: Lab, count: int) -> bool:
        """Whether the PC answers pings from 10.2.2.1 so many times."""
        ...

    def kill(self) -> None:
        """Die without a word."""
        ...


@dataclass(frozen=True, slots=True)
class Suite:
    """Algorithms, in the words of both. `proposals` defines those of ours that are not predefined."""

    phase1: str = "pre-g2-3des-sha"
    phase2: str = "nopfs-esp-3des-sha"
    ike: str = "3des-sha1-modp1024"
    esp: str = "3des-sha1"
    proposals: str = ""
    mode: str = "main"
    protocol: str = "esp"

    def lines(self, gateway: str = "address 2.2.2.2", options: str = "", key: str = "h1p8A24nG5") -> str:
        """Our configuration: one gateway, one VPN on tunnel.1 for the two LANs. `options` end the gateway line."""
        mode = "" if gateway.startswith("dynamic") else self.mode
        return f"""{self.proposals}
set ike gateway peer {gateway} {mode} {options} outgoing-interface ethernet3 preshare {key} proposal {self.phase1}
set vpn v gateway peer replay proposal {self.phase2}
set vpn v bind interface tunnel.1
set vpn v proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 any
"""


_GROUPS = {1: "modp768", 2: "modp1024", 5: "modp1536", 14: "modp2048"}
_THEIR_WORDS = {"sha-1": "sha1", "sha2-256": "sha256"}


def own_suite(group: int, cipher: str, mac: str, pfs: int = 0, mode: str = "main") -> Suite:
    """A suite with the same algorithms in both phases, and PFS with a group or without."""
    theirs = f"{cipher}-{_THEIR_WORDS.get(mac, mac)}"
    forward = f"group{pfs}" if pfs else "no-pfs"
    proposals = f"set ike p1-proposal p1 preshare group{group} esp {cipher} {mac}\n"
    proposals += f"set ike p2-proposal p2 {forward} esp {cipher} {mac} hour 1"
    esp = theirs + (f"-{_GROUPS[pfs]}" if pfs else "")
    return Suite("p1", "p2", f"{theirs}-{_GROUPS[group]}", esp, proposals, mode)


def connection(suite: Suite, *, options: str = "", local: str = "", remote: str = "", key: str = "h1p8A24nG5",
               remote_address: str = "1.1.1.1", children: str = "", child: str = "") -> str:  # fmt: skip
    """A swanctl configuration with the connection gw and the child net, or others."""
    net = f"""net {{
    local_ts = 10.2.2.0/24
    remote_ts = 10.1.1.0/24
    {suite.protocol}_proposals = {suite.esp}
    {child}
  }}"""
    return f"""
connections {{ gw {{
  version = 1
  local_addrs = 2.2.2.2
  remote_addrs = {remote_address}
  aggressive = {"yes" if suite.mode == "aggressive" else "no"}
  proposals = {suite.ike}
  {options}
  local {{ auth = psk
    {local} }}
  remote {{ auth = psk
    {remote} }}
  children {{ {children or net} }}
}} }}
secrets {{ ike-1 {{ secret = {key} }} }}
"""


@dataclass(slots=True)
class Pair:
    """Both ends."""

    lab: Lab
    charon: Stranger

    def active(self) -> bool:
        """Whether the device has an SA to send with."""
        return any(tunnel.active for tunnel in device_of(self.lab).database)

    def spis(self) -> set[int]:
        """The device's outbound SPIs."""
        return {sa.spi for tunnel in device_of(self.lab).database for sa in tunnel.outbound_sas}

    def cookies(self) -> set[bytes]:
        """The initiator cookies of the device's established Phase 1 SAs."""
        device = device_of(self.lab)
        views = device.ike.engine.phase1s(device.scheduler.now)
        return {view.initiator_cookie for view in views if view.established}

    def begin(self, ours: bool) -> None:
        """Have one side begin, whatever comes of it."""
        if ours:
            answered(self.lab, "tokyo-pc", THERE, seconds=1)
        else:
            self.charon.swanctl(self.lab, "--initiate", "--child", "net", "--timeout", "10")

    def start(self, ours: bool) -> None:
        """Bring the tunnel up from one side."""
        self.begin(ours)
        assert until(self.lab, self.active), self.told()

    def talk(self, count: int = 3) -> None:
        """Pings both ways."""
        assert answered(self.lab, "tokyo-pc", THERE, count), self.told()
        assert self.charon.pinged(self.lab, count), self.told()

    def rekey(self) -> None:
        """Have the device renew its Phase 2 SA."""
        device = device_of(self.lab)
        device.ike.engine.rekey(1, device.scheduler.now)
        device.ike.pump()

    def renewed_by_either(self) -> None:
        """Phase 2 by charon, by us, Phase 1 by charon, by us; pings after each."""
        self._after(self.spis, lambda: self.charon.swanctl(self.lab, "--rekey", "--child", "net"))
        self._after(self.spis, self.rekey)
        self._after(self.cookies, lambda: self.charon.swanctl(self.lab, "--rekey", "--ike", "gw"))
        type_lines(self.lab, "tokyo", "clear ike-cookie all")
        self._after(self.cookies, self.rekey)

    def _after(self, names: Callable[[], set[int] | set[bytes]], renew: Callable[[], object]) -> None:
        before = set(names())
        renew()
        assert until(self.lab, lambda: bool(set(names()) - before)), self.told()
        self.talk()

    def told(self) -> str:
        """Both logs, for failures."""
        return "\n".join([*events(self.lab, "tokyo"), self.charon.log()])

    def logs(self, pattern: str) -> bool:
        """Whether charon logs something, now or soon."""
        return until(self.lab, lambda: re.search(pattern, self.charon.log()) is not None)

    def events(self, pattern: str) -> bool:
        """Whether the device logs something, now or soon."""
        return until(self.lab, lambda: any(re.search(pattern, text) for text in events(self.lab, "tokyo")))
