"""Users log in at the firewall: through a policy with `auth` by HTTP, FTP and telnet, or at the WebAuth page first."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from nsemu.sim.scheduler import SECOND
from support.firewall import firewall

SERVER = "198.51.100.5"
USERS = (
    "set user ann password An-1",
    "set user bob password Bob2",
    "set user-group staff user ann",
)
LOGINS = {
    "http": f"http get {SERVER} user {{}} password {{}}",
    "ftp": f"ftp get {SERVER} readme.txt firewall {{}}:{{}}",
    "telnet": f"telnet {SERVER} send {{}} send {{}} send guest send guest send whoami send exit",
}
REACHED = {"http": "198.51.100.254|You are 1.1.1.1", "ftp": "received readme.txt", "telnet": "whoami\nguest"}
MINUTE = 60


def policy(words: str, service: str = "any") -> tuple[str, ...]:
    return (*USERS, f"set policy id 1 from Trust to Untrust any any {service} permit {words}")


def log_in(lab: Lab, protocol: str, user: str, password: str, host: str = "inside") -> str:
    return lab[host].run(LOGINS[protocol].format(user, password))


def passes(lab: Lab, host: str = "inside") -> bool:
    """Whether another service than the one that asks gets through."""
    return "hello" in lab[host].run(f"echo {SERVER} hello time-out 3")


def let_pass(lab: Lab, seconds: float) -> None:
    lab.scheduler.run_for(int(seconds * SECOND))


@pytest.mark.parametrize("protocol", LOGINS)
def test_other_services_pass_after_a_login_only(tmp_path: Path, protocol: str) -> None:
    """B209, B210: before it nothing passes, a wrong password opens nothing, the right one everything of the policy."""
    lab = firewall(tmp_path, *policy("auth"))
    assert not passes(lab)
    refused = log_in(lab, protocol, "ann", "wrong")
    assert "You are" not in refused
    assert "authentication failed" in refused
    assert not passes(lab)
    accepted = log_in(lab, protocol, "ann", "An-1")
    assert any(text in accepted for text in REACHED[protocol].split("|")), accepted
    assert passes(lab)
    assert "4 received" in lab["inside"].run(f"ping {SERVER} count 4")


@pytest.mark.parametrize("protocol", LOGINS)
def test_the_connection_goes_on_to_the_server_over_a_bad_line(tmp_path: Path, protocol: str) -> None:
    """Loss on both sides, while asking and while joining: the login and what follows it come through."""
    for seed in range(4):
        lab = firewall(tmp_path, *policy("auth"), "set auth-server Local timeout 0", seed=seed)
        for end in ("fw:ethernet1", "fw:ethernet3"):
            lab.link(end).set(loss=0.15)
        said = log_in(lab, protocol, "ann", "An-1")
        assert any(text in said for text in REACHED[protocol].split("|")), (seed, said)


@pytest.mark.parametrize(
    ("words", "ann", "bob"),
    [
        ("auth", True, True),
        ("auth server Local", True, True),
        ("auth user bob", False, True),
        ("auth server Local user ann", True, False),
        ("auth server Local user-group staff", True, False),
    ],
)
def test_only_those_whom_the_policy_names_are_admitted(tmp_path: Path, words: str, ann: bool, bob: bool) -> None:
    """B210: one user, the members of a group, or any user of the database."""
    for user, password, admitted in (("ann", "An-1", ann), ("bob", "Bob2", bob)):
        lab = firewall(tmp_path, *policy(words))
        assert ("You are" in log_in(lab, "http", user, password)) is admitted
        assert passes(lab) is admitted


def test_a_login_holds_for_its_address_and_for_no_other(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth"))
    log_in(lab, "http", "ann", "An-1")
    assert passes(lab)
    assert not passes(lab, "inside2")


def test_a_login_for_one_user_opens_no_policy_of_another(tmp_path: Path) -> None:
    """Each policy asks for its own; the same address may have both logged in."""
    lines = (
        *USERS,
        "set policy id 1 from Trust to Untrust any any http permit auth user ann",
        "set policy id 2 from Trust to Untrust any any telnet permit auth user bob",
    )
    lab = firewall(tmp_path, *lines)
    assert "You are" in log_in(lab, "http", "ann", "An-1")
    assert "authentication failed" in log_in(lab, "telnet", "ann", "An-1")
    assert "whoami\nguest" in log_in(lab, "telnet", "bob", "Bob2")
    assert "You are" in lab["inside"].run(f"http get {SERVER}")


@pytest.mark.parametrize(
    "change",
    [
        "unset user ann enable",
        "unset user ann type auth",
        "unset user ann password",
        "clear auth",
        "clear auth table",
        "clear auth table id 1",
        "clear auth table ip 10.1.1.5",
    ],
)
def test_who_is_no_user_any_more_is_out(tmp_path: Path, change: str) -> None:
    """At once, and with all sessions."""
    lab = firewall(tmp_path, *policy("auth"))
    log_in(lab, "http", "ann", "An-1")
    lab["inside"].run(f"ping {SERVER} count 1")
    assert "policy 1" in lab["fw"].cli("get session")
    lab["fw"].cli(change)
    assert "Total users in table: 0" in lab["fw"].cli("get auth table")
    assert "policy 1" not in lab["fw"].cli("get session")
    assert not passes(lab)
    if not change.startswith("clear"):
        assert "authentication failed" in log_in(lab, "http", "ann", "An-1")


def test_idle_time_begins_when_the_last_session_has_ended(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth"), "set auth-server Local timeout 3")
    log_in(lab, "http", "ann", "An-1")
    for _ in range(4):
        let_pass(lab, 2 * MINUTE)
        assert passes(lab)
    # A session that lives for a minute without traffic holds the login.
    lab["inside"].run(f"ping {SERVER} count 2")
    let_pass(lab, 3 * MINUTE - 20)
    assert "Successful: 1" in lab["fw"].cli("get auth table")
    let_pass(lab, 2 * MINUTE)
    assert "Successful: 0" in lab["fw"].cli("get auth table")
    assert not passes(lab)


def test_a_forced_time_out_ends_even_a_busy_session(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth"), "set auth-server Local forced-timeout 2")
    log_in(lab, "http", "ann", "An-1")
    said = lab["inside"].run(f"ping {SERVER} count 200 interval 1")
    received = int(said.partition(" packets transmitted, ")[2].partition(" ")[0])
    assert 115 <= received <= 121
    assert not passes(lab)


def test_zero_minutes_never_end(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth"), "set auth-server Local timeout 0")
    log_in(lab, "http", "ann", "An-1")
    let_pass(lab, 100 * 3600)
    assert passes(lab)


def test_infranet_auth_admits_nobody_and_the_console_says_so(tmp_path: Path) -> None:
    """There is no Infranet Controller that could let anyone in: the policy is closed, not open."""
    lab = firewall(tmp_path, *USERS)
    line = 'set policy id 1 from "Trust" to "Untrust"  "Any" "Any" "ANY" permit infranet-auth'
    assert "Infranet Controllers are not emulated: policy id 1 admits nobody" in lab["fw"].cli(line)
    assert "timed out" in log_in(lab, "http", "ann", "An-1")
    assert not passes(lab)
    assert line in lab["fw"].cli("get config").replace(" \n", "\n")
    walk = lab.trace("inside", SERVER, proto="tcp", dport=25)
    assert walk.disposition == "dropped"
    assert DropReason.AUTH_UNAVAILABLE.value.text in str(walk.to_json())
    lab["fw"].cli("unset policy id 1")
    lab["fw"].cli("set policy id 1 from Trust to Untrust any any any permit")
    assert passes(lab)


def test_another_server_admits_nobody_and_the_console_says_so(tmp_path: Path) -> None:
    """Named in the policy, or as the default: what cannot be asked is closed."""
    lab = firewall(tmp_path, *USERS, "set auth-server rad server-name 10.9.9.9")
    said = lab["fw"].cli("set policy id 1 from Trust to Untrust any any any permit auth server rad")
    assert "auth-server rad is kept in the configuration but not emulated: policy id 1 admits nobody" in said
    assert "timed out" in log_in(lab, "http", "ann", "An-1")
    lab["fw"].cli("set policy id 1 from Trust to Untrust any any any permit auth")
    assert "You are" in log_in(lab, "http", "ann", "An-1")
    assert "not emulated" in lab["fw"].cli("set auth default auth server rad")
    assert not passes(lab)
    lab["fw"].cli("unset auth default auth server")
    assert passes(lab)


def test_what_the_policy_does_not_permit_raises_no_prompt(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth", "ftp"))
    assert "timed out" in lab["inside"].run(f"http get {SERVER} time-out 3")
    assert "230 " in log_in(lab, "ftp", "ann", "An-1")


def test_a_server_that_does_not_answer_is_told_to_the_user(tmp_path: Path) -> None:
    """The login counts all the same."""
    lab = firewall(tmp_path, *policy("auth"))
    said = lab["inside"].run("telnet 198.51.100.77 send ann send An-1 time-out 60")
    assert "accepted" in said
    assert "reset" in said
    assert passes(lab)


def test_banners_are_those_of_the_admin(tmp_path: Path) -> None:
    lab = firewall(
        tmp_path,
        *policy("auth"),
        'set auth banner telnet login "Who goes there"',
        'set auth banner telnet fail "Be gone"',
        'set auth banner telnet success "Pass, friend"',
        'set auth banner ftp login "Halt"',
        'set auth banner ftp fail "Nay"',
        'set auth banner ftp success "Aye"',
        "set auth banner http login \"Say 'friend'\"",
        'set auth banner http fail "No page for you"',
        'set auth banner http success "Wait a second"',
    )
    said = lab["inside"].run(f"telnet {SERVER} send ann send no send ann send An-1 send guest send guest send exit")
    assert said.index("Who goes there") < said.index("Be gone") < said.index("Pass, friend") < said.index("Welcome")
    lab["fw"].cli("clear auth")
    said = log_in(lab, "ftp", "ann", "no")
    assert "220 Halt" in said
    assert "530 Nay" in said
    assert "230-Aye\n230 server FTP server ready." in log_in(lab, "ftp", "ann", "An-1")
    lab["fw"].cli("clear auth")
    assert "Basic realm=\"Say 'friend'\"" in lab["inside"].run(f"http get {SERVER}")
    assert "No page for you" in log_in(lab, "http", "ann", "no")
    said = log_in(lab, "http", "ann", "An-1")
    assert "Wait a second" in said
    assert 'content="3; url=/"' in said
    assert passes(lab)


def test_webauth_wants_a_login_at_its_page(tmp_path: Path) -> None:
    """No prompt on the way; the page takes a form or Basic credentials; then all services of the policy pass."""
    lines = policy("webauth user-group staff")
    lab = firewall(
        tmp_path,
        *lines,
        "set interface ethernet1 webauth-ip 10.1.1.77",
        "set interface ethernet1 webauth",
        'set webauth banner success "Good morning"',
    )
    inside = lab["inside"]
    assert "timed out" in inside.run(f"http get {SERVER} user ann password An-1 time-out 3")
    assert "<form" in inside.run("http get 10.1.1.77")
    assert "401" in inside.run("http get 10.1.1.77 user ann password no")
    assert "403" in inside.run("http post 10.1.1.77 form user=ann&password=no")
    assert not passes(lab)
    assert "Good morning" in inside.run("http post 10.1.1.77 form password=An-1&user=ann")
    assert passes(lab)
    lab["fw"].cli("clear auth")
    assert not passes(lab)
    assert "Good morning" in inside.run("http get 10.1.1.77 user bob password Bob2")
    assert not passes(lab)  # bob is a user, but not of the group
    assert "Good morning" in inside.run("http get 10.1.1.77 user ann password An-1")
    assert passes(lab)
    assert "0 received" in inside.run("ping 10.1.1.77 count 1")
    assert "timed out" in inside.run("telnet 10.1.1.77 time-out 3")


def test_webauth_is_off_until_it_is_on(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("webauth"), "set interface ethernet1 webauth-ip 10.1.1.77")
    assert "no route to host" in lab["inside"].run("http get 10.1.1.77 time-out 3")
    assert "nobody can log in" in lab["fw"].cli("set interface ethernet1 webauth ssl-only")
    assert "timed out" in lab["inside"].run("http get 10.1.1.77 user ann password An-1 time-out 3")
    lab["fw"].cli("set interface ethernet1 webauth")
    assert "accepted" in lab["inside"].run("http get 10.1.1.77 user ann password An-1")
    assert passes(lab)


def test_a_login_by_the_page_counts_for_policies_with_auth_but_not_the_reverse(tmp_path: Path) -> None:
    webauth = ("set interface ethernet1 webauth-ip 10.1.1.77", "set interface ethernet1 webauth")
    lab = firewall(tmp_path, *policy("auth"), *webauth)
    lab["inside"].run("http get 10.1.1.77 user ann password An-1")
    assert passes(lab)
    lab["fw"].cli("clear auth")
    log_in(lab, "http", "ann", "An-1")
    lab["fw"].cli("set policy id 1 from Trust to Untrust any any any permit webauth")
    assert not passes(lab)


def test_events(tmp_path: Path) -> None:
    """screenos-cli §3.3: types 00518 and 00519."""
    lab = firewall(tmp_path, *policy("auth"))
    log_in(lab, "http", "ann", "no")
    log_in(lab, "http", "ann", "An-1")
    log_in(lab, "http", "x" * 40, "An-1")
    events = " ".join(lab["fw"].cli("get event").split())
    assert "system warn 00518 Local authentication for user ann was denied" in events
    assert "system notif 00519 Local authentication for user ann was successful" in events


def test_a_login_that_nobody_ends_is_given_up(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth"))
    said = lab["inside"].run(f"telnet {SERVER} send ann time-out 90")
    assert "Password: " in said
    let_pass(lab, 61)
    assert "Pending   : 0" in lab["fw"].cli("get auth table")


def test_the_request_goes_on_without_the_credentials(tmp_path: Path) -> None:
    """What the firewall was told is not for the server; the stream stays as long as it was."""
    lab = firewall(tmp_path, *policy("auth"))
    frames: list[bytes] = []
    link = lab.network.links[4]
    link.add_tap(lambda _port, frame, _at, _seen: frames.append(frame))
    assert "You are" in log_in(lab, "http", "ann", "An-1")
    heard = b"".join(frames)
    assert b"GET / HTTP/1.1" in heard
    assert b"Authorization" not in heard
    assert b"YW5u" not in heard


def test_the_trace_says_who_is_missing(tmp_path: Path) -> None:
    lab = firewall(tmp_path, *policy("auth user ann"))
    assert "policy 1 wants a user of server Local" in lab.trace("inside", SERVER, "icmp").text()
    log_in(lab, "http", "ann", "An-1")
    assert "ann is logged in" in lab.trace("inside", SERVER, "icmp").text()


def test_one_address_cannot_use_up_all_logins(tmp_path: Path) -> None:
    """Sixteen at a time; another address is served all the while."""
    lab = firewall(tmp_path, *policy("auth"))
    for _ in range(20):
        lab["inside"].run(f"tcp syn {SERVER} 23 time-out 0.1")
    assert "Pending   : 16" in lab["fw"].cli("get auth table")
    assert "timed out" in lab["inside"].run(f"telnet {SERVER} time-out 2")
    assert "You are" in log_in(lab, "http", "ann", "An-1", "inside2")
    let_pass(lab, 61)
    assert "Pending   : 0" in lab["fw"].cli("get auth table")
    assert "You are" in log_in(lab, "http", "ann", "An-1")
