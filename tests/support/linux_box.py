"""A Linux machine with a kernel and an IPsec stack of its own: User-Mode Linux on a veth pair.

The kernel underneath need not know IPsec, and this one's protocols 50 and 51 are the real ones. Its root is the root of
the machine it runs on, read-only. Needs root, and the packages user-mode-linux, kmod and iputils-ping.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from nsemu import Lab
from support.live import Wire, missing

_LINUX = "/usr/bin/linux.uml"
_MODULES = Path("/usr/lib/uml/modules")
_START = Path(__file__).with_name("uml_start.py")
_BOOT_SECONDS = 60.0
_names = count()
_DONE = re.compile(rb"nsemu-done (\d+) (\d+)\n")

# What uml_start.py says of AVX: glibc and OpenSSL choose their code by these.
_NO_AVX = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX_Usable,-AVX2_Usable,-AVX512F_Usable,-XSAVEC",
    "OPENSSL_ia32cap": "~0x1000100000000000:0",
}
_KERNEL_MODULES = "esp4 ah4 xfrm_user af_key authenc hmac cbc des_generic echainiv seqiv sha512_generic drbg"
_INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
stty raw -echo
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
modprobe -d {folder} -a {modules}
ip link set lo up
ip link set vec0 up
n=0
while echo "nsemu-done $n $?"; IFS= read -r line; do
    n=$((n + 1))
    eval "$line" 2>&1
done
"""


def missing_linux() -> str:
    """Why no such machine can run here; empty when it can."""
    reason = missing(_LINUX, "modprobe", "ping", "stty")
    return reason or ("" if os.uname().machine == "x86_64" else "User-Mode Linux needs x86-64")


class DoesNotBootError(RuntimeError):
    """User-Mode Linux cannot run on this machine; the message holds what it said."""


@dataclass(slots=True)
class LinuxBox:
    """The running machine, with a shell."""

    process: subprocess.Popen[bytes]
    folder: Path
    _read: bytes = b""
    _asked: int = 0
    _answers: dict[int, tuple[int, str]] = field(default_factory=dict)

    def run(self, line: str, lab: Lab | None = None, *, check: bool = True, seconds: float = 30) -> str:
        """What a line of shell prints; the lab goes on meanwhile. Raises AssertionError when it fails or hangs."""
        number = self.begin(line)
        status, output = self.end(number, lab, seconds)
        assert status == 0 or not check, f"{line!r} ended with {status}: {output}"
        return output

    def begin(self, line: str) -> int:
        """Type a line; `end` awaits the number that this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        self._asked += 1
        return self._asked

    def end(self, number: int, lab: Lab | None = None, seconds: float = 30) -> tuple[int, str]:
        """Exit status and output of a line."""
        deadline = time.monotonic() + seconds
        while number not in self._answers:
            assert time.monotonic() < deadline, f"no answer: {self._read!r}"
            if lab is not None:
                lab.run_for(0.02)
            self._listen(0 if lab is not None else 0.1)
        return self._answers.pop(number)

    def share(self, text: str) -> str:
        """Put a text into a file that the machine sees; its path. No name comes twice, so nothing old is cached."""
        path = self.folder / f"shared-{next(_names)}"
        path.write_text(text)
        seen = self.run(f"cat {path}")
        assert seen == text, seen
        return str(path)

    def _listen(self, patience: float) -> None:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            return
        heard = os.read(self.process.stdout.fileno(), 65536)
        assert heard, f"the machine has stopped: {self._read!r}"
        self._read += heard
        while found := _DONE.search(self._read):
            output = self._read[: found.start()].decode(errors="replace")
            self._answers[int(found[1])] = (int(found[2]), output)
            self._read = self._read[found.end() :]


@contextmanager
def linux_box(folder: Path, wire: Wire) -> Iterator[LinuxBox]:
    """Boot it: a second or two. Its interface is vec0, without addresses. Raises DoesNotBootError."""
    (folder / "lib").mkdir()
    (folder / "lib" / "modules").symlink_to(_MODULES)
    init = folder / "init"
    init.write_text(_INIT.format(folder=folder, modules=_KERNEL_MODULES))
    init.chmod(0o755)
    words = [
        "mem=160M",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"init={init}",
        "con=null",
        "con0=fd:0,fd:1",
        "quiet",
        f"uml_dir={folder}",
        f"vec0:transport=raw,ifname={wire.inside},depth=64,gro=0,vec=0",
        *(f"{name}={value}" for name, value in _NO_AVX.items()),
    ]
    process = subprocess.Popen(
        ["ip", "netns", "exec", wire.name, sys.executable, str(_START), _LINUX, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        box = LinuxBox(process, folder)
        try:
            box.end(0, seconds=_BOOT_SECONDS)
        except AssertionError as error:
            raise DoesNotBootError(f"User-Mode Linux does not boot here: {error}") from None
        yield box
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
