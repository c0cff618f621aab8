"""The packet walk: what happened to one packet, hop by hop, for people (`text`) and for programs (`to_json`)."""

from nsemu.cli.walk.model import Disposition, PacketWalk, WalkEvent, WalkHop
from nsemu.cli.walk.text import events_text, walk_text

__all__ = ["Disposition", "PacketWalk", "WalkEvent", "WalkHop", "events_text", "walk_text"]
