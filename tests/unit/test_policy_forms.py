"""Forms of `set policy`, its context and its pairs, what is refused and what the console warns of."""

from __future__ import annotations

import pytest

from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.editor import Editor
from support.cli_console import Session

SITE = (
    "set interface ethernet1 zone trust",
    "set interface ethernet1 ip 10.1.1.1/24",
    "set interface ethernet3 zone untrust",
    "set interface ethernet3 ip 1.1.1.1/24",
    "set address trust here 10.1.1.0/24",
    "set address untrust there 10.2.2.0/24",
    "set ike gateway gw address 2.2.2.2 outgoing-interface ethernet3 preshare k sec-level standard",
    "set vpn one gateway gw sec-level standard",
    "set vpn two gateway gw sec-level standard",
    "set zone name X1",
    "set zone name X2",
    "set interface tunnel.1 zone X2",
    "set interface tunnel.1 ip 10.20.1.2/24",
)
OUT = "set policy id {} from trust to untrust here there any tunnel vpn {}"
IN = "set policy id {} from untrust to trust there here any tunnel vpn {}"


def session(*lines: str) -> Session:
    made = Session()
    made.accept(*SITE, *lines)
    return made


def pairs(of: Session) -> dict[int, int | None]:
    return {number: policy.pair for number, policy in of.device.config.policies.items()}


# --- pairs


def test_both_policies_name_each_other() -> None:
    console = session(OUT.format(1, "one"), IN.format(2, "one id 0x1 pair-policy 1"))
    assert pairs(console) == {1: 2, 2: 1}
    shown = console.type("get config | include pair")
    assert [line.split("tunnel")[1].strip() for line in shown.splitlines()] == [
        'vpn "one" pair-policy 2',
        'vpn "one" id 0x1 pair-policy 1',
    ]


def test_a_line_may_come_before_its_pair() -> None:
    console = session(OUT.format(1, "one pair-policy 2"))
    assert pairs(console) == {1: 2}
    console.accept(IN.format(2, "one"))
    assert pairs(console) == {1: 2, 2: 1}


@pytest.mark.parametrize(
    "line",
    [
        IN.format(2, "two pair-policy 1"),  # another VPN
        IN.format(2, "two"),  # named already, by a policy of another VPN
        OUT.format(3, "one pair-policy 1"),  # the same direction
        IN.format(3, "one pair-policy 3"),  # itself
        OUT.format(1, "two"),  # one that is paired changes its VPN
        "set policy id 1 from trust to untrust here there any permit",
    ],
)
def test_what_is_no_pair(line: str) -> None:
    console = session(OUT.format(1, "one pair-policy 2"))
    if line.startswith(("set policy id 1 ",)):
        console.accept(IN.format(2, "one"))
        console.accept(line)  # it leaves its pair behind
        assert pairs(console) == {1: None, 2: None}
        return
    before = console.device.config
    assert "is not the other direction of vpn" in console.type(line)
    assert console.console.refused
    assert console.device.config is before


def test_a_policy_has_one_pair() -> None:
    console = session(OUT.format(1, "one"), IN.format(2, "one pair-policy 1"))
    assert "policy id 1 is paired with policy id 2" in console.type(IN.format(3, "one pair-policy 1"))
    console.accept(OUT.format(4, "one"), IN.format(2, "one pair-policy 4"))
    assert pairs(console) == {1: None, 2: 4, 4: 2}


def test_deletion_and_moving() -> None:
    console = session(OUT.format(1, "one"), IN.format(2, "one pair-policy 1"), OUT.format(3, "two"))
    console.accept("set policy move 1 after 3", "set policy id 1 disable")
    assert pairs(console) == {1: 2, 2: 1, 3: None}
    assert console.device.config.policy_order["Trust", "Untrust"] == (3, 1)
    console.accept("unset policy id 2")
    assert pairs(console) == {1: None, 3: None}
    assert "pair-policy" not in console.type("get config")


# --- the context of a policy


