"""`set ippool NAME LOW HIGH`: pools of addresses for XAuth and L2TP clients (Vol. 5, chapters 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.grammar import Arguments, Row, Setting, argument, choice, keyword, sequence, when_set, when_unset
from nsemu.cli.grammar.types import ReferenceType
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.types import IP, exact
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.ippool import IpPool
from nsemu.config.references import users_of_ippool
from nsemu.wire.address import format_ipv4

MOST_POOLS = 128
_MOST_ADDRESSES = 65535

IPPOOL = ReferenceType(exact, lambda scope: list(scope.config.ippools))


def _set(editor: Editor, arguments: Arguments) -> None:
    name, low, high = arguments["pool"], arguments["low"], arguments["high"]
    if not low <= high <= low + _MOST_ADDRESSES:
        raise ConfigError(
            f"invalid range {format_ipv4(low)} to {format_ipv4(high)} "
            f"(the higher address last, at most {_MOST_ADDRESSES} addresses expected)"
        )
    if name not in editor.ippools:
        check_capacity(editor.ippools, MOST_POOLS, "ippools")
    editor.ippools.put(name, IpPool(name, low, high))


def _unset(editor: Editor, arguments: Arguments) -> None:
    pool = require(editor.ippools, arguments["pool"], "ippool")
    refuse_if_used(f"ippool {pool.name}", users_of_ippool(editor, pool.name))
    editor.ippools.remove(pool.name)


def _rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for pool in config.ippools.values():
        yield Row({"pool": pool.name, "low": pool.low, "high": pool.high})


SETTING = Setting("ippool", _set, _unset, _rows, frozenset({"pool"}))
NODES = (
    keyword(
        "ippool",
        "pool of addresses for clients",
        argument(
            "pool",
            IPPOOL,
            "pool name",
            choice(
                sequence(
                    when_set(
                        argument("low", IP, "lowest address"),
                        argument("high", IP, "highest address"),
                    ),
                    SETTING,
                ),
                when_unset(SETTING),
            ),
        ),
    ),
)
