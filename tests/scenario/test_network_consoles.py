"""Telnet and SSH to the devices of a lab: login, privileges, pages, several at once, exec, what tools send."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncssh
import pytest

from nsemu.app.consoles.hub import MOST_SESSIONS
from nsemu.app.consoles.ports import listening
from nsemu.app.problems import Unusable
from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import SECOND
from support.console_clients import Consoles, Expect, run, serving, ssh_shell

ADMINS = """\
set admin user "anita" password "j12fmt54" privilege all
set admin user "bob" password "reader" privilege read-only
"""
OXIDIZED_PROMPT = r"^[\w.:()-]+->\s?\Z"


def events(consoles: Consoles) -> list[str]:
    return [entry.text for entry in consoles.lab["gate"].device.event_log.newest_first()]


def test_telnet_login_as_screenos_does_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            expect = await consoles.dial()
            assert await expect.until("login: ") == "Remote Management Console\r\nlogin: "
            expect.send("netscreen\r\n")
            assert await expect.until("password: ") == "netscreen\r\npassword: "
            expect.send("wrong\r\n")
            assert await expect.until("login: ") == "\r\n ### Login failed\r\nlogin: "
            expect.send("netscreen\r")
            await expect.until("password: ")
            expect.send("netscreen\r")
            assert await expect.until("-> ") == "\r\nns208-> ", "the password is not echoed"
            expect.send("exit\r\n")
            await expect.end()
            told = events(consoles)
            assert re.search(r"^Admin user netscreen has logged out via Telnet from 127\.0\.0\.1:\d+$", told[0])
            assert "ADM: Local admin authentication successful for login name netscreen" in told
            assert any("authentication failed for login name 'netscreen'" in text for text in told)

    run(test())


def test_three_bad_passwords_end_the_call(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            expect = await consoles.dial()
            for _ in range(3):
                await expect.until("login: ")
                expect.send("netscreen\r\n")
                await expect.until("password: ")
                expect.send("no\r\n")
            assert (await expect.end()).endswith(" ### Login failed\r\n")
            entry = next(consoles.lab["gate"].device.event_log.newest_first())
            assert (entry.type, entry.level) == (27, Level.CRITICAL)

    run(test())


def test_ssh_names_itself_and_shows_the_banner_after_the_login(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            assert connection.get_extra_info("server_version") == "SSH-2.0-NetScreen"
            expect = await ssh_shell(connection)
            assert await expect.until("-> ") == "Remote Management Console\r\nns208-> "
            expect.send("exit\r")
            await expect.end()

    run(test())


def test_ssh_refuses_a_bad_password(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            for name, password in (("netscreen", "wrong"), ("nobody", "netscreen"), ("", ""), ("netscreen", "")):
                with pytest.raises(asyncssh.PermissionDenied):
                    await consoles.connect(name, password)
            assert any("Password authentication failed for admin user 'nobody'" in text for text in events(consoles))

    run(test())


def test_the_host_keys_stay_the_same(tmp_path: Path) -> None:
    async def key() -> str:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            found = connection.get_server_host_key()
            assert found is not None
            return found.get_fingerprint()

    assert run(key()) == run(key())
    kept = sorted(path.name for path in (tmp_path / "state" / "office").glob("ssh_host_*"))
    assert kept == ["ssh_host_ed25519_key", "ssh_host_rsa_key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "state" / "office").glob("ssh_host_*"))


def test_exec_requests(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            done = await connection.run("get system version")
            assert re.fullmatch(r"Version: [\d.]+\n", str(done.stdout)), "no banner, no prompt, no echo"
            assert done.exit_status == 0
            done = await connection.run("get serivce")
            assert "unknown keyword serivce" in str(done.stdout)
            assert done.exit_status == 1
            done = await connection.run("ping 10.20.2.80 count 2")
            assert "Success Rate is 100 percent (2/2)" in str(done.stdout)
            done = await connection.run("get service")
            assert str(done.stdout).count("\n") > 90, "no pages without a person"

    run(test())


def test_what_read_only_administrators_may_do(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, config=ADMINS) as consoles:
            async with consoles.ssh("bob", "reader") as connection:
                assert (await connection.run("get hostname")).exit_status == 0
                for line in ("set hostname mine", "unset policy id 7", "save", "clear event", "reset no-prompt"):
                    done = await connection.run(line)
                    assert done.exit_status == 1, line
                    assert "Read-only administrators cannot" in str(done.stdout)
            async with consoles.ssh("anita", "j12fmt54") as connection:
                assert (await connection.run("set hostname mine")).exit_status == 0
            assert consoles.lab["gate"].device.config.system.hostname == "mine"

    run(test())


def test_pages_help_and_keys(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            expect = await ssh_shell(connection)
            await expect.until("-> ")
            expect.send("get service\r")
            first = await expect.until("--- more ---")
            assert first.count("\r\n") == 21
            expect.send("\r")
            erase = "\b" * 12 + " " * 12 + "\b" * 12
            line = await expect.until("--- more ---")
            assert line.startswith(erase)
            assert line.count("\r\n") == 1
            expect.send("q")
            assert await expect.until("-> ") == erase + "ns208-> "
            expect.send("get syst?")
            assert await expect.match(r"get syst\Z") == (
                "get syst?\r\nsystem               show system information\r\nns208-> get syst"
            )
            expect.send("\x15get ho\t\r")
            await expect.until("get hostname \r\n")
            assert "Hostname: ns208" in await expect.until("-> ")
            expect.send("gt hostXX\x7f\b\x01\x1b[Ce\r")
            assert "Hostname: ns208" in await expect.until("-> ")
            expect.send("\x1b[A\r")
            assert "Hostname: ns208" in await expect.until("-> ")

    run(test())


def test_ctrl_c_ends_a_ping_and_typing_ahead_waits(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, rate=1000.0) as consoles, consoles.ssh() as connection:
            expect = await ssh_shell(connection)
            await expect.until("-> ")
            expect.send("ping 10.20.1.77 count 60000\r")
            await expect.until(".")
            expect.send("\x03")
            await expect.until("-> ")
            expect.send("ping 10.20.2.80 count 3\rget hostname\r")
            text = await expect.until("Hostname: ns208")
            assert text.index("Success Rate") < text.index("-> get hostname")

    run(test())


def test_a_ping_takes_the_time_it_takes(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, rate=1000.0) as consoles, consoles.ssh() as connection:
            before = consoles.lab.scheduler.now
            done = await connection.run("ping 10.20.1.77 count 5")
            assert "Success Rate is 0 percent (0/5)," in str(done.stdout)
            assert consoles.lab.scheduler.now - before >= 5 * SECOND

    run(test())


def test_several_sessions_on_one_clock_see_each_others_changes(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            one, two = await ssh_shell(connection), await ssh_shell(connection)
            three = await consoles.telnet("netscreen", "netscreen")
            for expect in (one, two, three):
                await expect.until("-> ")
            one.send("ping 10.20.1.77 count 60000\r")
            await one.until(".")
            two.send("set vrouter trust-vr\r")
            await two.until("ns208(trust-vr)-> ")
            three.send("set hostname other\r\n")
            await three.until("other-> ")
            await one.until(".")
            one.send("\x03")
            await one.until("other-> ")
            two.send("exit\r")
            await two.until("other-> ")
            await three.close()

    run(test())


def test_a_reset_ends_every_session(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            one = await consoles.telnet("netscreen", "netscreen")
            two = await consoles.telnet("netscreen", "netscreen")
            await one.until("-> ")
            await two.until("-> ")
            one.send("set hostname other\r\nreset\r\n")
            await one.until("Configuration modified, save? [y]/n ")
            one.send("n")
            await one.until("System reset, are you sure? y/[n] ")
            one.send("y")
            assert await one.end() == "y\r\nIn reset ...\r\n"
            await two.end()
            assert consoles.lab["gate"].device.config.system.hostname == "ns208"
            assert not consoles.hub.sessions

    run(test())


def test_a_session_too_many_is_hung_up_on(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            calls = [await consoles.dial() for _ in range(MOST_SESSIONS)]
            for call in calls:
                await call.until("login: ")
            assert "login" not in await (await consoles.dial()).end()
            for call in calls:
                await call.close()

    run(test())


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            taken = consoles.ports["gate"].telnet
            with pytest.raises(Unusable, match=rf"cannot listen at 127\.0\.0\.1 port {taken}: .*--base-port"):
                async with listening(consoles.hub, base_port=taken):
                    pass

    run(test())


async def rancid(expect: Expect) -> dict[str, str]:
    """nlogin and nrancid (screenos-cli §5): the full prompt is learnt, then each command read up to it."""
    await expect.until("-> ")
    expect.send("\r")
    found = re.search(r"^(.+-> )\Z", await expect.match(r"^.+-> \Z"), re.MULTILINE)
    assert found is not None
    prompt = re.escape(found[1])
    outputs = {}
    for command in ("set console page 0", "get system", "get conf"):
        expect.send(f"{command}\r")
        outputs[command] = (await expect.match(rf"^{prompt}\Z")).replace("\r", "")
    expect.send("exit\r")
    await expect.until("Configuration modified, save?")
    expect.send("n\r")
    await expect.end()
    return outputs


RANCID_LINES = (
    r"^Serial Number: (\S+), Control Number: (\S+)$",
    r"^Product Name: (.+)$",
    r"^Hardware Version: ([^,]+), ",
    r"^Software Version: ([^,]+), Type: (.+)$",
    r"^File Name: (\S+), Checksum: (\S+)$",
    r", Total Memory: (\S+)$",
)


@pytest.mark.parametrize("wire", ["telnet", "ssh"])
def test_rancid(tmp_path: Path, wire: str) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles:
            if wire == "telnet":
                outputs = await rancid(await consoles.telnet("netscreen", "netscreen"))
            else:
                async with consoles.ssh() as connection:
                    outputs = await rancid(await ssh_shell(connection))
            for pattern in RANCID_LINES:
                assert re.search(pattern, outputs["get system"], re.MULTILINE), pattern
            lines = outputs["get conf"].split("\n")
            assert re.match(r"Total Config size \d+:$", lines[1])
            assert any(
                re.match(r'set policy id 7 from "Trust" to "DMZ"\s+"Any" "Any" "PING" permit log', line)
                for line in lines
            )
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\xff]", "".join(outputs.values())), "plain text only"
            assert "--- more ---" not in "".join(outputs.values())
            assert (tmp_path / "state" / "office" / "gate.cfg").exists() is False, "nothing was saved"

    run(test())


@pytest.mark.parametrize("wire", ["telnet", "ssh"])
def test_oxidized(tmp_path: Path, wire: str) -> None:
    async def play(expect: Expect) -> dict[str, list[str]]:
        await expect.match(OXIDIZED_PROMPT)
        outputs: dict[str, list[str]] = {}
        for command in ("set console page 0", "get system", "get config"):
            expect.send(f"{command}\n")
            text = await expect.match(OXIDIZED_PROMPT)
            lines = text.split("\n")
            assert lines[0].strip() == command, "the first line is the echo"
            assert re.match(OXIDIZED_PROMPT, lines[-1]), "the last is the prompt"
            outputs[command] = [line.rstrip("\r") for line in lines[1:-1]]
        expect.send("exit\n")
        await expect.until("save?")
        expect.send("n")
        await expect.end()
        return outputs

    async def test() -> None:
        async with serving(tmp_path) as consoles:
            if wire == "telnet":
                outputs = await play(await consoles.telnet("netscreen", "netscreen"))
            else:
                async with consoles.ssh() as connection:
                    outputs = await play(await ssh_shell(connection))
            assert outputs["set console page 0"] == []
            dropped = [line for line in outputs["get system"] if re.match(r"^(Date|Up) ", line)]
            assert len(dropped) == 2
            assert outputs["get config"][-1] == "exit"
            masked = [line for line in outputs["get config"] if re.search(r"(secret|password|preshare) \S+", line)]
            assert masked == ['set admin password "nKVUM2rwMUzPcrkG5sWIHdCtqkAibn"']

    run(test())


def test_a_configuration_is_pasted(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as consoles, consoles.ssh() as connection:
            expect = await ssh_shell(connection)
            await expect.until("-> ")
            lines = [f"set address trust h{index} 10.1.{index // 256}.{index % 256}/32" for index in range(400)]
            expect.send("\r\n".join(lines) + "\r\n")
            while (f"h{399}") not in await expect.until("-> "):
                assert not expect.seen.count("^---")
            await expect.until("-> ") if not expect.seen.endswith("-> ") else ""
            await asyncio.sleep(0)
            assert len([key for key in consoles.lab["gate"].device.config.addresses if key[1].startswith("h")]) == 400

    run(test())
