"""`get flow` (the layout is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.cli.show.layout import lines


def _flow(context: Context, _arguments: Arguments) -> str:
    flow = context.device.config.flow
    return lines(
        f"flow change tcp mss option for all packets {_limit(flow.all_tcp_mss)}",
        f"flow change tcp mss option for outbound vpn packets {_limit(flow.tcp_mss)}",
        f"Check TCP SYN bit before create session : {_word(flow.tcp_syn_check)}",
        f"Check TCP SYN bit before create session for tunneled packets : {_word(flow.tcp_syn_check_in_tunnel)}",
        f"Skip sequence number check in stateful inspection : {_word(not flow.tcp_seq_check)}",
    )


def _limit(size: int) -> str:
    return f"= {size}" if size else "is not set"


def _word(value: bool) -> str:
    return "YES" if value else "NO"


FLOW = keyword("flow", "show flow configuration", Command(_flow))
