"""Looking for hosts in transparent mode: by ARP, for packets out of a tunnel and for unknown destinations."""

from __future__ import annotations

from typing import Final

from nsemu.flow.bridge_tables import HELD_LIMIT, SEARCH_LIMIT, HostSearch
from nsemu.flow.ending import drop
from nsemu.flow.icmp_errors import send_unreachable
from nsemu.flow.neighbors import RETRIES, RETRY_INTERVAL
from nsemu.flow.packet import Packet
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import NextHop
from nsemu.routing.resolve import resolve
from nsemu.runtime.drop import DropReason
from nsemu.wire import icmp
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, format_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

_ARP: Final = b"\x08\x06"
_IPV4: Final = b"\x08\x00"


def waits_for_host(state: FlowState, packet: Packet) -> bool:
    """Whether a packet out of a tunnel now waits until it is known where the next hop on `vlan1` is."""
    vlan1 = state.bridge.vlan1
    resolution = resolve(state.routes, packet.ingress.vrouter, packet.destination)
    if vlan1 is None or resolution is None or resolution.entry.interface != vlan1.name or resolution.entry.discards:
        return False
    address = resolution.entry.next_hop(packet.destination)
    neighbor = state.neighbors.neighbor(vlan1, address)
    now = state.scheduler.now
    resolved = neighbor.header is not None and neighbor.expires > now
    if resolved and state.bridge.macs.find(neighbor.mac, now) is not None:
        return False
    hold(state, address, packet)
    return True


def look_for(state: FlowState, address: int) -> None:
    """Ask for a host that no packet waits for."""
    searches = state.bridge.searches
    if address not in searches and len(searches) < SEARCH_LIMIT:
        searches[address] = HostSearch()
        _ask(state, address, searches[address])


def hold(state: FlowState, address: int, packet: Packet) -> None:
    """Let a packet wait for a host, and ask for that."""
    searches = state.bridge.searches
    search = searches.get(address)
    if search is None:
        if len(searches) >= SEARCH_LIMIT:
            _give_up(state, address, packet)
            return
        search = searches[address] = HostSearch()
    if packet.trace is not None:
        packet.trace.add(NextHop("vlan1", address, False))
    search.packets.append(packet)
    if len(search.packets) > HELD_LIMIT:
        _give_up(state, address, search.packets.pop(0))
    if not search.asked:
        _ask(state, address, search)


def found(state: FlowState, address: int) -> list[Packet]:
    """A host has answered: the packets that waited for it."""
    search = state.bridge.searches.pop(address, None)
    return search.packets if search is not None else []


def _ask(state: FlowState, address: int, search: HostSearch) -> None:
    if state.bridge.searches.get(address) is not search:
        return
    vlan1 = state.bridge.vlan1
    if search.asked >= RETRIES or vlan1 is None:
        del state.bridge.searches[address]
        for packet in search.packets:
            _give_up(state, address, packet)
        return
    search.asked += 1
    question = ArpPacket(1, vlan1.mac, vlan1.address, ZERO_MAC, address)
    state.upcalls.send_frame(vlan1, BROADCAST_MAC + vlan1.mac + _ARP + question.build(), None)
    state.scheduler.after(RETRY_INTERVAL, _ask, state, address, search)


def _give_up(state: FlowState, address: int, packet: Packet) -> None:
    drop(packet, "egress", DropReason.NO_ARP, format_ipv4(address))
    send_unreachable(state, packet, icmp.HOST_UNREACHABLE)


def ask_for_mac(state: FlowState, setup: FlowSetup) -> None:
    """Ask all other ports for the destination of a frame: a host answers ARP, a router a TTL of 1 (`broadcast arp`).

    The question has the frame's IP addresses, and for routers its MAC addresses too.
    """
    vlan1 = state.bridge.vlan1
    if vlan1 is None:
        return
    arp = ArpPacket(1, vlan1.mac, setup.source, ZERO_MAC, setup.destination)
    frames = [BROADCAST_MAC + vlan1.mac + setup.link_tag + _ARP + arp.build()]
    if state.bridge.settings.trace_route:
        echo = icmp.echo_request(0, 0, b"").build()
        number = state.next_identification()
        probe = Ipv4Packet(setup.source, setup.destination, PROTOCOL_ICMP, echo, ttl=1, identification=number)
        frames.append(setup.link_destination + setup.link_source + setup.link_tag + _IPV4 + probe.build())
    for port in state.bridge.others(setup.ingress):
        for frame in frames:
            state.upcalls.send_frame(port, frame, None)
