"""Golden transcripts of `debug flow basic`, in the three dialects (screenos-cli §2.2 to §2.5)."""

from __future__ import annotations

import re

import pytest

from nsemu.config.platform import PLATFORMS
from nsemu.device.debug_flow import RENDERERS, render_flow
from nsemu.device.debug_story import dialect_of
from nsemu.flow import steps
from nsemu.runtime import trace as trace_module
from nsemu.runtime.trace import Hop, Step
from support.box import Box, echo, tcp, udp
from support.drop_scenes import ACK, BASE, PERMIT, SYN, established

SSG = BASE.replace("ethernet1", "ethernet0/2").replace("ethernet3", "ethernet0/0").replace("ethernet2", "ethernet0/1")
ISG = BASE.replace("ethernet1", "ethernet1/2").replace("ethernet3", "ethernet1/1").replace("ethernet2", "ethernet1/3")

RELEASE_5 = """\
****** 42.0: <Trust/ethernet1> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/25238->9.9.9.9/80,6<Root>
  chose interface ethernet1 as incoming nat if.
  search route to (ethernet1, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet3
  routed (9.9.9.9, 0.0.0.0) from ethernet1 (ethernet1 in 0) to ethernet3
  policy search from zone 2-> zone 1
  No SW RPC rule match, search HW rule
  Permitted by policy 1
  No src xlate   choose interface ethernet3 as outgoing phy if
  no loop on ifp ethernet3.
  session application type 6, name HTTP, timeout 300sec
  service lookup identified service 0.
  Session (id:127998) created for first pak 1
  route to 1.1.1.250
  arp entry found for 1.1.1.250
  nsp2 wing prepared, ready
  cache mac in the session
  flow got session.
  flow session id 127998
  post addr xlation: 10.1.1.5->9.9.9.9.
****** 42.0: <Trust/ethernet1> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/25238->9.9.9.9/80,6<Root>
  existing session found. sess token 2
  flow got session.
  flow session id 127998
  post addr xlation: 10.1.1.5->9.9.9.9.
"""

RELEASE_6 = """\
****** 42.0: <Trust/ethernet0/2> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet0/2:10.1.1.5/25238->9.9.9.9/80,6<Root>
  no session found
  flow_first_sanity_check: in <ethernet0/2>, out <N/A>
  chose interface ethernet0/2 as incoming nat if.
  flow_first_routing: in <ethernet0/2>, out <N/A>
  search route to (ethernet0/2, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [ Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet0/0
  routed (x_dst_ip 9.9.9.9) from ethernet0/2 (ethernet0/2 in 0) to ethernet0/0
  policy search from zone 2-> zone 1
 policy_flow_search  policy search nat_crt from zone 2-> zone 1
  RPC Mapping Table search returned 0 matched service(s) for (vsys Root, ip 9.9.9.9, port 80, proto 6)
  No SW RPC rule match, search HW rule
swrs_search_ip: policy matched id/idx/action = 1/0/0x9
  Permitted by policy 1
  No src xlate   choose interface ethernet0/0 as outgoing phy if
  check nsrp pak fwd: in_tun=0xffffffff, VSD 0 for out ifp ethernet0/0
  vsd 0 is active
  no loop on ifp ethernet0/0.
  session application type 6, name HTTP, nas_id 0, timeout 300sec
  service lookup identified service 0.
  flow_first_final_check: in <ethernet0/2>, out <ethernet0/0>
  existing vector list 122-efc04f4.
  Session (id:16062) created for first pak 122
  flow_first_install_session======>
  route to 1.1.1.250
  arp entry found for 1.1.1.250
  ifp2 ethernet0/0, out_ifp ethernet0/0, flag 00800004, tunnel ffffffff, rc 1
  outgoing wing prepared, ready
  handle cleartext reverse route
  search route to (ethernet0/0, 9.9.9.9->10.1.1.5) in vr trust-vr for vsd-0/flag-3000/ifp-ethernet0/2
  [ Dest] 5.route 10.1.1.5->10.1.1.5, to ethernet0/2
  route to 10.1.1.5
  arp entry found for 10.1.1.5
  ifp2 ethernet0/2, out_ifp ethernet0/2, flag 00800001, tunnel ffffffff, rc 1
Success installing work and forward sessions
  flow got session.
  flow session id 16062
  flow_main_body_vector in ifp ethernet0/2 out ifp ethernet0/0
  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4
  vsd 0 is active
  tcp seq check.
  post addr xlation: 10.1.1.5->9.9.9.9.
  packet send out to 00005e005301 through ethernet0/0
****** 42.0: <Trust/ethernet0/2> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet0/2:10.1.1.5/25238->9.9.9.9/80,6<Root>
  existing session found. sess token 4
  flow got session.
  flow session id 16062
  flow_main_body_vector in ifp ethernet0/2 out ifp ethernet0/0
  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4
  vsd 0 is active
  tcp seq check.
  post addr xlation: 10.1.1.5->9.9.9.9.
  packet send out to 00005e005301 through ethernet0/0
"""

