"""`set vpn NAME manual …`: SPIs and keys that the admin sets (Vol. 5, "Manual Key"; B025, B212 to B214)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nsemu.cli import types
from nsemu.cli.grammar import (
    Arguments,
    ArgumentType,
    InvalidWordError,
    Node,
    Row,
    Scope,
    Setting,
    TextType,
    Word,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.settings.checks import check_capacity, require
from nsemu.cli.settings.transparent import check_policy_based
from nsemu.cli.settings.vpn_group import check_groups
from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.config.bridge import DEFAULT_OUTGOING_ZONE, is_layer2, is_transparent, zone_of_outgoing
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError
from nsemu.config.interface import InterfaceKind
from nsemu.config.vpn import ManualKey, ManualKeys, Vpn

_LOWEST_SPI: Final = 0x100  # RFC 4303 §2.1: lower values are reserved.
_DIGITS: Final = frozenset("0123456789abcdef")

_CIPHERS: Final = {
    Encryption.DES: "DES",
    Encryption.TRIPLE_DES: "triple DES",
    Encryption.AES128: "AES with a 128-bit key",
    Encryption.AES192: "AES with a 192-bit key",
    Encryption.AES256: "AES with a 256-bit key",
}
_HASHES: Final = {Integrity.MD5: "HMAC with MD5", Integrity.SHA1: "HMAC with SHA-1"}


@dataclass(frozen=True, slots=True)
class SpiType(ArgumentType[int]):
    """An SPI: hexadecimal digits, with or without `0x` (B212)."""

    hint: str = "<hex number>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """The number. Raises InvalidWordError."""
        digits = word.text.lower().removeprefix("0x")
        if not digits or len(digits) > 8 or not _DIGITS.issuperset(digits):
            raise InvalidWordError(f"invalid SPI {word.text} (<{_LOWEST_SPI:x}-ffffffff> expected)")
        if int(digits, 16) < _LOWEST_SPI:
            raise InvalidWordError(f"value {word.text} out of range (<{_LOWEST_SPI:x}-ffffffff> expected)")
        return int(digits, 16)

    def show(self, value: int) -> str:
        """Hexadecimal digits."""
        return f"{value:x}"


@dataclass(frozen=True, slots=True)
class KeyType(ArgumentType[bytes]):
    """The octets of a key as hexadecimal digits, with or without `0x`. Their number is the command's to check."""

    hint: str = "<hex key>"

    def parse(self, word: Word, _scope: Scope) -> bytes:
        """The octets. Raises InvalidWordError."""
        digits = word.text.lower().removeprefix("0x")
        if not digits or len(digits) % 2 or len(digits) > 64 or not _DIGITS.issuperset(digits):
            raise InvalidWordError("invalid key (pairs of hexadecimal digits expected)")
        return bytes.fromhex(digits)

    def show(self, value: bytes) -> str:
        """Hexadecimal digits."""
        return value.hex()


def _set_manual(editor: Editor, arguments: Arguments) -> None:
    name = arguments["vpn"]
    keys = _keys(editor, arguments)
    _check_spi(editor, name, keys)
    old = editor.vpns.get(name)
    if old is None:
        check_capacity(editor.vpns, editor.platform.capacity.vpns, "VPNs")
        old = Vpn(name, "")
    if old.bind_interface is not None:
        check_policy_based(editor, name, keys.outgoing_interface)
    if old.monitor is not None and old.monitor.rekey:  # B327
        raise ConfigError(f"vpn {name} has monitor rekey and cannot have manual keys")
    changed = replace(old, gateway="", security_level=None, proposals=(), replay=False, idle_time=0, proxy_id=None)
    editor.vpns.put(name, replace(changed, manual=keys))
    check_groups(editor)


def _keys(editor: Editor, arguments: Arguments) -> ManualKeys:
    encryption: Encryption = arguments.get("encryption", Encryption.NULL)
    integrity: Integrity = arguments.get("integrity", Integrity.NULL)
    if encryption is Encryption.NULL and integrity is Integrity.NULL:  # RFC 4303 §3.2
        raise ConfigError(f"vpn {arguments['vpn']} neither encrypts nor authenticates")
    return ManualKeys(
        arguments["local_spi"],
        arguments["remote_spi"],
        arguments["peer"],
        _outgoing(editor, arguments),
        arguments["protocol"],
        encryption,
        integrity,
        _key(arguments, "encryption", encryption),
        _key(arguments, "integrity", integrity),
    )


