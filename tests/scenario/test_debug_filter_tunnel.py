"""Flow filters name the packet inside a tunnel as well: what comes out of a VPN is shown with the ESP packet."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.manual_key import manual_sites


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("src-ip 10.1.1.5 dst-ip 10.2.2.5", True),
        ("dst-ip 10.2.2.5 ip-proto 17 dst-port 7", True),
        ("dst-port 8 ip-proto 17", False),
        ("src-ip 10.1.1.5 ip-proto 1", False),
        ("src-ip 1.1.1.1 ip-proto 50", True),
    ],
)
def test_a_filter_on_inner_addresses_shows_what_came_out_of_the_tunnel(
    tmp_path: Path, style: str, words: str, seen: bool
) -> None:
    lab = manual_sites(tmp_path, style)
    lab["tokyo-pc"].run("udp send 10.2.2.5 7 hello")
    lab["paris"].run(f"set ffilter {words}")
    lab["paris"].run("debug flow basic")
    lab["tokyo-pc"].run("udp send 10.2.2.5 7 hello")
    shown = lab["paris"].run("get dbuf stream")
    assert ("packet decapsulated, type=ipsec" in shown) is seen
    assert (":10.1.1.5/" in shown) is seen
