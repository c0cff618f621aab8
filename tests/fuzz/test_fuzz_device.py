"""Whatever octets come in on an interface, a device counts and drops; nothing escapes, and it goes on working."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsemu import Lab
from nsemu.lab.link import Seen
from nsemu.lab.port import Port
from nsemu.runtime.trace import PacketTrace

LAB = Path(__file__).parent.parent.parent / "topologies" / "tokyo_paris_route_based.yaml"
FUZZ = settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Stage:
    """A lab with a tunnel and NAT sessions in use, and the frames that made them."""

    def __init__(self) -> None:
        self.lab = Lab.load(LAB)
        self.frames: list[tuple[str, str, bytes]] = []
        for link in self.lab.network.links:
            link.add_tap(self._keep)
        self.lab["tokyo"].cli("set policy from trust to untrust any any any permit")
        self.lab["tokyo-pc"].ping("10.2.2.5", count=3)
        self.lab["tokyo-pc"].run("http get 10.2.2.5")
        self.lab["tokyo-pc"].run("http get 5.5.5.5")
        self.lab["tokyo-pc"].run("traceroute 5.5.5.5")
        self.lab["tokyo-pc"].ping("10.2.2.5", count=1, size=3000)
        for link in self.lab.network.links:
            link.remove_tap(self._keep)

    def _keep(self, port: Port, frame: bytes, _now: int, seen: Seen) -> None:
        if seen is Seen.RECEIVED and port.node in {"tokyo", "paris"}:
            self.frames.append((port.node, port.interface, frame))

    def put(self, node: str, interface: str, frame: bytes, traced: bool = False) -> None:
        self.lab[node].device.receive(interface, frame, PacketTrace() if traced else None)
        self.lab.run_for(0.001)

    def works(self) -> bool:
        return self.lab["tokyo-pc"].ping("10.2.2.5", count=3, interval=0.2).received > 0


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@FUZZ
@given(data=st.data())
def test_frames_with_octets_changed(stage: Stage, data: st.DataObject) -> None:
    node, interface, frame = data.draw(st.sampled_from(stage.frames))
    changed = bytearray(frame)
    for position in data.draw(st.lists(st.integers(0, len(frame) - 1), min_size=1, max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))
    stage.put(node, interface, bytes(changed), traced=data.draw(st.booleans()))


@FUZZ
@given(data=st.data(), octets=st.binary(max_size=200))
def test_random_octets_behind_a_right_header(stage: Stage, data: st.DataObject, octets: bytes) -> None:
    node, interface, frame = data.draw(st.sampled_from(stage.frames))
    keep = data.draw(st.sampled_from([12, 14, 34, 42]))
    stage.put(node, interface, frame[:keep] + octets)


def test_frames_cut_at_every_octet(stage: Stage) -> None:
    kinds = {(node, interface, frame[12:14], frame[23:24]): frame for node, interface, frame in stage.frames}
    for (node, interface, _, _), frame in kinds.items():
        for size in range(len(frame)):
            stage.put(node, interface, frame[:size], traced=size % 7 == 0)


def test_it_still_works_afterwards(stage: Stage) -> None:
    """Forged and damaged packets have taken no tunnel down for good: a forged ARP entry lasts until it has aged."""
    stage.lab.run_for(25 * 60)
    assert stage.works()
    assert stage.works()