def test_every_word_of_the_context() -> None:
    console = session(
        "set address trust more 10.1.2.0/24",
        "set address untrust more 10.3.3.0/24",
        "set scheduler day recurrent monday start 08:00 stop 09:00",
        "set policy id 7 from trust to untrust here there http permit",
    )
    before = console.device.config
    words = (
        "src-address more", "dst-address more", "service ftp", "src-address negate", "dst-address negate", "name web",
        "log", "log session-init", "log alert", "count", "count alarm 100 2000", "schedule day", "disable",
    )  # fmt: skip
    console.accept("set policy id 7", *(f"set {word}" for word in words), "exit")
    policy = console.device.config.policies[7]
    assert (policy.sources, policy.destinations, policy.services) == (
        ("here", "more"),
        ("there", "more"),
        ("HTTP", "FTP"),
    )
    assert (policy.source_negate, policy.destination_negate, policy.name) == (True, True, "web")
    assert (policy.log, policy.log_init, policy.alert, policy.count, policy.alarm) == (
        True,
        True,
        True,
        True,
        (100, 2000),
    )
    assert (policy.schedule, policy.enabled) == ("day", False)
    listing = console.type("get config")
    assert 'name "web" from "Trust" to "Untrust"' in listing
    assert 'permit schedule "day" log alert count alarm 100 2000' in listing
    plain = [word.split(" 100")[0].replace("schedule day", "schedule").replace("name web", "name") for word in words]
    console.accept("set policy id 7", *(f"unset {word}" for word in plain), "exit")
    assert console.device.config == before


def test_ids_and_places() -> None:
    console = session(
        "set policy id 5 from trust to untrust any any any deny",
        "set policy id 6 top from trust to untrust any any http permit",
        "set policy id 7 before 5 from trust to untrust any any ftp permit",
        "set policy move 5 before 6",
    )
    order = console.device.config.policy_order
    assert order["Trust", "Untrust"] == (5, 6, 7)
    console.accept("set policy id 6 from trust to untrust any any dns permit")  # the same one, in its place
    assert order["Trust", "Untrust"] == (5, 6, 7)
    assert "policy id 6 already exists from Trust to Untrust" in console.type(
        "set policy id 6 from untrust to trust any any dns permit"
    )
    assert "policy id 6 already exists from Trust to Untrust" in console.type(
        "set policy global id 6 any any dns permit"
    )


def test_a_platform_holds_so_many() -> None:
    console = Session(platform="ns5gt")
    most = console.device.config.platform.capacity.policies
    lines = "\n".join(
        f"set policy id {number} from trust to untrust any any http permit" for number in range(1, most + 2)
    )
    editor = Editor(console.device.config)
    (error,) = load_configuration(lines, editor)
    assert error.message == f"no more policies (this platform holds {most})"
    assert len(editor.policies) == most


@pytest.mark.parametrize(
    ("made", "line", "said"),
    [
        ("here there http", "unset address trust here", "in use by policy 9"),
        ("here there http", "unset address untrust there", "in use by policy 9"),
        ("grp there http", "unset group address trust grp", "in use by policy 9"),
        ("here there web", "unset service web", "in use by policy 9"),
        ("here there all", "unset group service all", "in use by policy 9"),
    ],
)
def test_what_a_policy_names_cannot_go(made: str, line: str, said: str) -> None:
    console = session(
        "set address trust spare 10.1.9.0/24",
        "set group address trust grp add spare",
        "set service web protocol tcp src-port 0-65535 dst-port 8080-8080",
        "set group service all add http",
        f"set policy id 9 from trust to untrust {made} permit",
    )
    assert said in console.type(line)
    assert console.console.refused
    console.accept("unset policy id 9", line)


# --- zones


@pytest.mark.parametrize(
    ("source", "destination"), [("v1-trust", "untrust"), ("trust", "v1-untrust"), ("v1-dmz", "X1")]
)
def test_no_policy_between_layers(source: str, destination: str) -> None:
    console = session()
    said = console.type(f"set policy from {source} to {destination} any any any permit")
    assert console.console.refused
    assert "layer 2 zone" in said
    assert "layer 3 zone" in said
    console.accept("set policy from v1-trust to v1-untrust any any any permit")


WARNING = "Warning: Some interfaces in the X2 zone are in NAT mode. Traffic might not pass through them!"


def test_interfaces_in_nat_mode_are_warned_of_b369() -> None:
    """B369: between zones of one's own; the policy is made nevertheless."""
    console = session("set interface tunnel.1 nat")
    assert console.type("set policy top from X1 to X2 any any any permit") == f"policy id = 1\n{WARNING}\n"
    assert not console.console.refused
    assert 1 in console.device.config.policies
    assert "Warning" not in console.type("set policy top from X2 to X1 any any any permit")
    assert "Warning" not in console.type("set policy top from X1 to X2 any any http deny")
    assert "Warning" not in console.type("set policy top from untrust to trust any any http permit")
    console.accept("set interface tunnel.1 route")
    assert "Warning" not in console.type("set policy top from X1 to X2 any any ftp permit")
