"""`set ike …`: proposals and globals. Gateways are in `ike_gateway`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.config.algorithms import DhGroup, Encryption, Integrity, IpsecProtocol
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError
from nsemu.config.ike import IkeSettings, Phase1Proposal, Phase2Proposal
from nsemu.config.predefined import PREDEFINED_PHASE1, PREDEFINED_PHASE2
from nsemu.config.references import users_of_p1_proposal, users_of_p2_proposal

MOST_PROPOSALS = 256
"""Own proposals of a phase."""
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
PHASE1_LIFETIME, PHASE2_LIFETIME = 28800, 3600
"""Seconds, when a proposal names none (screenos-cli §6.3)."""
_LONGEST_LIFETIME = 2**31 - 1
_SHORTEST_LIFETIME = 180
"""Seconds; less than that leaves no time to negotiate the next key."""


def _lifetime(arguments: Arguments, default: int) -> int:
    for unit, seconds in UNITS.items():
        if unit in arguments:
            lifetime = int(arguments[unit]) * seconds
            if not _SHORTEST_LIFETIME <= lifetime <= _LONGEST_LIFETIME:
                raise ConfigError(
                    f"lifetime {arguments[unit]} {unit} out of range ({_SHORTEST_LIFETIME} seconds or more expected)"
                )
            return lifetime
    return default


# --- Phase 1 proposals


def _set_p1(editor: Editor, arguments: Arguments) -> None:
    name = arguments["name"]
    if name in PREDEFINED_PHASE1:
        raise DuplicateError(f"p1-proposal {name} is predefined")
    method = arguments["method"]
    old = editor.p1_proposals.get(name)
    if old is not None and old.method is not method:
        refuse_if_used(f"p1-proposal {name}", users_of_p1_proposal(editor, name))
    if old is None:
        own = sum(not proposal.predefined for proposal in editor.p1_proposals.values())
        check_capacity(range(own), MOST_PROPOSALS, "p1-proposals")
    editor.p1_proposals.put(
        name,
        Phase1Proposal(
            name,
            method,
            arguments["group"],
            arguments["encryption"],
            arguments["hash"],
            _lifetime(arguments, PHASE1_LIFETIME),
        ),
    )


def _unset_p1(editor: Editor, arguments: Arguments) -> None:
    proposal = require(editor.p1_proposals, arguments["name"], "p1-proposal")
    if proposal.predefined:
        raise ConfigError(f"p1-proposal {proposal.name} is predefined and cannot be removed")
    refuse_if_used(f"p1-proposal {proposal.name}", users_of_p1_proposal(editor, proposal.name))
    editor.p1_proposals.remove(proposal.name)


def _p1_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for proposal in config.p1_proposals.values():
        if not proposal.predefined:
            yield Row(
                {
                    "name": proposal.name,
                    "method": proposal.method,
                    "group": proposal.group,
                    "encryption": proposal.encryption,
                    "hash": proposal.hash,
                    "second": proposal.lifetime,
                }
            )


# --- Phase 2 proposals


def _set_p2(editor: Editor, arguments: Arguments) -> None:
    name = arguments["name"]
    if name in PREDEFINED_PHASE2:
        raise DuplicateError(f"p2-proposal {name} is predefined")
    if name not in editor.p2_proposals:
        own = sum(not proposal.predefined for proposal in editor.p2_proposals.values())
        check_capacity(range(own), MOST_PROPOSALS, "p2-proposals")
    encryption = arguments.get("encryption", Encryption.NULL)
    # RFC 4303 §3.2: not both may be NULL.
    if encryption is Encryption.NULL and arguments["hash"] is Integrity.NULL:
        raise ConfigError(f"p2-proposal {name} neither encrypts nor authenticates")
    editor.p2_proposals.put(
        name,
        Phase2Proposal(
            name,
            arguments.get("pfs"),
            arguments["protocol"],
            encryption,
            arguments["hash"],
            _lifetime(arguments, PHASE2_LIFETIME),
            arguments.get("lifesize", 0),
        ),
    )


def _unset_p2(editor: Editor, arguments: Arguments) -> None:
    proposal = require(editor.p2_proposals, arguments["name"], "p2-proposal")
    if proposal.predefined:
        raise ConfigError(f"p2-proposal {proposal.name} is predefined and cannot be removed")
    refuse_if_used(f"p2-proposal {proposal.name}", users_of_p2_proposal(editor, proposal.name))
    editor.p2_proposals.remove(proposal.name)


def _p2_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for proposal in config.p2_proposals.values():
        if proposal.predefined:
            continue
        row: dict[str, Any] = {
            "name": proposal.name,
            "no_pfs": proposal.pfs is None,
            "pfs": proposal.pfs,
            "protocol": proposal.protocol,
            "hash": proposal.integrity,
            "second": proposal.lifetime,
        }
        if proposal.protocol is IpsecProtocol.ESP:
            row["encryption"] = proposal.encryption
        if proposal.lifesize:
            row["lifesize"] = proposal.lifesize
        yield Row(row)


# --- globals


def _set_bad_spi(editor: Editor, arguments: Arguments) -> None:
    default = IkeSettings().respond_bad_spi
    editor.ike = replace(editor.ike, respond_bad_spi=arguments.get("number", default))


def _unset_bad_spi(editor: Editor, _arguments: Arguments) -> None:
    editor.ike = replace(editor.ike, respond_bad_spi=0)


def _bad_spi_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    number = config.ike.respond_bad_spi
    yield Row({"number": number} if number else {}, unset=not number)


def _set_buffer(editor: Editor, arguments: Arguments) -> None:
    editor.ike = replace(editor.ike, soft_lifetime_buffer=arguments["buffer"])


def _unset_buffer(editor: Editor, _arguments: Arguments) -> None:
    editor.ike = replace(editor.ike, soft_lifetime_buffer=IkeSettings().soft_lifetime_buffer)


def _buffer_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.ike.soft_lifetime_buffer != IkeSettings().soft_lifetime_buffer:
        yield Row({"buffer": config.ike.soft_lifetime_buffer})


P1_PROPOSAL = Setting("ike p1-proposal", _set_p1, _unset_p1, _p1_rows)
P2_PROPOSAL = Setting("ike p2-proposal", _set_p2, _unset_p2, _p2_rows)
RESPOND_BAD_SPI = Setting("ike respond-bad-spi", _set_bad_spi, _unset_bad_spi, _bad_spi_rows)
SOFT_LIFETIME_BUFFER = Setting("ike soft-lifetime-buffer", _set_buffer, _unset_buffer, _buffer_rows)
GROUPS = {f"group{group.value}": group for group in DhGroup}
