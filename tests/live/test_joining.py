"""A link that ends at an interface of the machine: TAP, veth, what is refused, in real time, taken away at the end."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nsemu import Lab, LabError
from support.live import finish, missing, missing_charon, namespace, wire
from support.live_lab import live_lab

absent = missing("ping")
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(absent), reason=absent or "-")]

PATIENCE = 60
ONE = """
name: joined
topology:
  nodes:
    gate:
      kind: screenos
      config: |
        set interface ethernet1 zone trust
        set interface ethernet1 ip 10.77.1.1/24
        set interface ethernet1 manage
  links:
    - endpoints: ["gate:ethernet1", "host:{interface}"]
"""


def written(folder: Path, interface: str) -> Path:
    path = folder / "joined.yaml"
    path.write_text(ONE.format(interface=interface))
    return path


def tap_name(letter: str) -> str:
    """A name that no other run uses."""
    return f"ns{letter}{os.getpid()}"


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def address(interface: str) -> None:
    subprocess.run(["ip", "addr", "add", "10.77.1.5/24", "dev", interface], check=True)


def told(process: subprocess.Popen[str], text: str) -> str:
    """What a process prints until the text is there."""
    assert process.stdout is not None
    output, deadline = "", time.monotonic() + PATIENCE
    while text not in output:
        assert time.monotonic() < deadline, output
        if select.select([process.stdout], [], [], 1)[0]:
            heard = os.read(process.stdout.fileno(), 65536).decode()
            assert heard, output
            output += heard
    return output


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code, soon."""
    process.communicate(timeout=PATIENCE)
    return process.returncode


