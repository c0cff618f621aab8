"""What a device does for others, and asks of others, in its own name: DHCP, syslog, NTP. Begun and ended together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from nsemu.config.device import DeviceConfig
from nsemu.device.dhcp_services import DhcpServices
from nsemu.flow.state import FlowState
from nsemu.runtime.dhcp_client import DhcpClient
from nsemu.sim.entropy import Stream


class OwnServices:
    """`streams` are chances for each of `STREAMS`; `lookup` gives the addresses of a domain name."""

    STREAMS: ClassVar = ("dhcp-server",)

    def __init__(
        self,
        state: FlowState,
        streams: tuple[Stream, ...],
        lookup: Callable[[str], tuple[int, ...]],
    ) -> None:
        self.dhcp = DhcpServices(state, streams[0], lookup)

    def configure(self, config: DeviceConfig, clients: Iterable[DhcpClient]) -> None:
        """Follow the configuration, and what the device's DHCP clients have learned."""
        self.dhcp.configure(config, clients)

    def stop(self) -> None:
        """The device restarts."""
        self.dhcp.stop()
