"""The packet walk: verdicts, deciding lines, header changes, tunnels, events; as text and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.cli.settings.configuration import configuration_lines
from nsemu.cli.walk import PacketWalk
from nsemu.cli.walk.config_lines import deciding_lines
from nsemu.device.packet_facts import RENDERERS, type_word
from nsemu.flow import steps
from nsemu.lab.host.probe import ProbeKind
from nsemu.runtime import trace as trace_module
from nsemu.runtime.event_log import EventEntry, Level
from nsemu.runtime.trace import Lost, PacketTrace, Step
from nsemu.wire.address import parse_ipv4
from support.box import Box, echo, tcp
from support.drop_scenes import BASE, PERMIT, SYN

ROOT = Path(__file__).parent.parent.parent
TOPOLOGY = """
name: walks
seed: 3
topology:
  nodes:
    fw:
      kind: screenos
      config:
        - set interface ethernet1 zone Trust
        - set interface ethernet1 ip 10.1.1.1/24
        - set interface ethernet1 nat
        - set interface ethernet3 zone Untrust
        - set interface ethernet3 ip 1.1.1.1/24
        - set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
        - set policy id 3 from Trust to Untrust any any http permit
        - set policy id 4 from Trust to Untrust any any ping permit
    core: {kind: router, interfaces: {eth1: 1.1.1.250/24, eth2: 5.5.5.250/24}}
    pc: {kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1}
    web: {kind: host, address: 5.5.5.5/24, gateway: 5.5.5.250, services: [http]}
  links:
    - endpoints: ["pc:eth0", "fw:ethernet1"]
    - endpoints: ["fw:ethernet3", "core:eth1"]
      delay: 10ms
    - endpoints: ["core:eth2", "web:eth0"]
"""
WIDTH = 100


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    file = tmp_path / "walks.yaml"
    file.write_text(TOPOLOGY)
    return Lab.load(file)


def hub_spoke() -> Lab:
    """The lab of the book's hub and spoke, with both tunnels up."""
    lab = Lab.load(ROOT / "topologies" / "hub_spoke.yaml")
    lab["tokyo-pc"].ping("10.3.3.5", count=4)
    return lab


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def steps_of(walk: PacketWalk, kind: str) -> list[dict[str, object]]:
    return [step for hop in walk.to_json()["hops"] for step in hop["steps"] if step["type"] == kind]


# --- verdicts


def test_answered(lab: Lab) -> None:
    walk = lab.trace("pc", "5.5.5.5", proto="tcp", dport=80)
    document = walk.to_json()
    assert (walk.disposition, document["node"], document["stage"], document["code"]) == ("delivered", "pc", None, None)
    assert walk.answered
    assert walk.text().startswith("ANSWERED at pc: SYN+ACK")
    assert [(hop["node"], hop["direction"]) for hop in document["hops"]] == [
        ("pc", "forward"),
        ("fw", "forward"),
        ("core", "forward"),
        ("web", "forward"),
        ("web", "return"),
        ("core", "return"),
        ("fw", "return"),
        ("pc", "return"),
    ]
    assert [hop["path"] for hop in document["hops"] if hop["node"] == "fw"] == ["first packet", "fast path"]


def test_lost_on_a_link(lab: Lab) -> None:
    lab["pc"].ping("5.5.5.5", count=1)
    lab.link("core:eth2").set(loss=1.0)
    walk = lab.trace("pc", "5.5.5.5", proto="tcp")
    document = walk.to_json()
    assert (walk.disposition, document["stage"], document["code"]) == ("dropped", "network", None)
    assert "core:eth2" in document["node"]
    assert walk.text().startswith("DROPPED at ")


def test_no_route_at_a_router(lab: Lab) -> None:
    walk = lab.trace("pc", "77.7.7.7", proto="tcp")
    assert (walk.disposition, walk.to_json()["node"]) == ("dropped", "core")
    assert "  told     net unreachable from 1.1.1.250\n" in walk.text()


def test_the_answer_is_dropped(lab: Lab) -> None:
    lab["pc"].ping("5.5.5.5", count=1)
    trace = PacketTrace()
    lab["pc"].probe(parse_ipv4("5.5.5.5"), ProbeKind.ICMP, 0, trace)
    lab.run_for(0.015)
    lab.link("pc:eth0").set(loss=1.0)
    lab.run_for(3)
    walk = PacketWalk(trace, {"fw": lab["fw"].device.config})
    assert (walk.disposition, walk.verdict.hop is not None) == ("answer dropped", True)
    assert walk.text().startswith("ANSWER DROPPED at ")


def test_delivered_without_an_answer() -> None:
    trace = PacketTrace()
    trace.enter("web", 5, "eth0", "a datagram")
    trace.add(trace_module.Delivered("to UDP port 9"))
    assert PacketWalk(trace, {}).disposition == "delivered"


