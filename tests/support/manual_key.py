"""Two sites with manual keys, made from the labs of two sites with IKE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nsemu import Lab
from support.labs import PARIS, TOKYO, Change, Site, quoted, two_sites

ESP_3DES = "esp 3des password asdlk24234 auth sha-1 password PNas134a"


def manual(sites: tuple[Site, Site], transforms: Mapping[str, str], spis: tuple[str, str]) -> Change:
    """No gateway, no proxy ID; the VPN line names SPIs, own first, and what protects the packets."""
    one, other = sites
    peers = {one.device: other, other.device: one}
    own = {one.device: spis, other.device: spis[::-1]}

    def change(name: str, lines: list[str]) -> list[str]:
        peer = peers[name]
        site = one if peer is other else other
        kept = [line for line in lines if " proxy-id " not in line and "set ike gateway" not in line]
        vpn = f"set vpn {quoted(site.vpn)} gateway"
        local, remote = own[name]
        text = f"set vpn {quoted(site.vpn)} manual {local} {remote} gateway {peer.outer} "
        text += f"outgoing-interface {site.outside} {transforms[name]}"
        return [text if line.startswith(vpn) else line for line in kept]

    return change


def manual_sites(
    folder: Path,
    style: str = "route",
    transform: str | Mapping[str, str] = ESP_3DES,
    spis: tuple[str, str] = ("3020", "3030"),
    sites: tuple[Site, Site] = (TOKYO, PARIS),
) -> Lab:
    """The lab, running. `transform` may differ by device."""
    left, right = (replace(site, style=style) for site in sites)
    if isinstance(transform, str):
        transform = {left.device: transform, right.device: transform}
    return two_sites(folder, left, right, change=manual((left, right), transform, spis))
