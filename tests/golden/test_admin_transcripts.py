"""Transcripts of administration: help of what is new, settings of logins, files, the lock, typing errors."""

from __future__ import annotations

from support.cli_console import Session


def test_help_of_administration() -> None:
    session = Session(platform="ssg140")
    assert session.transcript("get admin ?", "set admin access ?", "clear admin ?", "exec config lock ?") == (
        "ssg140-> get admin ?\n"
        "<return>\n"
        "auth                 show how administrators are let in\n"
        "current-user         show who is logged in\n"
        "manager-ip           show the hosts that may manage\n"
        "ssh                  show Secure Shell of administrators\n"
        "user                 show admin user list\n"
        "|                    match output\n"
        ">                    redirect output\n"
        "ssg140-> set admin access ?\n"
        "attempts             bad logins before the line is closed\n"
        "lock-on-failure      minutes locked\n"
        "ssg140-> clear admin ?\n"
        "all                  of all but this one\n"
        "name                 of one\n"
        "ssg140-> exec config lock ?\n"
        "abort                go back at once, with a restart\n"
        "end                  keep the changes\n"
        "start                lock the configuration\n"
        "ssg140-> "
    )


def test_settings_of_logins() -> None:
    session = Session()
    assert session.transcript(
        "set admin access attempts 4",
        "set adm acc lock 30",
        "set admin access attempts 0",
        "set admin access attmpts 4",
        "set admin telnet port 22",
        "set admin password restrict length 6",
        "set admin user ann password short",
        "set admin format ?",
        'set admin auth banner telnet login "Keep out"',
        "get admin | include L",
        "get config | include access",
    ) == (
        "ns208-> set admin access attempts 4\n"
        "ns208-> set adm acc lock 30\n"
        "ns208-> set admin access attempts 0\n"
        "                                  ^---value 0 out of range (<1-255> expected)\n"
        "ns208-> set admin access attmpts 4\n"
        "                         ^------------unknown keyword attmpts\n"
        "ns208-> set admin telnet port 22\n"
        "port 22 is used by another service of the device\n"
        "ns208-> set admin password restrict length 6\n"
        "ns208-> set admin user ann password short\n"
        "password is too short (at least 6 characters expected)\n"
        "ns208-> set admin format ?\n"
        "dos                  CR LF\n"
        "unix                 LF\n"
        'ns208-> set admin auth banner telnet login "Keep out"\n'
        "ns208-> get admin | include L\n"
        "TELNET Port: 23\n"
        "Login attempts: 4\n"
        "Lock on failure: 30 minutes\n"
        "ns208-> get config | include access\n"
        "set admin access attempts 4\n"
        "set admin access lock-on-failure 30\n"
        "ns208-> "
    )


def test_files_and_the_lock() -> None:
    session = Session()
    session.accept("unset clock timezone")
    size = len(session.type("get config").partition("\n")[2])
    assert session.transcript(
        "save config to slot1 a.cfg",
        "get file",
        "save config from slot1 b.cfg to flash",
        "save config from last-known-good merge",
        "get config lock",
        "exec config lock start",
        "get config lock",
        "exec config lock stop",
        "exec config lock end",
    ) == (
        "ns208-> save config to slot1 a.cfg\n"
        "Read the current config.\n"
        f"Save configurations ({size} bytes) to slot1:/a.cfg.\n"
        "Done\n"
        "ns208-> get file\n"
        f"    {'slot1:/a.cfg':<28}{size:>10}\n"
        "ns208-> save config from slot1 b.cfg to flash\n"
        "file slot1:/b.cfg does not exist\n"
        "ns208-> save config from last-known-good merge\n"
        "there is no last-known-good configuration\n"
        "ns208-> get config lock\n"
        "Configuration is not locked, lock timeout is 5 minutes\n"
        "ns208-> exec config lock start\n"
        "ns208-> get config lock\n"
        "Configuration is locked, 300 seconds remain before it is restored\n"
        "ns208-> exec config lock stop\n"
        "                         ^------unknown keyword stop\n"
        "ns208-> exec config lock end\n"
        "ns208-> "
    )
