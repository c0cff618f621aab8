"""The compiled policy lists against an evaluator that reads the records one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.address import DIALUP_VPN
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.service import ICMP, TCP, UDP, ServiceEntry
from nsemu.policy.decision import Decision, Reason, Traffic
from nsemu.policy.table import PolicyTable, compile_policies
from support.policy import address, address_group, factory, icmp, policy, remove, service, service_group, traffic

ZONES = ("Trust", "Untrust", "Global")
ADDRESS_NAMES = ("net", "half", "host", "deep", "group", "loop", "nothing", "Any", DIALUP_VPN)
SERVICE_NAMES = (
    "web",
    "paired",
    "alternatives",
    "all-tcp",
    "gre",
    "echo",
    "unreachable",
    "mixed",
    "ANY",
    "ring",
    "gone",
)


def book() -> Editor:
    edit = factory()
    for high, zone in enumerate(ZONES, 10):
        address(edit, zone, "net", f"{high}.0.0.0/30")
        address(edit, zone, "half", f"{high}.0.0.0/29")
        address(edit, zone, "host", f"{high}.0.0.3/32")
        address_group(edit, zone, "deep", "host")
        address_group(edit, zone, "group", "net", "deep")
        address_group(edit, zone, "loop", "loop", "host", "group")
    service(edit, "web", ServiceEntry(TCP, 80, 81))
    service(edit, "paired", ServiceEntry(TCP, 80, 80, 1000, 1000), ServiceEntry(TCP, 90, 90, 2000, 2000))
    service(edit, "alternatives", ServiceEntry(UDP, 80, 90), ServiceEntry(TCP, 85, 95), ServiceEntry(TCP, 80, 85))
    service(edit, "all-tcp", ServiceEntry(TCP))
    service(edit, "gre", ServiceEntry(47, 1, 2))
    service(edit, "echo", ServiceEntry(ICMP, 8, 0))
    service(edit, "unreachable", ServiceEntry(ICMP, 3, -1))
    service_group(edit, "mixed", "web", "echo", "gre")
    service_group(edit, "ring", "ring", "mixed")
    return edit


def cell(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)


policies = st.lists(
    st.tuples(
        st.sampled_from([("Trust", "Untrust"), ("Trust", "Trust"), ("Global", "Global")]),
        cell(ADDRESS_NAMES),
        cell(ADDRESS_NAMES),
        cell(SERVICE_NAMES),
        st.sampled_from(PolicyAction),
        st.tuples(st.sampled_from([True, True, True, False]), st.booleans(), st.booleans()),
    ),
    max_size=12,
)
hosts = st.builds(lambda high, low: high << 24 | low, st.integers(10, 12), st.integers(0, 9)) | st.sampled_from(
    [0, 0xFFFFFFFF, 0xFFFFFFFE]
)
packets = st.builds(
    lambda source, destination, kind: Traffic(source, destination, *kind),
    hosts,
    hosts,
    st.one_of(
        st.tuples(
            st.sampled_from([TCP, UDP]),
            st.sampled_from([0, 1000, 2000, 65535]),
            st.sampled_from([0, 79, 80, 81, 85, 90, 95, 96, 65535]),
        ),
        st.tuples(st.just(ICMP), st.sampled_from([0, 3, 8, 255]), st.sampled_from([0, 3, 255])),
        st.tuples(st.sampled_from([0, 47, 50, 255]), st.just(0), st.just(0)),
    ),
)


class Evaluator:
    """Policy lookup as the records read, without any index."""

    def __init__(self, config: DeviceConfig) -> None:
        self.config = config

    def lookup(self, pair: tuple[str, str], packet: Traffic) -> tuple[int | None, Reason]:
        for zones in dict.fromkeys((pair, ("Global", "Global"))):
            for number in self.config.policy_order.get(zones, ()):
                record = self.config.policies[number]
                if record.enabled and self.matches(record, packet):
                    return number, Reason.POLICY
        if pair[0] == pair[1]:
            return None, Reason.INTRAZONE_BLOCK if self.config.zones[pair[0]].block else Reason.INTRAZONE_PERMIT
        return None, Reason.DEFAULT_PERMIT if self.config.system.default_permit_all else Reason.DEFAULT_DENY

    def matches(self, record: Policy, packet: Traffic) -> bool:
        source = any(self.holds(record.from_zone, name, packet.source, 5) for name in record.sources)
        destination = any(self.holds(record.to_zone, name, packet.destination, 5) for name in record.destinations)
        return (
            source != record.source_negate
            and destination != record.destination_negate
            and any(self.serves(name, packet, 5) for name in record.services)
        )

    def holds(self, zone: str, name: str, number: int, depth: int) -> bool:
        if name == "Any":
            return True
        if name == DIALUP_VPN:
            return number == 0xFFFFFFFF
        record = self.config.addresses.get((zone, name))
        if record is not None:
            return record.prefix is not None and number in record.prefix
        group = self.config.address_groups.get((zone, name))
        members = group.members if group is not None and depth else ()
        return any(self.holds(zone, member, number, depth - 1) for member in members)

    def serves(self, name: str, packet: Traffic, depth: int) -> bool:
        record = self.config.services.get(name)
        if record is not None:
            return any(fits(entry, packet) for entry in record.entries)
        group = self.config.service_groups.get(name)
        members = group.members if group is not None and depth else ()
        return any(self.serves(member, packet, depth - 1) for member in members)


def fits(entry: ServiceEntry, packet: Traffic) -> bool:
    protocol, first, second = packet[2:5]
    if entry.protocol == 0:
        return True
    if entry.protocol != protocol:
        return False
    if protocol == ICMP:
        return entry.destination_low in (-1, first) and entry.destination_high in (-1, second)
    if protocol in (TCP, UDP):
        return (
            entry.source_low <= first <= entry.source_high and entry.destination_low <= second <= entry.destination_high
        )
    return True


def add(edit: Editor, rows: list[tuple], start: int = 1) -> None:  # type: ignore[type-arg]
    for number, (zones, sources, destinations, services, action, (enabled, negate, other)) in enumerate(rows, start):
        policy(
            edit,
            number,
            zones,
            (sources, destinations, services),
            action,
            enabled=enabled,
            source_negate=negate and number % 3 == 0,
            destination_negate=other and number % 4 == 0,
        )


def outcome(decision: Decision) -> tuple[int | None, Reason]:
    return (decision.policy.id if decision.policy is not None else None), decision.reason


def agree(config: DeviceConfig, table: PolicyTable, samples: list[Traffic]) -> None:
    naive = Evaluator(config)
    for packet in samples:
        for pair in (("Trust", "Untrust"), ("Trust", "Trust"), ("Untrust", "Untrust"), ("Untrust", "Trust")):
            decision = table.lookup(*pair, packet)
            assert outcome(decision) == naive.lookup(pair, packet)
            if decision.policy is not None:
                assert decision.verdict is decision.policy.policy.action
                assert decision.service is not None
                assert any(fits(entry, packet) for entry in decision.service.entries)


@settings(deadline=None, max_examples=150)
@given(policies, st.lists(packets, min_size=1, max_size=12))
def test_lookup_decides_what_the_records_say(rows: list[tuple], samples: list[Traffic]) -> None:  # type: ignore[type-arg]
    """B153"""
    edit = book()
    add(edit, rows)
    config = edit.finish()
    agree(config, compile_policies(config), samples)


changes = st.lists(
    st.one_of(
        st.tuples(st.just("append"), policies),
        st.tuples(st.just("remove"), st.integers(0, 30)),
        st.tuples(st.just("move"), st.integers(0, 30)),
        st.tuples(st.just("toggle"), st.integers(0, 30)),
        st.tuples(st.just("address"), st.integers(0, 7)),
        st.tuples(st.just("service"), st.integers(79, 96)),
        st.tuples(st.just("nothing"), st.none()),
    ),
    max_size=8,
)


def change(edit: Editor, what: str, value: object) -> None:
    numbers = sorted(edit.policies)
    if what == "append":
        assert isinstance(value, list)
        add(edit, value, start=max(numbers, default=0) + 1)
    elif what == "address":
        address(edit, "Trust", "net", f"10.0.0.{value}/32")
    elif what == "service":
        assert isinstance(value, int)
        service(edit, "web", ServiceEntry(TCP, value, value))
    elif numbers and isinstance(value, int):
        number = numbers[value % len(numbers)]
        record = edit.policies[number]
        if what == "remove":
            remove(edit, number)
        elif what == "move":
            remove(edit, number)
            edit.policies.put(number, record)
            edit.policy_order.put(record.zones, (number, *edit.policy_order[record.zones]))
        else:
            remove(edit, number)
            policy(
                edit,
                number,
                record.zones,
                (record.sources, record.destinations, record.services),
                record.action,
                enabled=not record.enabled,
            )


@settings(deadline=None, max_examples=80)
@given(policies, changes, st.lists(packets, min_size=1, max_size=8))
def test_any_run_of_commits_ends_where_a_fresh_table_does(
    rows: list[tuple],  # type: ignore[type-arg]
    steps: list[tuple[str, object]],
    samples: list[Traffic],
) -> None:
    edit = book()
    add(edit, rows)
    config = edit.finish()
    table = compile_policies(config)
    for what, value in steps:
        agree(config, table, samples)
        edit = Editor(config)
        change(edit, what, value)
        config = edit.finish()
        table = compile_policies(config, table)
    agree(config, table, samples)


def test_a_service_pairs_its_source_and_destination_ports() -> None:
    edit = book()
    policy(edit, 1, cells=("Any", "Any", "paired"))
    table = compile_policies(edit.finish())
    for source_port, port, number in [(1000, 80, 1), (2000, 90, 1), (1000, 90, None), (2000, 80, None)]:
        decision = table.lookup("Trust", "Untrust", traffic(port=port, source_port=source_port))
        assert outcome(decision)[0] == number


def test_icmp_is_matched_by_type_and_code() -> None:
    edit = book()
    policy(edit, 1, cells=("Any", "Any", "PING"))
    policy(edit, 2, cells=("Any", "Any", "ICMP Dest Unreachable"))
    table = compile_policies(edit.finish())
    for packet, number in [(icmp(8), 1), (icmp(0), None), (icmp(3, 9), 2), (icmp(8, 1), None)]:
        assert outcome(table.lookup("Trust", "Untrust", packet))[0] == number


def test_the_first_matching_service_of_the_cell_is_told() -> None:
    edit = book()
    policy(edit, 1, cells=("Any", "Any", ("FTP", "web", "HTTP")))
    decision = compile_policies(edit.finish()).lookup("Trust", "Untrust", traffic(port=80))
    assert decision.service is not None
    assert decision.service.name == "web"
