"""Following what the IKE engines of a lab say to each other, between the entries of event logs."""

from __future__ import annotations

from types import TracebackType

from nsemu.device.device import Device
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import Event
from nsemu.ike.log import log_lines
from nsemu.ike.parameters import Datagram
from nsemu.ike.story import Teller
from nsemu.lab.dialup.host import DialupHost
from nsemu.lab.network import Network
from nsemu.runtime.event_log import EventEntry, Level

_IKE = "ike"
"""The module of the entries that are in no event log."""


class Negotiations:
    """Entries of event logs and what IKE does, of all devices and VPN clients, in order of occurrence.

    It follows from its making to `close`, or to the end of a `with` block. The `teller` knows the messages before.
    """

    def __init__(self, network: Network, teller: Teller) -> None:
        self._scheduler = network.scheduler
        self._teller = teller
        self._found: list[tuple[str, EventEntry]] = []
        self._devices: dict[str, Device] = {name: node.device for name, node in network.devices().items()}
        self._totals = {name: device.event_log.total for name, device in self._devices.items()}
        self._engines: list[IkeEngine] = []
        for name, device in self._devices.items():
            self._follow(name, device.ike.engine)
        for name, node in network.nodes.items():
            if isinstance(node, DialupHost):
                self._follow(name, node.client.engine)

    def __enter__(self) -> Negotiations:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Look on no longer."""
        for engine in self._engines:
            engine.witness = None

    def take(self) -> list[tuple[str, EventEntry]]:
        """What there was since the last call, by time: (node, entry)."""
        for name in self._devices:
            self._read_log(name)
        found, self._found = self._found, []
        return sorted(found, key=lambda item: item[1].at)

    def _follow(self, name: str, engine: IkeEngine) -> None:
        def look(what: Event | Datagram) -> None:
            self._witness(name, what)

        engine.witness = look
        self._engines.append(engine)

    def _witness(self, name: str, what: Event | Datagram) -> None:
        if name in self._devices:
            self._read_log(name)
        elif not isinstance(what, Datagram):
            self._found += [(name, self._entry(line.text)) for line in log_lines(what)]
        self._found += [(name, self._entry(text)) for text in self._teller.tell(what)]

    def _entry(self, text: str) -> EventEntry:
        return EventEntry(self._scheduler.now, Level.DEBUG, 0, text, _IKE)

    def _read_log(self, name: str) -> None:
        log = self._devices[name].event_log
        fresh = max(0, log.total - self._totals[name])
        self._totals[name] = log.total
        newest = list(log.newest_first())[:fresh] if fresh else []
        self._found += [(name, entry) for entry in reversed(newest)]
