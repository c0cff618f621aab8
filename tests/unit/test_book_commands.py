"""Every command of the book at the prompt: accepted, refused with the error of a device, or known but not built.

`tests/data/book` holds the command lines of the book's text and of its worked examples, slips included.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from nsemu.cli.unbuilt import NOT_BUILT
from support.cli_console import Session
from support.fidelity_lists import section, written

BOOK = Path(__file__).parent.parent / "data" / "book"
COMMANDS = tuple((BOOK / "commands.txt").read_text().splitlines())
EXAMPLES = tuple(sorted(str(path.relative_to(BOOK / "examples")) for path in BOOK.glob("examples/*/*.cfg")))

SLIPS = {
    "set adm u ani j12fmt54": ("E001", "unknown keyword j12fmt54"),
    "set admin user anita j12fmt54": ("E001", "unknown keyword j12fmt54"),
    "set ike gateway field cert peer-ca1": ("E084", "unknown keyword peer-ca1"),
    "set ike gateway Corp_GW dialup office_2 aggressive seed-preshare jk930k sec-level compatible": (
        "E069",
        "gateway Corp_GW has no outgoing interface (outgoing-interface NAME expected)",
    ),
    'set policy from untrust to trust "Dial-Up VPN" "trust_net" any tunnel vpn VPN_dial tun1': (
        "E090",
        "unknown keyword tun1",
    ),
    'set ike gateway "our_gateway" address 1.1.1.1 main outgoing-interface "untrust" preshare "jun9345" '
    "sec-level standard": ("E127", "interface untrust does not exist"),
    'set policy top from trust to untrust in_trust data_ctr any tunnel "vpn-group 1"': (
        "E132",
        "unknown keyword vpn-group 1",
    ),
    'set policy top from untrust to trust data_ctr in_trust any tunnel "vpn-group 1"': (
        "E132",
        "unknown keyword vpn-group 1",
    ),
    "set policy top from trust to untrust in_trust corp any tunnel vpn to_monitor": (
        "E133",
        "vpn to_monitor does not exist",
    ),
    "set policy top from untrust to trust corp in_trust any tunnel vpn to_monitor": (
        "E133",
        "vpn to_monitor does not exist",
    ),
    "set vpn VPN1 proxy-id local-ip 10.10.1.0/24 remote-ip 10.20.1.0/24": ("E138", "<string> expected"),
    "set vpn VPN1 proxy-id local-ip 10.20.1.0/24 remote-ip 10.10.1.0/24": ("E138", "<string> expected"),
    "set vpn VPN2 proxy-id local-ip 0.0.0.0/0 remote-ip 0.0.0.0/0 an": ("E142", "service an does not exist"),
}
"""Lines that a device refuses as printed, with the number of the slip and the error."""
FOLLOWING = {
    "set vpn Corp_VPN gateway Corp_GW sec-level compatible": "gateway Corp_GW does not exist",
    'set policy top from untrust to trust "Dial-Up VPN" web1 http tunnel vpn Corp_VPN': "vpn Corp_VPN does not exist",
    'set ike gateway "our_gateway" dpd interval 5': "gateway our_gateway does not exist",
}
"""Lines that fail in an example because a slip came before them, and are right elsewhere."""
BROKEN = {"05-06-group-ike-id-preshared-key/device.cfg", "07-07-dead-peer-detection/device.cfg"}

TEMPLATES = frozenset(
    {
        "delete pki object-id id_num",
        "exec ike preshare-gen name_str usr_name_str",
        "get pki authority id_num cert-status",
        "set admin mail server-name { ip_addr | dom_name }",
        "set ike gateway name nat-traversal udp-checksum",
        "set ike gateway name_str heartbeat hello number",
        "set ike gateway name_str heartbeat reconnect number",
        "set ike gateway name_str heartbeat threshold number",
        "set interface tunnel.1 nhtb peer's_tunnel_interface_addr vpn name_str",
        "set interface { ethernet1 | ethernet2 | ethernet3 } manage",
        "set l2tp default",
        "set pki authority id_num cert-status ocsp url url_str",
        "set pki authority id_num cert-status revocation-check { CRL | OCSP | none }",
        "set pki authority id_num1 cert-status ocsp cert-verify id id_num2",
        "set policy top from trust to untrust any any any tunnel vpn name_str",
        "set user name_str remote-settings",
        "set vpn",
        "set vpn name monitor optimized",
        "set vpn name_str monitor [ source-interface interface [ destination-ip ip_addr ] ] [optimized] [ rekey ]",
        "set vpnmonitor frequency number",
        "set vpnmonitor interval number",
        "set vpnmonitor threshold number",
        "set vrouter name-str route dst_addr interface tunnel.1 gateway peer's_tunnel_interface_addr",
        "unset ike gateway name nat-traversal udp-checksum",
        "unset pki authority id_num cert-status",
    }
)
"""Syntax with placeholders, no commands."""

ADDRESSES = (
    "set interface ethernet1 zone trust",
    "set interface ethernet1 ip 10.1.1.1/24",
    "set interface ethernet3 zone untrust",
    "set interface ethernet3 ip 1.1.1.1/24",
)
TUNNELS = tuple(f"set interface tunnel.{number} zone untrust" for number in (1, 10, 20, 30))
GATEWAY = "set ike gateway {} address 9.9.9.9 outgoing-interface ethernet3 preshare k sec-level standard"
BEFORE = {
    "03-01-null-route/device.cfg": (*ADDRESSES, *TUNNELS),
    "03-02-failover-leased-line-null-route/Device-A.cfg": (
        *ADDRESSES,
        *TUNNELS,
        "set interface ethernet4 zone untrust",
        "set interface ethernet4 ip 1.2.2.1/24",
    ),
    "06-02-l2tp/device.cfg": ADDRESSES,
    "07-01-nat-traversal/device.cfg": (*ADDRESSES, GATEWAY.format("msmith")),
    "07-05-automatic-nhtb-routes-ospf/Device-A.cfg": (*ADDRESSES, *TUNNELS),
    "07-05-automatic-nhtb-routes-ospf/Peer1.cfg": (*ADDRESSES, *TUNNELS),
    "07-05-automatic-nhtb-routes-ospf/Peer2.cfg": (*ADDRESSES, *TUNNELS),
    "07-10-back-to-back-vpns/Paris.note.cfg": (*ADDRESSES, GATEWAY.format("g"), "set vpn VPN1 gateway g"),
    "07-10-back-to-back-vpns/Tokyo.note.cfg": (*ADDRESSES, GATEWAY.format("g"), "set vpn VPN1 gateway g"),
    "05-06-group-ike-id-preshared-key/prose.cfg": (
        *ADDRESSES,
        "set user lisa ike-id u-fqdn juniper.net share-limit 5",
        "set ike gateway road1 dialup lisa aggressive outgoing-interface ethernet3 seed-preshare s",
    ),
}
"""What an example takes for granted."""


@cache
def answers() -> dict[tuple[str, str], tuple[str, bool]]:
    """(example, line) → (what the console said, whether it refused)."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    for example in EXAMPLES:
        session = Session()
        session.accept(*BEFORE.get(example, ()))
        for line in (BOOK / "examples" / example).read_text().splitlines():
            if line and not line.startswith("#"):
                said = session.type(line)
                found[example, line] = (said, session.console.refused)
    return found


