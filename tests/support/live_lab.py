"""The lab that the live tests join to a stranger: one device with a PC behind it, and the Internet.

tokyo-pc 10.1.1.5 -- 10.1.1.1 tokyo 1.1.1.1 -- 1.1.1.250 internet 2.2.2.250 -- 2.2.2.2 the stranger -- 10.2.2.1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nsemu import Lab
from nsemu.device.device import Device

PC, THERE = "10.1.1.5", "10.2.2.1"
OURS, THEIRS = "1.1.1.1", "2.2.2.2"

DEVICE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set vrouter trust-vr route 10.2.2.0/24 interface tunnel.1
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""
DIRECT = """
name: live
topology:
  nodes:
    tokyo: {{kind: screenos, startup-config: tokyo.cfg}}
    tokyo-pc: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}}}}
  links:
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["tokyo:ethernet3", "internet:eth1"]
    - endpoints: ["internet:eth2", "host:{interface}"]
"""


@contextmanager
def live_lab(folder: Path, interface: str, lines: str, topology: str = DIRECT) -> Iterator[Lab]:
    """The lab, its device configured with `lines` above what every one has, joined to an interface of the machine."""
    (folder / "tokyo.cfg").write_text(DEVICE + lines)
    (folder / "live.yaml").write_text(topology.format(interface=interface))
    lab = Lab.load(folder / "live.yaml")
    try:
        assert lab.problems == []
        yield lab
    finally:
        lab.close()


def device_of(lab: Lab) -> Device:
    """The device."""
    return lab["tokyo"].device
