"""The laws of every setting (charter: "declare once")."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.cli.grammar.nodes import Argument, Enter, Keyword, Setting
from nsemu.cli.settings import LAYOUT, TREE
from nsemu.cli.settings.configuration import configuration_text, get_config_text, load_configuration
from nsemu.cli.settings.layout import Block, Each, Item
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.platform import PLATFORMS
from support.cli_console import LineMaker, all_graphs, all_settings, is_kept_as_typed


def loaded(text: str, base: DeviceConfig | None = None) -> DeviceConfig:
    editor = Editor(base or factory_configuration())
    errors = load_configuration(text, editor)
    assert not errors, "\n".join(map(str, errors))
    return editor.finish()


BASE = """
set vrouter name vr3
set zone name x1
set zone x1 vrouter vr3
set zone name tunnels tunnel untrust
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set interface tunnel.2 zone x1
set vrouter trust-vr access-list 1 permit ip 10.0.0.0/8 10
set vrouter trust-vr access-list extended 5 dst-port 80-80 protocol tcp entry 1
set vrouter trust-vr match-group name mg
set vrouter trust-vr action-group name ag
set vrouter trust-vr pbr policy name web
set vrouter trust-vr
set route-map name rm permit 10
exit
exit
set address trust lan 10.1.1.0/24
set address trust web 10.1.1.5/32
set address untrust Paris 10.2.2.0/24
set group address trust grp add lan
set service web8080 protocol tcp src-port 0-65535 dst-port 8080-8080
set group service svc add web8080
set ike gateway gw1 address 2.2.2.2 outgoing-interface ethernet3 preshare k sec-level standard
set vpn vpn1 gateway gw1 sec-level standard
set vpn vpn1 bind interface tunnel.1
set vpn vpn2 gateway gw1 sec-level standard
set interface loopback.1 zone untrust
set interface loopback.1 ip 1.2.2.1/24
set interface loopback.1 dip 8 1.2.2.20 1.2.2.20
set interface ethernet3 dip 4 1.1.1.20 1.1.1.30
set interface ethernet3 dip 5 shift-from 10.1.1.5 to 1.1.1.31 1.1.1.35
set interface ethernet3 ext ip 9.1.1.1 255.255.255.240 dip 7 9.1.1.5
set interface ethernet3 mip 1.1.1.5 host 10.1.1.5
set interface ethernet3 vip 1.1.1.11 8080 http 10.1.1.5
set dip group 10
set user known password p
set user-group known id 7
set policy id 1 from trust to untrust lan Paris http permit
set policy id 3 from untrust to trust any "MIP(1.1.1.5)" http permit
set policy id 4 from untrust to trust Paris web any nat dst ip 10.1.1.7 port 8080 permit
set scheduler known recurrent monday start 08:00 stop 09:00
set policy id 5 from trust to untrust lan Paris any nat src dip-id 4 permit log count
set policy id 6 from trust to untrust web Paris any nat src dst ip 10.3.3.0 10.3.3.255 permit
set policy id 2 from trust to untrust any any any deny
"""

RESTORED = {
    "syslog config with facilities": (
        "set syslog config 10.1.1.9 local3 local4",
        "unset syslog config 10.1.1.9 facilities\nunset syslog config 10.1.1.9",
    ),
    "hostname": ("set hostname fw9", "unset hostname"),
    "domain": ("set domain example.org", "unset domain"),
    "dns host": ("set dns host dns2 9.9.9.9", "unset dns host dns2"),
    "timezone": ("set clock timezone -5", "unset clock timezone"),
    "clock dst": ("set clock dst recurring 2 0 3 02:00 1 0 11 02:00 30", "unset clock dst"),
    "scheduler": ("set scheduler s once start 1/1/2027 00:00 stop 1/2/2027 00:00", "unset scheduler s"),
    "scheduler once": ("set scheduler s once start 1/1/2027 00:00 stop 1/2/2027 00:00", "unset scheduler s once"),
    "scheduler recurrent": (
        "set scheduler s recurrent friday start 8:00 stop 12:00 start 13:00 stop 17:00",
        "unset scheduler s recurrent friday",
    ),
    "console page": ("set console page 0", "unset console page"),
    "console timeout": ("set console timeout 0", "unset console timeout"),
    "admin name": ("set admin name carol", "unset admin name"),
    "admin password": ("set admin password s3cret", "unset admin password"),
    "admin user": ("set admin user bob password x privilege all", "unset admin user bob"),
    "admin access attempts": ("set admin access attempts 5", "unset admin access attempts"),
    "admin access lock-on-failure": ("set admin access lock-on-failure 9", "unset admin access lock-on-failure"),
    "admin auth banner telnet login": (
        "set admin auth banner telnet login x",
        "unset admin auth banner telnet login",
    ),
    "admin auth banner secondary": ("set admin auth banner secondary x", "unset admin auth banner secondary"),
    "admin format": ("set admin format unix", "unset admin format"),
    "admin password restrict length": (
        "set admin password restrict length 9",
        "unset admin password restrict length",
    ),
    "admin root access console": ("set admin root access console", "unset admin root access console"),
    "admin ssh password": ("set admin ssh password disable", "unset admin ssh password"),
    "admin ssh port": ("set admin ssh port 2222", "unset admin ssh port"),
    "admin telnet port": ("set admin telnet port 2323", "unset admin telnet port"),
    "admin manager-ip": ("set admin manager-ip 9.9.9.0 255.255.255.0", "unset admin manager-ip 9.9.9.0"),
    "zone": ("set zone name q", "unset zone q"),
    "zone vrouter": ("set zone DMZ vrouter vr3", "unset zone DMZ vrouter"),
    "zone block": ("set zone trust block", "unset zone trust block"),
    "zone tcp-rst": ("set zone untrust tcp-rst", "unset zone untrust tcp-rst"),
    "zone screen": ("set zone trust screen land", "unset zone trust screen land"),
    "zone screen threshold": (
        "set zone untrust screen syn-flood attack-threshold 625",
        "unset zone untrust screen syn-flood attack-threshold",
    ),
    "zone screen ip-spoofing": (
        "set zone x1 screen ip-spoofing drop-no-rpf-route",
        "unset zone x1 screen ip-spoofing drop-no-rpf-route",
    ),
    "zone screen udp-flood dst-ip": (
        "set zone dmz screen udp-flood dst-ip 1.2.3.4 threshold 20",
        "unset zone dmz screen udp-flood dst-ip 1.2.3.4",
    ),
    "zone asymmetric-vpn": ("set zone untrust asymmetric-vpn", "unset zone untrust asymmetric-vpn"),
    "zone reassembly-for-alg": ("set zone untrust reassembly-for-alg", "unset zone untrust reassembly-for-alg"),
    "zone screen component-block": (
        "set zone trust screen component-block",
        "unset zone trust screen component-block",
    ),
    "zone screen syn-flood drop-unknown-mac": (
        "set zone v1-trust screen syn-flood drop-unknown-mac",
        "unset zone v1-trust screen syn-flood drop-unknown-mac",
    ),
    "zone screen mal-url": (
        'set zone untrust screen mal-url perl "GET /scripts" 14',
        "unset zone untrust screen mal-url perl",
    ),
    "zone screen alarm-without-drop": (
        "set zone untrust screen alarm-without-drop",
        "unset zone untrust screen alarm-without-drop",
    ),
    "interface zone": ("set interface ethernet4 zone trust", "unset interface ethernet4 zone"),
    "interface ip": ("set interface ethernet2 ip 9.9.9.1/24", "unset interface ethernet2 ip"),
    "interface mode": ("set interface ethernet3 nat", "unset interface ethernet3 nat"),
    "interface ip manageable": ("unset interface ethernet3 ip manageable", "set interface ethernet3 ip manageable"),
    "interface manage": ("set interface ethernet3 manage ping", "unset interface ethernet3 manage ping"),
    "interface manage-ip": ("set interface ethernet3 manage-ip 1.1.1.9", "unset interface ethernet3 manage-ip"),
    "interface dhcp client": ("set interface e3 dhcp client", "unset interface e3 ip dhcp-client enable"),
    "interface dhcp client settings server": (
        "set interface e3 dhcp client settings server 1.1.1.5",
        "unset interface e3 dhcp client settings server",
    ),
    "interface webauth": ("set interface ethernet1 webauth", "unset interface ethernet1 webauth"),
    "interface webauth-ip": ("set interface ethernet1 webauth-ip 10.1.1.9", "unset interface ethernet1 webauth-ip"),
    "auth default auth server": (
        "set auth-server rad id 3\nset auth default auth server rad",
        "unset auth default auth server\nunset auth-server rad",
    ),
    "auth banner": ('set auth banner http fail "no way"', "unset auth banner http fail"),
    "auth-server timeout": ("set auth-server Local timeout 0", "unset auth-server Local timeout"),
    "auth-server forced-timeout": (
        "set auth-server rad forced-timeout 9",
        "unset auth-server rad forced-timeout",
    ),
    "webauth server": (
        "set auth-server rad id 3\nset webauth server rad",
        "unset webauth server\nunset auth-server rad",
    ),
    "webauth banner success": ('set webauth banner success "come in"', "unset webauth banner success"),
    "zone manage": ("set zone V1-Untrust manage ping", "unset zone V1-Untrust manage ping"),
    "interface vlan-trunk": ("set interface vlan1 vlan trunk", "unset interface vlan1 vlan trunk"),
    "interface broadcast": ("set interface vlan1 broadcast arp", "unset interface vlan1 broadcast arp"),
    "interface bypass-non-ip": ("set interface vlan1 bypass-non-ip", "unset interface vlan1 bypass-non-ip"),
    "interface bypass-non-ip-all": ("unset interface vlan1 bypass-non-ip-all", "set interface vlan1 bypass-non-ip-all"),
    "interface bypass-others-ipsec": (
        "set interface vlan1 bypass-others-ipsec",
        "unset interface vlan1 bypass-others-ipsec",
    ),
    "interface tag": (
        "set interface ethernet4.2 tag 7 zone dmz",
        "unset interface ethernet4.2",
    ),
    "interface ip secondary": (
        "set interface e1 ip 10.1.7.1/24 secondary\nset interface e1 ip 10.1.8.1/24 secondary",
        "unset interface e1 ip 10.1.8.1/24 secondary\nunset interface e1 ip 10.1.7.1/24 secondary",
    ),
    "interface route-deny": ("set interface e1 route-deny", "unset interface e1 route-deny"),
    "interface mtu": ("set interface ethernet3 mtu 1400", "unset interface ethernet3 mtu"),
    "interface phy link-down": ("set interface ethernet3 phy link-down", "unset interface ethernet3 phy link-down"),
    "interface description": ('set interface e3 description "to the net"', "unset interface e3 description"),
    "virtual router": ("set vrouter name vr9", "unset vrouter vr9"),
    "vrouter sharable": ("set vrouter trust-vr sharable", "unset vrouter trust-vr sharable"),
    "vrouter auto-route-export": ("set vrouter vr3 auto-route-export", "unset vrouter vr3 auto-route-export"),
    "route": (
        "set route 10.9.0.0/16 interface ethernet3 gateway 1.1.1.2 preference 5 metric 9 permanent",
        "unset route 10.9.0.0/16",
    ),
    "route source": (
        "set route source in-interface e1 10.9.0.0/16 interface e3",
        "unset route source in-interface e1 10.9.0.0/16",
    ),
    "vrouter add-default-route": (
        "set vrouter vr3 add-default-route vrouter trust-vr",
        "unset vrouter vr3 add-default-route",
    ),
    "vrouter preference": ("set vrouter vr3 preference static 21", "unset vrouter vr3 preference static"),
    "vrouter max-ecmp-routes": ("set vrouter vr3 max-ecmp-routes 4", "unset vrouter vr3 max-ecmp-routes"),
    "vrouter source-routing": ("set vrouter vr3 source-routing enable", "unset vrouter vr3 source-routing enable"),
    "vrouter sibr-routing": ("set vrouter vr3 sibr-routing enable", "unset vrouter vr3 sibr-routing enable"),
    "vrouter route-lookup preference": (
        "set vrouter vr3 route-lookup preference destination-routing 9",
        "unset vrouter vr3 route-lookup preference",
    ),
    "vrouter access-list": ("set vrouter vr3 access-list 2 deny default-route 5", "unset vrouter vr3 access-list 2"),
    "vrouter export-to": (
        "set vrouter trust-vr export-to vrouter vr3 route-map rm protocol static",
        "unset vrouter trust-vr export-to vrouter vr3 route-map rm protocol static",
    ),
    "vrouter import-from": (
        "set vrouter trust-vr import-from vrouter vr3 route-map rm protocol connected",
        "unset vrouter trust-vr import-from vrouter vr3 route-map rm protocol connected",
    ),
    "route-map match ip": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset match ip 1\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset match ip\nexit\nexit",
    ),
    "route-map match next-hop": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset match next-hop 1\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset match next-hop\nexit\nexit",
    ),
    "route-map match interface": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset match interface e3\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset match interface\nexit\nexit",
    ),
    "route-map match metric": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset match metric 3\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset match metric\nexit\nexit",
    ),
    "route-map metric": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset metric 3\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset metric\nexit\nexit",
    ),
    "route-map preserve preference": (
        "set vrouter trust-vr\nset route-map name rm permit 10\nset preserve preference\nexit\nexit",
        "set vrouter trust-vr\nset route-map name rm permit 10\nunset preserve preference\nexit\nexit",
    ),
    "vrouter extended access list": (
        "set vrouter trust-vr access-list extended 9 src-ip 10.1.0.0/16 dst-port 80-90 protocol 47 tos 16 entry 3",
        "unset vrouter trust-vr access-list extended 9 entry 3",
    ),
    "vrouter match-group": ("set vrouter vr3 match-group name mg2", "unset vrouter vr3 match-group mg2"),
    "vrouter match-group entry": (
        "set vrouter trust-vr match-group mg ext-acl 5 match-entry 7",
        "unset vrouter trust-vr match-group mg match-entry 7",
    ),
    "vrouter action-group": ("set vrouter vr3 action-group name ag2", "unset vrouter vr3 action-group name ag2"),
    "vrouter action-group entry": (
        "set vrouter trust-vr action-group ag next-interface e3 next-hop 1.1.1.9 action-entry 7",
        "unset vrouter trust-vr action-group ag action-entry 7",
    ),
    "vrouter pbr policy": ("set vrouter vr3 pbr policy name web2", "unset vrouter vr3 pbr policy web2"),
    "vrouter pbr rule": (
        "set vrouter trust-vr pbr policy web match-group mg action-group ag 9",
        "unset vrouter trust-vr pbr policy web 9",
    ),
    "vrouter pbr": ("set vrouter trust-vr pbr web", "unset vrouter trust-vr pbr"),
    "interface monitor threshold": (
        "set interface e1 monitor threshold 9",
        "unset interface e1 monitor threshold",
    ),
    "interface monitor interface": (
        "set interface e1 monitor interface e3 weight 7",
        "unset interface e1 monitor interface e3",
    ),
    "interface monitor zone": (
        "set interface e1 monitor zone untrust weight 7",
        "unset interface e1 monitor zone untrust",
    ),
    "interface monitor track-ip": ("set interface e1 monitor track-ip", "unset interface e1 monitor track-ip"),
    "interface monitor track-ip threshold": (
        "set interface e1 monitor track-ip threshold 9",
        "unset interface e1 monitor track-ip threshold",
    ),
    "interface monitor track-ip weight": (
        "set interface e1 monitor track-ip weight 9",
        "unset interface e1 monitor track-ip weight",
    ),
    "interface monitor track-ip dynamic": (
        "set interface ethernet3 monitor track-ip dynamic",
        "unset interface ethernet3 monitor track-ip dynamic",
    ),
    "interface monitor track-ip ip": (
        "set interface e1 monitor track-ip ip 9.9.9.9 interval 4 threshold 5 weight 6 method arp",
        "unset interface e1 monitor track-ip ip 9.9.9.9",
    ),
    "interface pbr": ("set interface ethernet1 pbr web", "unset interface ethernet1 pbr"),
    "zone pbr": ("set zone trust pbr web", "unset zone trust pbr"),
    "address": ("set address dmz m 9.9.9.9/32", "unset address dmz m"),
    "address group": ('set group address trust g2 comment "c"', "unset group address trust g2"),
    "address group member": ("set group address trust grp add web", "unset group address trust grp remove web"),
    "service": ("set service s protocol udp src-port 0-65535 dst-port 5-6 timeout never", "unset service s"),
    "service timeout": ("set service ftp timeout 5", "unset service ftp timeout"),
    "service group": ("set group service g3", "unset group service g3"),
    "service group member": ("set group service svc add http", "unset group service svc remove http"),
    "tftp retry": ("set ip tftp retry 7", "unset ip tftp retry"),
    "tftp timeout": ("set ip tftp timeout 7", "unset ip tftp timeout"),
    "alarm threshold session count": ("set alarm threshold session count 9", "unset alarm threshold session count"),
    "alarm threshold session percent": (
        "set alarm threshold session percent 9",
        "unset alarm threshold session percent",
    ),
    "flow tcp-mss": ("unset flow tcp-mss", "set flow tcp-mss"),
    "flow all-tcp-mss": ("set flow all-tcp-mss 1300", "unset flow all-tcp-mss"),
    "flow no-tcp-seq-check": ("set flow no-tcp-seq-check", "unset flow no-tcp-seq-check"),
    "flow tcp-syn-check": ("unset flow tcp-syn-check", "set flow tcp-syn-check"),
    "flow tcp-syn-check-in-tunnel": ("unset flow tcp-syn-check-in-tunnel", "set flow tcp-syn-check-in-tunnel"),
    "flow tcp-syn-bit-check": ("set flow tcp-syn-bit-check", "unset flow tcp-syn-bit-check"),
    "flow check tcp-rst-sequence": ("set flow check tcp-rst-sequence", "unset flow check tcp-rst-sequence"),
    "flow tcp-rst-invalid-session": ("set flow tcp-rst-invalid-session", "unset flow tcp-rst-invalid-session"),
    "flow vpn-tcp-mss": ("set flow vpn-tcp-mss 1200", "unset flow vpn-tcp-mss"),
    "flow gre-in-tcp-mss": ("set flow gre-in-tcp-mss", "unset flow gre-in-tcp-mss"),
    "flow gre-out-tcp-mss": ("set flow gre-out-tcp-mss 900", "unset flow gre-out-tcp-mss"),
    "flow max-frag-pkt-size": ("set flow max-frag-pkt-size 1100", "unset flow max-frag-pkt-size"),
    "flow initial-timeout": ("set flow initial-timeout 40", "unset flow initial-timeout"),
    "flow path-mtu": ("set flow path-mtu", "unset flow path-mtu"),
    "flow allow-dns-reply": ("set flow allow-dns-reply", "unset flow allow-dns-reply"),
    "flow icmp-ur-msg-filter": ("set flow icmp-ur-msg-filter", "unset flow icmp-ur-msg-filter"),
    "flow icmp-ur-session-close": ("set flow icmp-ur-session-close", "unset flow icmp-ur-session-close"),
    "flow force-ip-reassembly": ("set flow force-ip-reassembly", "unset flow force-ip-reassembly"),
    "flow hub-n-spoke-mip": ("unset flow hub-n-spoke-mip", "set flow hub-n-spoke-mip"),
    "flow mac-flooding": ("unset flow mac-flooding", "set flow mac-flooding"),
    "flow mac-cache-mgt": ("set flow mac-cache mgt", "unset flow mac-cache-mgt"),
    "flow aging early-ageout": ("set flow aging early-ageout 6", "unset flow aging early-ageout"),
    "flow aging high-watermark": ("set flow aging high-watermark 80", "unset flow aging high-watermark"),
    "flow aging low-watermark": ("set flow aging low-watermark 70", "unset flow aging low-watermark"),
    "flow reverse-route clear-text": (
        "unset flow reverse-route clear-text",
        "set flow reverse-route clear-text prefer",
    ),
    "flow reverse-route tunnel": ("set flow reverse-route tunnel prefer", "set flow reverse-route tunnel always"),
    "flow syn-proxy syn-cookie": ("set flow syn-proxy syn-cookie", "unset flow syn-proxy syn-cookie"),
    "ike p1-proposal": (
        "set ike p1-proposal p preshare group5 esp aes256 sha2-256 hour 8",
        "unset ike p1-proposal p",
    ),
    "ike p2-proposal": ("set ike p2-proposal q no-pfs ah md5 minute 30 kbyte 64", "unset ike p2-proposal q"),
    "ike gateway": (
        "set ike gateway g address 3.3.3.3 aggressive id a@b local-id me outgoing-interface e3 preshare k "
        "proposal pre-g2-3des-sha pre-g2-des-md5",
        "unset ike gateway g",
    ),
    "ike gateway nat-traversal": ("set ike gateway gw1 nat-traversal", "unset ike gateway gw1 nat-traversal"),
    "ike gateway nat-traversal keepalive-frequency": (
        "set ike gateway gw1 nat-traversal keepalive-frequency 9",
        "unset ike gateway gw1 nat-traversal keepalive-frequency",
    ),
    "ike gateway heartbeat hello": ("set ike gateway gw1 heartbeat hello 3", "unset ike gateway gw1 heartbeat hello"),
    "ike gateway heartbeat threshold": (
        "set ike gateway gw1 heartbeat threshold 9",
        "unset ike gateway gw1 heartbeat threshold",
    ),
    "ike gateway heartbeat reconnect": (
        "set ike gateway gw1 heartbeat reconnect 90",
        "unset ike gateway gw1 heartbeat reconnect",
    ),
    "ike gateway dpd interval": ("set ike gateway gw1 dpd interval 7", "unset ike gateway gw1 dpd interval"),
    "ike gateway dpd retry": ("set ike gateway gw1 dpd retry 9", "unset ike gateway gw1 dpd retry"),
    "ike gateway dpd always-send": ("set ike gateway gw1 dpd always-send", "unset ike gateway gw1 dpd always-send"),
    "ike gateway dpd reconnect": ("set ike gateway gw1 dpd reconnect 90", "unset ike gateway gw1 dpd reconnect"),
    "ike gateway nat-traversal udp-checksum": (
        "unset ike gateway gw1 nat-traversal udp-checksum",
        # With the checksum NAT-Traversal itself goes on.
        "set ike gateway gw1 nat-traversal udp-checksum\nunset ike gateway gw1 nat-traversal",
    ),
    "ike respond-bad-spi": ("unset ike respond-bad-spi", "set ike respond-bad-spi"),
    "ike soft-lifetime-buffer": ("set ike soft-lifetime-buffer 40", "unset ike soft-lifetime-buffer"),
    "ike initial-contact": ("set ike initial-contact all-peers", "unset ike initial-contact"),
    "ike initial-contact single-gateway": (
        "set ike initial-contact single-gateway gw1",
        "unset ike initial-contact single-gateway gw1",
    ),
    "ike accept-all-proposal": ("set ike accept-all-proposal", "unset ike accept-all-proposal"),
    "ike id-mode": ("set ike id-mode ip", "unset ike id-mode"),
    "ike policy-checking": ("unset ike policy-checking", "set ike policy-checking"),
    "ike single-ike-tunnel": ("set ike single-ike-tunnel gw1", "unset ike single-ike-tunnel gw1"),
    "ike initiator-set-commit": ("set ike initiator-set-commit", "unset ike initiator-set-commit"),
    "ike responder-set-commit": ("set ike responder-set-commit", "unset ike responder-set-commit"),
    "ike heartbeat hello": ("set ike heartbeat hello 7", "unset ike heartbeat hello"),
    "ike heartbeat threshold": ("set ike heartbeat threshold 7", "unset ike heartbeat threshold"),
    "ike ikeid-enumeration": ("set ike ikeid-enumeration", "unset ike ikeid-enumeration"),
    "ike dos-protection": ("set ike dos-protection", "unset ike dos-protection"),
    "ike member-sa-hold-time": ("set ike member-sa-hold-time 9", "unset ike member-sa-hold-time"),
    "ike gateway tos": ("set ike gateway gw1 tos 104", "unset ike gateway gw1 tos"),
    "ike gateway local-address": (
        "set ike gateway gw1 local-address 1.1.1.1",
        "unset ike gateway gw1 local-address",
    ),
    "vpn": ("set vpn v gateway gw1 replay tunnel idletime 0 proposal g2-esp-3des-sha", "unset vpn v"),
    "vpn manual": (
        "set vpn m manual 5001 5002 gateway 2.2.2.9 outgoing-interface e3 esp aes128 key "
        "000102030405060708090a0b0c0d0e0f auth md5 password secret",
        "unset vpn m",
    ),
    "vpn monitor": (
        "set vpn vpn1 monitor source-interface ethernet1 destination-ip 10.9.9.9 optimized rekey",
        "unset vpn vpn1 monitor",
    ),
    "vpnmonitor interval": ("set vpnmonitor frequency 7", "unset vpnmonitor interval"),
    "vpnmonitor threshold": ("set vpnmonitor threshold 7", "unset vpnmonitor threshold"),
    "vpn-group": ("set vpn-group id 7", "unset vpn-group id 7"),
    "vpn-group vpn": (
        "set vpn-group id 7\nset vpn-group id 7 vpn vpn2 weight 3",
        "unset vpn-group id 7 vpn vpn2\nunset vpn-group id 7",
    ),
    "vpn bind": ("set vpn vpn2 bind zone tunnels", "unset vpn vpn2 bind zone"),
    "vpn proxy-id": (
        "set vpn vpn2 proxy-id local-ip 10.1.1.0/24 remote-ip 10.2.2.0/24 http",
        "unset vpn vpn2 proxy-id",
    ),
    "vpn dscp-mark": ("set vpn vpn2 dscp-mark 0", "unset vpn vpn2 dscp-mark"),
    "vpn df-bit": ("set vpn vpn2 df-bit copy", "unset vpn vpn2 df-bit"),
    "interface dip": (
        "set interface ethernet3 dip 6 1.1.1.40 1.1.1.50 fix-port",
        "unset interface ethernet3 dip 6",
    ),
    "interface ext ip dip": (
        "set interface ethernet3 ext ip 8.1.1.1/28 dip 9 shift-from 10.1.1.5 to 8.1.1.5 8.1.1.9",
        "unset interface ethernet3 ext ip 8.1.1.1/28 dip 9",
    ),
    "interface mip": (
        "set interface ethernet3 mip 1.1.1.64 host 10.1.1.64 netmask 255.255.255.240 vr untrust-vr",
        "unset interface ethernet3 mip 1.1.1.64",
    ),
    "interface vip": (
        "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.10\n"
        "set interface ethernet3 vip 1.1.1.10 + 2121 ftp 10.1.1.11 manual\n"
        "set interface ethernet3 vip interface-ip 25 mail 10.1.1.12",
        "unset interface ethernet3 vip 1.1.1.10\nunset interface ethernet3 vip interface-ip 25",
    ),
    "interface nhtb": ("set interface tunnel.1 nhtb 10.0.2.1 vpn vpn2", "unset interface tunnel.1 nhtb 10.0.2.1"),
    "interface loopback-group": (
        "set interface ethernet3 loopback-group loopback.1",
        "unset interface ethernet3 loopback-group",
    ),
    "dip alarm-raise": ("set dip alarm-raise 90 alarm-clear 50", "unset dip alarm-raise"),
    "dip group": ("set dip group 9", "unset dip group 9"),
    "dip group member": ("set dip group 10 member 4", "unset dip group 10 member 4"),
    "dip sticky": ("set dip sticky", "unset dip sticky"),
    "vip multi-port": ("set vip multi-port", "unset vip multi-port"),
    "policy": (
        'set policy id 9 top name "a b" from untrust to trust Paris web ftp tunnel vpn vpn2 pair-policy 8 log count',
        "unset policy 9",
    ),
    "policy disable": ("set policy id 1 disable", "unset policy id 1 disable"),
    "policy default-permit-all": ("set policy default-permit-all", "unset policy default-permit-all"),
    "policy source address": (
        "set policy id 1\nset src-address web\nexit",
        "set policy id 1\nunset src-address web\nexit",
    ),
    "policy destination address": (
        "set address untrust y 8.8.8.8/32\nset policy id 1\nset dst-address y\nexit",
        "set policy id 1\nunset dst-address y\nexit\nunset address untrust y",
    ),
    "policy service": ("set policy id 1\nset service ftp\nexit", "set policy id 1\nunset service ftp\nexit"),
    "policy source negate": (
        "set policy id 1\nset src-address negate\nexit",
        "set policy id 1\nunset src-address negate\nexit",
    ),
    "policy destination negate": (
        "set policy id 1\nset dst-address negate\nexit",
        "set policy id 1\nunset dst-address negate\nexit",
    ),
    "policy log": ("set policy id 1\nset log\nexit", "set policy id 1\nunset log\nexit"),
    "policy log session-init": (
        "set policy id 1\nset log session-init\nexit",
        "set policy id 1\nunset log session-init\nexit",
    ),
    "user ike-id": ("set user u1 ike-id u-fqdn a@b.c share-limit 9", "unset user u1"),
    "user password": ("set user u1 password p", "unset user u1"),
    "user type": ("set user u1 type l2tp xauth", "unset user u1"),
    "user remote-settings": (
        "set user known remote-settings ipaddr 10.5.5.5 dns1 10.1.1.53",
        "unset user known remote-settings",
    ),
    "ippool": ("set ippool p 10.5.5.1 10.5.5.9", "unset ippool p"),
    "ike gateway xauth": (
        "set user known type xauth\nset ike gateway gw1 xauth server Local user known",
        "unset ike gateway gw1 xauth\nunset user known type xauth",
    ),
    "xauth lifetime": ("set xauth lifetime 9", "unset xauth lifetime"),
    "xauth default ippool": (
        "set ippool p 10.5.5.1 10.5.5.9\nset xauth default ippool p",
        "unset xauth default ippool\nunset ippool p",
    ),
    **{
        f"xauth default {word}": (f"set xauth default {word} 10.1.1.53", f"unset xauth default {word}")
        for word in ("dns1", "dns2", "wins1", "wins2")
    },
    "user enable": ("unset user known enable", "set user known enable"),
    "user-group location": ("set user-group g1 location external", "unset user-group g1"),
    "user-group user": ("set user-group known user known", "unset user-group known user known"),
    "policy count": ("set policy id 1\nset count\nexit", "set policy id 1\nunset count\nexit"),
    "policy count alarm": (
        "set policy id 5\nset count alarm 100 2000\nexit",
        "set policy id 5\nunset count alarm\nexit",
    ),
    "policy sess-limit": (
        "set policy id 1\nset sess-limit per-src-ip 3\nexit",
        "set policy id 1\nunset sess-limit\nexit",
    ),
    "policy log alert": ("set policy id 5\nset log alert\nexit", "set policy id 5\nunset log alert\nexit"),
    "policy schedule": ("set policy id 1\nset schedule known\nexit", "set policy id 1\nunset schedule\nexit"),
    "policy name": ("set policy id 1\nset name n\nexit", "set policy id 1\nunset name\nexit"),
}
"""For each setting, lines that change the base configuration and lines that take the change back."""

ONE_WAY = {
    "interface",  # made by naming it, removed by `unset interface`
    "interface ip unnumbered",  # removed by `unset interface X ip`
    "service entry",  # removed with the service
    "policy move",
    "vrouter route-map",  # made by entering it, removed by `unset vrouter X route-map`
    "zone screen all",  # takes options away, which are set one by one
    "interface port",  # bridge groups are not of every platform: test_interface_layers
    "user",  # made by naming it, removed by `unset user`
    "user uid",
    "user-group",
    "user-group id",
    "pki authority cert-status",  # removes several settings
    *(f"{kind} with all its lines" for kind in ("auth-server", "l2tp", "pppoe")),
    *(f"{kind} with all its lines" for kind in ("snmp community",)),
}


def printed_settings(items: tuple[Item, ...] = LAYOUT) -> set[Setting]:
    found: set[Setting] = set()
    for item in items:
        if isinstance(item, (Each, Block)):
            found |= printed_settings(item.items)
        else:
            found.add(item)
    return found


def test_the_tables_here_know_every_setting() -> None:
    """Those that are kept as they were typed have their own file, `test_kept_settings`."""
    known = all_settings().items()
    acting = {name for name, setting in known if not (setting.without_effect or is_kept_as_typed(setting))}
    assert acting == set(RESTORED) | ONE_WAY


@pytest.mark.parametrize("name", RESTORED)
def test_unset_after_set_restores(name: str) -> None:
    base = loaded(BASE)
    change, back = RESTORED[name]
    changed = loaded(change, base)
    assert changed != base
    assert loaded(back, changed) == base


@pytest.mark.parametrize("name", RESTORED)
def test_every_setting_survives_get_config(name: str) -> None:
    changed = loaded(RESTORED[name][0], loaded(BASE))
    assert loaded(configuration_text(changed)) == changed


def test_every_setting_that_holds_something_is_printed() -> None:
    silent = {
        "zone screen all",
        "zone screen component-block",  # printed one by one
        "ike gateway local-address",  # stands on the line of the gateway
        "interface",
        "policy move",
        "policy log",
        "policy log alert",
        "policy sess-limit",
        "policy schedule",
        "policy count alarm",
        "policy count",
        "policy name",
        "user",
        "user-group",
        "scheduler",
    }
    silent |= {f"{protocol} instance" for protocol in ("bgp", "ospf", "rip")}  # the line that enters their context
    silent |= {
        "vrouter route-map",
        "url protocol",
        *(name for name in ONE_WAY if name.endswith("its lines")),
        "pki authority cert-status",
        "syslog config with facilities",
    }
    assert set(all_settings()) - {setting.name for setting in printed_settings()} == silent


def test_every_keyword_has_help_and_every_position_reads_one_way() -> None:
    for graph in all_graphs():
        for position in graph.positions():
            for edge in position.edges:
                if isinstance(edge.token, (Keyword, Argument)):
                    assert edge.token.help


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_factory_configuration_replays(platform: str) -> None:
    factory = factory_configuration(platform)
    editor = Editor(factory)
    assert load_configuration(configuration_text(factory), editor) == []
    assert editor.finish() == factory


def test_the_base_replays_on_itself_and_on_a_factory_device() -> None:
    base = loaded(BASE)
    text = configuration_text(base)
    assert loaded(text) == base
    assert loaded(text, base) == base
    assert configuration_text(loaded(text)) == text


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_whatever_was_typed_get_config_gives_it_back(seed: int) -> None:
    """Random lines of the grammar on a device; the result printed and pasted into an empty one is the same."""
    maker = LineMaker(seed)
    graph = next(iter(all_graphs()))
    editor = Editor(loaded(BASE))
    lines = []
    for _ in range(60):
        line = maker.line(graph)
        if not line.startswith(("set policy id", "set vrouter")) or len(line.split()) > 4:
            lines.append(line)
    load_configuration("\n".join(lines), editor)
    config = editor.finish()
    again = loaded(configuration_text(config))
    assert again == config
    assert configuration_text(again) == configuration_text(config)


def test_a_refused_line_leaves_no_trace() -> None:
    base = loaded(BASE)
    editor = Editor(base)
    errors = load_configuration("set interface tunnel.9 ip 1.1.1.5/24\nset zone nowhere block", editor)
    assert [str(error) for error in errors] == [
        "line 1: interface tunnel.9 is in no zone (set interface tunnel.9 zone first) "
        "in 'set interface tunnel.9 ip 1.1.1.5/24'",
        "line 2: zone nowhere does not exist in 'set zone nowhere block'",
    ]
    assert editor.finish() == base


def test_get_config_says_its_size_in_bytes() -> None:
    text = get_config_text(loaded('set interface e1 description "caf\xe9"'))
    head, _, rest = text.partition("\n")
    assert head == f"Total Config size {len(rest.encode('latin-1'))}:"


def test_every_context_is_printed_by_its_own_words() -> None:
    entered = {leaf.name for graph in all_graphs() for p in graph.positions() if isinstance(leaf := p.leaf, Enter)}
    protocols = {f"protocol {name}" for name in ("bgp", "ospf", "rip")}
    assert entered >= {"vrouter", "policy", "url protocol", "crypto-policy", *protocols}
    assert TREE.alternatives
