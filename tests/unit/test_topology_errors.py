"""What is wrong with a topology file: every kind of mistake, its place and its wording, all of them at once."""

# ruff: noqa: E501  (tables of messages)

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.lab.topology import Problem, TopologyError, parse

PLATFORMS = {"ns208": [f"ethernet{number}" for number in range(1, 9)], "ns5gt": ["trust", "untrust"]}


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(TopologyError) as raised:
        parse(text, Path("labs/x.yaml"), PLATFORMS)
    return raised.value.problems


def only(text: str) -> str:
    found = problems(text)
    assert len(found) == 1, "\n".join(map(str, found))
    return str(found[0])


def node(line: str) -> str:
    return f"name: a\ntopology:\n  nodes:\n    n: {line}\n"


def link(line: str) -> str:
    return (
        "name: a\ntopology:\n  nodes:\n    fw: {kind: screenos}\n    old: {kind: screenos, type: ns5gt}\n    s: {kind: switch}\n"
        "    pc: {kind: host, address: 10.1.1.5/24}\n    r: {kind: router, interfaces: {eth1: 1.1.1.1/24}}\n"
        f"  links:\n    - {line}\n"
    )


def check(line: str) -> str:
    return f"name: a\ntopology: {{nodes: {{pc: {{kind: switch}}}}}}\nvalidate:\n  v: {line}\n"


def test_the_shape_of_a_problem() -> None:
    text = "name: a\ntopology:\n  nodes:\n    paris: {kind: switch}\n    tokyo:\n      kind: screenoss\n"
    assert only(text) == (
        "labs/x.yaml:6: topology.nodes.tokyo.kind: found 'screenoss'; "
        "allowed: screenos, host, dialup, router, nat, switch; did you mean 'screenos'?"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "topology.nodes.n.kind: missing; allowed: screenos, host, dialup, router, nat, switch"),
        ("[1]", "topology.nodes.n: found a list; allowed: a mapping (key: value)"),
        ("{kind: [x]}", "topology.nodes.n.kind: found a list; allowed: screenos"),
        ("{kind: switch, ports: 4}", "topology.nodes.n.ports: found '4'; allowed: a mapping (key: value)"),
        ("{kind: screenos, typ: x}", "did you mean 'type'?"),
        ("{kind: screenos, type: ns28}", "n.type: found 'ns28'; unknown platform; allowed: ns208, ns5gt; did you mean 'ns208'?"),
        ("{kind: screenos, startup-config: a/b.cfg}", "no such file: 'labs/a/b.cfg' (paths are relative to this file)"),
        ("{kind: screenos, config: {a: b}}", "n.config: found a mapping; allowed: a command, or a list of commands"),
        ("{kind: host}", "topology.nodes.n.address: missing"),
        ("{kind: host, address: 10.1.1.5}", "n.address: found '10.1.1.5'; missing mask in '10.1.1.5'; allowed: an IPv4 prefix"),
        ("{kind: host, address: 10.1.1.256/24}", "invalid IP address '10.1.1.256'"),
        ("{kind: host, address: 10.1.1.5/33}", "allowed: an IPv4 prefix such as 10.1.1.5/24"),
        ("{kind: host, address: 10.1.1.5/255.0.255.0}", "invalid netmask '255.0.255.0'"),
        ("{kind: host, address: 10.1.1.0/24}", "this is the address of the network 10.1.1.0/24 itself"),
        ("{kind: host, address: 10.1.1.255/24}", "this is the broadcast address of 10.1.1.0/24"),
        ("{kind: host, address: 224.0.0.5/24}", "multicast"),
        ("{kind: host, address: 127.0.0.1/8}", "127.0.0.0/8"),
        ("{kind: host, address: }", "n.address: found nothing; allowed: a text"),
        ("{kind: host, address: 10.1.1.5/24, gateway: 10.1.2.1}", "n.gateway: found '10.1.2.1'; outside the host's subnet; allowed: an address of 10.1.1.0/24"),
        ("{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.5}", "this is the host's own address"),
        ("{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.255}", "network or broadcast address of 10.1.1.0/24"),
        ("{kind: host, address: 10.1.1.5/24, gateway: gw}", "n.gateway: found 'gw'; allowed: an IPv4 address"),
        ("{kind: host, address: 10.1.1.5/24, services: http}", "n.services: found 'http'; allowed: a list"),
        ("{kind: host, address: 10.1.1.5/24, services: [htp]}", "n.services[0]: found 'htp'; allowed: http, ftp, telnet, smtp, pop3, ident, echo, dns, dhcp, tftp, ntp, syslog; did you mean 'http'?"),
        ("{kind: host, address: 10.1.1.5/24, services: [{port: 4}]}", "n.services[0].name: missing"),
        ("{kind: host, address: 10.1.1.5/24, services: [{name: http, port: 0}]}", "found '0'; allowed: a whole number from 1 to 65535"),
        ("{kind: host, address: 10.1.1.5/24, services: [http, {name: ftp, port: 80}]}", "n.services[1]: found 'ftp'; port 80 is taken by http"),
        ("{kind: host, address: 10.1.1.5/24, users: {a: [x]}}", "n.users.a: found a list; allowed: a text"),
        ("{kind: host, address: 10.1.1.5/24, routes: [{to: 10.9.0.1/16, via: 10.1.1.1}]}", "did you mean '10.9.0.0/16'?"),
        ("{kind: host, address: 10.1.1.5/24, routes: [{to: 10.9.0.0/16, via: 10.9.1.1}]}", "routes[0].via: found '10.9.1.1'; outside the node's subnets; allowed: an address of 10.1.1.0/24"),
        ("{kind: host, address: 10.1.1.5/24, routes: [{to: 10.9.0.0/16}]}", "n.routes[0].via: missing"),
        ("{kind: router}", "topology.nodes.n.interfaces: missing"),
        ("{kind: router, interfaces: {eth1: 10.1.1.0/24}}", "n.interfaces.eth1: found '10.1.1.0/24'"),
        ("{kind: router, interfaces: {eth1: 10.1.1.1/24, eth2: 10.1.1.9/28}}", "n.interfaces.eth2: found '10.1.1.9/28'; the subnet 10.1.1.0/28 overlaps 10.1.1.0/24 of eth1"),
        ("{kind: router, interfaces: {a b: 10.1.1.1/24}}", "found 'a b'; allowed: a name of letters"),
        ("{kind: router, interfaces: {eth1: 10.1.1.1/24}, routes: [{to: default, via: 10.1.1.1}]}", "this is the node's own address"),
    ],
)  # fmt: skip
def test_nodes(line: str, said: str) -> None:
    assert said in only(node(line))


