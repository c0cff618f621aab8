"""Protocols 50 and 51 with manual keys, against the IPsec stack of a real Linux kernel (B025, B030, B032, B212, B213).

tokyo-pc 10.1.1.5 -- tokyo 1.1.1.1 -- internet -- 2.2.2.2 Linux -- 10.2.2.1
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nsemu.runtime.drop import DropReason
from support.labs import Wiretap
from support.linux_box import missing_linux
from support.linux_site import Ends, Site, linux_site
from support.live import until
from support.live_lab import OURS, THEIRS, device_of, live_lab

no_linux = missing_linux()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(no_linux), reason=no_linux or "-")]

OUR_SPI, THEIR_SPI = 0x3020, 0x3030
ESP, AH = 50, 51
KEYS = {
    "des": "0123456789abcdef",
    "3des": "0123456789abcdef23456789abcdef01456789abcdef0123",
    "aes128": "000102030405060708090a0b0c0d0e0f",
    "aes192": "101112131415161718191a1b1c1d1e1f2021222324252627",
    "aes256": "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
    "md5": "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
    "sha-1": "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3",
}
IN_LINUX = {"des": "des", "3des": "des3_ede", "md5": "md5", "sha-1": "sha1"}


@dataclass(frozen=True, slots=True)
class Protection:
    """A protocol with its algorithms by their ScreenOS names; None is no such protection."""

    protocol: str = "esp"
    cipher: str | None = "aes128"
    hash: str | None = "sha-1"

    @property
    def ours(self) -> str:
        """The end of the VPN line."""
        mac = f"{self.hash} key {KEYS[self.hash]}" if self.hash else ""
        if self.protocol == "ah":
            return f"ah {mac}"
        cipher = f"{self.cipher} key {KEYS[self.cipher]}" if self.cipher else "null"
        return f"esp {cipher}" + (f" auth {mac}" if mac else "")

    @property
    def theirs(self) -> str:
        """The algorithms of `ip xfrm state`."""
        mac = f"auth {IN_LINUX[self.hash]} 0x{KEYS[self.hash]}" if self.hash else "auth digest_null ''"
        if self.protocol == "ah":
            return mac
        cipher = f"{IN_LINUX.get(self.cipher, 'aes')} 0x{KEYS[self.cipher]}" if self.cipher else "cipher_null ''"
        return f"enc {cipher} {mac}"

    def __str__(self) -> str:
        return f"{self.protocol}-{self.cipher or 'null'}-{self.hash or 'null'}"


ESPS = [
    Protection("esp", cipher, mac)
    for cipher in (None, "des", "3des", "aes128", "aes192", "aes256")
    for mac in (None, "md5", "sha-1")
    if cipher or mac
]
AHS = [Protection("ah", None, mac) for mac in ("md5", "sha-1")]
LANS = {bytes([10, 1, 1]), bytes([10, 2, 2])}
AES_128 = Protection()
BOTH = pytest.mark.parametrize("how", [AES_128, AHS[1]], ids=str)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One machine for all tests of the module that run in this process."""
    with linux_site(tmp_path_factory.mktemp("linux")) as made:
        yield made


@contextmanager
def protected(
    folder: Path, site: Site, how: Protection, theirs: Protection | None = None, more: str = "", spi: int = THEIR_SPI
) -> Iterator[Ends]:
    """Both ends configured with the same keys, or the machine with others. `more` words are for its states."""
    vpn = f"set vpn v manual {OUR_SPI:x} {spi:x} gateway {THEIRS} outgoing-interface ethernet3 {how.ours}\n"
    with live_lab(folder, site.wire.outside, vpn + "set vpn v bind interface tunnel.1\n") as lab:
        end = f"mode tunnel reqid 1 replay-window 32 {more} {(theirs or how).theirs}"
        proto = f"proto {how.protocol}"
        template = f"{proto} reqid 1 mode tunnel"
        for line in (
            "ip xfrm state flush; ip xfrm policy flush; ip neigh flush all",
            f"ip xfrm state add src {THEIRS} dst {OURS} {proto} spi {OUR_SPI} {end}",
            f"ip xfrm state add src {OURS} dst {THEIRS} {proto} spi {THEIR_SPI} {end}",
            f"ip xfrm policy add src 10.2.2.0/24 dst 10.1.1.0/24 dir out tmpl src {THEIRS} dst {OURS} {template}",
            f"ip xfrm policy add src 10.1.1.0/24 dst 10.2.2.0/24 dir in tmpl src {OURS} dst {THEIRS} {template}",
        ):
            site.box.run(line)
        yield Ends(lab, site.box)


def counted(ends: Ends, before: dict[str, int]) -> set[str]:
    """Which of the machine's IPsec counters have moved."""
    return {name for name, count in ends.refused().items() if count != before[name]}


def refuses(ends: Ends, before: dict[str, int], counter: str) -> bool:
    """Whether pings of the PC come to nothing but this counter of the machine."""
    return until(ends.lab, lambda: not ends.ping(seconds=0.5) and counted(ends, before) == {counter})


