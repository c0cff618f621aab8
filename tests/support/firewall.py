"""A lab of one device for tests of the packet flow: two LANs in Trust, one in DMZ, a server on the Internet."""

from __future__ import annotations

from pathlib import Path

from nsemu import Lab

FIREWALL = """
name: firewall
seed: {seed}
topology:
  nodes:
    fw: {{kind: screenos, startup-config: fw.cfg}}
    inside: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http, ftp, telnet, echo, smtp]}}
    inside2: {{kind: host, address: 10.1.2.5/24, gateway: 10.1.2.1, services: [http, echo]}}
    dmz: {{kind: host, address: 10.9.9.5/24, gateway: 10.9.9.1, services: [http, ftp, echo]}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.254/24, eth2: 198.51.100.254/24}}}}
    server: {{kind: host, address: 198.51.100.5/24, gateway: 198.51.100.254, services: [http, ftp, telnet, echo]}}
  links:
    - endpoints: ["inside:eth0", "fw:ethernet1"]
    - endpoints: ["inside2:eth0", "fw:ethernet4"]
    - endpoints: ["dmz:eth0", "fw:ethernet2"]
    - {{endpoints: ["fw:ethernet3", "internet:eth1"], delay: 5ms}}
    - {{endpoints: ["internet:eth2", "server:eth0"], delay: 5ms}}
"""

FIREWALL_LINES = (
    "set interface ethernet1 zone Trust",
    "set interface ethernet1 ip 10.1.1.1/24",
    "set interface ethernet1 nat",
    "set interface ethernet4 zone Trust",
    "set interface ethernet4 ip 10.1.2.1/24",
    "set interface ethernet4 nat",
    "set interface ethernet2 zone DMZ",
    "set interface ethernet2 ip 10.9.9.1/24",
    "set interface ethernet2 route",
    "set interface ethernet3 zone Untrust",
    "set interface ethernet3 ip 1.1.1.1/24",
    "set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.254",
)


def firewall(folder: Path, *lines: str, seed: int = 1) -> Lab:
    """One device, `fw`, with two LANs in Trust, one in DMZ, and a server on the Internet; no policy but `lines`.

    inside 10.1.1.5, inside2 10.1.2.5, dmz 10.9.9.5, server 198.51.100.5; ethernet3 has 1.1.1.1.
    """
    (folder / "fw.cfg").write_text("\n".join((*FIREWALL_LINES, *lines)) + "\n", encoding="latin-1")
    path = folder / "firewall.yaml"
    path.write_text(FIREWALL.format(seed=seed), encoding="utf-8")
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    return lab
