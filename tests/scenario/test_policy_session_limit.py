"""`sess-limit per-src-ip`: how many sessions one source may have by a policy."""

from __future__ import annotations

from support.nat_box import NatBox, udp

LIMITED = "set policy id 1 from trust to untrust any any dns permit sess-limit per-src-ip 2"
OTHERS = "set policy id 2 from trust to untrust any any any permit"


def opened(box: NatBox, host: int, sport: int, dport: int = 53) -> bool:
    return bool(box.send("ethernet1", udp(f"10.1.1.{host}", "9.9.9.9", sport, dport)))


def test_a_source_has_so_many_by_the_policy_and_no_more() -> None:
    box = NatBox(LIMITED, OTHERS)
    assert [opened(box, 6, port) for port in (4000, 4001, 4002)] == [True, True, False]
    assert opened(box, 6, 4000), "a session that lives goes on"
    assert opened(box, 7, 4002), "another source"
    assert opened(box, 6, 4002, 7777), "another policy"
    assert box.counter("sessn thresh") == 1


def test_what_ends_makes_room() -> None:
    box = NatBox(LIMITED)
    for _ in range(3):
        assert [opened(box, 6, port) for port in (4000, 4001, 4002)] == [True, True, False]
        box.accept("clear session all")
    assert [opened(box, 6, port) for port in (4000, 4001)] == [True, True]
    box.run(200)
    assert opened(box, 6, 4002)
    run = box.device.state.policies.run(1)
    assert run is not None
    assert sum(run.counters.held.values()) == 1


def test_a_change_of_the_policy_keeps_the_count() -> None:
    box = NatBox(LIMITED)
    assert [opened(box, 6, port) for port in (4000, 4001)] == [True, True]
    box.accept("set policy id 1", "set sess-limit per-src-ip 3", "exit")
    assert [opened(box, 6, port) for port in (4000, 4002, 4003)] == [True, True, False]
    box.accept("set policy id 1", "unset sess-limit", "exit")
    assert opened(box, 6, 4003)
    assert "sess-limit" not in box.type("get config")
