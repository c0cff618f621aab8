"""Golden transcripts of ping, trace-route, save, reset, unset all (screenos-cli §4.5, §4.6)."""

from __future__ import annotations

import pytest

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Question
from nsemu.cli.settings.configuration import configuration_text
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Wait, satisfy
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from support.box import Box, ip
from support.drop_scenes import BASE, INBOUND, PERMIT, pair

MANAGED = INBOUND + "set interface ethernet1 manage ping\n"


def two_boxes(east: str = "set interface ethernet3 manage ping\n") -> tuple[Box, Box]:
    return pair("", east)


def test_ping() -> None:
    west, _east = two_boxes()
    assert west.type("ping 1.1.1.2") == (
        "Type escape sequence to abort\n\n"
        "Sending 5, 100-byte ICMP Echos to 1.1.1.2, timeout is 1 seconds\n"
        "!!!!!\n"
        "Success Rate is 100 percent (5/5), round-trip time min/avg/max=10/12/20 ms\n"
    )


def test_ping_with_all_its_words_in_any_order() -> None:
    west, east = two_boxes()
    west.type("ping 1.1.1.2 count 1")
    west.sent.clear()
    assert west.type("pi 1.1.1.2 from e3 size 500 time 2 co 2") == (
        "Type escape sequence to abort\n\n"
        "Sending 2, 500-byte ICMP Echos to 1.1.1.2, timeout is 2 seconds from ethernet3\n"
        "!!\n"
        "Success Rate is 100 percent (2/2), round-trip time min/avg/max=10/10/10 ms\n"
    )
    requests = west.packets("ethernet3")
    assert [packet.total_length for packet in requests] == [528, 528]
    assert {packet.source for packet in requests} == {parse_ipv4("1.1.1.1")}
    assert not east.device.modified


def test_ping_of_one_that_does_not_answer() -> None:
    west, _east = two_boxes(east="")
    start = west.scheduler.now
    assert west.type("ping 1.1.1.2 count 3 time-out 4") == (
        "Type escape sequence to abort\n\n"
        "Sending 3, 100-byte ICMP Echos to 1.1.1.2, timeout is 4 seconds\n"
        "...\n"
        "Success Rate is 0 percent (0/3),\n"
    )
    assert west.scheduler.now - start == 12 * SECOND


def test_ping_without_route_is_lost() -> None:
    box = Box("set interface ethernet1 zone Trust\nset interface ethernet1 ip 10.1.1.1/24\n")
    assert "..\nSuccess Rate is 0 percent (0/2),\n" in box.type("ping 9.9.9.9 count 2")
    assert not box.sent


def test_ping_through_a_tunnel_loses_the_first_while_ike_negotiates() -> None:
    """B061, B154: the packet that needs an SA triggers IKE and is gone; later ones pass. Nothing leaves in clear."""
    west, _east = pair("", MANAGED)
    text = west.type("ping 10.2.2.1 from ethernet1")
    assert ".!!!!\nSuccess Rate is 80 percent (4/5), round-trip time min/avg/max=10/" in text
    assert {packet.protocol for packet in west.packets("ethernet3")} == {17, 50}


def test_ping_of_an_own_address() -> None:
    box = Box(BASE)
    assert "!!!\nSuccess Rate is 100 percent (3/3), round-trip time min/avg/max=0/0/0 ms\n" in box.type(
        "ping 10.1.1.1 count 3"
    )


def test_an_unreachable_ends_the_wait() -> None:
    west, _east = pair(
        "set vrouter trust-vr route 10.2.2.0/24 interface ethernet3 gateway 1.1.1.2 preference 1\n",
        INBOUND.replace("permit", "reject"),
    )
    start = west.scheduler.now
    assert "..\nSuccess Rate is 0 percent (0/2),\n" in west.type("ping 10.2.2.9 count 2 time-out 100")
    assert west.scheduler.now - start < SECOND


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ping 1.1.1.2 from ethernet9", "interface ethernet9 does not exist\n"),
        ("ping 1.1.1.2 from ethernet5", "interface ethernet5 has no IP address\n"),
    ],
)
def test_ping_from_where_it_cannot(line: str, error: str) -> None:
    box = Box(BASE)
    assert box.type(line) == error
    assert box.console.refused


