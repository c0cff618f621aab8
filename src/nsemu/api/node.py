"""Handles on the nodes and links of a running lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Dialogue, run_dialogue
from nsemu.device.device import Device
from nsemu.lab.arguments import CommandRefused
from nsemu.lab.host.host import Host
from nsemu.lab.link import Link
from nsemu.lab.network import LabError, Node
from nsemu.lab.ping import Pinger, PingOptions, PingResult
from nsemu.lab.quantities import read_delay, read_loss, read_rate
from nsemu.lab.router import Router
from nsemu.lab.screenos import ScreenosNode
from nsemu.sim.scheduler import SECOND, Duration, Scheduler
from nsemu.sim.wait import Progress, Wait, run_to_end, satisfy
from nsemu.wire.address import AddressError, parse_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.probe import Probe, ProbeKind
    from nsemu.runtime.trace import PacketTrace


class LabNode:
    """One node. Which methods work depends on its kind; the wrong one raises LabError."""

    def __init__(self, name: str, node: Node, scheduler: Scheduler) -> None:
        self.name = name
        self.node = node
        self._scheduler = scheduler
        self._console: Console | None = None

    @property
    def device(self) -> Device:
        """The ScreenOS device behind the node."""
        if not isinstance(self.node, ScreenosNode):
            raise LabError(f"{self.name} is no ScreenOS device")
        return self.node.device

    @property
    def kind(self) -> str:
        """`screenos`, `host`, `router` or `switch`."""
        return "screenos" if isinstance(self.node, ScreenosNode) else type(self.node).__name__.lower()

    @property
    def console(self) -> Console:
        """The node's own console, kept from command to command (contexts such as `set vrouter` persist)."""
        if self._console is None or self._console.closed:
            self._console = Console(self.device, device_shell())
        return self._console

    def cli(self, line: str) -> str:
        """Type a line at the device's console, let time pass until it is done, and return what it printed."""
        return run_dialogue(self.console.execute(line), self._scheduler)

    def start(self, line: str) -> tuple[Dialogue | Progress, Console | None]:
        """Begin a command without running it, for drivers that pace it. Raises CommandRefused (not on devices)."""
        if isinstance(self.node, ScreenosNode):
            return self.console.execute(line), self.console
        return self.node.run(line), None

    def run(self, line: str) -> str:
        """Run a command of the node to its end and return what it printed. Raises LabError if it is refused."""
        if isinstance(self.node, ScreenosNode):
            text = self.cli(line)
            if self.console.refused:
                raise LabError(f"{self.name}: {text.strip()}")
            return text
        try:
            return run_to_end(self.node.run(line), self._scheduler)
        except CommandRefused as error:
            raise LabError(f"{self.name}: {error}") from None

    def ping(self, destination: str, count: int = 5, interval: float = 1.0, size: int = 56) -> PingResult:
        """Ping from a host or router; `interval` in seconds, `size` in octets of data."""
        stack = self._ip_node().stack
        options = PingOptions(_address(destination), count, round(interval * SECOND), size)
        pinger = Pinger(stack, options)
        for item in pinger.progress():
            if isinstance(item, Wait):
                satisfy(item, self._scheduler)
        return pinger.result

    @property
    def address(self) -> int:
        """The first address of a host or router."""
        node = self._ip_node()
        return node.address if isinstance(node, Host) else next(iter(node.stack.interfaces.values())).address

    def probe(self, destination: int, kind: ProbeKind, port: int, trace: PacketTrace) -> Probe:
        """Send one traced packet from a host."""
        if not isinstance(self.node, Host):
            raise LabError(f"{self.name} is no host: a trace begins at a host")
        return self.node.probe(destination, kind, port, trace)

    def _ip_node(self) -> Host | Router:
        if isinstance(self.node, Host | Router):
            return self.node
        raise LabError(f"{self.name} is neither host nor router; on a device use cli('ping ...')")


class LinkHandle:
    """One link, by either of its endpoints."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def up(self) -> None:
        """Plug the cable in."""
        self.link.up()

    def down(self) -> None:
        """Pull the cable."""
        self.link.down()

    @property
    def is_up(self) -> bool:
        """Whether it is plugged in."""
        return not self.link.properties.down

    def set(
        self,
        *,
        delay: float | str | None = None,
        jitter: float | str | None = None,
        loss: float | str | None = None,
        rate: int | str | None = None,
        mtu: int | None = None,
    ) -> None:
        """Change what is given. Times in seconds or as text ("10ms"), rate in bit/s or as text, loss from 0 to 1.

        Raises LabError for a bad value; nothing has changed then.
        """
        changes: dict[str, Any] = {}
        try:
            if delay is not None:
                changes["delay_ns"] = _duration(delay)
            if jitter is not None:
                changes["jitter_ns"] = _duration(jitter)
            if loss is not None:
                changes["loss"] = read_loss(loss) if isinstance(loss, str) else loss
            if rate is not None:
                changes["rate_bps"] = read_rate(rate) if isinstance(rate, str) else rate
            if mtu is not None:
                changes["mtu"] = mtu
            self.link.set(**changes)
        except ValueError as error:
            raise LabError(f"{self.link.label}: {error}") from None


def _duration(value: float | str) -> Duration:
    return read_delay(value) if isinstance(value, str) else round(value * SECOND)


def _address(text: str) -> int:
    try:
        return parse_ipv4(text)
    except AddressError as error:
        raise LabError(str(error)) from None
