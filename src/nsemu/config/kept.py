"""Settings that are kept as they were typed: stored, shown, taken back; most are without effect on the device.

One general table instead of a record for each of them: the grammar declares their words and values
(`cli.settings.kept`), this file says where they are kept and what they depend on. What has a function moves to a record
of its own, or a pure function reads its lines into one (`config.dhcp`, `config.syslog`, `config.ntp`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nsemu.config.editor import Editor

Owner = tuple[str, Any]
"""(kind, name) of the object that a setting belongs to or names, as ("interface", "ethernet1")."""

TABLES: Final[Mapping[str, str]] = {
    "interface": "interfaces",
    "zone": "zones",
    "virtual router": "vrouters",
    "gateway": "gateways",
    "vpn": "vpns",
    "vpn-group": "vpn_groups",
    "policy": "policies",
    "service": "services",
    "user": "users",
    "ippool": "ippools",
    "user group": "user_groups",
    "administrator": "admins",
    "scheduler": "schedules",
}
"""Kinds of objects that have a table of their own, and its name. Others exist while a line is theirs."""

PREDEFINED: Final[frozenset[Owner]] = frozenset({("auth-server", "Local")})
"""Objects that every device has."""


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What makes a kept line a line of its own: the setting, the object it belongs to, what else tells it apart."""

    setting: str
    owner: Owner | None = None
    identity: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A kept line: its arguments by name, whether it is a `set` or an `unset`, and the objects that it names."""

    arguments: tuple[tuple[str, Any], ...]
    on: bool = True
    uses: tuple[Owner, ...] = ()


Kept = Mapping[KeptKey, KeptLine]


def owner_exists(editor: Any, owner: Owner) -> bool:
    """Whether an object is there; `editor` is an Editor or a DeviceConfig."""
    kind, name = owner
    table = TABLES.get(kind)
    if table is not None:
        return name in getattr(editor, table)
    return owner in PREDEFINED or any(key.owner == owner for key in editor.kept)


def names_of_kind(config: Any, kind: str) -> list[str]:
    """The objects of a kind, in the order in which they were made."""
    table = TABLES.get(kind)
    if table is not None:
        return list(getattr(config, table))
    owners = [*PREDEFINED, *(key.owner for key in config.kept if key.owner is not None)]
    return list(dict.fromkeys(name for found, name in owners if found == kind))


def kept_users(kept: Kept, owner: Owner) -> list[str]:
    """The kept lines that name an object, as an admin knows them. Its own lines are no users."""
    return list(
        dict.fromkeys(_title(key) for key, line in kept.items() if owner in line.uses and not _is_part(key, owner))
    )


def _is_part(key: KeptKey, owner: Owner) -> bool:
    return key.owner == owner


def _title(key: KeptKey) -> str:
    words = [key.setting, *(str(value) for value in key.identity)]
    if key.owner is None:
        return " ".join(words)
    return f'{key.owner[0]} "{key.owner[1]}" ({" ".join(words)})'


def owners_of(kept: Kept, setting: str) -> list[Any]:
    """The names of the objects that have a line of a setting."""
    return [key.owner[1] for key, line in kept.items() if key.setting == setting and key.owner is not None and line.on]


def owned_lines(kept: Kept, owner: Owner | None, head: str) -> list[tuple[str, dict[str, Any]]]:
    """The lines of an object whose setting begins with `head`: the rest of the setting, and the arguments."""
    return [
        (key.setting[len(head) + 1 :], dict(line.arguments))
        for key, line in kept.items()
        if key.owner == owner and line.on and (key.setting == head or key.setting.startswith(f"{head} "))
    ]


def drop_orphans(editor: Editor) -> None:
    """Remove the lines whose object is gone. Called after every `unset`."""
    for key in _orphans(editor):
        editor.kept.remove(key)


def _orphans(editor: Editor) -> Iterator[KeptKey]:
    known: dict[Owner, bool] = {}
    for key in list(editor.kept):
        owner = key.owner
        if owner is None or owner[0] not in TABLES:
            continue
        if owner not in known:
            known[owner] = owner_exists(editor, owner)
        if not known[owner]:
            yield key
