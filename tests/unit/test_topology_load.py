"""Reading a topology file that is right: values, units, inheritance, YAML's own conveniences."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.lab.topology import (
    Endpoint,
    HostSpec,
    LinkSpec,
    RouterSpec,
    RouteSpec,
    ScreenosSpec,
    ServiceSpec,
    SwitchSpec,
    Topology,
    TopologyError,
    load,
    parse,
)
from nsemu.sim.scheduler import MICROSECOND, MILLISECOND, SECOND
from nsemu.wire.address import Prefix, parse_ipv4

PLATFORMS = {
    "ns208": [f"ethernet{number}" for number in range(1, 9)],
    "ssg5": ["ethernet0/0", "ethernet0/1", "bgroup0"],
}

FULL = """
name: branch_lab
seed: 77
topology:
  defaults: {type: ssg5, description: from the defaults}
  kinds:
    host: {gateway: 10.7.0.1, users: {anna: one, boris: two}, services: [echo]}
    screenos: {config: [set hostname x]}
  nodes:
    oslo: {kind: screenos, startup-config: cfg/oslo.cfg, description: the hub}
    riga:
      kind: screenos
      type: ns208
      config: |
        set hostname riga

        set console page 0
    wan:
      kind: router
      interfaces: {ge-0/0/1: 192.0.2.1/30, eth2: 198.51.100.1/255.255.255.0}
      routes: [{to: default, via: 192.0.2.2}]
    sw: {kind: switch}
    pc1:
      kind: host
      address: 10.7.0.5/16
      services: [http, {name: ftp, port: 2121}]
      users: {boris: 1234, carla: three}
    pc2: {kind: host, address: 10.7.0.6/16, routes: [{to: 10.8.0.0/16, via: 10.7.0.9}]}
  links:
    - endpoints: ["oslo:ethernet0/0", "wan:ge-0/0/1"]
      delay: 1.5s
      jitter: 200us
      loss: 10%
      rate: 10Mbps
      mtu: 1400
      down: true
      description: leased line
    - endpoints: ["riga:ethernet3", "wan:eth2"]
      loss: 0.25
      rate: 64 kbit
      delay: 0
    - endpoints: ["oslo:bgroup0", "sw:7"]
    - endpoints: ["sw:8", "pc1:eth0"]
    - endpoints: ["sw:9", "pc2:eth0"]
validate:
  through:
    description: it answers
    node: pc1
    exec: [ping 10.8.0.1, arp]
    match: '^[45] received$'
    not-match: (?i)unreachable
    wait: 1.5
    pass: good
    fail: bad
    level: warning
  pause: {wait: 8h}
