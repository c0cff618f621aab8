"""`get ike …` (screenos-cli §1.10; all layouts unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli import unbuilt
from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show import ike_globals
from nsemu.cli.show.layout import cut, layout_of, lines
from nsemu.cli.types import GATEWAY, P1_PROPOSAL, P2_PROPOSAL
from nsemu.config.algorithms import AuthenticationMethod, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import IkeGateway, Phase1Proposal, Phase2Proposal
from nsemu.device.tunnels import phase1_proposals
from nsemu.device.views.ike import CookieView, Endpoint, NatView, cookie_views
from nsemu.wire.address import format_ipv4

_METHODS = {
    AuthenticationMethod.PRESHARE: "PRESHR",
    AuthenticationMethod.RSA_SIG: "RSA",
    AuthenticationMethod.DSA_SIG: "DSA",
}
_CIPHERS = {
    Encryption.NULL: "NULL",
    Encryption.DES: "DES",
    Encryption.TRIPLE_DES: "3DES",
    Encryption.AES128: "AES128",
    Encryption.AES192: "AES192",
    Encryption.AES256: "AES256",
}
_HASHES = {Integrity.NULL: "NULL", Integrity.MD5: "MD5", Integrity.SHA1: "SHA", Integrity.SHA2_256: "SHA2-256"}
_MODES = {ExchangeMode.MAIN: "Main", ExchangeMode.AGGRESSIVE: "Aggr"}

# The exchange type (RFC 2408 §3.1), and the number of messages after which the SA stands.
_EXCHANGES = {ExchangeMode.MAIN: (2, 6), ExchangeMode.AGGRESSIVE: (4, 3)}


# --- cookies


def _cookies(context: Context, _arguments: Arguments) -> str:
    views = cookie_views(context.device)
    counts = f"Active: {len(views)}, Dead: 0, Total {len(views)}"
    before = "IKEv1 SA -- " if layout_of(context.device.config).extended else ""
    return lines("", f"{before}{counts}", "", *(line for view in views for line in _cookie(view)))


def _cookie(view: CookieView) -> Iterator[str]:
    exchange, messages = _EXCHANGES[view.mode]
    state = messages if view.established else 0
    proposal = view.proposal
    transform = "/".join(
        (
            _METHODS[proposal.method],
            f"grp{proposal.group.value}",
            _CIPHERS[proposal.encryption],
            _HASHES[proposal.hash],
        )
    )
    ends = f"{_end(view.initiator)}->{_end(view.responder)}"
    yield (
        f"{view.initiator_cookie[:4].hex()}/{state:04x}, {ends}, {transform}, xchg({exchange}) "
        f"({view.gateway}/grp-1/usr-1)"
    )
    yield (
        f"resent-tmr {view.resend_in} lifetime {view.lifetime} lt-recv {view.lifetime} "
        f"nxt_rekey {view.rekey_in} cert-expire 0"
    )
    role = "initiator" if view.is_initiator else "responder"
    yield f"{role}, err cnt {view.errors}, send dir {0 if view.is_initiator else 1}, cond 0x0"
    yield from _nat_map(view.nat)
    beating, received, sent = view.heartbeat
    yield f"ike heartbeat              : {'enabled' if beating else 'disabled'}"
    yield f"ike heartbeat last rcv time: {received if beating else 0}"
    yield f"ike heartbeat last snd time: {sent}"
    yield "XAUTH status: 0"
    yield f"DPD seq local {view.dpd[0]}, peer {view.dpd[1]}"
    yield ""


def _nat_map(nat: NatView | None) -> Iterator[str]:
    """Where NAT is, and how it is traversed (recalled; B305, B309, B310)."""
    if nat is None:
        yield "nat-traversal map not available"
        return
    yield "nat-traversal map:"
    yield f"        keepalive frequency {nat.keepalive} sec"
    yield f"        nat-t udp checksum {'enabled' if nat.udp_checksum else 'disabled'}"
    for side, (address, port), behind in (("local", nat.local, nat.behind[0]), ("remote", nat.remote, nat.behind[1])):
        yield f"        {side} ip {format_ipv4(address)}"
        yield f"        {side} ike port {port}"
        yield f"        {side} device is {'behind NAT' if behind else 'not behind NAT'}"
    yield "        natt proto 17"


def _end(end: Endpoint) -> str:
    return f"{format_ipv4(end[0])}:{end[1]}"


# --- gateways


def _gateways(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(*_gateway_table(config, list(enumerate(config.gateways.values()))))


def _one_gateway(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    gateway = require(config.gateways, arguments["gateway"], "gateway")
    return lines(*_gateway_table(config, [(list(config.gateways).index(gateway.name), gateway)]))


def _gateway_table(config: DeviceConfig, numbered: list[tuple[int, IkeGateway]]) -> Iterator[str]:
    yield "Id   Name            Gateway Address Gateway ID      Mode Proposals"
    yield "---- --------------- --------------- --------------- ---- ---------"
    for number, gateway in numbered:
        first, *others = [proposal.name for proposal in phase1_proposals(config, gateway)] or [""]
        address = cut(gateway.address or "0.0.0.0", 15)
        known = cut(gateway.peer_id or gateway.dialup or "", 15)
        row = f"{number:>4} {cut(gateway.name, 15)} {address} {known} {_MODES[gateway.mode]}"
        yield f"{row} {first}"
        yield from (f"{'':58}{name}" for name in others)
    yield f"Total Gateways: {len(numbered)} ({len(numbered)} including dynamic peers)"


# --- proposals


def _p1_proposals(context: Context, _arguments: Arguments) -> str:
    return lines(*_p1_table(list(context.device.config.p1_proposals.values())))


def _one_p1_proposal(context: Context, arguments: Arguments) -> str:
    return lines(*_p1_table([require(context.device.config.p1_proposals, arguments["proposal"], "p1-proposal")]))


def _p1_table(proposals: list[Phase1Proposal]) -> Iterator[str]:
    yield f"{'Name':<31} {'Auth Method':<11} DH Group Encrypt {'Hash':<8} Lifetime(sec)"
    yield f"{'-' * 31} {'-' * 11} {'-' * 8} {'-' * 7} {'-' * 8} {'-' * 13}"
    for item in proposals:
        yield (
            f"{cut(item.name, 31)} {item.method.value:<11} {item.group.value:>8} {_CIPHERS[item.encryption]:<7} "
            f"{_HASHES[item.hash]:<8} {item.lifetime:>13}"
        )
    yield f"Total Phase 1 proposals: {len(proposals)}"


def _p2_proposals(context: Context, _arguments: Arguments) -> str:
    return lines(*_p2_table(list(context.device.config.p2_proposals.values())))


def _one_p2_proposal(context: Context, arguments: Arguments) -> str:
    return lines(*_p2_table([require(context.device.config.p2_proposals, arguments["proposal"], "p2-proposal")]))


def _p2_table(proposals: list[Phase2Proposal]) -> Iterator[str]:
    yield f"{'Name':<31} {'PFS':<6} Proto Encrypt {'Hash':<8} Lifetime(sec) Lifesize(KB)"
    yield f"{'-' * 31} {'-' * 6} {'-' * 5} {'-' * 7} {'-' * 8} {'-' * 13} {'-' * 12}"
    for item in proposals:
        pfs = f"grp{item.pfs.value}" if item.pfs is not None else "no-pfs"
        cipher = "n/a" if item.protocol is IpsecProtocol.AH else _CIPHERS[item.encryption]
        yield (
            f"{cut(item.name, 31)} {pfs:<6} {item.protocol.name:<5} {cipher:<7} {_HASHES[item.integrity]:<8} "
            f"{item.lifetime:>13} {item.lifesize:>12}"
        )
    yield f"Total Phase 2 proposals: {len(proposals)}"


IKE = keyword(
    "ike",
    "show IKE info",
    choice(
        Command(ike_globals.all_globals),
        unbuilt.GET_IKE_CA,
        keyword("cookies", "show IKE cookies", Command(_cookies)),
        keyword(
            "gateway",
            "show IKE gateways",
            choice(Command(_gateways), argument("gateway", GATEWAY, "gateway name", Command(_one_gateway))),
        ),
        keyword(
            "p1-proposal",
            "show phase 1 proposals",
            choice(
                Command(_p1_proposals),
                argument("proposal", P1_PROPOSAL, "phase 1 proposal name", Command(_one_p1_proposal)),
            ),
        ),
        keyword(
            "p2-proposal",
            "show phase 2 proposals",
            choice(
                Command(_p2_proposals),
                argument("proposal", P2_PROPOSAL, "phase 2 proposal name", Command(_one_p2_proposal)),
            ),
        ),
        *ike_globals.NODES,
    ),
)