def _key(arguments: Arguments, purpose: str, algorithm: Encryption | Integrity) -> ManualKey:
    octets: bytes = arguments.get(f"{purpose}_key", b"")
    if octets and len(octets) != algorithm.key_size:
        raise ConfigError(
            f"key of {len(octets) * 2} hexadecimal digits for {algorithm.value} ({algorithm.key_size * 2} expected)"
        )
    return ManualKey(arguments.get(f"{purpose}_password", ""), octets)


def _outgoing(editor: Editor, arguments: Arguments) -> str:
    """The interface or layer 2 zone that was named, else the first with an address in Untrust, or V1-Untrust."""
    if "interface" not in arguments and is_transparent(editor):
        return DEFAULT_OUTGOING_ZONE
    if "interface" not in arguments:
        found = (one.name for one in editor.interfaces.values() if one.zone == "Untrust" and one.address is not None)
        name = next((name for name in found if editor.interfaces[name].kind is InterfaceKind.ETHERNET), None)
        if name is None:
            raise ConfigError(f"vpn {arguments['vpn']} has no outgoing interface (outgoing-interface NAME expected)")
        return name
    zone = zone_of_outgoing(editor, arguments["interface"])
    if arguments["interface"] not in editor.interfaces and is_layer2(editor, zone):
        return zone.lower()
    interface = require(editor.interfaces, arguments["interface"], "interface")
    if interface.kind not in {InterfaceKind.ETHERNET, InterfaceKind.LOOPBACK}:
        raise ConfigError(f"interface {interface.name} cannot be an outgoing interface (ethernet or loopback expected)")
    return interface.name


def _check_spi(editor: Editor, name: str, keys: ManualKeys) -> None:
    # B030: destination, protocol and SPI are what tells SAs apart.
    own = (keys.outgoing_interface, keys.protocol, keys.local_spi)
    for vpn in editor.vpns.values():
        other = vpn.manual
        if other is None or vpn.name == name:
            continue
        if (other.outgoing_interface, other.protocol, other.local_spi) == own:
            raise DuplicateError(f"local SPI {keys.local_spi:x} is in use by vpn {vpn.name}")


def _manual_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vpn = config.vpns[scope["vpn"]]
    keys = vpn.manual
    if keys is None:
        return
    row: dict[str, Any] = {
        "vpn": vpn.name,
        "local_spi": keys.local_spi,
        "remote_spi": keys.remote_spi,
        "peer": keys.peer,
        "interface": keys.outgoing_interface,
        "protocol": keys.protocol,
        "encryption": keys.encryption,
        "integrity": keys.integrity,
        "encryption_password": keys.encryption_key.password,
        "encryption_key": keys.encryption_key.octets,
        "integrity_password": keys.integrity_key.password,
        "integrity_key": keys.integrity_key.octets,
    }
    yield Row({name: value for name, value in row.items() if value})


VPN_MANUAL = Setting("vpn manual", _set_manual, None, _manual_rows)


def _secret(purpose: str) -> Node:
    return choice(
        keyword("password", "make the key from a password", argument(f"{purpose}_password", TextType(63), "password")),
        keyword("key", "the key itself", argument(f"{purpose}_key", KeyType(), "hexadecimal digits")),
    )


def _algorithms(name: str, helps: Mapping[Any, str]) -> tuple[Node, ...]:
    return tuple(sequence(flag(one.value, text, name, one), _secret(name)) for one, text in helps.items())


_SPI = SpiType()
_ESP = sequence(
    flag("esp", "Encapsulating Security Payload", "protocol", IpsecProtocol.ESP),
    choice(flag("null", "no encryption", "encryption", Encryption.NULL), *_algorithms("encryption", _CIPHERS)),
    optional(
        keyword(
            "auth",
            "authentication",
            choice(flag("null", "no authentication", "integrity", Integrity.NULL), *_algorithms("integrity", _HASHES)),
        )
    ),
)
_AH = sequence(
    flag("ah", "Authentication Header", "protocol", IpsecProtocol.AH), choice(*_algorithms("integrity", _HASHES))
)
MANUAL_NODE = when_set(
    keyword(
        "manual",
        "manual key tunnel",
        argument("local_spi", _SPI, "SPI of packets that come in"),
        argument("remote_spi", _SPI, "SPI of packets that go out"),
        keyword("gateway", "address of the peer", argument("peer", types.IP, "IP address")),
        optional(
            keyword(
                "outgoing-interface",
                "interface towards the peer",
                argument("interface", types.OUTGOING, "interface name, or layer 2 zone"),
            )
        ),
        choice(_ESP, _AH),
        VPN_MANUAL,
    )
)
