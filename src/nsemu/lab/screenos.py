"""A node of kind `screenos`: a device with a port per physical interface."""

from __future__ import annotations

from functools import partial

from nsemu.device.device import Device
from nsemu.lab.port import Port
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler


class ScreenosNode:
    """Joins one device to links."""

    def __init__(self, name: str, scheduler: Scheduler, entropy: Entropy, platform: str) -> None:
        self.name = name
        self._ports: dict[str, Port] = {}
        self.device = Device(name, scheduler, entropy, self._transmit, platform)

    def port(self, interface: str) -> Port:
        """The port of a physical interface. Raises KeyError for an interface that the platform does not have."""
        known = self._ports.get(interface)
        if known is not None:
            return known
        if interface not in self.device.config.platform.interfaces:
            raise KeyError(interface)
        port = self._ports[interface] = Port(self.name, interface)
        port.on_receive = partial(self.device.receive, interface)
        port.on_carrier = partial(self.device.set_carrier, interface)
        port.on_mtu = partial(self.device.interfaces.set_link_mtu, interface)
        return port

    def _transmit(self, interface: str, frame: bytes, trace: PacketTrace | None) -> None:
        port = self._ports.get(interface)
        if port is not None:
            port.transmit(frame, trace)
