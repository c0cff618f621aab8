"""The options of IPCP (RFC 1332 §3; name servers: RFC 1877 §1), for the end that assigns and the one that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nsemu.ppp.automaton import Judgement
from nsemu.ppp.parameters import Assigned
from nsemu.wire.ppp import Code, Option

ADDRESS: Final = 3
DNS: Final = (129, 131)
WINS: Final = (130, 132)
_ORDER: Final = (ADDRESS, DNS[0], WINS[0], DNS[1], WINS[1])


def _option(kind: int, address: int) -> Option:
    return Option(kind, address.to_bytes(4, "big"))


class AssigningOptions:
    """The LNS: it has an address, and tells the client everything it may have."""

    def __init__(self, own: int, assigned: Assigned) -> None:
        self.own: int | None = own
        values: dict[int, int] = {ADDRESS: assigned.address}
        values |= dict(zip(DNS, assigned.dns, strict=False)) | dict(zip(WINS, assigned.wins, strict=False))
        self._values: Mapping[int, int] = values

    def wanted(self) -> list[Option]:
        """Our own address."""
        return [_option(ADDRESS, self.own)] if self.own is not None else []

    def judge(self, options: tuple[Option, ...]) -> Judgement:
        """Reject what we cannot tell, correct what differs, and name an address if the client did not ask."""
        unknown = tuple(item for item in options if item.type not in self._values or len(item.value) != 4)
        if unknown:
            return Judgement(Code.CONFIGURE_REJECT, unknown)
        right = [_option(item.type, self._values[item.type]) for item in options]
        wrong = [better for item, better in zip(options, right, strict=True) if item != better]
        if ADDRESS not in {item.type for item in options}:
            wrong.append(_option(ADDRESS, self._values[ADDRESS]))
        return Judgement(Code.CONFIGURE_NAK, tuple(wrong)) if wrong else Judgement(Code.CONFIGURE_ACK, options)

    def refused(self, code: Code, options: tuple[Option, ...]) -> None:
        """We keep our address, or do without telling it."""
        if code is Code.CONFIGURE_REJECT and any(item.type == ADDRESS for item in options):
            self.own = None


class AskingOptions:
    """The client: it asks for an address and for servers, and takes what it is told."""

    def __init__(self) -> None:
        self.values: dict[int, int] = dict.fromkeys(_ORDER, 0)
        self.peer = 0

    @property
    def assigned(self) -> Assigned:
        """What has been told."""
        dns, wins = (tuple(found for kind in kinds if (found := self.values.get(kind, 0))) for kinds in (DNS, WINS))
        return Assigned(self.values.get(ADDRESS, 0), dns, wins)

    def wanted(self) -> list[Option]:
        """What we have been told so far, 0.0.0.0 for what we ask."""
        return [_option(kind, address) for kind, address in self.values.items()]

    def judge(self, options: tuple[Option, ...]) -> Judgement:
        """The peer may have any address; anything else is of no use to us."""
        unknown = tuple(item for item in options if item.type != ADDRESS or len(item.value) != 4)
        if unknown:
            return Judgement(Code.CONFIGURE_REJECT, unknown)
        if options:
            self.peer = int.from_bytes(options[0].value, "big")
        return Judgement(Code.CONFIGURE_ACK, options)

    def refused(self, code: Code, options: tuple[Option, ...]) -> None:
        """Take the values of a Nak; do without what is rejected."""
        for item in options:
            if code is Code.CONFIGURE_REJECT:
                self.values.pop(item.type, None)
            elif item.type in self.values and len(item.value) == 4:
                self.values[item.type] = int.from_bytes(item.value, "big")
