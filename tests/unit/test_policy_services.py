"""Which service names traffic, and the time-outs of sessions (screenos-cli §6.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.editor import Editor
from nsemu.config.service import ICMP, NEVER, TCP, UDP, Service, ServiceEntry
from nsemu.policy.decision import Traffic
from nsemu.policy.ranges import bits
from nsemu.policy.services import ServiceIndex, ServiceTable, compile_services, entry_matches
from support.policy import factory, icmp, service, traffic


def table(edit: Editor | None = None) -> ServiceTable:
    return compile_services((edit or factory()).finish().services)


def name(packet: Traffic, edit: Editor | None = None) -> str | None:
    found = table(edit).identify(packet)
    return found.name if found is not None else None


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (traffic(port=80), "HTTP"),
        (traffic(port=21), "FTP"),
        (traffic(port=25), "SMTP"),
        (traffic(port=53), "DNS"),
        (traffic(port=53, protocol=UDP), "DNS"),
        (traffic(port=500, protocol=UDP), "IKE"),
        (traffic(port=69, protocol=UDP), "TFTP"),
        (traffic(port=6063), "X-WINDOWS"),
        (traffic(port=12345), None),
        (traffic(port=12345, protocol=UDP), None),
        (traffic(port=0, protocol=47), "GRE"),
        (traffic(port=0, protocol=50), None),
        (icmp(8), "PING"),
        (icmp(0), None),
        (icmp(3, 1), "ICMP Host Unreachable"),
        (icmp(3, 13), "ICMP Dest Unreachable"),
        (icmp(17), "ICMP Address Mask"),
    ],
)
def test_predefined_services_name_traffic(packet: Traffic, expected: str | None) -> None:
    assert name(packet) == expected


def test_own_services_come_first_and_narrower_ones_before_wider() -> None:
    edit = factory()
    service(edit, "wide", ServiceEntry(TCP, 70, 90))
    service(edit, "narrow", ServiceEntry(TCP, 80, 80, 1000, 2000))
    service(edit, "everything", ServiceEntry(TCP))
    config = edit.finish()
    assert name(traffic(port=80, source_port=1500), Editor(config)) == "narrow"
    assert name(traffic(port=80, source_port=40000), Editor(config)) == "wide"
    assert name(traffic(port=443), Editor(config)) == "HTTPS"
    assert name(traffic(port=444), Editor(config)) == "everything"


def test_the_icmp_type_says_more_than_the_code() -> None:
    edit = factory()
    service(edit, "any type, code 4", ServiceEntry(ICMP, -1, 4))
    service(edit, "type 3, any code", ServiceEntry(ICMP, 3, -1))
    assert name(icmp(3, 4), edit) == "type 3, any code"


def test_time_outs_of_the_matching_service() -> None:
    edit = factory()
    service(edit, "forever", ServiceEntry(TCP, 7777, 7777), timeout=NEVER)
    service(edit, "plain", ServiceEntry(TCP, 80, 80))
    config = edit.finish()
    services = compile_services(config.services)
    records = config.services
    assert services.timeout_of(records["HTTP"], traffic(port=80)) == 300
    assert services.timeout_of(records["FTP"], traffic(port=21)) == 1800
    assert services.timeout_of(records["forever"], traffic(port=7777)) == NEVER
    assert services.timeout_of(records["plain"], traffic(port=80)) == 1800
    assert services.timeout_of(records["TCP-ANY"], traffic(port=80)) == 1800
    assert services.timeout_of(records["PING"], icmp(8)) == 60


@pytest.mark.parametrize(
    ("packet", "seconds"),
    [
        (traffic(port=80), 300),
        (traffic(port=53), 60),
        (traffic(port=12345), 1800),
        (traffic(port=12345, protocol=UDP), 60),
        (traffic(port=2427, protocol=UDP), 7200),
        (traffic(port=0, protocol=47), 3600),
        (traffic(port=0, protocol=50), 60),
        (icmp(8), 60),
        (icmp(13), 60),
    ],
)
def test_any_and_no_service_take_the_time_out_of_what_the_packet_is(packet: Traffic, seconds: int) -> None:
    services = table()
    assert services.timeout_of(services.records["ANY"], packet) == seconds
    assert services.timeout_of(None, packet) == seconds


def test_a_changed_time_out_of_a_predefined_service_counts() -> None:
    edit = factory()
    edit.services.put("HTTP", replace(edit.services["HTTP"], timeout=1200))
    services = table(edit)
    assert services.timeout_of(None, traffic(port=80)) == 1200


def test_the_table_is_kept_while_the_services_are_the_same() -> None:
    config = factory().finish()
    first = compile_services(config.services)
    assert compile_services(config.services, first) is first
    edit = Editor(config)
    service(edit, "new", ServiceEntry(TCP, 1, 1))
    assert compile_services(edit.finish().services, first) is not first


entries = st.one_of(
    st.builds(
        lambda protocol, d, s: ServiceEntry(protocol, min(d), max(d), min(s), max(s)),
        st.sampled_from([TCP, UDP]),
        st.tuples(st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.integers(0, 9), st.integers(0, 9)),
    ),
    st.builds(ServiceEntry, st.just(ICMP), st.integers(-1, 3), st.integers(-1, 3)),
    st.builds(ServiceEntry, st.sampled_from([0, 47, 50])),
)
packets = st.builds(
    Traffic, st.just(0), st.just(0), st.sampled_from([ICMP, TCP, UDP, 47, 50, 51]), st.integers(0, 9), st.integers(0, 9)
)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(entries, max_size=4), max_size=8), st.lists(packets, max_size=20))
def test_the_index_never_misses_and_is_exact_for_single_entries(
    items: list[list[ServiceEntry]], samples: list[Traffic]
) -> None:
    index = ServiceIndex(enumerate(items))
    for packet in samples:
        candidates = set(bits(index.at(packet)))
        for item, of in enumerate(items):
            exact = any(entry_matches(entry, packet) for entry in of)
            assert item in candidates or not exact
            assert exact or item not in candidates or len(of) > 1


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(entries, st.booleans()), max_size=10), st.lists(packets, max_size=20))
def test_identify_finds_a_service_whenever_one_matches(
    rows: list[tuple[ServiceEntry, bool]], samples: list[Traffic]
) -> None:
    services = {
        f"s{number}": Service(f"s{number}", (entry,), predefined=predefined and entry.protocol != 0)
        for number, (entry, predefined) in enumerate(rows)
    }
    named = ServiceTable(services)
    for packet in samples:
        matching = [one for one in services.values() if entry_matches(one.entries[0], packet)]
        found = named.identify(packet)
        if found is not None:
            assert found in matching
        own = [one for one in matching if not one.predefined]
        assert found is not None or not own
