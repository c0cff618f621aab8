"""`get flow` (a capture of an SSG550 up to the fragment line, the rest recalled; docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.show.layout import lines
from nsemu.config.flow import FlowSettings, ReverseRoute


def _flow(context: Context, _arguments: Arguments) -> str:
    flow = context.device.config.flow
    capacity = context.device.config.platform.capacity.sessions
    return lines(*_segment_sizes(flow), *_checks(flow), *_times(flow, capacity), *_ways(flow))


def _segment_sizes(flow: FlowSettings) -> Iterator[str]:
    yield f"flow GRE outbound tcp-mss {_limit(flow.gre_out_mss)}"
    yield f"flow GRE inbound tcp-mss {_limit(flow.gre_in_mss)}"
    yield f"flow change tcp mss option for all packets {_limit(flow.all_tcp_mss)}"
    yield f"flow change tcp mss option for outbound vpn packets {_limit(flow.tcp_mss)}"
    yield f"flow change tcp mss option for bi-directional vpn packets {_limit(flow.vpn_tcp_mss)}"


def _checks(flow: FlowSettings) -> Iterator[str]:
    yield f"TCP syn-proxy syn-cookie {'enabled' if flow.syn_cookie else 'disabled'}"
    yield f"Allow dns reply pkt without matched request : {_word(flow.allow_dns_reply)}"
    yield (
        "Check TCP SYN bit before create session & refresh session only after tcp 3 way handshake : "
        f"{_word(flow.tcp_syn_check)}"
    )
    yield f"Check TCP SYN bit before create session : {_word(flow.tcp_syn_bit_check)}"
    yield f"Check TCP SYN bit before create session for tunneled packets : {_word(flow.tcp_syn_check_in_tunnel)}"
    verb = "Use" if flow.hub_n_spoke_mip else "Do not use"
    yield f"{verb} Hub-and-Spoke policies for Untrust MIP traffic that loops on same interface"
    yield f"Check unknown mac flooding : {_word(flow.mac_flooding)}"
    yield f"Skip sequence number check in stateful inspection : {_word(not flow.tcp_seq_check)}"
    yield f"ICMP path mtu discovery : {_word(flow.path_mtu)}"
    yield f"TCP RST invalidates session immediately : {_word(flow.tcp_rst_invalid_session)}"
    yield f"Force packet fragment reassembly : {_word(flow.reassemble)}"
    if flow.max_fragment:
        yield f"Max fragment packet size : {flow.max_fragment}"


def _times(flow: FlowSettings, capacity: int) -> Iterator[str]:
    yield f"flow initial session timeout: {flow.initial_timeout} seconds"
    aging = flow.aging
    yield "early ageout setting:"
    yield f"        high watermark = {aging.high_watermark} ({capacity * aging.high_watermark // 100} sessions)"
    yield f"        low watermark  = {aging.low_watermark} ({capacity * aging.low_watermark // 100} sessions)"
    yield f"        early ageout   = {aging.early_ageout}"
    yield f"        RST seq. chk {_state(flow.tcp_rst_sequence)}"
    yield f"MAC cache for management traffic: {_state(flow.mac_cache)}"


def _ways(flow: FlowSettings) -> Iterator[str]:
    yield "reverse route setting:"
    clear, tunnel = flow.reverse_clear, flow.reverse_tunnel
    yield f"        clear-text or first packet going into tunnel: {_way(clear, ReverseRoute.PREFER)}"
    yield f"        first packet from tunnel: {_way(tunnel, ReverseRoute.ALWAYS)}"
    yield f"Close session when receive ICMP error packet: {_word(flow.icmp_error_closes)}"
    yield f"Passing through only one ICMP error packet: {_word(flow.icmp_error_once)}"


def _way(mode: ReverseRoute, factory: ReverseRoute) -> str:
    words = "no reverse route" if mode is ReverseRoute.NONE else f"{mode.value} reverse route"
    return f"{words} (default)" if mode is factory else words


def _limit(size: int) -> str:
    return f"= {size}" if size else "is not set"


def _word(value: bool) -> str:
    return "YES" if value else "NO"


def _state(value: bool) -> str:
    return "ON" if value else "OFF"


FLOW = keyword("flow", "show flow configuration", Command(_flow))