def test_the_marks_come_as_time_passes() -> None:
    west, _east = two_boxes()
    dialogue = west.console.execute("ping 1.1.1.2 count 2")
    seen: list[str] = []
    for item in dialogue:
        if isinstance(item, Wait):
            assert not seen or seen[-1] != "wait"
            seen.append("wait")
            satisfy(item, west.scheduler)
        elif isinstance(item, str):
            seen.append(item.strip() if item in "!." else "text")
    assert seen == ["text", "text", "wait", "!", "wait", "!", "text"]


def test_an_aborted_ping_listens_no_longer() -> None:
    west, _east = two_boxes()
    before = list(west.device.state.echo_handlers)
    dialogue = west.console.execute("ping 1.1.1.2")
    while not isinstance(next(dialogue), Wait):
        pass
    assert len(west.device.state.echo_handlers) == len(before) + 1
    dialogue.close()
    assert west.device.state.echo_handlers == before


def test_a_reply_of_another_does_not_count() -> None:
    box = Box(BASE)
    dialogue = box.console.execute("ping 1.1.1.250 count 1")
    items = [next(dialogue) for _ in range(3)]
    assert isinstance(items[-1], Wait)
    box.run(0.01)
    (request,) = box.packets("ethernet3")
    asked = icmp.IcmpMessage.parse(request.payload)
    for source, identifier, counts in (
        ("1.1.1.66", asked.identifier, False),
        ("1.1.1.250", asked.identifier + 1, False),
        ("1.1.1.250", asked.identifier, True),
    ):
        reply = icmp.echo_reply(identifier, asked.sequence, asked.payload).build()
        box.receive("ethernet3", ip(source, "1.1.1.1", 1, reply), seconds=0.01)
        assert items[-1].ready is not None
        assert items[-1].ready() is counts
    assert list(dialogue) == [
        "!",
        "\nSuccess Rate is 100 percent (1/1), round-trip time min/avg/max=30/30/30 ms\n",
    ]


def test_trace_route() -> None:
    west, _east = pair("", MANAGED + "set interface ethernet3 manage ping\n")
    west.type("ping 1.1.1.2 count 1")
    assert west.type("trace-route 1.1.1.2") == (
        "Type escape sequence to escape\n\n"
        "Send ICMP echos to 1.1.1.2, timeout is 2 seconds, maximum hops are 32\n"
        " 1    10ms    10ms    10ms 1.1.1.2\n"
        "Trace complete\n"
    )


def test_trace_route_names_the_hops_between() -> None:
    west, _east = pair("", INBOUND)
    west.type("ping 1.1.1.2 count 1")
    west.type("set vrouter trust-vr route 10.2.2.0/24 interface ethernet3 gateway 1.1.1.2 preference 1")
    text = west.type("trace-route 10.2.2.9 hop 3 time-out 1")
    rows = text.splitlines()[3:-1]
    assert rows[0] == " 1    10ms    10ms    10ms 1.1.1.2"
    assert rows[1:] == [" 2       *       *       *", " 3       *       *       *"]
    assert "timeout is 1 seconds, maximum hops are 3\n" in text


# --- saving, leaving, restarting


def test_save() -> None:
    box = Box(BASE)
    kept: list[str] = []
    box.device.on_save = kept.append
    box.type("set hostname kyoto")
    assert box.device.modified
    assert box.type("save") == "Save System Configuration  ...\nDone\n"
    assert kept == [configuration_text(box.device.config)] == [box.device.saved_text]
    assert not box.device.modified
    assert box.type("save config") == "Save System Configuration  ...\nDone\n"


def test_exit_asks_once_something_was_set() -> None:
    box = Box(BASE)
    box.type("set console page 0")
    assert box.type("exit") == ("Configuration modified, save? [y]/n y\nSave System Configuration  ...\nDone\n")
    assert box.console.closed
    box.console = Console(box.device, device_shell())
    assert box.type("exit") == ""


