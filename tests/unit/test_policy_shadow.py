"""Hidden policies: on small spaces against trying every packet, and case by case at the console."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.editor import Editor
from nsemu.config.policy import Policy
from nsemu.config.service import ICMP, TCP, ServiceEntry
from nsemu.policy.book import Book
from nsemu.policy.decision import PolicyRun, Traffic
from nsemu.policy.match import PolicyCells, PolicyList
from nsemu.policy.shadow import shadows
from support.cli_console import Session
from support.policy import address, address_group, factory, policy, service, service_group

ZONES = ("Trust", "Untrust")
ADDRESSES = ("low", "high", "one", "mid", "pair", "lowmid", "empty")
SERVICES = ("a", "b", "ab", "wide", "diagonal", "left", "right", "echo", "gre", "group", "gone", "ANY")


def book() -> Editor:
    """Addresses 0 to 7 and, as complements show, the rest; ports 0 to 3 on either side."""
    edit = factory()
    for zone in ZONES:
        address(edit, zone, "low", "0.0.0.0/30")
        address(edit, zone, "high", "0.0.0.4/30")
        address(edit, zone, "one", "0.0.0.3/32")
        address(edit, zone, "mid", "0.0.0.2/31")
        address_group(edit, zone, "pair", "one", "high")
        address_group(edit, zone, "lowmid", "mid", "low")
        address_group(edit, zone, "empty")
    service(edit, "a", ServiceEntry(TCP, 0, 1, 0, 3))
    service(edit, "b", ServiceEntry(TCP, 2, 3, 0, 3))
    service(edit, "ab", ServiceEntry(TCP, 1, 2, 0, 3))
    service(edit, "wide", ServiceEntry(TCP))
    service(edit, "diagonal", ServiceEntry(TCP, 0, 1, 0, 1), ServiceEntry(TCP, 2, 3, 2, 3))
    service(edit, "left", ServiceEntry(TCP, 0, 65535, 0, 1))
    service(edit, "right", ServiceEntry(TCP, 0, 65535, 2, 65535))
    service(edit, "echo", ServiceEntry(ICMP, 8, -1))
    service(edit, "gre", ServiceEntry(47))
    service_group(edit, "group", "left", "right", "echo")
    return edit


PACKETS = [
    Traffic(source, destination, protocol, first, second)
    for source, destination in product((0, 1, 2, 3, 4, 7, 8), repeat=2)
    for protocol, first, second in [
        *((TCP, first, second) for first in (0, 1, 2, 3, 4) for second in (0, 1, 2, 3, 4)),
        (ICMP, 8, 0),
        (ICMP, 8, 7),
        (ICMP, 0, 0),
        (47, 0, 0),
        (50, 0, 0),
    ]
]


def names(pool: tuple[str, ...], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique=True).map(tuple)
    return st.one_of(some, st.just(("ANY" if "ANY" in pool else "Any",)))


RULES = st.lists(
    st.tuples(
        names(ADDRESSES, 2),
        names(ADDRESSES, 2),
        names(SERVICES, 3),
        st.fixed_dictionaries(
            {
                "source_negate": st.booleans(),
                "destination_negate": st.booleans(),
                "enabled": st.sampled_from((True, True, True, False)),
                "schedule": st.sampled_from((None, None, "day", "night")),
            }
        ),
    ),
    min_size=2,
    max_size=7,
)


@given(RULES)
@settings(deadline=None, max_examples=60)
def test_against_every_packet(rules: list[tuple[object, ...]]) -> None:
    edit = book()
    records = [
        policy(edit, number, ZONES, (sources, destinations, services), **flags)  # type: ignore[arg-type]
        for number, (sources, destinations, services, flags) in enumerate(rules, 1)
    ]
    config = edit.finish()
    found = {shadow.hidden.id: shadow.by.id for shadow in shadows(records, Book(config))}
    assert found == brute(records, Book(config))


def brute(records: list[Policy], names_: Book) -> dict[int, int]:
    taken = {
        record.id: {packet for packet in PACKETS if PolicyCells(PolicyRun(record), names_).match(packet)}
        for record in records
        if record.enabled
    }
    hidden: dict[int, int] = {}
    for record in records:
        for other in records[: records.index(record)]:
            same_time = other.schedule in {None, record.schedule} and other.id in taken
            if same_time and taken.get(record.id) and taken[record.id] <= taken[other.id]:
                hidden.setdefault(record.id, other.id)
    return hidden


@given(RULES)
@settings(deadline=None, max_examples=40)
def test_a_hidden_policy_never_decides(rules: list[tuple[object, ...]]) -> None:
    edit = book()
    records = [
        policy(edit, number, ZONES, (sources, destinations, services), **{**flags, "schedule": None})  # type: ignore[arg-type, dict-item]
        for number, (sources, destinations, services, flags) in enumerate(rules, 1)
    ]
    config = edit.finish()
    hidden = {shadow.hidden.id for shadow in shadows(records, Book(config))}
    list_ = PolicyList(tuple(PolicyRun(record) for record in records), Book(config))
    deciding = {found.run.id for found in map(list_.match, PACKETS) if found is not None}
    assert not hidden & deciding


def test_a_long_list() -> None:
    """Two thousand policies, of which three quarters are earlier ones again, or a part of them."""
    edit = factory()
    for number in range(250):
        address(edit, "Trust", f"h{number}", f"10.0.{number}.0/24")
    records = [
        policy(edit, number + 1, ZONES, (f"h{number % 250}", "Any", "HTTP" if number < 1000 else "FTP"))
        for number in range(2_000)
    ]
    found = list(shadows(records, Book(edit.finish())))
    assert len(found) == 1_500
    assert (found[0].hidden.id, found[0].by.id, found[-1].hidden.id, found[-1].by.id) == (251, 1, 2_000, 1_250)


def console() -> Session:
    session = Session()
    session.accept(
        "set address trust net 192.168.0.0/24",
        "set address trust host 192.168.0.8/32",
        "set address untrust net 172.16.0.0/24",
        "set address untrust host 172.16.0.8/32",
        "set policy id 3 from trust to untrust net net FTP permit",
    )
    return session


def test_the_words_of_the_device() -> None:
    """The transcript of KB13233."""
    session = console()
    assert session.type("exec policy verify") == "Rulebase verified successfully\n"
    session.accept("set policy id 4 from trust to untrust host host FTP deny")
    report = (
        "Rule 4 is shadowed by rule 3\n"
        "Rulebase verification done: shadowed rules were found\n"
    )  # fmt: skip
    assert session.type("exec policy verify") == report
    assert session.type("exec policy verify from trust to untrust") == report
    assert session.type("exec policy verify from untrust to trust") == "Rulebase verified successfully\n"
    assert session.type("exec policy verify global") == "Rulebase verified successfully\n"
    session.accept("set policy move 4 before 3")
    assert session.type("exec policy verify") == "Rulebase verified successfully\n"


@pytest.mark.parametrize(
    ("lines", "hidden"),
    [
        (("set policy id 4 from trust to untrust host any FTP deny",), False),
        (("set policy id 4 from trust to untrust host host FTP deny", "set policy id 4 disable"), False),
        (("set policy id 4 from trust to untrust host host FTP deny", "set policy id 3 disable"), False),
        (("set policy id 4 from untrust to trust net net FTP deny",), False),
        (("set policy global id 4 any any FTP deny", "set policy global id 5 any any FTP-GET deny"), True),
    ],
)
def test_what_hides_and_what_does_not(lines: tuple[str, ...], hidden: bool) -> None:
    session = console()
    for line in lines:
        session.type(line)
    assert ("shadowed by" in session.type("exec policy verify")) == hidden


def test_unknown_zones_are_refused() -> None:
    session = console()
    assert "zone nowhere does not exist" in session.type("exec policy verify from nowhere to trust")
    assert session.console.refused
