"""Captures: what is recorded where and when, what other tools read of it, and what survives a crash."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import PcapNgReader

from nsemu.lab.capture import Capture, CaptureError
from nsemu.lab.link import Link, LinkProperties
from nsemu.lab.port import Port
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Scheduler

EPOCH = 1_083_369_600 * SECOND
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
NEEDS_CAPINFOS = pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")


def frame(number: int, size: int = 60) -> bytes:
    """A frame of an experimental type (IEEE 802, 0x88b5) that begins with its number."""
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5" + number.to_bytes(2, "big") + bytes(size - 16)


class Cables:
    """A clock and links between pairs of ports."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.entropy = Entropy(5)

    def link(self, one: str, other: str, properties: LinkProperties | None = None) -> Link:
        ends = [Port(*label.split(":")) for label in (one, other)]
        stream = self.entropy.stream(f"link {one}")
        return Link(ends[0], ends[1], self.scheduler, stream, properties or LinkProperties())


def records(path: Path) -> list[tuple[str, str, int, int]]:
    """What scapy reads: (interface, direction, nanoseconds since the epoch, number of the frame)."""
    found = []
    with PcapNgReader(str(path)) as reader:
        for packet in reader:
            nanoseconds = round(float(packet.time - EPOCH // SECOND) * 10**9)
            direction = {1: "in", 2: "out"}.get(packet.direction or 0, "?")
            found.append((packet.sniffed_on, direction, nanoseconds, int.from_bytes(bytes(packet)[14:16], "big")))
    return found


def test_a_frame_is_recorded_once_where_and_when_it_is_sent(tmp_path: Path) -> None:
    lab = Cables()
    link = lab.link("tokyo:ethernet3", "wan:eth1", LinkProperties(delay_ns=10 * MILLISECOND))
    tokyo, wan = link.ends
    with Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH) as capture:
        tokyo.transmit(frame(1), None)
        lab.scheduler.run_for(SECOND)
        wan.transmit(frame(2), None)
        lab.scheduler.run_for(SECOND)
        assert capture.frames == 2
    tokyo.transmit(frame(3), None)
    lab.scheduler.run_for(SECOND)
    assert records(capture.path) == [("tokyo:ethernet3", "out", 0, 1), ("wan:eth1", "out", SECOND, 2)]
    assert capture.interfaces == ("tokyo:ethernet3", "wan:eth1")


def test_arrivals_are_recorded_on_the_other_end_when_asked_for(tmp_path: Path) -> None:
    lab = Cables()
    link = lab.link("a:1", "b:2", LinkProperties(delay_ns=10 * MILLISECOND))
    with Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH, arrivals=True):
        link.ends[1].transmit(frame(7), None)
        lab.scheduler.run_for(SECOND)
    assert records(tmp_path / "x.pcapng") == [("b:2", "out", 0, 7), ("a:1", "in", 10 * MILLISECOND, 7)]


def test_what_the_link_loses_is_recorded_and_what_never_left_is_not(tmp_path: Path) -> None:
    lab = Cables()
    lossy = lab.link("a:1", "b:1", LinkProperties(loss=1.0))
    broken = lab.link("c:1", "d:1", LinkProperties(down=True))
    with Capture(tmp_path / "x.pcapng", [lossy, broken], epoch_ns=EPOCH):
        lossy.ends[0].transmit(frame(1), None)
        broken.ends[0].transmit(frame(2), None)
        lab.scheduler.run_for(SECOND)
    assert [record[3] for record in records(tmp_path / "x.pcapng")] == [1]


def test_interfaces_are_numbered_in_the_order_of_the_links(tmp_path: Path) -> None:
    lab = Cables()
    links = [lab.link("c:1", "d:1"), lab.link("a:1", "b:1")]
    capture = Capture(tmp_path / "x.pcapng", [*links, links[0]], epoch_ns=EPOCH)
    assert capture.interfaces == ("c:1", "d:1", "a:1", "b:1")
    capture.start()
    for number, port in enumerate([links[1].ends[1], links[0].ends[0], links[1].ends[0]]):
        port.transmit(frame(number), None)
    summary = capture.stop()
    assert (summary.frames, summary.interfaces, summary.keys) == (3, capture.interfaces, None)
    assert [(name, number) for name, _, _, number in records(capture.path)] == [("b:1", 0), ("c:1", 1), ("a:1", 2)]
    assert not (tmp_path / "x.keys").exists()


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    def run(name: str) -> bytes:
        lab = Cables()
        link = lab.link("a:1", "b:1", LinkProperties(delay_ns=5, jitter_ns=3, loss=0.3))
        with Capture(tmp_path / name, [link], epoch_ns=EPOCH, arrivals=True):
            for number in range(50):
                link.ends[number % 2].transmit(frame(number, 60 + number), None)
                lab.scheduler.run_for(MILLISECOND)
        return (tmp_path / name).read_bytes()

    assert run("one.pcapng") == run("two.pcapng")


def test_a_capture_may_run_twice_and_begins_anew(tmp_path: Path) -> None:
    lab = Cables()
    link = lab.link("a:1", "b:1")
    capture = Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH)
    for number in (1, 2):
        capture.start()
        link.ends[0].transmit(frame(number), None)
        assert capture.stop().frames == 1
    assert [record[3] for record in records(capture.path)] == [2]
    assert link.taps == ()


