"""A running lab, from a topology file: nodes, time, links, captures, traces, checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from nsemu.api.capturing import key_rows
from nsemu.api.negotiation import Negotiations
from nsemu.api.node import LabNode, LinkHandle
from nsemu.api.state_folder import GOOD, StateFolder
from nsemu.api.tracing import aim, send_traced
from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.cli.telnet import serve_telnet
from nsemu.cli.walk import PacketWalk
from nsemu.config.editor import Editor
from nsemu.config.platform import PLATFORMS
from nsemu.device.clock import EPOCH
from nsemu.device.device import Device
from nsemu.ike.story import Teller
from nsemu.lab.capture import Capture
from nsemu.lab.dialup.host import DialupHost
from nsemu.lab.dialup.l2tp_host import L2tpHost
from nsemu.lab.network import LabError, Network
from nsemu.lab.topology.load import load as load_topology
from nsemu.lab.topology.model import ScreenosSpec, Topology
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND

EPOCH_NS = int(EPOCH.replace(tzinfo=UTC).timestamp()) * SECOND
"""The start of every lab as a capture's time stamps count, from 1970."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A line of a start-up configuration that was not accepted; the others were."""

    node: str
    file: str
    line: int
    text: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.node}: {self.message}"


def platform_interfaces() -> dict[str, tuple[str, ...]]:
    """The platforms a topology can name, with their interfaces."""
    return {name: platform.interfaces for name, platform in PLATFORMS.items()}


class Lab:
    """A lab. Time stands still between calls and moves only inside them.

    `problems` are the start-up configuration lines that were refused.
    """

    def __init__(self, topology: Topology, *, state: Path | None = None, fresh: bool = False) -> None:
        self.topology = topology
        self.problems: list[ConfigProblem] = []
        self._teller = Teller()
        # Real peers must not meet keys that a seed gives away.
        self.network = Network(topology, Entropy(None if topology.joined else topology.seed))
        self.scheduler = self.network.scheduler
        self.nodes = {name: LabNode(name, node, self.scheduler) for name, node in self.network.nodes.items()}
        self._state = StateFolder(state, topology.name) if state is not None else None
        for name, node in self.network.devices().items():
            self._start(name, node.device, fresh)
        self.network.connect()

    @classmethod
    def load(
        cls, path: str | Path, seed: int | None = None, *, state: str | Path | None = None, fresh: bool = False
    ) -> Lab:
        """Start the lab of a topology file.

        `seed` overrides the file's. `state` is a folder where devices keep what they save; it is read at the start
        unless `fresh`. Raises TopologyError with everything that is wrong with the file.
        """
        topology = load_topology(path, platform_interfaces(), seed=seed)
        return cls(topology, state=Path(state) if state is not None else None, fresh=fresh)

    def __getitem__(self, name: str) -> LabNode:
        node = self.nodes.get(name)
        if node is None:
            raise LabError(f"no node {name!r}; there are {', '.join(self.nodes)}")
        return node

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.topology.name

    @property
    def now(self) -> float:
        """Virtual seconds since the lab started."""
        return self.scheduler.now / SECOND

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.scheduler.run_for(round(seconds * SECOND))

    def close(self) -> None:
        """Give back the interfaces of the machine that a joined lab uses; other labs hold nothing."""
        self.network.close()

    def link(self, endpoint: str) -> LinkHandle:
        """The link at `node:interface`. Raises LabError."""
        return LinkHandle(self.network.link_of(endpoint))

    def capture(self, path: str | Path, links: Sequence[str] | None = None) -> Capture:
        """Record frames to a pcapng file, with its keys beside it: use as a context manager.

        `links` are endpoints; all links when none is named. Raises LabError for one that is none.
        """
        chosen = self.network.links if links is None else [self.network.link_of(name) for name in links]
        devices = [node.device for node in self.network.devices().values()]
        nodes = self.network.nodes.values()
        clients = [node.client for node in nodes if isinstance(node, DialupHost)]
        clients += [node.l2tp.vpn for node in nodes if isinstance(node, L2tpHost) and node.l2tp.vpn is not None]
        return Capture(Path(path), chosen, epoch_ns=EPOCH_NS, key_rows=lambda: key_rows(devices, clients))

    def trace(self, source: str, destination: str, proto: str = "icmp", dport: int | None = None) -> PacketWalk:
        """Send one packet from a host and tell its walk: `.disposition`, `.hops`, `.to_json()`, `.text()`.

        The packet is real: it makes sessions and triggers IKE. `destination` is an address or a host's name; `proto`
        is icmp, tcp or udp. Raises LabError.
        """
        kind, address, port = aim(self.nodes, source, destination, proto, dport)
        with self.negotiations() as negotiations:
            trace = send_traced(self.network, self.nodes[source], kind, address, port)
            events = negotiations.take()
        configs = {name: node.device.config for name, node in self.network.devices().items()}
        return PacketWalk(trace, configs, events)

    def negotiations(self) -> Negotiations:
        """Follow from now on what IKE engines say to each other, and what the event logs get, until it is closed."""
        return Negotiations(self.network, self._teller)

    def _start(self, name: str, device: Device, fresh: bool) -> None:
        spec = self.topology.nodes[name]
        assert isinstance(spec, ScreenosSpec)
        serve_telnet(device)
        saved = self._state.read(name) if self._state is not None and not fresh else None
        if self._state is not None:
            device.on_save = self._state.writer(name)
            device.on_keep_good = self._state.writer(name, GOOD)
            device.good_text = None if fresh else self._state.read(name, GOOD)
        if saved is not None:
            self._load(device, name, saved, str(self._state.path(name)) if self._state is not None else "")
            device.saved_text = saved
            device.modified = False
            return
        file = spec.startup_config
        text = file.read_text(encoding="latin-1") if file is not None else ""
        self._load(device, name, text, str(file))
        if spec.config:
            self._load(device, name, "\n".join(spec.config) + "\n", f"{self.topology.path} ({name}.config)")
        device.saved_text = configuration_text(device.config)
        device.modified = False

    def _load(self, device: Device, name: str, text: str, file: str) -> None:
        editor = Editor(device.config)
        errors = load_configuration(text, editor)
        device.commit(editor.finish())
        self.problems.extend(ConfigProblem(name, file, error.line, error.text, error.message) for error in errors)
