"""What a gateway may be: identities, modes and proposals that go together."""

from __future__ import annotations

import pytest

from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.ike import NatTraversal
from support.cli_console import Session

BASE = """
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface ethernet4 zone untrust
set interface ethernet4 ip 5.1.1.1/24
"""
END = "outgoing-interface ethernet3 preshare key proposal"


def why(*lines: str) -> str:
    """What the last line is refused with; the others must be accepted."""
    editor = Editor(factory_configuration())
    errors = load_configuration(BASE + "\n".join(lines) + "\n", editor)
    assert len(errors) <= 1, errors
    if errors:
        assert lines[-1] in str(errors[0]) or errors[0].line == len(BASE.splitlines()) + len(lines)
    return str(errors[0]) if errors else ""


@pytest.mark.parametrize("identity", ["pmason@abc.com", "tokyo.abc.com"])
def test_a_dynamic_peer_is_known_by_a_name(identity: str) -> None:
    """B045, B178."""
    assert why(f"set ike gateway g dynamic {identity} aggressive {END} pre-g2-3des-sha") == ""


def test_any_address_with_an_identity_is_a_dynamic_peer() -> None:
    """The other way to write it: `address 0.0.0.0 id NAME`; what holds for `dynamic NAME` holds here."""
    written = f"set ike gateway g address 0.0.0.0 id a@b.c aggressive {END} pre-g2-3des-sha"
    same = f"set ike gateway g dynamic a@b.c aggressive {END} pre-g2-3des-sha"
    editors = [Editor(factory_configuration()) for _ in range(2)]
    for editor, line in zip(editors, (written, same), strict=True):
        assert load_configuration(BASE + line + "\n", editor) == []
    assert editors[0].gateways["g"] == editors[1].gateways["g"]
    assert "cannot use Main mode" in why(written.replace("aggressive", "main"))
    assert "cannot be known by an IP address" in why(written.replace("a@b.c", "2.2.2.2"))
    assert "needs an IKE ID" in why(written.replace("id a@b.c", ""))


def test_the_checksum_turns_nat_traversal_on() -> None:
    """As in example 06-04, whose lines name NAT-Traversal no other way; the rules for its proposals hold too (B313)."""
    editor = Editor(factory_configuration())
    gateway = f"set ike gateway g address 2.2.2.2 main {END} pre-g2-3des-sha"
    assert load_configuration(f"{BASE}{gateway}\nset ike gateway g nat-traversal udp-checksum\n", editor) == []
    assert editor.gateways["g"].nat_traversal == NatTraversal(enabled=True, udp_checksum=True)
    other = f"set ike gateway b address 3.3.3.3 main {END} pre-g2-des-md5"
    assert "same in the same order" in why(*NATTED, other, "set ike gateway b nat-traversal udp-checksum")


def test_a_dynamic_peer_is_not_known_by_an_address() -> None:
    """B045, B178."""
    assert "cannot be known by an IP address" in why(
        f"set ike gateway g dynamic 2.2.2.2 aggressive {END} pre-g2-3des-sha"
    )


@pytest.mark.parametrize("mode", ["main ", ""])
def test_a_dynamic_peer_with_a_key_uses_aggressive_mode(mode: str) -> None:
    """B132."""
    refusal = why(f"set ike gateway g dynamic a@b.c {mode}{END} pre-g2-3des-sha")
    assert "dynamic peer with a preshared key cannot use Main mode" in refusal


def test_a_dialup_user_with_a_key_uses_aggressive_mode() -> None:
    """B044."""
    user = "set user wendy ike-id u-fqdn wparker@email.com"
    assert "dialup user with a preshared key cannot use Main mode" in why(
        user, f"set ike gateway g dialup wendy main {END} pre-g2-3des-sha"
    )
    assert why(user, f"set ike gateway g dialup wendy aggressive {END} pre-g2-3des-sha") == ""


def test_a_static_peer_needs_no_identity() -> None:
    """B136."""
    assert why(f"set ike gateway g address 2.2.2.2 main {END} pre-g2-3des-sha") == ""


def test_distinguished_names_need_certificates() -> None:
    """B135."""
    refusal = why(f'set ike gateway g address 2.2.2.2 id "CN=x,O=y" main {END} pre-g2-3des-sha')
    assert "needs a certificate" in refusal


NATTED = (
    f"set ike gateway a address 2.2.2.2 main {END} pre-g2-3des-sha pre-g2-des-md5",
    "set ike gateway a nat-traversal",
)


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (f"address 3.3.3.3 main {END} pre-g2-3des-sha pre-g2-des-md5", False),
        (f"address 3.3.3.3 main {END} pre-g2-des-md5 pre-g2-3des-sha", True),
        (f"address 3.3.3.3 main {END} pre-g2-3des-sha", True),
        (f"address 3.3.3.3 aggressive {END} pre-g2-3des-sha", False),
        ("address 3.3.3.3 main outgoing-interface ethernet4 preshare key proposal pre-g2-3des-sha", False),
    ],
)
def test_natted_main_mode_peers_on_one_interface_have_the_same_proposals(second: str, refused: bool) -> None:
    """B313: the order counts too; Aggressive mode and other interfaces do not."""
    refusal = why(*NATTED, f"set ike gateway b {second}", "set ike gateway b nat-traversal")
    assert ("must have the same in the same order" in refusal) is refused
    assert why(*NATTED, f"set ike gateway b {second}") == ""


def test_proposals_cannot_be_changed_apart_afterwards() -> None:
    """B313."""
    other = f"set ike gateway b address 3.3.3.3 main {END} pre-g2-3des-sha pre-g2-des-md5"
    changed = f"set ike gateway b address 3.3.3.3 main {END} pre-g2-3des-sha"
    assert "same in the same order" in why(*NATTED, other, "set ike gateway b nat-traversal", changed)


def test_heartbeats_and_dpd_exclude_each_other() -> None:
    """B355."""
    gateway = f"set ike gateway g address 2.2.2.2 main {END} pre-g2-3des-sha"
    assert "cannot have heartbeats" in why(
        gateway, "set ike gateway g dpd interval 5", "set ike gateway g heartbeat hello 3"
    )
    assert "cannot have DPD" in why(gateway, "set ike gateway g heartbeat hello 3", "set ike gateway g dpd interval 5")


def test_proposals_that_are_not_offered_are_named() -> None:
    """B048: an offer has one PFS group, the first one's; with one group for all there is nothing to say."""
    session = Session()
    session.accept(*BASE.split("\n")[1:-1], f"set ike gateway g address 2.2.2.2 main {END} pre-g2-3des-sha")
    line = "set vpn v gateway g proposal g2-esp-3des-sha nopfs-esp-des-md5 g2-esp-aes128-sha nopfs-esp-3des-sha"
    assert session.type(line).endswith("only accepted: nopfs-esp-des-md5, nopfs-esp-3des-sha\n")
    assert session.type("set vpn v gateway g proposal g2-esp-3des-sha g2-esp-aes128-sha") == ""
    assert session.type("set vpn v gateway g sec-level basic") == ""
