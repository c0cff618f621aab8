"""A Linux machine as the other end of the tunnel of `live_lab`: 2.2.2.2, with 10.2.2.1 behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from support.labs import dropped, events
from support.linux_box import DoesNotBootError, LinuxBox, linux_box
from support.live import Wire, answered, wire
from support.live_lab import PC, THEIRS, THERE, device_of


@dataclass(frozen=True, slots=True)
class Site:
    """The machine, and the wire to it."""

    wire: Wire
    box: LinuxBox


@contextmanager
def linux_site(folder: Path) -> Iterator[Site]:
    """Booted, with its addresses; tests that want it are skipped where User-Mode Linux cannot run."""
    with ExitStack() as opened:
        made = opened.enter_context(wire())
        try:
            box = opened.enter_context(linux_box(folder, made))
        except DoesNotBootError as error:
            pytest.skip(str(error))
        for line in (
            f"ip addr add {THEIRS}/24 dev vec0",
            f"ip addr add {THERE}/24 dev lo",
            "ip route add default via 2.2.2.250",
        ):
            box.run(line)
        yield Site(made, box)


@dataclass(slots=True)
class Ends:
    """The lab and the machine."""

    lab: Lab
    box: LinuxBox

    def ping(self, count: int = 1, size: int = 56, seconds: float = 20) -> bool:
        """Whether the machine answers the PC so many times."""
        return answered(self.lab, "tokyo-pc", THERE, count, size, seconds)

    def pinged(self, options: str = "", count: int = 1, seconds: int = 20) -> bool:
        """Whether the PC answers the machine so many times."""
        line = f"ping -n -c {count} -i 0.2 -w {seconds} -I {THERE} {options} {PC}"
        found = re.search(r"(\d+) received", self.box.run(line, self.lab, check=False))
        return found is not None and int(found[1]) >= count

    def talk(self) -> None:
        """Pings both ways."""
        assert self.ping(2), self.told()
        assert self.pinged(count=2), self.told()

    def refused(self) -> dict[str, int]:
        """What the machine's IPsec has refused since it booted, by counter."""
        rows = (row.split() for row in self.box.run("cat /proc/net/xfrm_stat").splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2}

    def dropped(self, reason: DropReason) -> int:
        """How often the device dropped a packet for this reason."""
        return dropped(device_of(self.lab), reason)

    def told(self) -> str:
        """What both ends know, for failures."""
        shown = self.box.run("ip -s xfrm state; grep -v ' 0$' /proc/net/xfrm_stat; ip -s link show vec0", check=False)
        log = self.box.run("cat /run/charon.log 2>/dev/null", check=False)
        counters = self.lab["tokyo"].cli("get counter flow interface ethernet3")
        return "\n".join([*events(self.lab, "tokyo"), counters, shown, log])