def test_reset_with_its_questions() -> None:
    box = Box(BASE + PERMIT)
    box.type("save")
    box.type("set hostname kyoto")
    box.type("unset policy 1")
    box.answers = ["n", "y"]
    assert box.type("reset") == (
        "Configuration modified, save? [y]/n n\nSystem reset, are you sure? y/[n] y\nIn reset ...\n"
    )
    assert box.console.closed
    assert box.device.config.system.hostname == "ns208"
    assert list(box.device.config.policies) == [1]
    assert not box.device.modified
    assert configuration_text(box.device.config) == box.device.saved_text


def test_reset_is_off_unless_one_is_sure() -> None:
    box = Box(BASE)
    box.type("save")
    assert box.type("reset") == "System reset, are you sure? y/[n] n\n"
    assert not box.console.closed
    assert box.device.resets == 0


def test_reset_saves_first_when_told() -> None:
    box = Box(BASE)
    box.type("set hostname kyoto")
    assert box.type("reset save-config yes no-prompt") == "Save System Configuration  ...\nDone\nIn reset ...\n"
    assert box.device.config.system.hostname == "kyoto"


def test_reset_without_saving_or_asking() -> None:
    for line in ("reset no-prompt", "reset save-config no no-prompt", "reset no-prompt save-config no"):
        box = Box(BASE)
        box.type("save")
        box.type("set hostname kyoto")
        assert box.type(line) == "In reset ...\n"
        assert box.device.config.system.hostname == "ns208"


def test_what_a_reset_forgets_and_keeps() -> None:
    west, _east = pair("", MANAGED)
    west.type("save")
    west.type("debug flow basic")
    west.type("ping 10.2.2.1 from ethernet1")
    assert any(tunnel.active for tunnel in west.device.database.tunnels.values())
    west.type("reset no-prompt")
    device = west.device
    assert not any(tunnel.active for tunnel in device.database.tunnels.values())
    assert (len(device.state.sessions), len(device.state.neighbors.entries), device.debug.active) == (0, 0, {})
    assert device.booted_at == west.scheduler.now
    west.console = Console(device, device_shell())
    assert "!" in west.type("ping 10.2.2.1 from ethernet1")


def test_unset_all_erases_what_was_saved() -> None:
    box = Box(BASE)
    kept: list[str] = []
    box.type("save")
    box.device.on_save = kept.append
    assert box.type("unset all") == "Erase all system config, are you sure y/ [n]? n\n"
    assert (box.device.saved_text or "", kept) == (configuration_text(box.device.config), [])
    box.answers = ["y"]
    assert box.type("unset all") == "Erase all system config, are you sure y/ [n]? y\n"
    assert kept == [""]
    assert box.device.config.interfaces["ethernet1"].address is not None
    box.answers = ["n", "y"]
    box.type("reset")
    assert box.asked[-2:] == ["Configuration modified, save? [y]/n ", "System reset, are you sure? y/[n] "]
    assert box.device.config.interfaces["ethernet1"].address is None


def test_a_saved_line_that_is_not_accepted_is_shown() -> None:
    box = Box(BASE)
    box.device.saved_text = "set hostname kyoto\nset policy id 1 from Trust to Nowhere any any any permit\n"
    assert box.type("reset no-prompt") == (
        "In reset ...\nFailed command - set policy id 1 from Trust to Nowhere any any any permit\n"
    )
    assert box.device.config.system.hostname == "kyoto"


def test_questions_take_one_key() -> None:
    box = Box(BASE)
    box.type("set hostname kyoto")
    dialogue = box.console.execute("reset")
    question = next(dialogue)
    assert isinstance(question, Question)
    assert [question.answer(key) for key in ("y", "N", "", "x")] == ["y", "n", "y", "y"]
    question = dialogue.send("n")
    assert isinstance(question, Question)
    assert [question.answer(key) for key in ("Y", "n", "", "x")] == ["y", "n", "n", "n"]
    dialogue.close()