@pytest.mark.parametrize("word", ["a b", "-x", "x:y", "ünì", "a" * 64, "console", "Trace", "help"])
def test_node_names_must_be_plain_and_no_command(word: str) -> None:
    assert f"topology.nodes.{word}: found " in only(f"name: a\ntopology:\n  nodes:\n    '{word}': {{kind: switch}}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("endpoints", "topology.links[0]: found 'endpoints'; allowed: a mapping"),
        ("{}", "topology.links[0].endpoints: missing"),
        ("{endpoints: [s:1]}", "found 1; allowed: exactly 2"),
        ("{endpoints: [s:1, pc]}", "links[0].endpoints[1]: found 'pc'; allowed: \"NODE:INTERFACE\""),
        ("{endpoints: [s:1, pcc:eth0]}", "endpoints[1]: found 'pcc'; unknown node; allowed: fw, old, s, pc, r; did you mean 'pc'?"),
        ("{endpoints: [s:1, pc:eth1]}", "found 'eth1'; pc has no such interface; allowed: eth0; did you mean 'eth0'?"),
        ("{endpoints: [s:1, r:eth2]}", "found 'eth2'; r has no such interface; allowed: eth1; did you mean 'eth1'?"),
        ("{endpoints: [s:1, fw:ethernt3]}", "did you mean 'ethernet3'?"),
        ("{endpoints: [s:1, old:trusted]}", "old has no such interface; allowed: trust, untrust; did you mean 'trust'?"),
        ("{endpoints: [s:1, s:2]}", "links[0].endpoints: both ends are on the same node"),
        ("{endpoints: [s:1, pc:eth0], delay: 10}", "links[0].delay: found '10'; allowed: a time with its unit"),
        ("{endpoints: [s:1, pc:eth0], delay: -10ms}", "found '-10ms'"),
        ("{endpoints: [s:1, pc:eth0], delay: 2h}", "at most an hour"),
        ("{endpoints: [s:1, pc:eth0], jitter: 10 parsecs}", "links[0].jitter: found '10 parsecs'"),
        ("{endpoints: [s:1, pc:eth0], loss: 1}", "links[0].loss: found '1'; allowed: a fraction"),
        ("{endpoints: [s:1, pc:eth0], loss: 101%}", "found '101%'"),
        ("{endpoints: [s:1, pc:eth0], loss: .nan}", "found '.nan'"),
        ("{endpoints: [s:1, pc:eth0], rate: 100}", "links[0].rate: found '100'; allowed: bits per second with the unit"),
        ("{endpoints: [s:1, pc:eth0], rate: 0mbit}", "found '0mbit'"),
        ("{endpoints: [s:1, pc:eth0], mtu: 67}", "links[0].mtu: found '67'; allowed: a whole number from 68 to 9216"),
        ("{endpoints: [s:1, pc:eth0], mtu: 1500.0}", "found '1500.0'"),
        ("{endpoints: [s:1, pc:eth0], down: no}", "links[0].down: found 'no'; allowed: true, false"),
        ("{endpoints: [s:1, pc:eth0], dely: 1ms}", "found 'dely'; unknown key; allowed: endpoints, delay, jitter, loss, rate, mtu, down, description; did you mean 'delay'?"),
    ],
)  # fmt: skip
def test_links(line: str, said: str) -> None:
    assert said in only(link(line))


