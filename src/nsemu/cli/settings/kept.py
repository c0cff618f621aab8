"""How settings are declared that are kept in the configuration without effect (`config.kept`).

A `Shelf` collects the settings of one noun in the order in which `get config` prints them. `Shelf.line` declares one:

    SNMP = Shelf("snmp")
    NODE = keyword("snmp", "SNMP agent", choice(
        SNMP.line("name", "name of the device", argument("name", TextType(64, quoted=True), "name")),
        SNMP.line("community", "community", choice(flag(…), flag(…)), key=(argument("community", NAME, "name"),)),
    ))

`key` are the words that tell one line from another, and that `unset` repeats; the other words are its values. What a
device holds from the start is the `default`: a line equal to it takes no place in the table and is printed by the
releases that print it. Owners and used objects must exist; `config.kept` removes the lines of an object with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nsemu.cli.grammar.graph import children
from nsemu.cli.grammar.nodes import (
    Argument,
    Arguments,
    Keyword,
    Node,
    Row,
    Setting,
    argument,
    choice,
    flag,
    keyword,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.nodes import optional as optional_node
from nsemu.cli.grammar.types import AddressType, NumberType, TextType
from nsemu.cli.settings.checks import not_emulated, refuse_if_used
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, NotFoundError
from nsemu.config.kept import TABLES, KeptKey, KeptLine, Owner, owner_exists
from nsemu.config.references import users_of_kept

Check = Callable[[Editor, Arguments], None]
Of = tuple[str, str]
"""(kind of object, the argument that names it)."""


LISTED = frozenset(
    (
        "key protection enable",
        "alg appleichat enable",
        "alg appleichat re-assembly enable",
        "alg sctp enable",
        "auth radius accounting port",
        "admin auth web timeout",
        "admin auth dial-in timeout",
        "admin auth server",
        "admin format",
        "ip tftp retry",
        "ip tftp timeout",
        "pki x509 default cert-path",
        "ike ikev2 ike-sa-soft-lifetime",
        "ipsec access-session enable",
        "ipsec access-session maximum",
        "ipsec access-session upper-threshold",
        "ipsec access-session lower-threshold",
        "ipsec access-session dead-p2-sa-timeout",
        "ipsec access-session log-error",
        "ipsec access-session info-exch-connected",
        "ipsec access-session use-error-log",
        "url protocol",
        "nsmgmt bulkcli reboot-timeout",
        "ssh version",
        "config lock timeout",
        "license-key auto-update",
        "telnet client enable",
        "snmp port listen",
        "snmp port trap",
    )
)
"""Settings whose factory value a captured factory configuration lists (screenos-cli §6.1)."""


ADDING = frozenset({"nsrp monitor track-ip ip"})
"""Settings whose lines leave the values of an earlier one that they do not name."""


def lists_defaults(config: DeviceConfig) -> bool:
    """Whether `get config` prints what the factory set: captures of 6.x do (screenos-cli §6.1)."""
    return config.platform.release.startswith("6")


class Shelf:
    """The kept settings of one noun, in the order of `get config`.

    `of` is the object that they all belong to, `check` what must be so for each of them. With `acting` the device acts
    on them: a function of `config` reads the lines into a record.
    """

    def __init__(self, noun: str, of: Of | None = None, check: Check | None = None, *, acting: bool = False) -> None:
        self.noun = noun
        self.acting = acting
        self.of = of
        self.check = check
        self.settings: list[Setting] = []

    @property
    def items(self) -> tuple[Setting, ...]:
        """All of them, for the layout of `get config`."""
        return tuple(self.settings)

    def line(
        self,
        word: str,
        help: str,
        *what: Node,
        key: tuple[Node, ...] = (),
        name: str | None = None,
        loose: bool = False,
        **options: Any,
    ) -> Node:
        """`word KEY… WHAT…`. With `loose`, `unset` may repeat the values, as some commands of the book do."""
        setting = self.setting(f"{self.noun} {name or word}", _names(key), **options)
        values = (when_set(*what), *((when_unset(optional_node(*what)),) if loose else ())) if what else ()
        return keyword(word, help, *key, *values, setting)

    def setting(
        self,
        name: str,
        identity: tuple[str, ...] = (),
        *,
        of: Of | None = None,
        uses: Mapping[str, str] | None = None,
        default: Row | None = None,
        check: Check | None = None,
        quoted: Iterable[str] = (),
        acting: bool | None = None,
    ) -> Setting:
        """A setting for words that are declared elsewhere. `uses` gives the kind of the object an argument names."""
        name, check = name.strip(), check or self.check
        note = "" if (self.acting if acting is None else acting) else not_emulated(name)
        kept = _KeptSetting(name, identity, of or self.of, uses=uses or {}, default=default, check=check, note=note)
        setting = Setting(name, kept.set, kept.unset, kept.rows, frozenset(quoted), without_effect=note)
        self.settings.append(setting)
        return setting


def kept_object(kind: str, argument: str) -> Setting:
    """`unset KIND NAME`: the object with all its lines."""

    def remove(editor: Editor, arguments: Arguments) -> None:
        owner = (kind, arguments[argument])
        if not owner_exists(editor, owner):
            raise NotFoundError(f"{kind} {owner[1]} does not exist")
        refuse_if_used(f"{kind} {owner[1]}", users_of_kept(editor, owner))
        for key in [key for key in editor.kept if key.owner == owner]:
            editor.kept.remove(key)

    return Setting(f"{kind} with all its lines", None, remove)


def kept_clear(name: str, shelf: Shelf, prefix: str) -> Setting:
    """`unset` of a word under which several settings stand: all of them, of the object that the line names."""

    def clear(editor: Editor, arguments: Arguments) -> None:
        owner = None if shelf.of is None else (shelf.of[0], arguments[shelf.of[1]])
        for key in [key for key in editor.kept if key.owner == owner and key.setting.startswith(prefix)]:
            editor.kept.remove(key)

    return Setting(name, None, clear)


def _names(nodes: Iterable[Node]) -> tuple[str, ...]:
    """The arguments that some nodes bind."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, Argument):
            found.append(node.name)
        elif isinstance(node, Keyword) and node.binds is not None:
            found.append(node.binds[0])
        found += _names(children(node))
    return tuple(dict.fromkeys(found))