def test_a_copy_that_is_lost_does_not_hide_the_one_that_arrives() -> None:
    trace = PacketTrace()
    trace.enter("a", 1, "eth0")
    trace.add(trace_module.Delivered("here"))
    trace.enter("b", 2, "eth0")
    trace.add(Lost("not for this host"))
    assert PacketWalk(trace, {}).disposition == "delivered"


def test_waiting_for_arp_and_giving_up() -> None:
    box = Box(BASE + PERMIT)
    box.silent.add(0x010101FA)
    trace = box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"), seconds=1)
    walk = PacketWalk(trace, {"fw": box.device.config})
    assert walk.disposition == "waiting for ARP"
    assert "next hop 1.1.1.250 on ethernet3, which waits for ARP" in walk.text()
    box.run(5)
    walk = PacketWalk(trace, {"fw": box.device.config})
    assert (walk.disposition, walk.to_json()["code"]) == ("dropped", "NO_ARP")


def test_under_way() -> None:
    box = Box(BASE + PERMIT)
    box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"))
    walk = PacketWalk(box.receive("ethernet1", echo("10.1.1.5", "9.9.9.9")), {"fw": box.device.config})
    assert walk.disposition == "under way"
    assert PacketWalk(PacketTrace(), {}).text() == "UNDER WAY\n\n"


# --- what decided


def test_policy_route_and_translation_with_their_lines(lab: Lab) -> None:
    walk = lab.trace("pc", "5.5.5.5", proto="tcp", dport=80)
    config = list(configuration_lines(lab["fw"].device.config))
    found = {step["type"]: step["config_line"] for step in walk.to_json()["hops"][1]["steps"] if step["config_line"]}
    assert found["policy-match"] == 'set policy id 3 from "Trust" to "Untrust"  "Any" "Any" "HTTP" permit'
    assert found["source-translation"] == "set interface ethernet1 nat"
    assert all(line in [written.rstrip() for written in config] for line in found.values())
    (route, *_) = steps_of(walk, "route-lookup")
    assert route["config_lines"] == [
        'set vrouter "trust-vr" / set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250'
    ]
    assert "source translated, interface NAT: 10.1.1.5/" in walk.text()
    assert re.search(r"header rewritten\n +source +10\.1\.1\.5/\d+ -> 1\.1\.1\.1/1024\n", walk.text())


def test_why_better_candidates_lost(lab: Lab) -> None:
    walk = lab.trace("pc", "5.5.5.5", proto="icmp")
    (policy,) = steps_of(walk, "policy-match")
    assert policy["lost"] == ["policy 3: service icmp type 8 code 0 is not HTTP"]
    assert "not policy 3: service icmp type 8 code 0 is not HTTP\n" in walk.text()
    (step,) = [step for step in steps_of(walk, "route-lookup") if step["stage"] == "egress"]
    assert any("/0 is shorter than /24" in str(lost) for lost in step["lost"])  # type: ignore[attr-defined]


def test_a_line_in_another_virtual_router_is_found_through_the_one_that_points_there() -> None:
    lab = hub_spoke()
    walk = lab.trace("tokyo-pc", "10.3.3.5")
    assert steps_of(walk, "route-lookup")[0]["config_lines"] == [
        'set vrouter "trust-vr" / set route 0.0.0.0/0 vrouter "untrust-vr"',
        'set vrouter "untrust-vr" / set route 10.3.3.0/24 interface tunnel.1',
    ]