ISG_LINES = """\
****** 42.0: <Trust/ethernet1/2> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet1/2:10.1.1.5/25238->9.9.9.9/80,6<Root>
  no session found
  flow_first_sanity_check: in <ethernet1/2>, out <N/A>
  chose interface ethernet1/2 as incoming nat if.
  flow_first_routing: in <ethernet1/2>, out <N/A>
  search route to (ethernet1/2, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [ Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet1/1
  routed (x_dst_ip 9.9.9.9) from ethernet1/2 (ethernet1/2 in 0) to ethernet1/1
  policy search from zone 2-> zone 1
 policy_flow_search  policy search nat_crt from zone 2-> zone 1
  RPC Mapping Table search returned 0 matched service(s) for (vsys Root, ip 9.9.9.9, port 80, proto 6)
  No SW RPC rule match, search HW rule
swrs_search_ip: policy matched id/idx/action = 1/0/0x9
  Permitted by policy 1
  No src xlate   choose interface ethernet1/1 as outgoing phy if
  check nsrp pak fwd: in_tun=0xffffffff, VSD 0 for out ifp ethernet1/1
  vsd 0 is active
  no loop on ifp ethernet1/1.
  session application type 6, name HTTP, nas_id 0, timeout 300sec
  service lookup identified service 0.
  flow_first_final_check: in <ethernet1/2>, out <ethernet1/1>
  existing vector list 122-efc04f4.
  Session (id:250062) created for first pak 122
  flow_first_install_session======>
  route to 1.1.1.250
  arp entry found for 1.1.1.250
  ifp2 ethernet1/1, out_ifp ethernet1/1, flag 00800004, tunnel ffffffff, rc 1
  outgoing wing prepared, ready
  handle cleartext reverse route
  search route to (ethernet1/1, 9.9.9.9->10.1.1.5) in vr trust-vr for vsd-0/flag-3000/ifp-ethernet1/2
  [ Dest] 3.route 10.1.1.5->10.1.1.5, to ethernet1/2
  route to 10.1.1.5
  arp entry found for 10.1.1.5
  ifp2 ethernet1/2, out_ifp ethernet1/2, flag 00800001, tunnel ffffffff, rc 1
Success installing work and forward sessions
  flow got session.
  flow session id 250062
  flow_main_body_vector in ifp ethernet1/2 out ifp ethernet1/1
  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4
  vsd 0 is active
  tcp seq check.
  transfer packet to hardware.
****** 42.0: <Trust/ethernet1/2> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet1/2:10.1.1.5/25238->9.9.9.9/80,6<Root>
  existing session found. sess token 4
  flow got session.
  flow session id 250062
  flow_main_body_vector in ifp ethernet1/2 out ifp ethernet1/1
  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4
  vsd 0 is active
  tcp seq check.
  transfer packet to hardware.
"""

TRANSLATED = """\
****** 42.0: <Trust/ethernet1> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/25238->9.9.9.9/80,6<Root>
  chose interface ethernet1 as incoming nat if.
  search route to (ethernet1, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet3
  routed (9.9.9.9, 0.0.0.0) from ethernet1 (ethernet1 in 0) to ethernet3
  policy search from zone 2-> zone 1
  No SW RPC rule match, search HW rule
  Permitted by policy 1
  dip id = 2, 10.1.1.5/25238->1.1.1.1/1024
  choose interface ethernet3 as outgoing phy if
  no loop on ifp ethernet3.
  session application type 6, name HTTP, timeout 300sec
  service lookup identified service 0.
  Session (id:127998) created for first pak 1
  route to 1.1.1.250
  arp entry found for 1.1.1.250
  nsp2 wing prepared, ready
  cache mac in the session
  flow got session.
  flow session id 127998
  post addr xlation: 1.1.1.1->9.9.9.9.
"""

