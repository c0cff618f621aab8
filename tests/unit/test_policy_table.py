"""The order of search, defaults, what survives a commit, and explanations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nsemu.config.address import Address
from nsemu.config.editor import Editor
from nsemu.config.policy import PolicyAction
from nsemu.config.service import TCP, UDP, ServiceEntry
from nsemu.policy.decision import Reason
from nsemu.policy.table import PolicyTable, compile_policies
from nsemu.wire.address import parse_ipv4
from support.policy import address, address_group, factory, icmp, policy, remove, service, traffic

OUT = ("Trust", "Untrust")
GLOBAL = ("Global", "Global")


def decide(edit: Editor, from_zone: str, to_zone: str) -> tuple[PolicyAction, Reason]:
    decision = compile_policies(edit.finish()).lookup(from_zone, to_zone, traffic())
    return decision.verdict, decision.reason


def test_what_no_policy_matches_is_denied_between_zones() -> None:
    assert decide(factory(), *OUT) == (PolicyAction.DENY, Reason.DEFAULT_DENY)


def test_default_permit_all_permits_between_zones() -> None:
    edit = factory()
    edit.system = replace(edit.system, default_permit_all=True)
    assert decide(edit, *OUT) == (PolicyAction.PERMIT, Reason.DEFAULT_PERMIT)


def test_intrazone_traffic_passes_without_policy_when_blocking_is_off() -> None:
    """B370"""
    assert decide(factory(), "Trust", "Trust") == (PolicyAction.PERMIT, Reason.INTRAZONE_PERMIT)


@pytest.mark.parametrize("permit_all", [False, True])
def test_intrazone_blocking_asks_for_an_intrazone_policy(permit_all: bool) -> None:
    """B371"""
    edit = factory()
    edit.system = replace(edit.system, default_permit_all=permit_all)
    config = edit.finish()
    assert decide(Editor(config), "Untrust", "Untrust") == (PolicyAction.DENY, Reason.INTRAZONE_BLOCK)
    edit = Editor(config)
    policy(edit, 1, ("Untrust", "Untrust"))
    assert decide(edit, "Untrust", "Untrust") == (PolicyAction.PERMIT, Reason.POLICY)


def test_an_intrazone_policy_can_deny_where_blocking_is_off() -> None:
    edit = factory()
    policy(edit, 1, ("Trust", "Trust"), action=PolicyAction.REJECT)
    assert decide(edit, "Trust", "Trust") == (PolicyAction.REJECT, Reason.POLICY)


def test_an_unknown_zone_is_not_permitted() -> None:
    assert decide(factory(), "gone", "gone")[0] is PolicyAction.DENY


def test_the_global_list_is_searched_after_the_list_of_the_pair() -> None:
    edit = factory()
    policy(edit, 1, GLOBAL, action=PolicyAction.REJECT)
    policy(edit, 2, OUT, ("Any", "Any", "HTTP"))
    table = compile_policies(edit.finish())
    assert table.lookup(*OUT, traffic(port=80)).subject == ("policy", 2)
    assert table.lookup(*OUT, traffic(port=21)).subject == ("policy", 1)
    assert table.lookup("DMZ", "Trust", traffic(port=80)).subject == ("policy", 1)
    assert table.lookup("Trust", "Trust", traffic(port=80)).subject == ("policy", 1)


def test_names_are_those_of_the_books_of_the_two_zones() -> None:
    edit = factory()
    address(edit, "Trust", "lan", "10.1.1.0/24")
    address(edit, "Untrust", "lan", "10.2.2.0/24")
    address(edit, "Global", "lan", "10.3.3.0/24")
    policy(edit, 1, OUT, ("lan", "lan", "ANY"))
    policy(edit, 2, GLOBAL, ("lan", "lan", "ANY"))
    table = compile_policies(edit.finish())
    assert table.lookup(*OUT, traffic("10.1.1.5", "10.2.2.5")).subject == ("policy", 1)
    assert table.lookup(*OUT, traffic("10.2.2.5", "10.1.1.5")).subject is None
    assert table.lookup("DMZ", "Trust", traffic("10.3.3.5", "10.3.3.6")).subject == ("policy", 2)


def test_the_dial_up_address_is_255_255_255_255() -> None:
    """B236"""
    edit = factory()
    policy(edit, 1, ("Untrust", "Trust"), ("Dial-Up VPN", "Any", "ANY"), PolicyAction.TUNNEL, vpn="v")
    table = compile_policies(edit.finish())
    found = table.lookup("Untrust", "Trust", traffic("255.255.255.255", "10.1.1.5"))
    assert (found.verdict, found.subject) == (PolicyAction.TUNNEL, ("policy", 1))
    assert table.lookup("Untrust", "Trust", traffic("9.9.9.9", "10.1.1.5")).subject is None


def test_a_policy_at_the_top_is_searched_first() -> None:
    """B205"""
    edit = factory()
    policy(edit, 1, action=PolicyAction.DENY)
    config = edit.finish()
    table = compile_policies(config)
    assert table.lookup(*OUT, traffic()).subject == ("policy", 1)
    edit = Editor(config)
    policy(edit, 2, top=True)
    assert compile_policies(edit.finish(), table).lookup(*OUT, traffic()).subject == ("policy", 2)


def test_a_disabled_policy_never_matches() -> None:
    edit = factory()
    policy(edit, 1, enabled=False)
    policy(edit, 2, action=PolicyAction.DENY)
    assert compile_policies(edit.finish()).lookup(*OUT, traffic()).subject == ("policy", 2)


def test_a_domain_name_stands_for_the_addresses_it_resolves_to() -> None:
    edit = factory()
    edit.addresses.put(("Untrust", "www"), Address("Untrust", "www", None, "www.example.com"))
    policy(edit, 1, cells=("Any", "www", "ANY"))
    config = edit.finish()
    table = compile_policies(config)
    assert table.lookup(*OUT, traffic(destination="5.5.5.5")).subject is None
    answers: dict[str, tuple[int, ...]] = {"www.example.com": (parse_ipv4("5.5.5.5"), parse_ipv4("5.5.5.7"))}
    table = compile_policies(config, table, lambda name: answers[name])
    assert table.lookup(*OUT, traffic(destination="5.5.5.7")).subject == ("policy", 1)
    assert table.lookup(*OUT, traffic(destination="5.5.5.6")).subject is None
    answers = {"www.example.com": ()}
    table = compile_policies(config, table, lambda name: answers[name])
    assert table.lookup(*OUT, traffic(destination="5.5.5.7")).subject is None


class TestCommits:
    """What a commit keeps and what it makes anew."""

    def start(self) -> tuple[Editor, PolicyTable]:
        edit = factory()
        address(edit, "Trust", "lan", "10.1.1.0/24")
        policy(edit, 1, OUT, ("lan", "Any", "HTTP"))
        policy(edit, 2, ("Untrust", "Trust"), ("Any", "lan", "HTTP"))
        config = edit.finish()
        table = compile_policies(config)
        table.lookup(*OUT, traffic())
        table.lookup("Untrust", "Trust", traffic())
        return Editor(config), table

    def lists(self, table: PolicyTable) -> tuple[object, object]:
        return table._list(OUT), table._list(("Untrust", "Trust"))

    def test_a_commit_compiles_only_the_list_it_touched(self) -> None:
        edit, table = self.start()
        before = self.lists(table)
        policy(edit, 3, OUT, top=True)
        after = self.lists(compile_policies(edit.finish(), table))
        assert after[0] is not before[0]
        assert after[1] is before[1]

    def test_an_address_that_no_policy_uses_compiles_nothing(self) -> None:
        edit, table = self.start()
        before = self.lists(table)
        address(edit, "Trust", "other", "10.5.5.0/24")
        service(edit, "other", ServiceEntry(TCP, 99, 99))
        config = edit.finish()
        table = compile_policies(config, table)
        assert self.lists(table) == before
        assert self.lists(compile_policies(config, table)) == before

    def test_an_address_that_changes_compiles_the_lists_that_use_it(self) -> None:
        edit, table = self.start()
        address(edit, "Trust", "lan", "10.7.7.0/24")
        table = compile_policies(edit.finish(), table)
        assert table.lookup(*OUT, traffic("10.1.1.5")).subject is None
        assert table.lookup(*OUT, traffic("10.7.7.5")).subject == ("policy", 1)

    def test_a_list_that_was_not_searched_for_a_while_is_still_checked(self) -> None:
        edit, table = self.start()
        address(edit, "Trust", "lan", "10.7.7.0/24")
        config = edit.finish()
        for _ in range(3):
            table = compile_policies(config, table)
        assert table.lookup(*OUT, traffic("10.7.7.5")).subject == ("policy", 1)

    def test_a_name_that_appears_later_takes_effect(self) -> None:
        edit, table = self.start()
        policy(edit, 3, cells=("later", "Any", "later"))
        config = edit.finish()
        table = compile_policies(config, table)
        assert table.lookup(*OUT, traffic("10.9.9.9", port=99)).subject is None
        edit = Editor(config)
        address(edit, "Trust", "later", "10.9.9.0/24")
        service(edit, "later", ServiceEntry(TCP, 99, 99))
        table = compile_policies(edit.finish(), table)
        assert table.lookup(*OUT, traffic("10.9.9.9", port=99)).subject == ("policy", 3)

    def test_policies_added_at_the_end_do_not_compile_the_list_again(self) -> None:
        edit, table = self.start()
        config, index = edit.finish(), table._list(OUT)._index
        made = []
        for number in range(10, 80):
            edit = Editor(config)
            policy(edit, number, cells=("Any", "Any", "FTP"), action=PolicyAction.DENY, enabled=number != 10)
            config = edit.finish()
            table = compile_policies(config, table)
            assert table.lookup(*OUT, traffic(port=21)).subject == (("policy", 11) if number > 10 else None)
            assert table.lookup(*OUT, traffic(port=80)).subject == ("policy", 1)
            made.append(table._list(OUT)._index)
        assert made[5] is index
        assert len({id(one) for one in made}) <= 3

    def test_counters_outlive_other_changes_and_changes_of_the_policy_itself(self) -> None:
        edit, table = self.start()
        run = table.lookup(*OUT, traffic()).policy
        assert run is not None
        run.counters.hits = 7
        address(edit, "Trust", "other", "10.5.5.0/24")
        policy(edit, 3, top=True, cells=("Any", "Any", "FTP"))
        config = edit.finish()
        table = compile_policies(config, table)
        assert table.lookup(*OUT, traffic()).policy is run
        edit = Editor(config)
        edit.policies.put(1, replace(edit.policies[1], log=True))
        table = compile_policies(edit.finish(), table)
        changed = table.lookup(*OUT, traffic()).policy
        assert changed is not None
        assert changed.policy.log
        assert changed.counters.hits == 7
        assert table.run(1) is changed

    def test_a_policy_that_was_removed_and_added_again_counts_from_zero(self) -> None:
        edit, table = self.start()
        config = edit.finish()
        run, record = table.run(1), config.policies[1]
        assert run is not None
        run.counters.hits = 7
        edit = Editor(config)
        remove(edit, 1)
        config = edit.finish()
        table = compile_policies(config, table)
        assert table.run(1) is None
        edit = Editor(config)
        edit.policies.put(1, record)
        edit.policy_order.put(OUT, (1,))
        table = compile_policies(edit.finish(), table)
        found = table.lookup(*OUT, traffic()).policy
        assert found is not None
        assert found is table.run(1)
        assert found.counters.hits == 0


class TestExplain:
    """Why policies match or do not."""

    def told(self, edit: Editor, **packet: int | str) -> list[tuple[int, str]]:
        table = compile_policies(edit.finish())
        return [(record.id, why) for record, why in table.explain(*OUT, traffic(**packet))]  # type: ignore[arg-type]

    def test_each_dimension_is_told_down_to_the_match(self) -> None:
        edit = factory()
        address(edit, "Trust", "Trust_LAN", "10.1.1.0/24")
        address(edit, "Untrust", "web1", "1.1.1.5/32")
        policy(edit, 4, cells=("Trust_LAN", "Any", "HTTP"))
        policy(edit, 5, cells=("Any", "web1", "HTTP"))
        policy(edit, 6, enabled=False)
        policy(edit, 3, cells=("Any", "Any", ("HTTP", "FTP")))
        policy(edit, 7)
        assert self.told(edit, source="10.1.2.9", destination="1.1.1.9", port=21) == [
            (4, "source 10.1.2.9 is not in Trust_LAN (10.1.1.0/24); service tcp/21 is not HTTP"),
            (5, "destination 1.1.1.9 is not in web1 (1.1.1.5/32); service tcp/21 is not HTTP"),
            (6, "disabled"),
            (3, "matches by service FTP"),
        ]

    def test_negated_cells_and_groups(self) -> None:
        edit = factory()
        for number in range(5):
            address(edit, "Trust", f"a{number}", f"10.1.{number}.0/24")
        address_group(edit, "Trust", "lans", *(f"a{number}" for number in range(5)))
        policy(edit, 1, cells=("a1", "Any", "ANY"), source_negate=True)
        policy(edit, 2, cells=("Any", "Any", "ANY"), source_negate=True)
        policy(edit, 3, cells=("lans", "Any", "PING"))
        policy(edit, 4, cells=(("a2", "missing"), "Any", "ANY"))
        assert self.told(edit, source="10.1.1.9", protocol=UDP, port=53) == [
            (1, "source 10.1.1.9 is in a1 (10.1.1.0/24), which the policy excludes"),
            (2, "source excludes Any"),
            (3, "service udp/53 is not PING"),
            (4, "source 10.1.1.9 is not in a2 (10.1.2.0/24), missing"),
        ]
        assert self.told(edit, source="10.9.9.9")[0] == (1, "matches by service ANY")

    def test_the_global_list_follows(self) -> None:
        edit = factory()
        policy(edit, 1, cells=("Any", "Any", "FTP"))
        policy(edit, 2, GLOBAL, cells=("Any", "Any", "SSH"))
        table = compile_policies(edit.finish())
        assert [(record.id, why) for record, why in table.explain(*OUT, icmp(8))] == [
            (1, "service icmp type 8 code 0 is not FTP"),
            (2, "service icmp type 8 code 0 is not SSH"),
        ]

    def test_a_long_list_is_cut_to_the_policies_that_came_closest(self) -> None:
        edit = factory()
        address(edit, "Trust", "far", "10.200.0.0/16")
        for number in range(1, 101):
            policy(edit, number, cells=("Any" if number % 10 == 0 else "far", "Any", "FTP"))
        policy(edit, 500)
        table = compile_policies(edit.finish())
        told = table.explain(*OUT, traffic(), limit=10)
        assert [record.id for record, _ in told] == [*range(10, 101, 10), 500]
        assert told[-1][1] == "matches by service ANY"
        assert len(table.explain(*OUT, traffic())) == 21