@pytest.mark.parametrize("topology", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_route_and_vpn_of_the_labs_has_its_line(topology: Path) -> None:
    lab = Lab.load(topology)
    for node in lab.network.devices().values():
        config = node.device.config
        printed = [line.rstrip() for line in configuration_lines(config)]
        subjects: list[tuple[object, ...]] = [("policy", number) for number in config.policies]
        subjects += [("route", key.vrouter, key) for key in config.routes]
        subjects += [("vpn", name) for name in config.vpns]
        for subject in subjects:
            lines = deciding_lines(config, subject, "policy-match")
            assert lines, subject
            assert lines[0].text in printed
            assert not lines[0].context or lines[0].context in printed


def test_two_policies_are_not_mistaken_for_each_other() -> None:
    box = Box(
        BASE
        + "".join(
            PERMIT.replace("id 1", f"id {number}").replace("any permit", f"{service} permit")
            for number, service in ((1, "http"), (11, "ftp"), (111, "telnet"))
        )
    )
    for number, service in ((1, "HTTP"), (11, "FTP"), (111, "TELNET")):
        (line,) = deciding_lines(box.device.config, ("policy", number), "policy-match")
        assert f"set policy id {number} from" in line.text
        assert f'"{service}" permit' in line.text


# --- tunnels and events


def test_nested_headers_and_both_ways_through_the_tunnels() -> None:
    walk = hub_spoke().trace("tokyo-pc", "10.3.3.5")
    text = walk.text()
    assert walk.disposition == "delivered"
    assert walk.answered
    seals = steps_of(walk, "esp-seal")
    assert [(step["values"]["source"], step["values"]["destination"]) for step in seals] == [  # type: ignore[index]
        ("2.2.2.2", "1.1.1.1"),
        ("1.1.1.1", "3.3.3.3"),
        ("3.3.3.3", "1.1.1.1"),
        ("1.1.1.1", "2.2.2.2"),
    ]
    assert len(steps_of(walk, "esp-open")) == 4
    assert re.search(
        r"\+- 2\.2\.2\.2 > 1\.1\.1\.1 ESP spi [0-9a-f]{8} seq \d+ +-* *96 octets\n"
        r" +\|  \+- 10\.2\.2\.5 > 10\.3\.3\.5 icmp echo request -* *44 octets\n",
        text,
    )
    assert text.count("the way there") == text.count("the way back") == 1
    assert "inside: 10.2.2.5 > 10.3.3.5 icmp echo request, 44 octets" in text


def test_events_stand_between_the_hops_by_their_time() -> None:
    lab = Lab.load(ROOT / "topologies" / "hub_spoke.yaml")
    walk = lab.trace("tokyo-pc", "10.3.3.5")
    assert (walk.disposition, walk.to_json()["code"]) == ("dropped", "SA_INACTIVE")
    text = walk.text()
    times = [float(found) for found in re.findall(r"^  \* (\d+\.\d+) s ", text, re.MULTILINE)]
    assert times
    assert times == sorted(times)
    assert len(times) == len(walk.to_json()["events"]) == len(walk.events)
    assert text.index("dropped in stage 6 IPsec/IKE") < text.index("tokyo: IKE 1.1.1.1 Phase 1: Initiated")
    assert "  config   set vpn " in text


def test_an_event_between_two_hops() -> None:
    trace = PacketTrace()
    trace.enter("a", 1_000, "eth0", "first")
    trace.enter("b", 3_000, "eth0", "second")
    walk = PacketWalk(trace, {}, [("fw", EventEntry(2_000, Level.ALERT, 26, "in the middle"))])
    text = walk.text()
    assert text.index("first\n") < text.index("in the middle") < text.index("second\n")


# --- form


def test_it_fits_and_colour_adds_nothing_else() -> None:
    lab = hub_spoke()
    for destination in ("10.3.3.5", "10.3.3.1", "99.9.9.9", "10.2.2.1"):
        walk = lab.trace("tokyo-pc", destination)
        text = walk.text()
        assert text.endswith("\n")
        assert max(len(line) for line in text.splitlines()) <= WIDTH
        assert "\x1b" not in text
        assert "\x1b[" in walk.text(colour=True)
        assert plain(walk.text(colour=True)) == text


def test_stages_of_a_pass_are_in_the_order_of_the_book() -> None:
    """B149 to B157: SCREEN, session, mapping, route, policy, VPN, egress."""
    text = hub_spoke().trace("tokyo-pc", "10.3.3.5").text()
    first = text.split("\n 3  ")[0]
    assert [int(number) for number in re.findall(r"^    ([1-7]) [A-Za-z]", first, re.MULTILINE)] == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
    ]


def test_the_document_is_json_with_stable_keys(lab: Lab) -> None:
    walk = lab.trace("pc", "5.5.5.5", proto="tcp", dport=81)
    document = walk.to_json()
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "disposition",
        "answered",
        "node",
        "stage",
        "reason",
        "code",
        "counter",
        "hint",
        "config_line",
        "hops",
        "events",
    ]
    assert (document["disposition"], document["stage"], document["code"]) == ("dropped", "policy", "DEFAULT_DENY")
    hop = document["hops"][1]
    assert list(hop) == [
        "node", "time", "interface", "zone", "vrouter", "path", "direction", "packet", "steps",
    ]  # fmt: skip
    assert (hop["node"], hop["interface"], hop["zone"], hop["vrouter"]) == ("fw", "ethernet1", "Trust", "trust-vr")
    assert {"type", "stage", "text", "config_line", "config_lines", "lost", "values"} == set(hop["steps"][0])


def test_what_happened_later_does_not_change_the_story() -> None:
    box = Box(BASE + PERMIT)
    trace = box.receive("ethernet1", tcp("10.1.1.5", "9.9.9.9", (4000, 80), SYN))
    walk = PacketWalk(trace, {"fw": box.device.config})
    before = walk.text()
    box.type("unset policy 1")
    assert walk.text() == before


def test_every_kind_of_step_is_known() -> None:
    kinds = {
        kind
        for module in (steps, trace_module)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Step) and kind is not Step
    }
    assert set(RENDERERS) == kinds
    assert len({type_word(kind) for kind in kinds}) == len(kinds)