DEFAULT_DENY = """\
****** 42.0: <Trust/ethernet1> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/25238->9.9.9.9/80,6<Root>
  chose interface ethernet1 as incoming nat if.
  search route to (ethernet1, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet3
  routed (9.9.9.9, 0.0.0.0) from ethernet1 (ethernet1 in 0) to ethernet3
  policy search from zone 2-> zone 1
  No SW RPC rule match, search HW rule
  Searching global policy.
swrs_search_ip: policy matched id/idx/action = 320001/-1/0x0
  policy id (320001)
  packet dropped, denied by policy
"""

DENIED = """\
****** 42.0: <Trust/ethernet0/2> packet received [40]******
  ipid = I, @B
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet0/2:10.1.1.5/25238->9.9.9.9/80,6<Root>
  no session found
  flow_first_sanity_check: in <ethernet0/2>, out <N/A>
  chose interface ethernet0/2 as incoming nat if.
  flow_first_routing: in <ethernet0/2>, out <N/A>
  search route to (ethernet0/2, 10.1.1.5->9.9.9.9) in vr trust-vr for vsd-0/flag-0/ifp-null
  [ Dest] 7.route 9.9.9.9->1.1.1.250, to ethernet0/0
  routed (x_dst_ip 9.9.9.9) from ethernet0/2 (ethernet0/2 in 0) to ethernet0/0
  policy search from zone 2-> zone 1
 policy_flow_search  policy search nat_crt from zone 2-> zone 1
  RPC Mapping Table search returned 0 matched service(s) for (vsys Root, ip 9.9.9.9, port 80, proto 6)
  No SW RPC rule match, search HW rule
swrs_search_ip: policy matched id/idx/action = 7/0/0x0
  denied by policy 7
  packet dropped, denied by policy
"""

SELF = """\
****** 42.0: <Trust/ethernet1> packet received [38]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/4000->10.1.1.1/9,17<Root>
  self check, not for us
  chose interface ethernet1 as incoming nat if.
  packet dropped: for self but not interested
****** 42.0: <Trust/ethernet1> packet received [60]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/1->10.1.1.1/512,1(8/0)<Root>
  self check, for us
  chose interface ethernet1 as incoming nat if.
  packet for self: ping, answered
****** 42.0: <Self/self> packet received [60]******
  ipid = I, @B
  processing packet through normal path.
  packet passed sanity check.
  self:10.1.1.1/512->10.1.1.5/1,1(0/0)<Root>
  search route to (self, 10.1.1.1->10.1.1.5) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 1.route 10.1.1.5->10.1.1.5, to ethernet1
  wait for arp rsp for 10.1.1.5
"""

SEALED = """\
****** 3.0: <Trust/ethernet1> packet received [60]******
  ipid = I, @B
  packet passed sanity check.
  ethernet1:10.1.1.5/7->10.2.2.5/512,1(8/0)<Root>
  chose interface ethernet1 as incoming nat if.
  search route to (ethernet1, 10.1.1.5->10.2.2.5) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 8.route 10.2.2.5->10.2.2.5, to tunnel.1
  routed (10.2.2.5, 0.0.0.0) from ethernet1 (ethernet1 in 0) to tunnel.1
  policy search from zone 2-> zone 1
  No SW RPC rule match, search HW rule
  Permitted by policy 1
  No src xlate   choose interface tunnel.1 as outgoing phy if
  no loop on ifp tunnel.1.
  session application type 0, name None, timeout 60sec
  service lookup identified service 0.
  Session (id:127999) created for first pak 1
  route to 10.2.2.5
  arp entry found for 10.2.2.5
  nsp2 wing prepared, ready
  cache mac in the session
  flow got session.
  flow session id 127999
  post addr xlation: 10.1.1.5->10.2.2.5.
  going into tunnel 40000001.
  flow_encrypt: pipeline.
chip info: PIO. Tunnel id 00000001
(vn2)  doing ESP encryption and size =64
ipsec encrypt prepare engine done
ipsec encrypt set engine done
ipsec encrypt engine released
ipsec encrypt done
        put packet(B) into flush queue.
        remove packet(B) out from flush queue.

**** jump to packet:1.1.1.1->1.1.1.2
packet encapsulated, type=ipsec, len=112
ipid = I, @B
out encryption tunnel 40000001 gw:1.1.1.2
no more encapping needed
send out through normal path.
**** pak processing end.
"""

