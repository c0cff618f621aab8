"""strongSwan's charon in a network namespace, joined to a lab by a veth pair. Needs root and Linux.

The kernel need not know IPsec: charon does ESP itself (kernel-libipsec), in UDP 4500 only, and claims to be behind NAT.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nsemu import Lab
from nsemu.lab.host.host import Host
from nsemu.lab.ping import Pinger, PingOptions
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import parse_ipv4

CHARON = Path("/usr/lib/ipsec/charon")
_PLUGIN = Path("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")
_PING = Path(__file__).with_name("raw_ping.py")
_SIOCETHTOOL, _SET_TX_CHECKSUM = 0x8946, 0x17
_numbers = count()

_PLUGINS = (
    "random nonce aes des sha1 sha2 md5 hmac gmp openssl kernel-libipsec kernel-netlink socket-default vici updown "
    "xauth-generic"
)
STRONGSWAN_CONF = """
charon {{
  load = {plugins}
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  retransmit_timeout = 1.0
  plugins {{ vici {{ socket = unix://{folder}/vici }} }}
  filelog {{ log {{ path = {folder}/charon.log
    default = 1
    flush_line = yes }} }}
}}
"""


def missing(*programs: str) -> str:
    """Why tests that need a namespace and these programs cannot run here; empty when they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    for program in ("ip", *programs):
        if shutil.which(program) is None and not Path(program).exists():
            return f"{program} is not installed"
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun"
    probe = f"nsemu-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "network namespaces cannot be made"
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    return ""


def missing_charon() -> str:
    """The same for charon and its plugins."""
    return missing(str(CHARON), "swanctl", "unshare") or (
        "" if _PLUGIN.exists() else f"{_PLUGIN.name} is not installed"
    )


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout


def _no_checksum_offload(interface: str) -> None:
    """Have the kernel finish its UDP checksums: the other end is no kernel."""
    value = ctypes.create_string_buffer(struct.pack("II", _SET_TX_CHECKSUM, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
        fcntl.ioctl(opened, _SIOCETHTOOL, request + bytes(40 - len(request)))


@dataclass(frozen=True, slots=True)
class Wire:
    """A network namespace with one end of a veth pair; `outside` is the other end, for the lab."""

    name: str
    outside: str
    inside: str

    def start(self, *words: str, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """A program inside."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *words], stdout=output, stderr=subprocess.STDOUT, text=True
        )


@contextmanager
def wire(*, offload: bool = False) -> Iterator[Wire]:
    """Both ends are up, and without addresses. With `offload` a checksum is left to a card that is not there."""
    mark = f"{os.getpid()}{next(_numbers)}"
    made = Wire(f"nsemu-{mark}", f"nh{mark}"[:15], f"ni{mark}"[:15])
    _run("ip", "netns", "add", made.name)
    try:
        _run("ip", "link", "add", made.outside, "type", "veth", "peer", "name", made.inside)
        # Both ends are here still: an interface can only be told inside its own namespace.
        for interface in () if offload else (made.outside, made.inside):
            _no_checksum_offload(interface)
        _run("ip", "link", "set", made.inside, "netns", made.name)
        _run("ip", "link", "set", made.outside, "up")
        _run("ip", "-n", made.name, "link", "set", made.inside, "up")
        yield made
    finally:
        subprocess.run(["ip", "link", "del", made.outside], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", made.name], capture_output=True, check=False)


@contextmanager
def namespace(address: str, network: str, router: str, *, offload: bool = False) -> Iterator[Wire]:
    """A wire with `address` inside, `network` on the loopback interface there, and a default route."""
    with wire(offload=offload) as space:
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", address, "dev", space.inside),
            ("addr", "add", network, "dev", "lo"),
            ("route", "add", "default", "via", router),
        ):
            _run("ip", "-n", space.name, *words)
        yield space


def until(lab: Lab, condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Let the lab run in real time until something is so; whether it came to be."""
    end = lab.scheduler.now + round(seconds * SECOND)
    while not condition():
        if lab.scheduler.now >= end:
            return False
        lab.run_for(0.05)
    return True


def answered(lab: Lab, node: str, destination: str, count: int = 1, size: int = 56, seconds: float = 20) -> bool:
    """Whether a host of the lab gets so many answers to its pings, five a second, before the time is up."""
    host = lab[node].node
    assert isinstance(host, Host)
    interval = SECOND // 5
    pinger = Pinger(host.stack, PingOptions(parse_ipv4(destination), round(seconds * 5), interval, size))
    pinger.start()
    try:
        return until(lab, lambda: pinger.result.received >= count, seconds)
    finally:
        pinger.stop()


def finish(lab: Lab, process: subprocess.Popen[str], seconds: float = 20) -> str:
    """Run the lab until a program has ended; what it printed."""
    ended = until(lab, lambda: process.poll() is not None, seconds)
    if not ended:
        process.kill()
    output, _ = process.communicate(timeout=5)
    return output


@dataclass(slots=True)
class Charon:
    """A running charon."""

    folder: Path
    space: Wire
    process: subprocess.Popen[str]

    def log(self) -> str:
        """All that it has logged."""
        path = self.folder / "charon.log"
        return path.read_text() if path.exists() else ""

    def swanctl(self, lab: Lab, *words: str) -> str:
        """Run a swanctl command while the lab goes on."""
        command = ["swanctl", *words, "--uri", f"unix://{self.folder}/vici"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return finish(lab, process)

    def load(self, lab: Lab, text: str) -> None:
        """Take a configuration."""
        path = self.folder / "swanctl.conf"
        path.write_text(text)
        output = self.swanctl(lab, "--load-all", "--file", str(path))
        assert "successfully loaded" in output, output

    def pinged(self, lab: Lab, count: int) -> bool:
        """Whether the PC answers pings from 10.2.2.1 so many times, of twice as many."""
        words = ("10.2.2.1", "10.1.1.5", str(2 * count))
        output = finish(lab, self.space.start(sys.executable, str(_PING), *words))
        return int(output.split()[-1]) >= count

    def kill(self) -> None:
        """Die without a word."""
        self.process.kill()
        self.process.wait(timeout=5)


@contextmanager
def charon(folder: Path, space: Wire, lab: Lab) -> Iterator[Charon]:
    """charon with files of its own, until the block ends."""
    (folder / "strongswan.conf").write_text(STRONGSWAN_CONF.format(folder=folder, plugins=_PLUGINS))
    # Its PID file is in a fixed place under /run, so that gets a file system of its own.
    inside = f"mount -t tmpfs none /run && exec env STRONGSWAN_CONF={folder}/strongswan.conf {CHARON}"
    running = Charon(folder, space, space.start("unshare", "-m", "sh", "-c", inside, output=subprocess.DEVNULL))
    try:
        assert until(lab, (folder / "vici").exists), running.log()
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(timeout=3)
        if running.process.poll() is None:
            running.kill()
