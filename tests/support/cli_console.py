"""A console on a device of its own, and the lines that a grammar can produce."""

from __future__ import annotations

import random
from collections.abc import Iterator

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Question, run_dialogue
from nsemu.cli.grammar import Graph
from nsemu.cli.grammar.graph import Edge, Position
from nsemu.cli.grammar.nodes import Argument, Body, Enter, Keyword, Setting
from nsemu.config.platform import DEFAULT_PLATFORM
from nsemu.device.device import Device
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler


class Session:
    """A console with a batch driver, which types lines and gathers what is printed."""

    def __init__(
        self,
        name: str = "ns208",
        *,
        interactive: bool = False,
        privilege: str = "all",
        platform: str = DEFAULT_PLATFORM,
    ) -> None:
        self.scheduler = Scheduler()
        self.device = Device(name, self.scheduler, Entropy(1), lambda _interface, _frame, _trace: None, platform)
        self.console = Console(self.device, device_shell(), interactive=interactive, privilege=privilege)
        self.answers: list[str] = []

    def type(self, line: str) -> str:
        """Run a line to its end and return what it prints; questions take `answers`, then their default."""
        return run_dialogue(self.console.execute(line), self.scheduler, self._answer)

    def _answer(self, question: Question) -> str:
        return question.answer(self.answers.pop(0)) if self.answers else question.default

    def accept(self, *lines: str) -> None:
        """Run lines that must be accepted."""
        for line in lines:
            output = self.type(line)
            assert not self.console.refused, f"{line}\n{output}"

    def transcript(self, *lines: str) -> str:
        """What the screen shows: prompts, lines, output. A line that ends in `?` is a key, so no line of its own."""
        shown = ""
        for line in lines:
            shown += f"{self.console.prompt}{line}\n{self.type(line)}"
        return shown + self.console.prompt


SAMPLES: dict[str, tuple[str, ...]] = {
    "hostname": ("fw1", "tokyo.example"),
    "domain": ("example.net",),
    "timezone": ("9", "-5"),
    "zone": ("trust", "Untrust", "DMZ", "x1", '"X 2"', "untrust-tun", "Global", "null"),
    "from": ("trust", "untrust", "x1"),
    "to": ("trust", "untrust", "x1", "dmz"),
    "carrier": ("untrust", "trust"),
    "vrouter": ("trust-vr", "untrust-vr", "vr3"),
    "next_vrouter": ("untrust-vr", "trust-vr", "vr3"),
    "interface": ("ethernet1", "eth2", "e3", "ethernet4", "tunnel.1", "tun.2", "loopback.1", "null", "vlan1"),
    "lender": ("ethernet3", "loopback.1"),
    "address": ("10.1.1.1/24", "10.2.2.1/24", "1.1.1.1/30", "10.1.1.0/24", "2.2.2.2", "10.1.1.9"),
    "mask": ("255.255.255.0", "255.255.0.255", "255.255.255.255"),
    "prefix": ("10.3.3.0/24", "0.0.0.0/0", "10.1.1.7/32", "300.1.1.1/8"),
    "gateway": ("1.1.1.2", "gw1", '"New York"', "gw2"),
    "name": ("p1", '"a name"', "carol"),
    "member": ("lan", "web", "any", "grp", "http"),
    "group": ("grp", "grp2"),
    "source": ("any", "lan", "web"),
    "destination": ("any", "lan", "Paris"),
    "service": ("any", "http", "FTP", "web8080", "an"),
    "vpn": ("vpn1", "vpn2"),
    "id": ("1", "2", "7", "100", "1025"),
    "before": ("1", "2"),
    "other": ("1", "2", "7"),
    "pair": ("1", "2"),
    "proposal": ("pre-g2-3des-sha", "nopfs-esp-3des-sha", "g2-esp-aes128-sha", "p1", "rsa-g2-3des-sha"),
    "local": ("10.1.1.0/24", "0.0.0.0/0"),
    "remote": ("10.2.2.0/24",),
    "dip": ("4", "5", "6", "9"),
    "dip_id": ("2", "4", "5", "6"),
    "low": ("1.1.1.60", "1.1.1.2", "1.2.2.30"),
    "high": ("1.1.1.70", "1.2.2.40", "1.1.1.1"),
    "mapped": ("1.1.1.5", "1.1.1.80", "1.2.2.50"),
    "virtual": ("1.1.1.10", "1.1.1.11", "1.1.1.5"),
    "host": ("10.1.1.5", "10.1.1.6"),
    "nat_low": ("10.1.1.5", "10.3.3.0", "1.1.1.20"),
    "nat_high": ("10.3.3.9", "10.1.1.1"),
    "next_hop": ("10.0.2.1", "10.0.4.1"),
    "fqdn": ("www.example.com",),
}
_OTHERS = ("1", "60", "1400", "7", "80-90", '"some text"', "word", "1.2.3.4", "0", '""')


class LineMaker:
    """Types lines by walking a grammar at random, with words that mostly mean something."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def line(self, graph: Graph) -> str:
        """One line; mostly complete, sometimes cut short."""
        words: list[str] = []
        position: Position | None = graph.root
        while position is not None and len(words) < 40:
            edges = position.edges
            if position.leaf is not None and self._random.random() < 0.3:
                break
            edges = [edge for edge in edges if isinstance(edge.token, (Keyword, Argument))]
            if not edges:
                break
            edge = self._random.choice(edges)
            words.append(self._word(edge))
            position = edge.target
        return " ".join(words)

    def _word(self, edge: Edge) -> str:
        token = edge.token
        if isinstance(token, Keyword):
            return token.word
        assert isinstance(token, Argument)
        return self._random.choice(SAMPLES.get(token.name, _OTHERS))

    def mutate(self, line: str) -> str:
        """A line with a typing error or two."""
        for _ in range(self._random.randint(1, 3)):
            at = self._random.randint(0, len(line))
            piece = self._random.choice(
                ['"', " ", "?", "|", "\x00", "\xe9", "\t", "-", "9", "x", "\u2014", "/", ".", ""]
            )
            line = line[:at] + piece + line[at + self._random.randint(0, 2) :]
        return line


def all_graphs() -> Iterator[Graph]:
    """The trees of the top level and of every context, each once."""
    shell = device_shell()
    waiting: list[Body | None] = [None]
    seen: set[int] = set()
    while waiting:
        graph = shell.graph(waiting.pop(0))
        yield graph
        for position in graph.positions():
            if isinstance(position.leaf, Enter) and id(position.leaf.body) not in seen:
                seen.add(id(position.leaf.body))
                waiting.append(position.leaf.body)


def is_kept_as_typed(setting: Setting) -> bool:
    """Whether its lines are in the general table (`config.kept`), whether the device acts on them or not."""
    return type(getattr(setting.set, "__self__", None)).__name__ == "_KeptSetting"


def all_settings() -> dict[str, Setting]:
    """Every setting that can be typed somewhere, by name."""
    return {
        position.leaf.name: position.leaf
        for graph in all_graphs()
        for position in graph.positions()
        if isinstance(position.leaf, Setting)
    }