OPENED = """\
****** 3.0: <Untrust/ethernet3> packet received [112]******
  ipid = I, @B
  packet passed sanity check.
  ethernet3:1.1.1.1/S->1.1.1.2/S,50<Root>
  existing session found. sess token 2
  flow got session.
  flow_decrypt: B(1)
Dec: SPI = SSSSSSSS, Data Len = 112
SA tunnel id=0x00000001, flag<00002063>
chip info: DMA. Tunnel id 00000001
ipsec decrypt prepare done
ipsec decrypt set engine done
in decryption engine done
ipsec decrypt done
        put packet(B) into flush queue.
        remove packet(B) out from flush queue.

**** jump to packet:10.1.1.5->10.2.2.5
packet decapsulated, type=ipsec, len=60
ipid = I, @B
  packet passed sanity check.
  tunnel.1:10.1.1.5/7->10.2.2.5/512,1(8/0)<Root>
  chose interface tunnel.1 as incoming nat if.
  search route to (tunnel.1, 10.1.1.5->10.2.2.5) in vr trust-vr for vsd-0/flag-0/ifp-null
  [Dest] 1.route 10.2.2.5->10.2.2.5, to ethernet1
  routed (10.2.2.5, 0.0.0.0) from tunnel.1 (tunnel.1 in 0) to ethernet1
  policy search from zone 1-> zone 2
  No SW RPC rule match, search HW rule
  Permitted by policy 2
  No src xlate   choose interface ethernet1 as outgoing phy if
  no loop on ifp ethernet1.
  session application type 0, name None, timeout 60sec
  service lookup identified service 0.
  Session (id:127999) created for first pak 1
  route to 10.2.2.5
  wait for arp rsp for 10.2.2.5
  nsp2 wing prepared, not ready
  cache mac in the session
  flow got session.
  flow session id 127999
  post addr xlation: 10.1.1.5->10.2.2.5.
"""


CAPTURE = """\
****** 7301845.0: <mgmt-hsbb/ethernet1/1> packet received [60]******
  ipid = 34928(8870), @04815c40
  packet passed sanity check.
  flow_decap_vector IPv4 process
  ethernet1/1:172.16.42.136/25238->10.193.23.130/80,6<Root>
  no session found
  flow_first_sanity_check: in <ethernet1/1>, out <N/A>
  chose interface ethernet1/1 as incoming nat if.
  flow_first_routing: in <ethernet1/1>, out <N/A>
  search route to (ethernet1/1, 172.16.42.136->10.193.23.130) in vr trust-vr for vsd-0/flag-0/ifp-null
  [ Dest] 334.route 10.193.23.130->10.218.0.17, to ethernet1/2.1
  routed (x_dst_ip 10.193.23.130) from ethernet1/1 (ethernet1/1 in 0) to ethernet1/2.1
  policy search from zone 1005-> zone 1004
 policy_flow_search  policy search nat_crt from zone 1005-> zone 1004
  RPC Mapping Table search returned 0 matched service(s) for (vsys Root, ip 10.193.23.130, port 80, proto 6)
  No SW RPC rule match, search HW rule
swrs_search_ip: policy matched id/idx/action = 919/301/0x9
  Permitted by policy 919
  No src xlate   choose interface ethernet1/2.1 as outgoing phy if
  check nsrp pak fwd: in_tun=0xffffffff, VSD 0 for out ifp ethernet1/2.1
  vsd 0 is active
  no loop on ifp ethernet1/2.1.
  session application type 6, name HTTP, nas_id 0, timeout 300sec
  service lookup identified service 0.
  flow_first_final_check: in <ethernet1/1>, out <ethernet1/2.1>
  existing vector list 122-efc04f4.
  Session (id:523898) created for first pak 122
  flow_first_install_session======>
  route to 10.218.0.17
  arp entry found for 10.218.0.17
  ifp2 ethernet1/2.1, out_ifp ethernet1/2.1, flag 00800004, tunnel ffffffff, rc 1
  outgoing wing prepared, ready
  handle cleartext reverse route
  search route to (ethernet1/2.1, 10.193.23.130->172.16.42.136) in vr trust-vr for vsd-0/flag-3000/ifp-ethernet1/1
  [ Dest] 227.route 172.16.42.136->10.218.72.4, to ethernet1/1
  route to 10.218.72.4
  arp entry found for 10.218.72.4
  ifp2 ethernet1/1, out_ifp ethernet1/1, flag 00800001, tunnel ffffffff, rc 1
Success installing work and forward sessions
  flow got session.
  flow session id 523898
  flow_main_body_vector in ifp ethernet1/1 out ifp ethernet1/2.1
  flow vector index 0x122, vector addr 0xefc04f4, orig vector 0xefc04f4
  vsd 0 is active
  tcp seq check.
  transfer packet to hardware.
"""
"""What a real ISG printed (screenos-cli §2.2)."""

