"""The blocks of `debug flow basic` about packets that go into a tunnel or come out of one (screenos-cli §2.5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nsemu.device.debug_story import TUNNEL_BIT, Story, buffer_address, ipid
from nsemu.flow import steps
from nsemu.wire.address import format_ipv4

_CIPHER_BLOCK: Final = {"a128": 16, "a192": 16, "a256": 16}
"""By the label of the algorithm; 8 octets for all others."""


def seal_lines(story: Story, step: steps.EspSeal) -> Iterable[str]:
    """A packet was encapsulated."""
    hop = story.coming(steps.NextHop)
    block = next((size for label, size in _CIPHER_BLOCK.items() if label in step.algorithms), 8)
    size = -(-(step.inner_length + 2) // block) * block
    tunnel, buffer = f"{TUNNEL_BIT | step.tunnel_id:08x}", buffer_address(step.identification)
    story.tunnel_out = tunnel
    return (
        f"  going into tunnel {tunnel}.",
        "  flow_encrypt: pipeline.",
        f"chip info: PIO. Tunnel id {step.tunnel_id:08x}",
        f"(vn2)  doing {step.protocol} encryption and size ={size}",
        "ipsec encrypt prepare engine done",
        "ipsec encrypt set engine done",
        "ipsec encrypt engine released",
        "ipsec encrypt done",
        *_queue(buffer),
        f"**** jump to packet:{format_ipv4(step.source)}->{format_ipv4(step.destination)}",
        f"packet encapsulated, type=ipsec, len={step.outer_length}",
        ipid(step.identification),
        f"out encryption tunnel {tunnel} gw:{format_ipv4(hop.address if hop is not None else step.destination)}",
        "no more encapping needed",
        "send out through normal path.",
        "**** pak processing end.",
    )


def _queue(buffer: int) -> tuple[str, ...]:
    return (
        f"        put packet({buffer:x}) into flush queue.",
        f"        remove packet({buffer:x}) out from flush queue.",
        "",
    )


def open_lines(story: Story, step: steps.EspOpen) -> Iterable[str]:
    """A packet was decapsulated."""
    inner = story.coming(steps.PacketReceived)
    story.inner = True
    story.tunnel_in = f"{TUNNEL_BIT | step.tunnel_id:08x}"
    buffer = buffer_address(inner.identification if inner is not None else 0)
    ends = inner.endpoints if inner is not None else None
    addresses = f"{format_ipv4(ends.source)}->{format_ipv4(ends.destination)}" if ends is not None else ""
    return (
        f"  flow_decrypt: {buffer:x}(1)",
        f"Dec: SPI = {step.spi:08x}, Data Len = {story.length}",
        f"SA tunnel id=0x{step.tunnel_id:08x}, flag<00002063>",
        f"chip info: DMA. Tunnel id {step.tunnel_id:08x}",
        "ipsec decrypt prepare done",
        "ipsec decrypt set engine done",
        "in decryption engine done",
        "ipsec decrypt done",
        *_queue(buffer),
        f"**** jump to packet:{addresses}",
        f"packet decapsulated, type=ipsec, len={step.inner_length}",
    )


def l2tp_open_lines(story: Story, step: steps.L2tpOpen) -> Iterable[str]:
    """A packet came out of the call of an L2TP user. No capture shows these words (docs/fidelity.md)."""
    story.inner = True
    return (f"packet decapsulated, type=l2tp, len={step.inner_length}", f"  l2tp tunnel {step.l2tp}, user {step.user}")


def l2tp_seal_lines(_story: Story, step: steps.L2tpSeal) -> Iterable[str]:
    """A packet was put into the call of an L2TP user."""
    return (f"  going into l2tp tunnel {step.l2tp}, user {step.user}, peer {format_ipv4(step.peer)}.",)