def kind_of(line: str, said: str, refused: bool) -> str:
    """The class of a line, by what the console did."""
    if any(said == f"{name} is not built yet\n" for name in NOT_BUILT):
        return "not built"
    if refused:
        return "refused"
    return "without effect" if said.startswith("Note: ") else "accepted"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_typed_line_by_line(example: str) -> None:
    for (name, line), (said, refused) in answers().items():
        if name != example:
            continue
        if line in SLIPS:
            assert refused, line
            assert SLIPS[line][1] in said
        elif refused and kind_of(line, said, refused) != "not built":
            assert example in BROKEN, f"{line}\n{said}"
            assert FOLLOWING[line] in said


def test_every_command_of_the_book_has_its_place() -> None:
    """Slips, templates, lines of the examples, and the rest, which the book shows outside of them."""
    seen = {line: kind_of(line, said, refused) for (_, line), (said, refused) in answers().items()}
    session = Session()
    session.accept(
        *ADDRESSES,
        *TUNNELS,
        "set zone name dialup",
        "set zone name x1",
        "set zone name x2",
        *(GATEWAY.format(name) for name in ("field", "Corp_GW", "road1", "our_gateway", "gw1", "gw")),
        *(f"set vpn {name} gateway gw" for name in ("vpn1", "VPN1", "VPN2")),
    )
    places: Counter[str] = Counter()
    for line in COMMANDS:
        if line in TEMPLATES:
            places["template"] += 1
        elif line in SLIPS:
            said = session.type(line)
            assert session.console.refused, line
            assert SLIPS[line][1] in said or line in seen
            places["slip"] += 1
        elif seen.get(line, "refused") != "refused":
            places[seen[line]] += 1
        else:
            said = session.type(line)
            kind = kind_of(line, said, session.console.refused)
            assert kind != "refused" or line in FOLLOWING, f"{line}\n{said}"
            places[kind if line not in FOLLOWING else "accepted"] += 1
    assert sum(places.values()) == len(COMMANDS)
    assert places["slip"] == len(SLIPS)
    assert places["template"] == len(TEMPLATES)
    assert places["refused"] == 0


@pytest.mark.parametrize("line", sorted(TEMPLATES))
def test_a_template_is_no_command(line: str) -> None:
    session = Session()
    session.accept(*ADDRESSES, *TUNNELS)
    session.type(line)
    assert session.console.refused


def test_the_page_lists_what_has_no_effect_and_what_is_not_built() -> None:
    assert written() == section(), "docs/fidelity.md is out of date: run tests/support/fidelity_lists.py"