HTTP = (25238, 80)


def debugged(box: Box, interface: str, *packets: bytes) -> str:
    """What the debug buffer holds after some packets at 42 seconds of uptime; the next hop is known by then."""
    box.run(42)
    box.receive(interface, echo("10.1.1.9", "9.9.9.1"), trace=False)
    box.type("debug flow basic")
    for packet in packets:
        box.receive(interface, packet, trace=False)
    return neutral(box.device.debug.stream())


def neutral(text: str) -> str:
    """Without what chance decides: SPIs, identifications, buffer addresses."""
    for pattern, word in (
        (r"SPI = [0-9a-f]{8}", "SPI = SSSSSSSS"),
        (r"(:1\.1\.1\.1)/\d+->(1\.1\.1\.2)/\d+,50", r"\1/S->\2/S,50"),
        (r"ipid = \d+\([0-9a-f]{4}\), @[0-9a-f]{8}", "ipid = I, @B"),
        (r"packet\([0-9a-f]+\)", "packet(B)"),
        (r"flow_decrypt: [0-9a-f]+\(", "flow_decrypt: B("),
    ):
        text = re.sub(pattern, word, text)
    return text


SEGMENTS = (tcp("10.1.1.5", "9.9.9.9", HTTP, SYN), tcp("10.1.1.5", "9.9.9.9", HTTP, ACK))


def test_release_5_first_and_later_packet() -> None:
    assert debugged(Box(BASE + PERMIT), "ethernet1", *SEGMENTS) == RELEASE_5


def test_release_6_first_and_later_packet() -> None:
    box = Box(SSG + PERMIT, platform="ssg5", plugged=("ethernet0/0", "ethernet0/2"))
    assert debugged(box, "ethernet0/2", *SEGMENTS) == RELEASE_6


def test_an_isg_hands_the_session_to_its_hardware() -> None:
    box = Box(ISG + PERMIT, platform="isg1000", plugged=("ethernet1/1", "ethernet1/2"))
    assert debugged(box, "ethernet1/2", *SEGMENTS) == ISG_LINES


def test_the_lines_are_those_of_a_real_device() -> None:
    """The capture, with the names and addresses of this bench put in."""
    config = ISG + "set vrouter trust-vr route 172.16.0.0/16 interface ethernet1/2 gateway 10.1.1.4\n"
    box = Box(config + PERMIT.replace("id 1", "id 919"), platform="isg1000", plugged=("ethernet1/1", "ethernet1/2"))
    expected = CAPTURE
    for theirs, ours in (
        ("7301845.0", "42.0"),
        ("mgmt-hsbb/ethernet1/1", "Trust/IN"),
        ("ethernet1/2.1", "OUT"),
        ("ethernet1/1", "IN"),
        ("OUT", "ethernet1/1"),
        ("IN", "ethernet1/2"),
        ("[60]", "[40]"),
        ("10.193.23.130", "9.9.9.9"),
        ("10.218.0.17", "1.1.1.250"),
        ("10.218.72.4", "10.1.1.4"),
        ("] 334.", "] 7."),
        ("] 227.", "] 8."),
        ("zone 1005", "zone 2"),
        ("zone 1004", "zone 1"),
        ("919/301/", "919/0/"),
        ("523898", "250062"),
    ):
        assert theirs in expected
        expected = expected.replace(theirs, ours)
    segment = tcp("172.16.42.136", "9.9.9.9", HTTP, SYN)
    assert debugged(box, "ethernet1/2", segment) == neutral(expected)


