"""What a device does for others, and asks of others, in its own name: DHCP, syslog, NTP. Begun and ended together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from nsemu.config.device import DeviceConfig
from nsemu.device.clock import DeviceClock
from nsemu.device.dhcp_services import DhcpServices
from nsemu.device.ntp import NtpClient
from nsemu.device.syslog import Syslog
from nsemu.flow.state import FlowState
from nsemu.runtime.dhcp_client import DhcpClient
from nsemu.sim.entropy import Stream


class OwnServices:
    """`streams` are chances for each of `STREAMS`; `lookup` gives the addresses of a domain name."""

    STREAMS: ClassVar = ("dhcp-server", "ntp")

    def __init__(
        self,
        state: FlowState,
        clock: DeviceClock,
        streams: tuple[Stream, ...],
        lookup: Callable[[str], tuple[int, ...]],
    ) -> None:
        self.dhcp = DhcpServices(state, streams[0], lookup)
        self.ntp = NtpClient(state, clock, streams[1], lookup)
        self.syslog = Syslog(state, clock, lookup)

    def configure(self, config: DeviceConfig, clients: Iterable[DhcpClient]) -> None:
        """Follow the configuration, and what the device's DHCP clients have learned."""
        self.syslog.configure(config)
        self.dhcp.configure(config, clients)
        self.ntp.configure(config)

    def stop(self) -> None:
        """The device restarts."""
        self.dhcp.stop()
        self.ntp.stop()
