"""Every way to be dropped, by a real packet: trace, counter, debug line, packet walk, documentation.

The attacks that SCREEN options stop have their own tests.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsemu.cli.settings.configuration import configuration_lines
from nsemu.cli.walk import PacketWalk
from nsemu.device.debug_drops import DROP_LINES
from nsemu.device.debug_flow import render_flow
from nsemu.device.packet_facts import stage_of_drop
from nsemu.flow.stages.order import FIRST_PACKET_STAGES
from nsemu.flow.steps import Dropped
from nsemu.runtime.drop import DropReason
from support.drop_scenes import SCENES

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "dispositions.md"
SOURCE = ROOT / "src" / "nsemu"


def drop_of(trace_steps: list[object]) -> Dropped:
    drops = [step for step in trace_steps if isinstance(step, Dropped)]
    assert len(drops) == 1, trace_steps
    return drops[0]


@pytest.mark.parametrize("reason", SCENES, ids=lambda reason: reason.name)
def test_a_real_packet_is_dropped_for_it(reason: DropReason) -> None:
    box, trace = SCENES[reason]()
    hops = [hop for hop in trace.hops if any(isinstance(step, Dropped) for step in hop.steps)]
    assert len(hops) == 1
    step = drop_of(list(hops[0].steps))
    assert step.reason is reason
    assert hops[0].node == box.device.name
    assert box.counter(reason.counter) >= 1

    debug = render_flow(hops[0], 0)
    words = re.split(r"\{\w+\}", DROP_LINES[reason])
    assert all(word in debug for word in words), debug
    assert not re.search(r"\{\w*\}", debug)

    walk = PacketWalk(trace, {box.device.name: box.device.config})
    facts = walk.to_json()
    assert walk.disposition == "dropped"
    assert facts["node"] == box.device.name
    assert facts["code"] == reason.name
    assert facts["stage"] == stage_of_drop(step).title
    assert facts["counter"] == reason.counter
    text = walk.text()
    assert text.startswith(f"DROPPED at {box.device.name}: {reason.text}")
    assert f"counter  {reason.counter}" in text
    assert max(map(len, text.splitlines())) <= 100


def test_every_reason_has_a_scene_and_a_line() -> None:
    assert set(SCENES) == {reason for reason in DropReason if not reason.name.startswith("SCREEN_")}
    assert set(DROP_LINES) == set(DropReason)


CONFIG_LINES = {
    DropReason.POLICY_DENY: 'set policy id 7 from "Trust" to "Untrust"  "Any" "Any" "TELNET" deny',
    DropReason.POLICY_REJECT: 'set policy id 7 from "Trust" to "Untrust"  "Any" "Any" "TELNET" reject',
    DropReason.AUTH_REQUIRED: 'set policy id 7 from "Trust" to "Untrust"  "Any" "Any" "ANY" permit auth user "joe"',
    DropReason.AUTH_UNAVAILABLE: 'set policy id 7 from "Trust" to "Untrust"  "Any" "Any" "ANY" permit auth server',
    DropReason.INTRAZONE_BLOCK: 'set zone "Trust" block',
    DropReason.NULL_ROUTE: "set route 10.8.0.0/16 interface null metric 10",
    DropReason.SA_INACTIVE: 'set vpn "v1" gateway "peer" replay tunnel idletime 0 sec-level standard',
    DropReason.NO_TUNNEL: 'set interface "tunnel.1" zone "Untrust"',
    DropReason.SA_POLICY_DENY: 'set policy id 2 from "Untrust" to "Trust"  "Any" "Any" "ANY" permit',
    DropReason.NO_SA_POLICY: 'set policy id 4 from "Trust" to "DMZ"  "Any" "server" "ANY" tunnel vpn "v1"',
}


@pytest.mark.parametrize("reason", CONFIG_LINES, ids=lambda reason: reason.name)
def test_the_line_that_decided_is_one_of_get_config(reason: DropReason) -> None:
    box, trace = SCENES[reason]()
    line = PacketWalk(trace, {box.device.name: box.device.config}).to_json()["config_line"]
    assert line is not None
    assert line.startswith(CONFIG_LINES[reason])
    assert line in [written.rstrip() for written in configuration_lines(box.device.config)]


def test_a_factory_default_has_no_line() -> None:
    box, trace = SCENES[DropReason.DEFAULT_DENY]()
    walk = PacketWalk(trace, {box.device.name: box.device.config})
    assert walk.to_json()["config_line"] is None
    assert "  config   no line: a factory default\n" in walk.text()


def test_every_stage_that_drops_has_a_name_in_the_walk() -> None:
    """Those of the first packet by their functions, the others as the source writes them."""
    named = {stage.__name__ for stage in FIRST_PACKET_STAGES}
    for package in ("flow", "device"):
        for file in (SOURCE / package).rglob("*.py"):
            named |= set(re.findall(r'(?:drop\([\w.]+, |Dropped\()"(\w+)"', file.read_text()))
    assert len(named) > len(FIRST_PACKET_STAGES)
    for stage in named:
        assert stage_of_drop(Dropped(stage, DropReason.NO_ROUTE)).number > 0


def test_the_document_lists_all_reasons() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|(.*)\|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [reason.name for reason in DropReason]
    for name, row in rows:
        reason = DropReason[name]
        assert f" {reason.counter} |" in row, name
        assert reason.text in row, name
        assert reason.hint in row, name
