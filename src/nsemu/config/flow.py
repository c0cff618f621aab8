"""Switches of the packet flow (`set flow …`; ScreenOS CLI Reference, "flow")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DEFAULT_VPN_MSS = 1350
DEFAULT_GRE_MSS = 1320


class ReverseRoute(Enum):
    """How the way back of a new session is found; the value is the word of `set flow reverse-route`.

    NONE (`unset flow reverse-route …`): replies go where the first packet came from, no route is looked up.
    PREFER: by the route, if it leads back there, else as NONE. ALWAYS: by the route, or the packet is dropped.
    """

    NONE = "none"
    PREFER = "prefer"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class AggressiveAging:
    """`set flow aging …`: marks in percent of the session capacity, `early_ageout` in ticks of ten seconds."""

    early_ageout: int = 2
    high_watermark: int = 100
    low_watermark: int = 100


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """`set flow …`. Each MSS is 0 for none, as is `max_fragment`; `initial_timeout` in seconds.

    `tcp_mss` is for what goes into tunnels, `vpn_tcp_mss` for what goes into and comes out of them, `all_tcp_mss` for
    everything, `gre_in_mss` for TCP within GRE out of a tunnel, `gre_out_mss` into one. `syn_cookie` lets the TCP proxy
    answer without remembering (`set flow syn-proxy syn-cookie`).
    """

    tcp_syn_check: bool = True
    tcp_syn_bit_check: bool = False
    tcp_syn_check_in_tunnel: bool = True
    tcp_seq_check: bool = True
    tcp_rst_sequence: bool = False
    tcp_rst_invalid_session: bool = False
    tcp_mss: int = DEFAULT_VPN_MSS
    vpn_tcp_mss: int = 0
    all_tcp_mss: int = 0
    gre_in_mss: int = 0
    gre_out_mss: int = 0
    syn_cookie: bool = False
    initial_timeout: int = 20
    aging: AggressiveAging = AggressiveAging()
    reverse_clear: ReverseRoute = ReverseRoute.PREFER
    reverse_tunnel: ReverseRoute = ReverseRoute.ALWAYS
    path_mtu: bool = False
    allow_dns_reply: bool = False
    icmp_error_once: bool = False
    icmp_error_closes: bool = False
    reassemble: bool = False
    max_fragment: int = 0
    hub_n_spoke_mip: bool = True
    mac_cache: bool = False
    mac_flooding: bool = True
