"""Nodes of kind `dialup` in topology files: what they say, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import IdentityType
from nsemu.lab.dialup.connection import Connection
from nsemu.lab.topology.errors import TopologyError
from nsemu.lab.topology.load import parse
from nsemu.lab.topology.model import DialupSpec
from nsemu.wire.address import Prefix, parse_ipv4

FILE = """
name: d
topology:
  nodes:
    pc: {{kind: dialup, address: {address}, {gateway}vpn: {{{vpn}}}}}
    net: {{kind: switch}}
  links:
    - endpoints: ["pc:eth0", "net:p"]
"""
GOOD = "gateway: 1.1.1.1, remote: 10.1.1.0/24, identity: a@b.org, key: k"


def read(vpn: str = GOOD, address: str = "2.2.2.2/24", gateway: str = "gateway: 2.2.2.1, ") -> Connection:
    topology = parse(FILE.format(vpn=vpn, address=address, gateway=gateway), Path("d.yaml"), {})
    spec = topology.nodes["pc"]
    assert isinstance(spec, DialupSpec)
    return spec.vpn


def test_what_nobody_says_is_as_in_the_book() -> None:
    vpn = read()
    assert vpn.mode is ExchangeMode.AGGRESSIVE
    assert vpn.phase1[0].name == "pre-g2-3des-sha"
    assert len(vpn.phase1) == len(vpn.phase2) == 4
    assert (vpn.protocol, vpn.port, vpn.inner, vpn.assigned, vpn.user) == (0, 0, None, False, "")
    assert "key" not in repr(vpn)


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        (", service: http", "port", 80),
        (", service: udp/53", "protocol", 17),
        (", service: dns", "protocol", 17),
        (", service: any", "protocol", 0),
        (", inner-address: 10.9.9.9", "inner", parse_ipv4("10.9.9.9")),
        (", inner-address: assigned, user: u, password: p", "assigned", True),
        (", user: u, password: 5678", "password", "5678"),
        (", mode: main", "mode", ExchangeMode.MAIN),
    ],
)
def test_what_can_be_said(more: str, field: str, value: object) -> None:
    assert getattr(read(GOOD + more), field) == value


def test_lists() -> None:
    vpn = read(
        GOOD.replace("10.1.1.0/24", "[10.1.1.0/24, 10.4.0.0/16]") + ", phase1: [pre-g2-aes128-sha, pre-g2-des-md5]"
    )
    assert vpn.remote == (Prefix.parse("10.1.1.0/24"), Prefix.parse("10.4.0.0/16"))
    assert [item.name for item in vpn.phase1] == ["pre-g2-aes128-sha", "pre-g2-des-md5"]
    assert read(GOOD.replace("a@b.org", "pc.b.org")).identity.type is IdentityType.FQDN


@pytest.mark.parametrize(
    ("vpn", "said"),
    [
        ("gateway: 1.1.1.1", "vpn.remote: missing"),
        (GOOD + ", keys: x", "vpn.keys: found 'keys'; unknown key"),
        (GOOD.replace("1.1.1.1", "2.2.2.2"), "vpn.gateway: found '2.2.2.2'; this is the node's own address"),
        (GOOD.replace("10.1.1.0/24", "10.1.1.1/24"), "vpn.remote"),
        (GOOD.replace("a@b.org", '"cn=x,o=y"'), "a distinguished name needs a certificate"),
        (GOOD + ", service: gopher", "vpn.service: found 'gopher'"),
        (GOOD + ", service: tcp/70000", "vpn.service"),
        (GOOD + ", phase1: rsa-g2-3des-sha", "vpn.phase1: found 'rsa-g2-3des-sha'"),
        (GOOD + ", phase1: [pre-g2-3des-sha, pre-g5-3des-sha]", "vpn.phase1"),
        (GOOD + ", phase2: nothing", "vpn.phase2: found 'nothing'"),
        (GOOD + ", user: u", "vpn.password: missing, as there is a user"),
        (GOOD + ", password: u", "vpn.user: missing, as there is a password"),
        (GOOD + ", inner-address: assigned", "user is missing"),
        (GOOD + ", inner-address: here", "vpn.inner-address: found 'here'"),
        (GOOD + ", mode: agressive", "did you mean 'aggressive'"),
    ],
)
def test_what_is_wrong_is_said(vpn: str, said: str) -> None:
    with pytest.raises(TopologyError) as caught:
        read(vpn)
    assert said in "\n".join(map(str, caught.value.problems))


def test_the_gateway_must_be_reachable() -> None:
    with pytest.raises(TopologyError, match="no way there"):
        read(gateway="")
    assert read(address="dhcp", gateway="").gateway == parse_ipv4("1.1.1.1")
    assert read(GOOD.replace("1.1.1.1", "2.2.2.9"), gateway="").gateway == parse_ipv4("2.2.2.9")
