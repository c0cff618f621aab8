"""`get sa …` (screenos-cli §1.9)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.show.layout import lines, on_off
from nsemu.cli.types import TUNNEL_ID
from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.config.errors import NotFoundError
from nsemu.device.views.ipsec import SaView, TunnelView, tunnel_view, tunnel_views
from nsemu.sim.scheduler import MILLISECOND
from nsemu.wire.address import Prefix, format_ipv4

_TUNNEL_FLAG = 0x40000000
_APPLICATION_FLAGS = 0x4000A7

_CIPHERS = {
    Encryption.NULL: "null",
    Encryption.DES: "des",
    Encryption.TRIPLE_DES: "3des",
    Encryption.AES128: "a128",
    Encryption.AES192: "a192",
    Encryption.AES256: "a256",
}
_HASHES = {Integrity.NULL: "null", Integrity.MD5: "md5", Integrity.SHA1: "sha1", Integrity.SHA2_256: "sha2-256"}


# --- tables


def _all(context: Context, _arguments: Arguments) -> str:
    views = tunnel_views(context.device)
    return lines(*_table(len(views), views))


def _active(context: Context, _arguments: Arguments) -> str:
    return _chosen(context, active=True)


def _inactive(context: Context, _arguments: Arguments) -> str:
    return _chosen(context, active=False)


def _chosen(context: Context, active: bool) -> str:
    views = tunnel_views(context.device)
    chosen = tuple(view for view in views if view.active is active)
    title = f"Total {'active' if active else 'inactive'} sa: {len(chosen)}"
    return lines(title, *_table(len(views), chosen))


def _table(configured: int, views: tuple[TunnelView, ...]) -> Iterator[str]:
    yield f"total configured sa: {configured}"
    yield "HEX ID    Gateway         Port Algorithm     SPI      Life:sec kb Sta   PID vsys"
    for view in views:
        yield _row(view, "<", view.inbound)
        yield _row(view, ">", view.outbound)


def _row(view: TunnelView, direction: str, sa: SaView) -> str:
    seconds = "expir" if not view.active else "unlim" if sa.remaining is None else str(sa.remaining)
    kilobytes = "unlim" if sa.kilobytes_remaining is None else str(sa.kilobytes_remaining)
    state = f"A/{_monitored(view)}" if view.active else "I/I"
    return (
        f"{view.id:08x}{direction}{format_ipv4(view.peer):>16}{view.port:>5} {view.label:<13} {sa.spi:08x}"
        f"{seconds:>6}{kilobytes:>6} {state:<3}{sa.policy_id:>6} 0"
    )


def _monitored(view: TunnelView) -> str:
    """VPN monitoring in one letter: not configured, up or down."""
    if view.monitor is None:
        return "-"
    return "U" if view.monitor.up else "D"


def _monitor_line(view: TunnelView) -> str:
    monitor = view.monitor
    if monitor is None:
        return "monitor<0>, latency: -1, availability: 0"
    latency = monitor.latency // MILLISECOND if monitor.latency is not None and view.active else -1
    return f"monitor<1>, latency: {latency}, availability: {monitor.availability if view.active else 0}"


def _statistics(context: Context, _arguments: Arguments) -> str:
    views = tunnel_views(context.device)
    return lines(
        f"total configured sa: {len(views)}",
        f"HEX ID    {'Gateway':>15} Fragment Auth-Fail      Other       Totalbytes",
        *(line for view in views for line in _counts(view)),
    )


def _counts(view: TunnelView) -> Iterator[str]:
    for direction, sa in (("<", view.inbound), (">", view.outbound)):
        yield (
            f"{view.id:08x}{direction}{format_ipv4(view.peer):>16}{sa.fragments:>9}{sa.authentication_failures:>10}"
            f"{sa.other_failures:>11}{sa.octets:>17}"
        )


# --- one


def _one(context: Context, arguments: Arguments) -> str:
    view = tunnel_view(context.device, arguments["id"])
    if view is None:
        raise NotFoundError(f"sa {arguments['id']} does not exist")
    return lines(*_detail(view))


def _detail(view: TunnelView) -> Iterator[str]:
    keying = "manual" if view.manual else "auto"
    state = "active" if view.active else "inactive"
    node = "tunnel if binding node" if view.bound_interface is not None else "policy node"
    mode = "transport" if view.transport else "tunnel"
    incoming, outgoing = view.inbound, view.outbound
    yield f"index {view.index}, name {view.vpn}, peer gateway ip {format_ipv4(view.peer)}. vsys<Root>"
    yield (
        f"{keying} key. {node}, {mode} mode, policy id in:<{incoming.policy_id}> out:<{outgoing.policy_id}> "
        "vpngrp:<-1>. sa_list_nxt:<0xffffffff>."
    )
    yield (
        f"tunnel id {view.id}, peer id {view.peer_id}, NSRP Local. {'dialup' if view.dialup else 'site-to-site'}. "
        f"Local interface is {view.outgoing_interface} <{format_ipv4(view.local)}>."
    )
    yield _transform(view)
    yield f"{'manual key' if view.manual else 'autokey'}, IN {state}, OUT {state}"
    yield _monitor_line(view)
    yield f"DF bit: {view.df_bit}"
    yield f"app_sa_flags: 0x{_APPLICATION_FLAGS:x}"
    networks = f"local {_network(view.local_network)}, remote {_network(view.remote_network)}"
    yield f"proxy id: {networks}, proto {view.selector_protocol}, port {view.selector_port}"
    yield f"ike activity timestamp: {view.ike_activity}"
    yield "nat-traversal map not available"
    yield from _direction(view, "incoming", incoming)
    yield from _direction(view, "outgoing", outgoing)


def _transform(view: TunnelView) -> str:
    group = view.pfs.value if view.pfs is not None else 0
    integrity = f"{_HASHES[view.integrity]} authentication"
    if view.protocol is IpsecProtocol.AH:
        return f"ah, group {group}, {integrity}"
    return f"esp, group {group}, {_CIPHERS[view.encryption]} encryption, {integrity}"


def _network(prefix: Prefix) -> str:
    return f"{format_ipv4(prefix.address)}/{format_ipv4(prefix.mask)}"


def _direction(view: TunnelView, word: str, sa: SaView) -> Iterator[str]:
    inbound = word == "incoming"
    flag = 0x4000 if inbound else 0
    yield f"{word}: SPI {sa.spi:08x}, flag {flag:08x}, tunnel info {_TUNNEL_FLAG | view.id:08x}, pipeline"
    yield f"  life {_life(sa)}, {sa.lifesize} kb, {sa.octets_remaining} bytes remain"
    # Only the receiver has a replay window; the sender numbers its packets.
    last = sa.last_sequence if inbound else 0
    yield (
        f"  anti-replay {on_off(sa.replay)}, last 0x{last:x}, window 0x{sa.window:x}, "
        f"idle timeout value <0>, idled {sa.idle} seconds"
    )
    following = 0 if inbound or not sa.active else sa.last_sequence + 1
    yield f"  next pak sequence number: 0x{following:x}"


def _life(sa: SaView) -> str:
    if not sa.active:
        return "0 sec, expired"
    return "0 sec, unlimited" if sa.remaining is None else f"{sa.lifetime} sec, {sa.remaining} remain"


SA = keyword(
    "sa",
    "show security association",
    choice(
        Command(_all),
        keyword("active", "show active security associations", Command(_active)),
        keyword("inactive", "show inactive security associations", Command(_inactive)),
        keyword("stat", "show security association statistics", Command(_statistics)),
        keyword(
            "id", "show one security association", argument("id", TUNNEL_ID, "security association ID", Command(_one))
        ),
    ),
)
