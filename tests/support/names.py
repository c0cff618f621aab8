"""Tokyo, Paris and a third site Osaka, with a DNS server in the middle: gateways and addresses by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nsemu import Lab

SITES = {"tokyo": ("10.1.1", "1.1.1.1"), "paris": ("10.2.2", "2.2.2.2"), "osaka": ("10.3.3", "3.3.3.3")}
NAME = "www.nspar.com"

_TOPOLOGY = """\
name: names
seed: 3
topology:
  nodes:
    tokyo: {{kind: screenos, startup-config: tokyo.cfg}}
    paris: {{kind: screenos, startup-config: paris.cfg}}
    osaka: {{kind: screenos, startup-config: osaka.cfg}}
    internet:
      kind: router
      interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24, eth3: 3.3.3.250/24, eth4: 5.5.5.250/24}}
    ns:
      kind: host
      address: 5.5.5.5/24
      gateway: 5.5.5.250
      services: [http, {{name: dns, records: {records}, ttl: {ttl}}}]
    tokyo-pc: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [http, echo]}}
    paris-pc: {{kind: host, address: 10.2.2.5/24, gateway: 10.2.2.1, services: [http, echo]}}
    osaka-pc: {{kind: host, address: 10.2.2.5/24, gateway: 10.2.2.1, services: [http, echo]}}
  links:
    - {{endpoints: ["tokyo:ethernet3", "internet:eth1"], delay: 10ms}}
    - {{endpoints: ["paris:ethernet3", "internet:eth2"], delay: 10ms}}
    - {{endpoints: ["osaka:ethernet3", "internet:eth3"], delay: 10ms}}
    - endpoints: ["ns:eth0", "internet:eth4"]
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["paris-pc:eth0", "paris:ethernet1"]
    - endpoints: ["osaka-pc:eth0", "osaka:ethernet1"]
"""


def _device(lan: str, wan: str, peer: str, remote: str) -> list[str]:
    router = wan.rpartition(".")[0] + ".250"
    return [
        "set interface ethernet1 zone trust",
        f"set interface ethernet1 ip {lan}.1/24",
        "set interface ethernet3 zone untrust",
        f"set interface ethernet3 ip {wan}/24",
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip unnumbered interface ethernet3",
        f"set ike gateway gw address {peer} main outgoing-interface ethernet3 preshare h1p8A24nG5 "
        "proposal pre-g2-3des-sha",
        "set vpn v gateway gw sec-level compatible",
        "set vpn v bind interface tunnel.1",
        f"set vpn v proxy-id local-ip {lan}.0/24 remote-ip {remote}.0/24 any",
        f"set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway {router}",
        f"set vrouter trust-vr route {remote}.0/24 interface tunnel.1",
        f"set vrouter trust-vr route {remote}.0/24 interface null metric 10",
        "set policy id 1 from trust to untrust any any any permit",
        "set policy id 2 from untrust to trust any any any permit",
    ]


def named_sites(
    folder: Path, records: Mapping[str, Sequence[str]], *tokyo: str, ttl: int = 60, peer: str = NAME
) -> Lab:
    """Tokyo's gateway is `peer`; Osaka has the LAN of Paris, and either can be the peer. `tokyo` are further lines."""
    own = {
        "tokyo": [*_device("10.1.1", "1.1.1.1", peer, "10.2.2"), *(tokyo or ("set dns host dns1 5.5.5.5",))],
        "paris": _device("10.2.2", "2.2.2.2", "1.1.1.1", "10.1.1"),
        "osaka": _device("10.2.2", "3.3.3.3", "1.1.1.1", "10.1.1"),
    }
    for name, lines in own.items():
        (folder / f"{name}.cfg").write_text("\n".join(lines) + "\n")
    table = "{" + ", ".join(f"{name}: [{', '.join(found)}]" for name, found in records.items()) + "}"
    path = folder / "names.yaml"
    path.write_text(_TOPOLOGY.format(records=table, ttl=ttl))
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    return lab