@pytest.mark.parametrize("how", [*ESPS, *AHS], ids=str)
def test_every_transform_is_the_kernels(how: Protection, site: Site, tmp_path: Path) -> None:
    """Pings both ways, small and large; neither end refuses a packet, and nothing but the protocol passes."""
    with protected(tmp_path, site, how) as ends:
        tap = Wiretap.on(ends.lab, "tokyo:ethernet3")
        before = ends.refused()
        ends.talk()
        assert ends.ping(size=1301), ends.told()
        assert ends.pinged("-s 1"), ends.told()
        assert counted(ends, before) == set()
        assert ends.dropped(DropReason.ESP_AUTHENTICATION) == ends.dropped(DropReason.ESP_MALFORMED) == 0
        # A kernel under load may add an error of its own about outer packets; nothing of the LANs is in it.
        others = [packet for packet in tap.packets() if packet[9] != (ESP if how.protocol == "esp" else AH)]
        assert len(others) < len(tap.packets())
        assert not any(packet[12:15] in LANS or packet[16:19] in LANS for packet in others), others


@BOTH
def test_fragments_before_and_after_encryption(how: Protection, site: Site, tmp_path: Path) -> None:
    """Pings larger than one packet, and such as only the tunnel's header makes too large."""
    with protected(tmp_path, site, how) as ends:
        before = ends.refused()
        for size in (1440, 1472, 4000):
            assert ends.ping(size=size), (size, ends.told())
            assert ends.pinged(f"-s {size} -M dont"), (size, ends.told())
        ends.lab.link("internet:eth1").set(mtu=1000)
        assert ends.ping(size=1400), ends.told()
        assert ends.pinged("-s 1400 -M dont"), ends.told()
        assert counted(ends, before) == set()


@BOTH
def test_the_type_of_service_is_copied_out_by_both(how: Protection, site: Site, tmp_path: Path) -> None:
    """RFC 2401 §5.1.2.1: the outer header shows it, on the way there and back; AH does not cover it."""
    with protected(tmp_path, site, how) as ends:
        tap = Wiretap.on(ends.lab, "tokyo:ethernet3")
        assert ends.pinged("-Q 0xb8"), ends.told()
        seen = {(sender, packet[1]) for packet, sender in zip(tap.packets(), tap.senders, strict=False)}
        assert {tos for _, tos in seen} == {0xB8}, seen


@BOTH
def test_sequence_numbers_count_up_at_both_ends(how: Protection, site: Site, tmp_path: Path) -> None:
    """The machine begins just below 2^32: what it sends is taken, and what the device sends begins at one."""
    with protected(tmp_path, site, how, more="replay-oseq 0xfffffff0") as ends:
        tap = Wiretap.on(ends.lab, "tokyo:ethernet3")
        assert ends.pinged(count=3), ends.told()
        (tunnel,) = device_of(ends.lab).database
        place = 24 if how.protocol == "esp" else 28
        protected_ones = [packet for packet in tap.packets() if packet[9] in {ESP, AH}]
        numbers = {(packet[12:16], int.from_bytes(packet[place : place + 4])) for packet in protected_ones}
        theirs = sorted(number for source, number in numbers if source == bytes((2, 2, 2, 2)))
        ours = sorted(number for source, number in numbers if source == bytes((1, 1, 1, 1)))
        assert theirs == list(range(0xFFFFFFF1, 0xFFFFFFF1 + len(theirs)))
        assert ours == list(range(1, 1 + len(ours)))
        assert len(ours) >= 3
        assert tunnel.outbound is not None
        assert tunnel.outbound.sequence == ours[-1]


@BOTH
def test_what_is_sent_twice_the_kernel_takes_once(how: Protection, site: Site, tmp_path: Path) -> None:
    """The replay window of the machine, met by our own packets sent again."""
    with protected(tmp_path, site, how) as ends:
        tap = Wiretap.on(ends.lab, "internet:eth2")
        assert ends.ping(2), ends.told()
        before = ends.refused()
        router = ends.lab["internet"].node.port("eth2")
        sent = [frame for frame, sender in zip(tap.frames, tap.senders, strict=True) if sender == "internet:eth2"]
        again = [frame for frame in sent if frame[12:14] == b"\x08\x00"]
        assert len(again) >= 2
        for frame in again:
            router.transmit(frame, None)
        wanted = before["XfrmInStateSeqError"] + len(again)
        assert until(ends.lab, lambda: ends.refused()["XfrmInStateSeqError"] == wanted), ends.told()
        ends.talk()


@BOTH
def test_other_keys_and_unknown_spis_are_refused_by_both(how: Protection, site: Site, tmp_path: Path) -> None:
    """No packet passes; each end counts why."""
    other = replace(how, hash="md5")
    with protected(tmp_path, site, how, theirs=other) as ends:
        before = ends.refused()
        assert refuses(ends, before, "XfrmInStateProtoError"), ends.told()
        assert not ends.pinged(seconds=3)
        assert until(ends.lab, lambda: ends.dropped(DropReason.ESP_AUTHENTICATION) > 0), ends.told()
    with protected(tmp_path, site, how, spi=THEIR_SPI + 1) as ends:
        before = ends.refused()
        assert refuses(ends, before, "XfrmInNoStates"), ends.told()
        site.box.run("ip xfrm state flush")
        line = f"ip xfrm state add src {THEIRS} dst {OURS} proto {how.protocol} spi {OUR_SPI + 1} mode tunnel reqid 1 "
        site.box.run(line + how.theirs)
        assert not ends.pinged(seconds=3)
        assert until(ends.lab, lambda: ends.dropped(DropReason.BAD_SPI) > 0), ends.told()