class _KeptSetting:
    """What `set`, `unset` and `get config` do with one kept setting."""

    def __init__(
        self,
        name: str,
        identity: tuple[str, ...],
        of: Of | None,
        *,
        uses: Mapping[str, str],
        default: Row | None,
        check: Check | None,
        note: str,
    ) -> None:
        self.name, self.identity, self.of = name, identity, of
        self.uses, self.default, self.check = uses, default, check
        self._note = note or None

    def _key(self, arguments: Arguments) -> KeptKey:
        owner = None if self.of is None else (self.of[0], arguments[self.of[1]])
        return KeptKey(self.name, owner, tuple(arguments.get(name) for name in self.identity))

    def _require(self, editor: Editor, arguments: Arguments) -> tuple[Owner, ...]:
        """The objects that the arguments name; NotFoundError when one is missing."""
        used = tuple((kind, arguments[name]) for name, kind in self.uses.items() if arguments.get(name) is not None)
        for kind, name in used:
            if not owner_exists(editor, (kind, name)):
                raise NotFoundError(f"{kind} {name} does not exist")
        return used

    def _require_owner(self, editor: Editor, arguments: Arguments) -> None:
        owner = self._key(arguments).owner
        if owner is not None and _has_table(owner) and not owner_exists(editor, owner):
            raise NotFoundError(f"{owner[0]} {owner[1]} does not exist")

    def set(self, editor: Editor, arguments: Arguments) -> str | None:
        """Keep the line."""
        self._require_owner(editor, arguments)
        if self.name in ADDING and (earlier := editor.kept.get(self._key(arguments))) is not None and earlier.on:
            arguments = {**dict(earlier.arguments), **arguments}
        used = self._require(editor, arguments)
        if self.check is not None:
            self.check(editor, arguments)
        return self._put(editor, arguments, KeptLine(_stored(arguments), uses=used))

    def unset(self, editor: Editor, arguments: Arguments) -> str | None:
        """Forget the line; or keep its `unset`, when a device starts with it set."""
        self._require_owner(editor, arguments)
        key = self._key(arguments)
        if self.default is not None and not self.default.unset and not self.default.arguments:
            return self._put(editor, arguments, KeptLine(_stored(arguments), on=False))
        if key in editor.kept:
            editor.kept.remove(key)
        elif self.identity and self.default is None:
            raise NotFoundError(f"{self.name} {' '.join(map(_shown, key.identity))} does not exist")
        return None

    def _put(self, editor: Editor, arguments: Arguments, line: KeptLine) -> str | None:
        key = self._key(arguments)
        if self._is_default(arguments, line.on):
            if key in editor.kept:
                editor.kept.remove(key)
            return None
        most = editor.platform.capacity.kept_lines
        if self.identity and key not in editor.kept and self._count(editor, most) >= most:
            raise CapacityError(f"no more lines of {self.name} (this platform holds {most})")
        editor.kept.put(key, line)
        return self._note

    def _count(self, editor: Editor, most: int) -> int:
        if len(editor.kept) < most:
            return 0
        return sum(key.setting == self.name for key in editor.kept)

    def _is_default(self, arguments: Arguments, on: bool) -> bool:
        default = self.default
        if default is None or default.unset == on:
            return False
        return not on or default.arguments == {k: v for k, v in arguments.items() if not self._places(k)}

    def _places(self, name: str) -> bool:
        return name in self.identity or (self.of is not None and name == self.of[1])

    def rows(self, config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        """The lines of the object in `scope`, or all."""
        owner = (self.of[0], scope[self.of[1]]) if self.of is not None and self.of[1] in scope else None
        if self.identity or (self.of is not None and owner is None):
            for key, line in config.kept.items():
                if key.setting == self.name and (owner is None or key.owner == owner):
                    yield Row(dict(line.arguments), unset=not line.on)
            return
        found = config.kept.get(KeptKey(self.name, owner))
        if found is not None:
            yield Row(dict(found.arguments), unset=not found.on)
        elif self.default is not None and self.name in LISTED and lists_defaults(config):
            yield self.default


def _stored(arguments: Arguments) -> tuple[tuple[str, Any], ...]:
    """The arguments in an order of their own: that of the words of a line says nothing."""
    return tuple(sorted(arguments.items()))


def _has_table(owner: Owner) -> bool:
    return owner[0] in TABLES


def _shown(value: Any) -> str:
    return str(value.value) if hasattr(value, "value") else str(value)


def words(name: str, helps: Mapping[str, str]) -> Node:
    """One of several fixed words, bound to `name`."""
    return choice(*(flag(word, text, name, word) for word, text in helps.items()))


def option(word: str, help: str, *what: Node) -> Node:
    """`word WHAT…` or nothing."""
    return optional_node(keyword(word, help, sequence(*what)))


def number(name: str, low: int, high: int, help: str) -> Node:
    """A number from `low` to `high`."""
    return argument(name, NumberType(low, high), help)


def text(name: str, help: str, longest: int = 64, *, quoted: bool = True) -> Node:
    """A text, printed between quotes unless told otherwise."""
    return argument(name, TextType(longest, quoted=quoted), help)


def ip(name: str, help: str = "IP address") -> Node:
    """An IPv4 address."""
    return argument(name, AddressType(), help)