"""


def read(text: str, path: Path) -> Topology:
    return parse(text, path, PLATFORMS)


@pytest.fixture
def full(tmp_path: Path) -> Topology:
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "oslo.cfg").write_text("set hostname oslo\n")
    (tmp_path / "lab.yaml").write_text(FULL)
    return load(tmp_path / "lab.yaml", PLATFORMS)


def test_top_level_keys_are_read(full: Topology, tmp_path: Path) -> None:
    assert (full.name, full.seed, full.path) == ("branch_lab", 77, tmp_path / "lab.yaml")
    assert list(full.nodes) == ["oslo", "riga", "wan", "sw", "pc1", "pc2"]
    assert full.warnings == ()


def test_the_caller_can_override_the_seed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nseed: 5\ntopology: {nodes: {sw: {kind: switch}}}\n")
    assert load(tmp_path / "a.yaml", PLATFORMS).seed == 5
    assert load(tmp_path / "a.yaml", PLATFORMS, seed=0).seed == 0


def test_the_seed_has_a_fixed_default() -> None:
    assert read("name: a\ntopology: {nodes: {sw: {kind: switch}}}", Path("a.yaml")).seed == 1


def test_screenos_nodes(full: Topology, tmp_path: Path) -> None:
    oslo, riga = full.nodes["oslo"], full.nodes["riga"]
    assert isinstance(oslo, ScreenosSpec)
    assert isinstance(riga, ScreenosSpec)
    assert oslo.startup_config == tmp_path / "cfg" / "oslo.cfg"
    assert (oslo.platform, oslo.config, oslo.description) == ("ssg5", ("set hostname x",), "the hub")
    assert (riga.platform, riga.startup_config) == ("ns208", None)
    assert riga.config == ("set hostname riga", "set console page 0")


def test_the_default_platform_is_ns208() -> None:
    node = read("name: a\ntopology: {nodes: {fw: {kind: screenos}}}", Path("a.yaml")).nodes["fw"]
    assert isinstance(node, ScreenosSpec)
    assert node.platform == "ns208"


def test_hosts_inherit_and_mappings_merge_key_by_key(full: Topology) -> None:
    pc1, pc2 = full.nodes["pc1"], full.nodes["pc2"]
    assert pc1 == HostSpec(
        name="pc1",
        description="from the defaults",
        address=Prefix.parse("10.7.0.5/16"),
        gateway=parse_ipv4("10.7.0.1"),
        services=(ServiceSpec("http", 80), ServiceSpec("ftp", 2121)),
        users={"anna": "one", "boris": "1234", "carla": "three"},
    )
    assert isinstance(pc2, HostSpec)
    assert pc2.services == (ServiceSpec("echo", 7),)
    assert pc2.users == {"anna": "one", "boris": "two"}
    assert pc2.routes == (RouteSpec(Prefix.parse("10.8.0.0/16"), parse_ipv4("10.7.0.9")),)


def test_routers_and_switches(full: Topology) -> None:
    wan = full.nodes["wan"]
    assert isinstance(wan, RouterSpec)
    assert dict(wan.interfaces) == {
        "ge-0/0/1": Prefix.parse("192.0.2.1/30"),
        "eth2": Prefix.parse("198.51.100.1/24"),
    }
    assert wan.routes == (RouteSpec(Prefix(0, 0), parse_ipv4("192.0.2.2")),)
    assert full.nodes["sw"] == SwitchSpec("sw", "from the defaults")


def test_links_carry_exact_quantities(full: Topology) -> None:
    first, second, third = full.links[:3]
    assert first == LinkSpec(
        (Endpoint("oslo", "ethernet0/0"), Endpoint("wan", "ge-0/0/1")),
        delay=1500 * MILLISECOND,
        jitter=200 * MICROSECOND,
        loss=0.1,
        rate=10_000_000,
        mtu=1400,
        down=True,
        description="leased line",
    )
    assert (second.delay, second.loss, second.rate) == (0, 0.25, 64_000)
    assert (third.delay, third.loss, third.rate, third.mtu, third.down) == (0, 0.0, None, None, False)


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("10ms", 10 * MILLISECOND),
        ("1.5s", 1500 * MILLISECOND),
        ("7 us", 7000),
        ("3ns", 3),
        ("0", 0),
        ("1m", 60 * SECOND),
    ],
)
def test_delays(written: str, nanoseconds: int) -> None:
    assert read(_link(f"delay: {written}"), Path("a.yaml")).links[0].delay == nanoseconds


@pytest.mark.parametrize(
    ("written", "bits"), [("1gbit", 10**9), ("1.5Mbps", 1_500_000), ("9600bit", 9600), ("2Gbps", 2 * 10**9)]
)
def test_rates(written: str, bits: int) -> None:
    assert read(_link(f"rate: {written}"), Path("a.yaml")).links[0].rate == bits


@pytest.mark.parametrize(
    ("written", "fraction"), [("0", 0.0), ("0.0", 0.0), ("1.0", 1.0), ("100%", 1.0), ("0.5%", 0.005), ("1e-3", 0.001)]
)
def test_losses(written: str, fraction: float) -> None:
    assert read(_link(f"loss: {written}"), Path("a.yaml")).links[0].loss == fraction


def _link(extra: str) -> str:
    nodes = "{s: {kind: switch}, t: {kind: switch}}"
    return f"name: a\ntopology: {{nodes: {nodes}, links: [{{endpoints: [s:1, t:1], {extra}}}]}}"


def test_validations(full: Topology) -> None:
    through, pause = full.validations
    assert (through.name, through.description, through.node) == ("through", "it answers", "pc1")
    assert through.commands == ("ping 10.8.0.1", "arp")
    assert (through.pass_text, through.fail_text, through.level) == ("good", "bad", "warning")
    assert through.wait == 1500 * MILLISECOND
    assert through.match is not None
    assert through.match.search("PING\n4 received\n")
    assert through.not_match is not None
    assert through.not_match.search("Host UNREACHABLE")
    assert (pause.wait, pause.commands, pause.node, pause.level) == (8 * 3600 * SECOND, (), "", "error")


def test_kind_may_come_from_the_defaults() -> None:
    nodes = read("name: a\ntopology: {defaults: {kind: switch}, nodes: {s1: , s2: {}}}", Path("a.yaml")).nodes
    assert [spec.kind for spec in nodes.values()] == ["switch", "switch"]


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = """
name: a
topology:
  nodes:
    one: &base {kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}
    two: {<<: *base, address: 10.1.1.6/24}
    three: {address: 10.1.1.7/24, <<: [{gateway: 10.1.1.2}, *base]}
