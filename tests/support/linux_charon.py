"""strongSwan's charon on the machine of `linux_site`, with that kernel's IPsec: protocols 50 and 51, and true NAT-T."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nsemu import Lab
from support.linux_box import LinuxBox
from support.linux_site import Ends
from support.live import CHARON, until

_CONF = """
charon {{
  load = random nonce openssl gcrypt hmac md5 sha1 sha2 kernel-netlink socket-default vici updown
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  retransmit_timeout = 1.0
  {options}
  plugins {{ vici {{ socket = unix:///run/vici }} }}
  filelog {{ log {{ path = /run/charon.log
    default = 1
    flush_line = yes }} }}
}}
"""


@dataclass(slots=True)
class LinuxCharon:
    """The running charon."""

    box: LinuxBox
    configuration: str

    def log(self) -> str:
        """All that it has logged since the test began."""
        return self.box.run("cat /run/charon.log", check=False)

    def swanctl(self, lab: Lab, *words: str) -> str:
        """Run a swanctl command while the lab goes on."""
        return self.box.run(f"swanctl {' '.join(words)} --uri unix:///run/vici", lab, check=False)

    def load(self, lab: Lab, text: str) -> None:
        """Take a configuration."""
        output = self.swanctl(lab, f"--load-all --file {self.box.share(text)}")
        assert "successfully loaded" in output, output

    def pinged(self, lab: Lab, count: int) -> bool:
        """Whether the PC answers so many times."""
        return Ends(lab, self.box).pinged(count=count)

    def start(self, lab: Lab) -> None:
        """Run it; after `kill` it knows nothing of before, and its log goes on."""
        self.box.run("rm -f /run/vici /run/charon.pid; ip xfrm state flush; ip xfrm policy flush")
        self.box.run(f"STRONGSWAN_CONF={self.configuration} {CHARON} >/dev/null 2>&1 & charon=$!")
        assert until(lab, lambda: "vici" in self.box.run("ls /run")), self.log()

    def kill(self) -> None:
        """Die without a word. What the kernel has of it goes too: a machine that stopped."""
        self.box.run("kill -9 $charon; wait $charon; true")
        self.box.run("ip xfrm state flush; ip xfrm policy flush")


@contextmanager
def linux_charon(box: LinuxBox, lab: Lab, options: str = "") -> Iterator[LinuxCharon]:
    """charon, until the block ends. `options` are more lines for strongswan.conf."""
    box.run("rm -f /run/charon.log; ip neigh flush all")
    running = LinuxCharon(box, box.share(_CONF.format(options=options)))
    running.start(lab)
    try:
        yield running
    finally:
        running.kill()