def test_an_interface_takes_one_cable() -> None:
    found = only(link('{endpoints: ["s:1", "pc:eth0"]}') + '    - endpoints: ["r:eth1", "pc:eth0"]\n')
    assert found.endswith(
        "x.yaml:11: topology.links[1].endpoints[1]: found 'pc:eth0'; this interface is used already (line 10)"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{node: pcc, exec: ping}", "validate.v.node: found 'pcc'; unknown node; allowed: pc; did you mean 'pc'?"),
        ("{exec: ping}", "validate.v.node: missing"),
        ("{node: pc}", "validate.v.exec: missing"),
        ("{match: x, wait: 3}", "validate.v.exec: missing"),
        ("{node: pc, exec: ping, match: '[45'}", "validate.v.match: found '[45'; this is no regular expression: unterminated character set"),
        ("{node: pc, exec: ping, not-match: 'a{99999999999}'}", "validate.v.not-match: found"),
        ("{node: pc, exec: ping, level: fatal}", "validate.v.level: found 'fatal'; allowed: error, warning"),
        ("{node: pc, exec: ping, wait: -1}", "validate.v.wait: found '-1'; allowed: virtual seconds"),
        ("{node: pc, exec: }", "validate.v.exec: found nothing"),
        ("{node: pc, exec: ping, valid: x}", "found 'valid'; unknown key"),
        ("ping", "validate.v: found 'ping'; allowed: a mapping"),
    ],
)  # fmt: skip
def test_validations(line: str, said: str) -> None:
    assert said in only(check(line))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "labs/x.yaml:1: found nothing; allowed: a mapping (key: value)"),
        ("- a", "labs/x.yaml:1: found a list; allowed: a mapping (key: value)"),
        ("topology: {nodes: {s: {kind: switch}}}", "labs/x.yaml:1: name: missing"),
        ("name: a", "topology: missing"),
        ("name: a\ntopology: {}", "labs/x.yaml:2: topology.nodes: missing"),
        ("name: a\ntopology: {nodes: {}}", "topology.nodes: the topology has no nodes"),
        ("name: a b\ntopology: {nodes: {s: {kind: switch}}}", "name: found 'a b'; allowed: a name of letters"),
        ("name: a\nseed: -1\ntopology: {nodes: {s: {kind: switch}}}", "labs/x.yaml:2: seed: found '-1'; allowed: a whole number from 0"),
        ("name: a\nseed: true\ntopology: {nodes: {s: {kind: switch}}}", "seed: found 'true'"),
        ("name: a\nmgmt: {}\ntopology: {nodes: {s: {kind: switch}}}", "mgmt: found 'mgmt'; unknown key; allowed: name, seed, topology, validate"),
        ("name: a\ntopology:\n  node: {}\n  nodes: {s: {kind: switch}}", "labs/x.yaml:3: topology.node: found 'node'; unknown key; allowed: defaults, kinds, nodes, links; did you mean 'nodes'?"),
        ("name: a\ntopology:\n  kinds: {hosts: {}}\n  nodes: {s: {kind: switch}}", "topology.kinds.hosts: found 'hosts'; unknown key; allowed: screenos, host, dialup, router, nat, switch; did you mean 'host'?"),
        ("name: a\ntopology:\n  kinds: {host: {services: [x]}}\n  nodes: {s: {kind: switch}}", "topology.kinds.host.services[0]: found 'x'"),
        ("name: a\ntopology:\n  defaults: {typ: x}\n  nodes: {s: {kind: switch}}", "topology.defaults.typ: found 'typ'; unknown key"),
        ("name: a\ntopology:\n  defaults: {kind: swich}\n  nodes: {s: {kind: switch}}", "topology.defaults.kind: found 'swich'"),
    ],
)  # fmt: skip
def test_the_frame_of_the_file(text: str, said: str) -> None:
    assert said in only(text)


