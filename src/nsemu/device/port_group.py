"""Bridge groups (`bgroup0`): a switch between ports of a device, with the interface of the group on top of it.

Frames between two ports of a group pass without policy; what is for the group's MAC address, and every broadcast and
multicast, comes in by the group's interface. IEEE 802.1D §7.
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.runtime.interface import RunInterface
from nsemu.runtime.mac_table import MacTable
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import Scheduler

Send = Callable[[RunInterface, bytes, PacketTrace | None], None]
Receive = Callable[[str, bytes, PacketTrace | None], None]


class PortGroups:
    """The MAC tables of all groups. `send` puts a frame on a port, `receive` takes one for an interface by its name."""

    def __init__(self, scheduler: Scheduler, send: Send, receive: Receive) -> None:
        self._scheduler = scheduler
        self._send = send
        self._receive = receive
        self._tables: dict[str, MacTable] = {}

    def arrived(self, port: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """A frame came in by a port of a group."""
        group = port.group
        if group is None or frame[6] & 1 or frame[6:12] == group.mac:
            return
        self._macs(group).learn(frame[6:12], port, self._scheduler.now)
        mine = frame[:6] == group.mac
        if not mine:
            self._copy(group, port, frame, trace)
        if mine or frame[0] & 1:
            self._receive(group.name, frame, trace)

    def leave(self, group: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
        """The device sends a frame by a group."""
        self._copy(group, None, frame, trace)

    def forget(self, port: RunInterface) -> None:
        """The link of a port is gone."""
        if port.group is not None:
            self._macs(port.group).forget(port)

    def _macs(self, group: RunInterface) -> MacTable:
        return self._tables.setdefault(group.name, MacTable())

    def _copy(self, group: RunInterface, source: RunInterface | None, frame: bytes, trace: PacketTrace | None) -> None:
        """To the port behind which the destination is, to all others while that is not known."""
        known = None if frame[0] & 1 else self._macs(group).find(frame[:6], self._scheduler.now)
        ports = group.ports if known is None or known.group is not group else (known,)
        for port in ports:
            if port is not source and port.carrier:
                self._send(port, frame, trace)
