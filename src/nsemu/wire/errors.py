"""The one error of the wire floor."""

from __future__ import annotations


class MalformedPacket(ValueError):
    """The octets are not what the protocol allows: too short, a wrong length field, an impossible value.

    The receiver counts and drops; the message says which field and why.
    """
