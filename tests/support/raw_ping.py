"""A ping for use inside a network namespace: `raw_ping.py SOURCE DESTINATION COUNT` prints how many were answered."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

_ECHO_REQUEST = 8


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ping(source: str, destination: str, count: int) -> int:
    """How many of `count` requests were answered; a second of patience each."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    opened.bind((source, 0))
    identifier, answered = os.getpid() & 0xFFFF, 0
    for sequence in range(count):
        tail = struct.pack("!HH", identifier, sequence)
        body = bytes((_ECHO_REQUEST, 0, 0, 0)) + tail + b"nsemu live test."
        opened.sendto(body[:2] + struct.pack("!H", checksum(body)) + body[4:], (destination, 0))
        deadline = time.monotonic() + 1
        while select.select([opened], [], [], max(0.0, deadline - time.monotonic()))[0]:
            packet, sender = opened.recvfrom(2048)
            if sender[0] == destination and packet[20] == 0 and packet[24:28] == tail:
                answered += 1
                break
    return answered


if __name__ == "__main__":
    print(ping(sys.argv[1], sys.argv[2], int(sys.argv[3])))