@contextmanager
def serving(path: Path, state: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "nsemu", "serve", str(path), "--base-port", "0", "--state", str(state)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told(process, "ctrl-C ends it.")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_the_machine_at_once_and_takes_its_tap_away(number: signal.Signals, tmp_path: Path) -> None:
    """The TAP interface is up without a hand; pings take milliseconds; ctrl-C ends it and leaves nothing."""
    name = tap_name("s")
    with serving(written(tmp_path, name), tmp_path / "state") as process:
        address(name)
        shown = subprocess.run(
            ["ping", "-n", "-c", "20", "-i", "0.05", "-w", "20", "10.77.1.1"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        ).stdout  # fmt: skip
        times = sorted(float(text) for text in re.findall(r"time=([\d.]+) ms", shown))
        assert len(times) == 20, shown
        assert times[10] < 50, shown
        process.send_signal(number)
        assert ended(process) == 0
    assert name not in interfaces()


def test_run_carries_out_its_lines_in_real_time(tmp_path: Path) -> None:
    """`advance 2` takes two seconds of the machine, and the TAP interface is gone afterwards."""
    name = tap_name("r")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "nsemu", "run", str(written(tmp_path, name)), "-c", "advance 2", "-c", "inspect gate"],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began >= 2
    assert f"host:{name}" in done.stdout
    assert name not in interfaces()


def test_another_rate_is_refused(tmp_path: Path) -> None:
    """Virtual time is the machine's: nothing else can be had, and it is said."""
    path = written(tmp_path, tap_name("x"))
    for command in ("run", "serve"):
        words = [sys.executable, "-m", "nsemu", command, str(path), "--rate", "60"]
        done = subprocess.run(words, input="", capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "nsemu: a lab that is joined to the machine's networks runs in real time, at rate 1\n"
    assert tap_name("x") not in interfaces()
    words = [sys.executable, "-m", "nsemu", "run", str(path), "-c", "rate 10", "-c", "pause", "-c", "rate"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.count("runs in real time, at rate 1") == 2
    assert done.stdout.startswith("rate 1, ")


def test_a_tap_that_another_lab_has_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, tap_name("b"))
    first = Lab.load(path)
    try:
        with pytest.raises(LabError, match=r"busy \(another program, perhaps another lab, has it open\)"):
            Lab.load(path)
    finally:
        first.close()


def test_what_is_no_ethernet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="host:lo: this interface is no Ethernet"):
        Lab.load(written(tmp_path, "lo"))


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
@pytest.mark.parametrize("interface", ["tap", "veth"])
def test_without_the_right_it_says_what_is_needed(interface: str, tmp_path: Path) -> None:
    """A process without capabilities: one line, exit code 2."""
    with wire() as joint:
        name = tap_name("n") if interface == "tap" else joint.outside
        words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-m", "nsemu", "run"]
        words += [str(written(tmp_path, name)), "-c", "nodes"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    what = "TAP interface" if interface == "tap" else "interface"
    advice = "(it needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW)"
    assert done.stderr == f"nsemu: host:{name}: the {what} cannot be opened: Operation not permitted {advice}\n"
    assert (done.returncode, done.stdout) == (2, "")


SENDER = """
import socket, sys
opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
opened.bind(("2.2.2.2", 5000))
opened.settimeout(10)
opened.sendto(b"what the card should have summed", ("10.1.1.5", 7))
print(opened.recv(100).decode())
"""
OPEN = """
set policy top from untrust to trust any any any permit
set interface ethernet1 route
"""


def test_a_checksum_left_to_the_card_is_made_good(tmp_path: Path) -> None:
    """UDP from a namespace over a veth pair with checksum offload on: the lab's echo service answers."""
    topology = """
name: live
topology:
  nodes:
    tokyo: {{kind: screenos, startup-config: tokyo.cfg}}
    tokyo-pc: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [echo]}}
    internet: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}},
               routes: [{{to: 10.1.1.0/24, via: 1.1.1.1}}]}}
  links:
    - endpoints: ["tokyo-pc:eth0", "tokyo:ethernet1"]
    - endpoints: ["tokyo:ethernet3", "internet:eth1"]
    - endpoints: ["internet:eth2", "host:{interface}"]
"""
    with (
        namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250", offload=True) as space,
        live_lab(tmp_path, space.outside, OPEN, topology) as lab,
    ):
        assert "what the card should have summed" in finish(lab, space.start(sys.executable, "-c", SENDER))


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_a_capture_of_the_joined_link_is_readable(tmp_path: Path) -> None:
    """Both directions, as tshark sees them, with no wrong checksum."""
    with wire() as joint:
        path = written(tmp_path, joint.outside)
        subprocess.run(["ip", "-n", joint.name, "addr", "add", "10.77.1.5/24", "dev", joint.inside], check=True)
        lab = Lab.load(path)
        try:
            with lab.capture(tmp_path / "joined.pcapng"):
                words = ("ping", "-n", "-c", "3", "-i", "0.2", "-w", "20", "10.77.1.1")
                assert "3 received" in finish(lab, joint.start(*words))
        finally:
            lab.close()
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / "joined.pcapng"), "-o", "ip.check_checksum:TRUE", "-T", "fields",
         "-e", "icmp.type", "-e", "ip.checksum.status", "-e", "icmp.checksum.status", "-Y", "icmp"],
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    ).stdout  # fmt: skip
    rows = [row.split("\t") for row in shown.splitlines()]
    assert sorted(row[0] for row in rows) == ["0"] * 3 + ["8"] * 3
    assert {tuple(row[1:]) for row in rows} == {("1", "1")}


ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "real-world.md"
no_charon = missing_charon()


@pytest.mark.skipif(bool(no_charon), reason=no_charon or "-")
def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    """Every command of docs/real-world.md, as it stands there; the lab itself runs without a terminal."""
    lab, *steps, tidy = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    topology = ROOT / lab.split()[-1]
    output = ""
    with serving(topology, tmp_path / "state") as process:
        try:
            for step in steps:
                done = subprocess.run(
                    ["bash", "-ec", step], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
                )
                output += done.stdout + done.stderr
                assert done.returncode == 0, output
        finally:
            subprocess.run(["bash", "-c", tidy], cwd=ROOT, capture_output=True, timeout=PATIENCE, check=False)
        assert "initiate completed successfully" in output
        assert re.search(r"5 packets transmitted, [45] received", output), output
        process.send_signal(signal.SIGINT)
        assert ended(process) == 0
    assert "strongswan" not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert "nsemu0" not in interfaces()
