"""Transcripts of who is logged in at the firewall, and of users, groups and servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from support.firewall import firewall

LEGEND = "Col T: Used: D = Default settings, W = WebAuth, A = Auth server in policy\n"
HEADER = " Id Src             User            Group           Age Status  Server          T Srczone  Dstzone\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return firewall(
        tmp_path,
        "set user ann password An-1",
        "set user bob password Bob2",
        "set user carol ike-id u-fqdn carol@example.org",
        "unset user bob enable",
        "set user-group staff user ann",
        "set user-group staff user bob",
        "set auth-server rad server-name 10.9.9.9",
        "set auth-server rad id 3",
        "set auth-server rad timeout 30",
        "set auth-server Local timeout 20",
        "set auth-server Local forced-timeout 60",
        "set interface ethernet1 webauth-ip 10.1.1.77",
        "set interface ethernet1 webauth",
        "set policy id 1 from Trust to Untrust any any any permit auth server Local user-group staff",
        "set policy id 2 from DMZ to Untrust any any any permit auth",
        "set policy id 3 from Untrust to DMZ any any any permit webauth user ann",
    )


def test_who_is_logged_in(lab: Lab) -> None:
    """Through a policy with a server of its own, by the default, at the page; and one who is asked."""
    lab["inside"].run("http get 198.51.100.5 user ann password An-1")
    lab["dmz"].run("ftp ls 198.51.100.5 firewall ann:An-1")
    lab["inside"].run("http get 10.1.1.77 user ann password An-1")
    lab.scheduler.run_for(5 * 60 * 10**9)
    running, _ = lab["inside2"].start("telnet 198.51.100.5 send bob send Bob2 time-out 5")
    next(running)
    lab.scheduler.run_for(10**8)
    assert lab["fw"].cli("get auth table") == (
        "Total users in table: 4\n"
        "    Successful: 3, Failed: 0\n"
        "    Pending   : 1, Others: 0\n" + LEGEND + HEADER + "  1 10.1.1.5        ann             staff            16 "
        "Success Local           A Trust    Untrust\n"
        "  2 10.9.9.5        ann             staff            15 Success Local           D DMZ      Untrust\n"
        "  3 10.1.1.5        ann             staff            15 Success Local           W N/A      N/A\n"
        "  0 10.1.2.5                                          1 Pending Local           A Trust    Untrust\n"
    )
    assert lab["fw"].cli("get auth table ip 10.9.9.5").count("ann") == 1
    assert lab["fw"].cli("get auth table id 3").endswith(" W N/A      N/A\n")


def test_settings_and_banners(lab: Lab) -> None:
    lab["fw"].cli('set auth banner ftp login "Halt"')
    assert lab["fw"].cli("get auth settings") == (
        "Default auth server: Local\nWebAuth server: Local\nLocal timeout: 20 minutes, forced timeout: 60 minutes\n"
    )
    assert lab["fw"].cli("get auth banner").splitlines()[:5] == [
        "ftp login: Halt",
        "ftp success: Firewall user authentication accepted, log in to the server",
        "ftp fail: Firewall user authentication failed",
        "http login: Firewall user authentication",
        "http success: -",
    ]
    assert lab["fw"].cli("get webauth") == (
        "WebAuth server: Local\nsuccess banner: default\nethernet1: 10.1.1.77, enabled\n"
    )


def test_servers(lab: Lab) -> None:
    assert lab["fw"].cli("get auth-server all") == (
        "Total auth servers: 2\n"
        " Id Server name     Type    Address or name Timeout Forced  State\n"
        "  0 Local           Local   Local                20     60  in use\n"
        "  3 rad             RADIUS  10.9.9.9             30      0  not emulated\n"
    )
    assert lab["fw"].cli("get auth-server rad").splitlines()[-1].startswith("  3 rad")
    assert lab["fw"].cli("get auth-server nobody") == "auth-server nobody does not exist\n"


def test_users_and_groups(lab: Lab) -> None:
    assert lab["fw"].cli("get user all") == (
        "Total users: 3\n"
        "Id     User name       Enable Type        ID-type   Identity        Belongs to groups\n"
        "-----  --------------- ------ ----------- --------- --------------- -----------------\n"
        "    1  ann             Yes    auth                                  staff\n"
        "    2  bob             No     auth                                  staff\n"
        "    3  carol           Yes    ike         U-FQDN    carol@example.~\n"
    )
    assert lab["fw"].cli("get user id 2").splitlines()[-1].startswith("    2  bob")
    assert lab["fw"].cli("get user dave") == "user dave does not exist\n"
    assert lab["fw"].cli("get user-group all") == (
        "Total user groups: 1\n"
        "Id     Group name      Location Type        Members\n"
        "-----  --------------- -------- ----------- -------\n"
        "    1  staff           Local                ann, bob\n"
    )
    assert lab["fw"].cli("get user-group external").count("\n") == 2


def test_a_policy_says_who_may_use_it(lab: Lab) -> None:
    said = [lab["fw"].cli(f"get policy id {number}").splitlines()[-2:] for number in (1, 2, 3)]
    assert said == [
        ["Authentication by server Local", "User Group staff"],
        ["Authentication by server Local", "No User, User Group or Group expression set"],
        ["WebAuth by server Local", "User ann"],
    ]


def test_an_interface_says_where_its_page_is(lab: Lab) -> None:
    assert "  webauth enabled, webauth-ip 10.1.1.77\n" in lab["fw"].cli("get interface ethernet1")


def test_the_debug_buffer_says_who_is_missing(lab: Lab) -> None:
    lab["fw"].cli("debug flow basic")
    lab["inside"].run("ping 198.51.100.5 count 1 time-out 1")
    lab["inside"].run("http get 198.51.100.5 user ann password no")
    said = lab["fw"].cli("get dbuf stream")
    assert "  auth needed by policy 1, server Local\n  packet dropped, auth required by policy 1\n" in said
    assert "  auth needed by policy 1, server Local, prompt for http\n" in said
    lab["inside"].run("http get 198.51.100.5 user ann password An-1")
    lab["fw"].cli("clear dbuf")
    lab["inside"].run("ping 198.51.100.5 count 1 time-out 1")
    assert "  auth user ann found, server Local\n" in lab["fw"].cli("get dbuf stream")