def test_an_inherited_mistake_is_told_once_where_it_stands() -> None:
    text = "name: a\ntopology:\n  kinds:\n    host: {gateway: x}\n  nodes:\n    a: {kind: host, address: 10.1.1.1/24}\n    b: {kind: host, address: 10.1.1.2/24}\n"
    assert only(text).startswith("labs/x.yaml:4: topology.kinds.host.gateway: found 'x'")
    text = "name: a\ntopology:\n  defaults:\n    type: ns99\n  nodes:\n    a: {kind: screenos}\n"
    assert only(text).startswith("labs/x.yaml:4: topology.nodes.a.type: found 'ns99'; unknown platform")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nx: b: c\n", "labs/x.yaml:2:5: a ':' is not expected here; check the indentation, or quote the text"),
        ("name: a\n\tx: 1\n", "labs/x.yaml:2:1: a tab cannot be used for indentation; use spaces"),
        ("name: a\nx: [1, 2\n", "labs/x.yaml:2:4: a '[' list is not closed, or lacks a comma"),
        ("x: {a: 1\nname: b\n", "labs/x.yaml:1:4: a '{' mapping is not closed, or lacks a comma"),
        ("name: 'a\n", "labs/x.yaml:1:7: a quote is not closed"),
        ("name: *a\n", "labs/x.yaml:1:7: an alias '*…' is used before its anchor '&…'"),
        ("name: a\n---\nname: b\n", "labs/x.yaml:2:1: a second document begins ('---'); a topology file holds one"),
        (
            "a: 1\nb: [45] received\n",
            "labs/x.yaml:2:9: this does not fit the lines above; check the indentation and the quotes",
        ),
        ("a: @x\n", "labs/x.yaml:1:4: this character cannot begin a value; quote the text"),
        ("a: 1\nb: \0\n", "labs/x.yaml:2: the character U+0000 is not allowed in YAML"),
        ("[" * 1000, "labs/x.yaml:1: lists or mappings are nested too deeply"),
        ("%YAML 7.9\n---\na: 1\n", "labs/x.yaml:1:1: not valid YAML: "),
    ],
)
def test_text_that_is_no_yaml(text: str, said: str) -> None:
    assert only(text).startswith(said)


def test_a_key_may_stand_once() -> None:
    text = "name: a\ntopology:\n  nodes:\n    s: {kind: switch}\n    s: {kind: switch}\n"
    assert only(text) == "labs/x.yaml:5: topology.nodes.s: this key is there twice (first on line 4)"


def test_an_alias_cannot_contain_itself() -> None:
    assert "an alias contains itself" in str(problems("name: a\ntopology: &t {nodes: *t}\n")[0])


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["name: x", "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert any("too many values" in str(problem) for problem in problems("\n".join(lines)))


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """name: a
topology:
  nodes:
    fw: {kind: screenos, type: ns9}
    pc: {kind: host, address: 10.1.1.5/24, gateway: 10.2.1.1, services: [htp]}
    r: {kind: router, interfaces: {eth1: 1.1.1.1/24}, rutes: []}
  links:
    - {endpoints: ["pc:eth9", "nobody:x"], delay: 5}
    - {endpoints: ["r:eth1", "r:eth1"], loss: 7}
validate:
  v: {node: ghost, exec: ping, match: "("}
"""
    found = [(problem.line, problem.path) for problem in problems(text)]
    assert sorted(found) == sorted(
        [
            (4, "topology.nodes.fw.type"),
            (5, "topology.nodes.pc.services[0]"),
            (5, "topology.nodes.pc.gateway"),
            (6, "topology.nodes.r.rutes"),
            (8, "topology.links[0].delay"),
            (8, "topology.links[0].endpoints[0]"),
            (8, "topology.links[0].endpoints[1]"),
            (9, "topology.links[1].loss"),
            (9, "topology.links[1].endpoints"),
            (9, "topology.links[1].endpoints[1]"),
            (11, "validate.v.match"),
            (11, "validate.v.node"),
        ]
    )
    assert [line for line, _ in found] == sorted(line for line, _ in found)


def test_the_error_prints_one_line_a_problem_and_long_finds_are_cut() -> None:
    with pytest.raises(TopologyError) as raised:
        parse(f"name: a\nseed: {'x' * 5000}\n", Path("x.yaml"), PLATFORMS)
    lines = str(raised.value).splitlines()
    assert len(lines) == len(raised.value.problems) == 2
    assert all(len(line) < 200 for line in lines)