def test_interface_source_translation() -> None:
    config = BASE + "set interface ethernet1 nat\n" + PERMIT
    assert debugged(Box(config), "ethernet1", SEGMENTS[0]) == TRANSLATED


def test_nothing_matches() -> None:
    assert debugged(Box(BASE), "ethernet1", SEGMENTS[0]) == DEFAULT_DENY


def test_denied_by_a_policy() -> None:
    config = SSG + "set policy id 7 from Trust to Untrust any any http deny\n"
    box = Box(config, platform="ssg5", plugged=("ethernet0/0", "ethernet0/2"))
    assert debugged(box, "ethernet0/2", SEGMENTS[0]) == DENIED


def test_for_the_device_itself() -> None:
    packets = (udp("10.1.1.5", "10.1.1.1", 9), echo("10.1.1.5", "10.1.1.1"))
    assert debugged(Box(BASE), "ethernet1", *packets) == SELF


def test_into_and_out_of_a_tunnel() -> None:
    west, east = established()
    for box in (west, east):
        box.type("debug flow basic")
    west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=7), trace=False)
    assert neutral(west.device.debug.stream()) == SEALED
    assert neutral(east.device.debug.stream()) == OPENED


def test_a_debugged_packet_is_handled_as_any_other() -> None:
    plain, watched = Box(BASE + PERMIT), Box(BASE + PERMIT)
    watched.type("debug flow basic")
    for box in (plain, watched):
        for packet in SEGMENTS:
            box.receive("ethernet1", packet, trace=False)
    assert plain.sent == watched.sent
    assert plain.sent


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("set ffilter src-ip 10.1.1.5", True),
        ("set ffilter src-ip 10.1.1.6", False),
        ("set ffilter dst-ip 9.9.9.9 dst-port 80", True),
        ("set ffilter dst-ip 9.9.9.9 dst-port 81", False),
        ("set ffilter ip-proto 6 src-port 25238", True),
        ("set ffilter ip-proto 17", False),
    ],
)
def test_words_of_a_filter_are_all_to_fit(line: str, seen: bool) -> None:
    box = Box(BASE + PERMIT)
    assert box.type(line) == "filter added\n"
    assert bool(debugged(box, "ethernet1", SEGMENTS[0])) is seen


def test_one_of_several_filters_is_enough() -> None:
    box = Box(BASE + PERMIT)
    box.type("set ffilter src-ip 10.1.1.6")
    box.type("set ffilter dst-ip 9.9.9.9")
    assert "packet received" in debugged(box, "ethernet1", SEGMENTS[0])


def test_own_packets_are_seen() -> None:
    box = Box(BASE)
    box.type("debug flow basic")
    box.type("ping 10.1.1.7 count 1")
    text = box.device.debug.stream()
    assert text.startswith("****** 0.0: <Self/self> packet received [128]******\n")
    assert "  self:10.1.1.1/1->10.1.1.7/" in text


def test_a_next_hop_that_does_not_answer() -> None:
    box = Box(BASE + PERMIT)
    box.silent.add(0x010101FA)
    box.type("debug flow basic")
    box.receive("ethernet1", SEGMENTS[0], trace=False, seconds=5)
    text = box.device.debug.stream()
    assert "  wait for arp rsp for 1.1.1.250\n  nsp2 wing prepared, not ready\n" in text
    assert "  packet dropped, no arp response from 1.1.1.250\n" in text


def test_dialects_follow_release_and_product() -> None:
    functions = {name: dialect_of(platform).functions for name, platform in PLATFORMS.items()}
    assert functions == {name: not platform.release.startswith("5.") for name, platform in PLATFORMS.items()}
    assert [name for name, platform in PLATFORMS.items() if dialect_of(platform).hardware] == [
        "isg1000",
        "isg2000",
        "ns5200",
        "ns5400",
    ]


def test_every_kind_of_step_is_known() -> None:
    kinds = {
        kind
        for module in (steps, trace_module)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Step) and kind is not Step
    }
    assert set(RENDERERS) == kinds


def test_a_hop_without_steps_has_no_lines() -> None:
    assert render_flow(Hop("fw", 0, "ethernet1", False), 0) == ""
