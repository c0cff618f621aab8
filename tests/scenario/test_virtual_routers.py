"""Which way a packet takes when its destination alone does not say: tables by source and ingress, ECMP, PBR, exchange.

B179 to B187 and B373 for routes that come and go; the rest follows the ScreenOS command reference.
"""

from __future__ import annotations

import pytest

from nsemu.cli.walk.config_lines import deciding_lines
from nsemu.flow.steps import Dropped, PolicyRouting, RouteLookup
from nsemu.runtime.drop import DropReason
from support.box import Box, echo, last_step, tcp, udp

BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet2 zone untrust
set interface ethernet2 ip 2.2.2.2/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 3.3.3.3/24
set interface ethernet4 zone untrust
set interface ethernet4 ip 4.4.4.4/24
set policy from trust to untrust any any any permit
"""
DEFAULT = "set route 0.0.0.0/0 interface ethernet3 gateway 3.3.3.250\n"
PLUGGED = ("ethernet1", "ethernet2", "ethernet3", "ethernet4")


def box(*lines: str) -> Box:
    return Box(BASE + "\n".join(lines), plugged=PLUGGED)


def way(bench: Box, packet: bytes) -> tuple[str, RouteLookup | PolicyRouting | None]:
    """The interface by which a first packet leaves ("" when it is dropped), and the step that decided."""
    before = len(bench.sent)
    trace = bench.receive("ethernet1", packet)
    steps = [step for hop in trace.hops for step in hop.steps]
    found = [s for s in steps if isinstance(s, PolicyRouting) or (isinstance(s, RouteLookup) and not s.reverse)]
    out = [interface for interface, _ in bench.sent[before:]]
    return (out[0] if out else "", found[-1] if found else None)


def lines_of(bench: Box, step: RouteLookup | PolicyRouting) -> list[str]:
    """The configuration lines that the walk names for a step."""
    subjects = [*getattr(step, "settings", ()), step.subject]
    return [str(line) for subject in subjects for line in deciding_lines(bench.device.config, subject, "route-lookup")]


def test_source_routing_is_asked_before_the_destination_once_it_is_on() -> None:
    bench = box(DEFAULT, "set route source 10.1.1.128/25 interface ethernet2 gateway 2.2.2.250")
    assert way(bench, udp("10.1.1.200", "8.8.8.8", 53))[0] == "ethernet3"
    bench.type("set vrouter trust-vr source-routing enable")
    out, step = way(bench, udp("10.1.1.200", "8.8.8.8", 54))
    assert out == "ethernet2"
    assert isinstance(step, RouteLookup)
    assert step.table == "source-routing"
    assert lines_of(bench, step) == [
        'set vrouter "trust-vr" / set source-routing enable',
        'set vrouter "trust-vr" / set route source 10.1.1.128/25 interface ethernet2 gateway 2.2.2.250',
    ]
    assert ("trust-vr: 0.0.0.0/0 interface ethernet3 gateway 3.3.3.250 preference 20 metric 1", "") not in step.losers
    # Another source matches nothing there: the table by destination has the last word.
    out, step = way(bench, udp("10.1.1.5", "8.8.8.8", 53))
    assert out == "ethernet3"
    assert isinstance(step, RouteLookup)
    assert step.table == "destination-routing"


def test_the_ingress_interface_comes_before_the_source_unless_told_otherwise() -> None:
    bench = box(
        DEFAULT,
        "set vrouter trust-vr source-routing enable",
        "set vrouter trust-vr sibr-routing enable",
        "set route source 10.1.1.0/24 interface ethernet2 gateway 2.2.2.250",
        "set route source in-interface ethernet1 10.1.1.0/24 interface ethernet4 gateway 4.4.4.250",
        "set route source in-interface ethernet2 10.1.1.0/24 interface ethernet3 gateway 3.3.3.250",
    )
    out, step = way(bench, udp("10.1.1.5", "8.8.8.8", 53))
    assert out == "ethernet4"
    assert isinstance(step, RouteLookup)
    assert step.table == "sibr-routing"
    bench.type("set vrouter trust-vr route-lookup preference source-routing 9")
    assert way(bench, udp("10.1.1.5", "8.8.8.8", 54))[0] == "ethernet2"
    bench.type("set vrouter trust-vr route-lookup preference destination-routing 10")
    assert way(bench, udp("10.1.1.5", "8.8.8.8", 55))[0] == "ethernet3"


def test_a_source_route_goes_with_its_interface_and_comes_back() -> None:
    bench = box(
        DEFAULT,
        "set vrouter trust-vr source-routing enable",
        "set route source 10.1.1.0/24 interface ethernet2 gateway 2.2.2.250",
    )
    assert way(bench, udp("10.1.1.5", "8.8.8.8", 53))[0] == "ethernet2"
    bench.device.set_carrier("ethernet2", False)
    assert way(bench, udp("10.1.1.5", "8.8.8.8", 53))[0] == "ethernet3", "the session moves as well"
    assert "\n     1        10.1.1.0/24" in bench.type("get route source")
    bench.device.set_carrier("ethernet2", True)
    assert way(bench, udp("10.1.1.5", "8.8.8.8", 53))[0] == "ethernet2"


def test_sessions_take_turns_on_equal_paths_and_stay_there() -> None:
    bench = box(
        "set vrouter trust-vr max-ecmp-routes 2",
        *(f"set route 8.0.0.0/8 interface ethernet{n} gateway {n}.{n}.{n}.250" for n in (2, 3, 4)),
    )
    assert bench.type("get route prefix 8.0.0.0/8").count("\n*") == 2
    first = [way(bench, udp("10.1.1.5", "8.8.8.8", port))[0] for port in range(100, 106)]
    assert first == ["ethernet2", "ethernet3"] * 3
    assert [way(bench, udp("10.1.1.5", "8.8.8.8", port))[0] for port in range(100, 106)] == first
    bench.type("set address trust x 10.9.9.9/32")  # a change: sessions are decided anew, and keep their path
    assert [way(bench, udp("10.1.1.5", "8.8.8.8", port))[0] for port in range(100, 106)] == first
    bench.device.set_carrier("ethernet3", False)  # the third route takes its place
    again = [way(bench, udp("10.1.1.5", "8.8.8.8", port))[0] for port in range(100, 106)]
    assert again[::2] == ["ethernet2"] * 3
    assert set(again) == {"ethernet2", "ethernet4"}


def test_without_ecmp_the_route_entered_first_has_all() -> None:
    bench = box(*(f"set route 8.0.0.0/8 interface ethernet{n} gateway {n}.{n}.{n}.250" for n in (4, 2)))
    assert {way(bench, udp("10.1.1.5", "8.8.8.8", port))[0] for port in range(100, 104)} == {"ethernet4"}


PBR = """
set vrouter trust-vr
set access-list extended 1 dst-port 80-80 protocol tcp entry 1
set access-list extended 1 src-ip 10.1.1.66/32 entry 2
set access-list extended 2 dst-ip 9.0.0.0/8 protocol icmp entry 1
set match-group name web
set match-group web ext-acl 1 match-entry 1
set match-group name pings
set match-group pings ext-acl 2 match-entry 1
set action-group name isp2
set action-group isp2 next-interface ethernet2 next-hop 2.2.2.250 action-entry 1
set action-group isp2 next-hop 4.4.4.250 action-entry 2
set action-group name nowhere
set action-group nowhere next-interface null action-entry 1
set pbr policy name split
set pbr policy split match-group web action-group isp2 1
set pbr policy split match-group pings action-group nowhere 2
exit
"""


def test_policy_based_routing_decides_by_what_the_packet_looks_like() -> None:
    bench = box(DEFAULT, PBR, "set interface ethernet1 pbr split")
    out, step = way(bench, tcp("10.1.1.5", "8.8.8.8", (1024, 80), 2))
    assert out == "ethernet2"
    assert isinstance(step, PolicyRouting)
    assert lines_of(bench, step) == [
        'set vrouter "trust-vr" / set action-group "isp2" next-interface ethernet2 next-hop 2.2.2.250 action-entry 1',
        'set vrouter "trust-vr" / set pbr policy "split" match-group "web" action-group "isp2" 1',
    ]
    assert way(bench, tcp("10.1.1.5", "8.8.8.8", (1024, 81), 2))[0] == "ethernet3"
    assert way(bench, udp("10.1.1.66", "8.8.8.8", 53))[0] == "ethernet2"
    assert way(bench, echo("10.1.1.5", "8.8.8.8"))[0] == "ethernet3"
    trace = bench.receive("ethernet1", echo("10.1.1.5", "9.9.9.9"))
    end = last_step(trace)
    assert isinstance(end, Dropped)
    assert end.reason is DropReason.NULL_ROUTE
    assert 'set action-group "nowhere" next-interface null' in " ".join(
        str(line) for line in deciding_lines(bench.device.config, end.subject, "NULL_ROUTE")
    )


TOS = """
set vrouter trust-vr
set access-list extended 7 tos 184 entry 1
set access-list extended 7 src-port 4000-4001 dst-port 1000-1999 protocol udp tos 8 entry 2
set access-list extended 8 src-port 4000-4000 protocol 17 entry 1
set match-group name voice
set match-group voice ext-acl 7 match-entry 1
set match-group name rest
set match-group rest ext-acl 8 match-entry 1
set action-group name two
set action-group two next-interface ethernet2 next-hop 2.2.2.250 action-entry 1
set action-group name four
set action-group four next-hop 4.4.4.250 action-entry 1
set pbr policy name split
set pbr policy split match-group voice action-group two 1
set pbr policy split match-group rest action-group four 2
exit
set interface ethernet1 pbr split
"""


@pytest.mark.parametrize(
    ("tos", "protocol", "port", "egress"),
    [
        (184, "udp", 53, "ethernet2"),
        (184, "icmp", 0, "ethernet2"),
        (8, "udp", 1000, "ethernet2"),
        (8, "udp", 1999, "ethernet2"),
        (8, "udp", 2000, "ethernet4"),
        (0, "udp", 1500, "ethernet4"),
        (8, "icmp", 0, "ethernet3"),
    ],
)
def test_extended_access_lists_match_type_of_service_ports_and_protocol(
    tos: int, protocol: str, port: int, egress: str
) -> None:
    """All words of an entry must fit, and the first rule that matches decides; a session stays where it began."""
    bench = box(DEFAULT, TOS)
    packet = echo("10.1.1.5", "8.8.8.8", tos=tos) if protocol == "icmp" else udp("10.1.1.5", "8.8.8.8", port, tos=tos)
    assert way(bench, packet)[0] == egress
    bench.type("set address untrust other 7.7.7.7/32")
    bench.receive("ethernet1", packet)
    assert {name for name, _ in bench.sent} == {egress}, "decided anew after a change, with what its first packet had"


def test_an_action_that_cannot_be_used_gives_way_to_the_next_and_then_to_the_tables() -> None:
    bench = box(DEFAULT, PBR, "set vrouter trust-vr pbr split")
    bench.device.set_carrier("ethernet2", False)
    assert way(bench, tcp("10.1.1.5", "8.8.8.8", (1024, 80), 2))[0] == "ethernet4"
    bench.device.set_carrier("ethernet4", False)
    # 4.4.4.250 is now reached by the default route, which is a way to the next hop all the same.
    assert way(bench, tcp("10.1.1.5", "8.8.8.8", (1025, 80), 2))[0] == "ethernet3"
    bench.type("unset route 0.0.0.0/0")
    trace = bench.receive("ethernet1", tcp("10.1.1.5", "8.8.8.8", (1026, 80), 2))
    faults = [step.fault for step in trace.hops[-1].steps if isinstance(step, PolicyRouting)]
    assert faults == ["no route to the next hop"]
    assert isinstance(last_step(trace), Dropped)


def test_the_policy_of_the_interface_comes_before_that_of_the_zone_and_that_of_the_virtual_router() -> None:
    other = "set vrouter trust-vr pbr policy name {0}\nset vrouter trust-vr action-group name g{1}\n"
    other += "set vrouter trust-vr action-group g{1} next-interface ethernet{1} action-entry 1\n"
    other += "set vrouter trust-vr pbr policy {0} match-group web action-group g{1} 1\n"
    lines = [DEFAULT, PBR, *(other.format(name, n) for name, n in (("zone-split", 3), ("vr-split", 4)))]
    bench = box(
        *lines,
        "set interface ethernet1 pbr split",
        "set zone trust pbr zone-split",
        "set vrouter trust-vr pbr vr-split",
    )
    seen = []
    for port, line in (
        (1, "unset interface ethernet1 pbr"),
        (2, "unset zone trust pbr"),
        (3, "unset vrouter trust-vr pbr"),
    ):
        seen.append(way(bench, tcp("10.1.1.5", "8.8.8.8", (port, 80), 2))[0])
        bench.type(line)
    assert seen == ["ethernet2", "ethernet3", "ethernet4"]
    assert way(bench, tcp("10.1.1.5", "8.8.8.8", (4, 80), 2))[0] == "ethernet3"


def test_add_default_route_and_a_loop_of_virtual_routers_b373() -> None:
    bench = box(
        "set vrouter untrust-vr route 8.0.0.0/8 interface null",
        "set vrouter trust-vr add-default-route vrouter untrust-vr",
    )
    _, step = way(bench, udp("10.1.1.5", "8.8.8.8", 53))
    assert isinstance(step, RouteLookup)
    assert step.found_in == "untrust-vr"
    bench.type("set vrouter untrust-vr add-default-route vrouter trust-vr")
    end = last_step(bench.receive("ethernet1", udp("10.1.1.5", "9.9.9.9", 53)))
    assert isinstance(end, Dropped)
    assert end.reason is DropReason.ROUTE_LOOP
    bench.type("set vrouter trust-vr sibr-routing enable")  # the longer way of lookup finds the loop as well
    end = last_step(bench.receive("ethernet1", udp("10.1.1.5", "9.9.9.9", 54)))
    assert isinstance(end, Dropped)
    assert end.reason is DropReason.ROUTE_LOOP


EXCHANGE = """
set vrouter name lab-vr
set zone name lab
set zone lab vrouter lab-vr
set interface ethernet5 zone lab
set interface ethernet5 ip 10.5.5.1/24
set vrouter lab-vr route 10.6.0.0/16 interface ethernet5 gateway 10.5.5.9
set vrouter lab-vr route 10.7.0.0/16 interface ethernet5 gateway 10.5.5.9 metric 5
set vrouter lab-vr access-list 1 permit ip 10.6.0.0/15 10
set vrouter lab-vr
set route-map name give permit 10
set match ip 1
set metric 9
exit
set export-to vrouter trust-vr route-map give protocol static
exit
set policy from trust to lab any any any permit
"""


def test_rules_give_routes_to_another_virtual_router() -> None:
    bench = Box(BASE + EXCHANGE, plugged=(*PLUGGED, "ethernet5"))
    shown = bench.type("get vrouter trust-vr route protocol imported")
    assert "10.6.0.0/16           eth5        10.5.5.9   I  140      9" in shown
    assert "10.7.0.0/16" in shown
    assert "10.5.5.0/24" not in shown
    assert way(bench, udp("10.1.1.5", "10.6.1.1", 53))[0] == "ethernet5"
    bench.type("set vrouter trust-vr preference imported 7")
    assert "I    7      9" in bench.type("get vrouter trust-vr route protocol imported")
    bench.device.set_carrier("ethernet5", False)  # what is inactive at home is not given
    assert "10.6.0.0/16" not in bench.type("get vrouter trust-vr route")
    bench.device.set_carrier("ethernet5", True)
    bench.type("unset vrouter lab-vr export-to vrouter trust-vr route-map give protocol static")
    assert way(bench, udp("10.1.1.5", "10.6.1.1", 53))[0] == ""


def test_routes_do_not_run_in_circles() -> None:
    lines = [EXCHANGE]
    for here, there in (("trust-vr", "untrust-vr"), ("untrust-vr", "lab-vr"), ("untrust-vr", "trust-vr")):
        lines.append(f"set vrouter {here}\nset route-map name all permit 1\nexit\nexit")
        lines.append(f"set vrouter {here} export-to vrouter {there} route-map all protocol imported")
    bench = Box(BASE + "\n".join(lines), plugged=(*PLUGGED, "ethernet5"))
    assert bench.type("get vrouter untrust-vr route").count("10.6.0.0/16") == 1
    assert bench.type("get vrouter trust-vr route").count("10.6.0.0/16") == 1
    assert bench.type("get vrouter lab-vr route").count("10.6.0.0/16") == 1


def test_auto_route_export_gives_the_networks_of_interfaces_in_route_mode() -> None:
    bench = box("set vrouter trust-vr auto-route-export")
    shown = bench.type("get vrouter untrust-vr route")
    assert "10.1.1.0/24           eth1         0.0.0.0   A   30" in shown
    bench.type("set interface ethernet1 nat")
    assert "10.1.1.0/24" not in bench.type("get vrouter untrust-vr route")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set vrouter trust-vr add-default-route vrouter trust-vr", "own next hop"),
        ("set vrouter trust-vr export-to vrouter untrust-vr route-map none protocol static", "route map none"),
        ("set interface ethernet1 pbr none", "pbr policy none"),
        ("set vrouter trust-vr route-lookup preference source-routing 1", "same route-lookup preference"),
        ("unset vrouter trust-vr access-list 7", "access list 7"),
    ],
)
def test_lines_that_are_refused(line: str, said: str) -> None:
    bench = box()
    before = bench.device.config
    assert said in bench.type(line)
    assert bench.device.config is before


def test_preference_of_static_routes_and_permanent_ones_b182() -> None:
    bench = box(
        DEFAULT,
        "set route 8.0.0.0/8 interface ethernet2 permanent",
        "set route 7.0.0.0/8 interface ethernet2 preference 20",
    )
    bench.type("set vrouter trust-vr preference static 44")
    shown = bench.type("get route")
    assert "S   44      1" in shown
    assert "SP   44" in shown
    assert "7.0.0.0/8           eth2         0.0.0.0   S   20" in shown
    bench.device.set_carrier("ethernet2", False)
    shown = bench.type("get route")
    assert [line[0] for line in shown.splitlines() if "/8 " in line] == ["*", " "]