def test_two_captures_of_one_link_do_not_disturb_each_other(tmp_path: Path) -> None:
    link = Cables().link("a:1", "b:1")
    first, second = (Capture(tmp_path / f"{n}.pcapng", [link], epoch_ns=EPOCH) for n in (1, 2))
    first.start()
    link.ends[0].transmit(frame(1), None)
    second.start()
    link.ends[0].transmit(frame(2), None)
    first.stop()
    link.ends[0].transmit(frame(3), None)
    second.stop()
    assert [record[3] for record in records(first.path)] == [1, 2]
    assert [record[3] for record in records(second.path)] == [2, 3]


def test_a_crash_leaves_whole_blocks(tmp_path: Path) -> None:
    """The file is looked at while the capture runs, without a flush: nothing is cut in the middle."""
    link = Cables().link("a:1", "b:1")
    capture = Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH)
    capture.start()
    assert records(capture.path) == []
    for number in range(600):
        link.ends[0].transmit(frame(number, 1000), None)
    seen = records(capture.path)
    assert 0 < len(seen) < 600
    assert [record[3] for record in seen] == list(range(len(seen)))
    capture.flush()
    assert len(records(capture.path)) == 600
    capture.stop()


def test_misuse_and_bad_paths_are_typed_errors(tmp_path: Path) -> None:
    link = Cables().link("a:1", "b:1")
    with pytest.raises(CaptureError, match=r"cannot write the capture .*nowhere.x\.pcapng: No such file or directory"):
        Capture(tmp_path / "nowhere" / "x.pcapng", [link], epoch_ns=EPOCH).start()
    capture = Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH)
    with pytest.raises(CaptureError, match="is not running"):
        capture.stop()
    capture.start()
    with pytest.raises(CaptureError, match="is running already"):
        capture.start()
    assert capture.running
    capture.stop()
    assert not capture.running


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_the_recording_but_not_the_lab(tmp_path: Path) -> None:
    link = Cables().link("a:1", "b:1")
    with pytest.raises(CaptureError, match="No space left on device"):
        Capture(Path("/dev/full"), [link], epoch_ns=EPOCH).start()
    capture = Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH)
    capture.start()
    link.ends[0].transmit(frame(1), None)
    capture.flush()
    with Path("/dev/full").open("wb", buffering=0) as full:
        capture._file, file = full, capture._file
        link.ends[0].transmit(frame(2), None)
        capture.flush()
        assert not capture.running
        assert link.taps == ()
        link.ends[0].transmit(frame(3), None)
        with pytest.raises(CaptureError, match="No space left on device"):
            capture.stop()
    assert file is not None
    file.close()
    assert [record[3] for record in records(capture.path)] == [1]


@settings(deadline=None, max_examples=25)
@given(frames=st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=12))
def test_any_frame_comes_back(tmp_path_factory: pytest.TempPathFactory, frames: list[tuple[bool, bytes]]) -> None:
    path = tmp_path_factory.mktemp("any") / "x.pcapng"
    link = Cables().link("a:1", "b:1")
    with Capture(path, [link], epoch_ns=EPOCH):
        for first, octets in frames:
            link.ends[0 if first else 1].transmit(frame(0) + octets, None)
    with PcapNgReader(str(path)) as reader:
        assert [bytes(packet) for packet in reader] == [frame(0) + octets for _, octets in frames]


@NEEDS_TSHARK
def test_tshark_reads_interfaces_directions_and_times(tmp_path: Path) -> None:
    lab = Cables()
    links = [lab.link("tokyo:ethernet3", "wan:eth1"), lab.link("paris:ethernet1", "paris-pc:eth0")]
    with Capture(tmp_path / "x.pcapng", links, epoch_ns=EPOCH):
        for number, port in enumerate([*links[1].ends, *links[0].ends]):
            port.transmit(frame(number), None)
            lab.scheduler.run_for(1_234_567)
    fields = ["frame.interface_name", "frame.interface_id", "frame.packet_flags_direction", "frame.time_epoch"]
    command = ["tshark", "-r", str(tmp_path / "x.pcapng"), "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        ["paris:ethernet1", "2"],
        ["paris-pc:eth0", "3"],
        ["tokyo:ethernet3", "0"],
        ["wan:eth1", "1"],
    ]
    assert {int(row[2], 0) for row in rows} == {2}
    assert [row[3] for row in rows] == [f"{EPOCH // SECOND}.{number * 1_234_567:09}" for number in range(4)]


@NEEDS_CAPINFOS
def test_capinfos_finds_the_file_sound(tmp_path: Path) -> None:
    lab = Cables()
    link = lab.link("a:1", "b:1")
    with Capture(tmp_path / "x.pcapng", [link], epoch_ns=EPOCH):
        for number in range(5):
            link.ends[0].transmit(frame(number), None)
            lab.scheduler.run_for(1)
    done = subprocess.run(
        ["capinfos", "-M", "-t", "-c", "-o", "-I", str(tmp_path / "x.pcapng")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert "pcapng" in done.stdout
    assert "Number of packets:   5" in done.stdout
    assert "Strict time order:   True" in done.stdout
    assert "Number of interfaces in file: 2" in done.stdout
    assert "cut short" not in done.stderr + done.stdout
