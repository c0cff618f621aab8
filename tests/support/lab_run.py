"""Runs a lab with a capture, from a process of its own: `python lab_run.py TOPOLOGY CAPTURE SEED`.

Prints what the commands say, so that a test can compare whole runs. See `test_determinism`.
"""

from __future__ import annotations

import sys

from nsemu import Lab


def run(topology: str, capture: str, seed: int | None) -> str:
    """Cold and warm tunnels, loss, a transfer, both traceroutes, a link flap and a cleared tunnel; what was printed."""
    lab = Lab.load(topology, seed=seed)
    said = []
    with lab.capture(capture):
        lab.link("tokyo:ethernet3").set(loss=0.05, jitter=0.003)
        for node, line in (
            ("tokyo-pc", "ping 10.3.3.5 count 10"),
            ("paris-pc", "ping 10.2.2.5 count 5 size 3000"),
            ("tokyo-pc", "ftp put 10.3.3.5 a.bin size 30000 passive"),
            ("paris-pc", "http get 10.2.2.5"),
            ("tokyo-pc", "traceroute 10.3.3.5 time-out 1"),
        ):
            said.append(lab[node].run(line))
        device = lab["newyork"].device
        device.clear_tunnel(next(iter(device.database.tunnels)))
        lab.link("paris:ethernet3").down()
        lab.run_for(2.5)
        lab.link("paris:ethernet3").up()
        said.append(lab["paris-pc"].run("ping 10.2.2.5 count 10"))
        lab.run_for(4000)
        said.append(lab["tokyo-pc"].run("ping 10.3.3.5 count 10"))
    for name in ("tokyo", "newyork", "paris"):
        said.extend(f"{entry.at} {entry.text}\n" for entry in lab[name].device.event_log.newest_first())
    return "".join(said)


if __name__ == "__main__":
    sys.stdout.write(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