"""
    nodes = read(text, Path("a.yaml")).nodes
    assert [
        (spec.address.address & 255, (spec.gateway or 0) & 255)
        for spec in nodes.values()
        if isinstance(spec, HostSpec) and spec.address is not None
    ] == [
        (5, 1),
        (6, 1),
        (7, 2),
    ]


def test_what_is_odd_but_can_run_is_a_warning() -> None:
    text = """
name: a
topology:
  nodes:
    lone: {kind: switch}
    sw: {kind: switch}
    sw2: {kind: switch}
    pc: {kind: host, address: 10.1.1.5/24}
    pc2: {kind: host, address: 10.1.1.5/24}
    far: {kind: host, address: 10.1.1.5/24}
    r: {kind: router, interfaces: {eth1: 10.1.1.1/24, eth2: 10.2.1.1/24}}
  links:
    - endpoints: ["sw:1", "pc:eth0"]
    - endpoints: ["sw:2", "sw2:1"]
    - endpoints: ["sw2:2", "pc2:eth0"]
    - endpoints: ["r:eth1", "far:eth0"]
"""
    found = [(problem.line, problem.path, problem.reason) for problem in read(text, Path("a.yaml")).warnings]
    assert found == [
        (5, "topology.nodes.lone", "no link reaches this node"),
        (9, "topology.nodes.pc2.address", "10.1.1.5 is also the address of pc:eth0, on the same segment"),
        (11, "topology.nodes.r.interfaces.eth2", "no link uses this interface"),
    ]


def test_point_to_point_subnets_have_no_network_address() -> None:
    """RFC 3021: both addresses of a /31 are hosts."""
    node = read(
        "name: a\ntopology: {nodes: {pc: {kind: host, address: 10.1.1.0/31, gateway: 10.1.1.1}}}", Path("a")
    ).nodes["pc"]
    assert isinstance(node, HostSpec)
    assert node.gateway == parse_ipv4("10.1.1.1")


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml", PLATFORMS)
    with pytest.raises(TopologyError, match="cannot be read"):
        load(tmp_path, PLATFORMS)
    (tmp_path / "latin.yaml").write_bytes(b"name: a\n# caf\xe9\n")
    with pytest.raises(TopologyError, match=r"latin\.yaml:2: this is not UTF-8 text"):
        load(tmp_path / "latin.yaml", PLATFORMS)
