"""Heads of the book whose settings are kept: what the console shows, letter by letter."""

from __future__ import annotations

from support.cli_console import Session


def shown(*lines: str) -> str:
    return Session().transcript(*lines)


def test_users_groups_and_what_is_wrong_with_them() -> None:
    assert (
        shown(
            "set user ?",
            "set user adam ?",
            "set user adam type ike l2tp",
            "set user adam password AJbioJ15",
            "unset user adam type auth",
            "set user adam ike-id u-fqdn ajackson@abc.com",
            "set user-group fs user adam",
            "set user-group fs user betty",
            "unset user adam",
            "set user adam type ike ike",
            "get config | include user",
        )
        == """\
ns208-> set user ?
<string>             user name
ns208-> set user adam ?
enable               the user may be used
hash-password        hash of a password
ike-id               IKE ID of the user
password             password
remote-settings      what the client of the user is told
type                 what the user may be used for
uid                  user ID
ns208-> set user adam type ike l2tp
ns208-> set user adam password AJbioJ15
ns208-> unset user adam type auth
ns208-> set user adam ike-id u-fqdn ajackson@abc.com
ns208-> set user-group fs user adam
ns208-> set user-group fs user betty
user betty does not exist
ns208-> unset user adam
user adam is in use by user group "fs"
ns208-> set user adam type ike ike
user adam: a type is named twice
ns208-> get config | include user
set user "adam" uid 1
set user "adam" ike-id u-fqdn "ajackson@abc.com" share-limit 1
set user "adam" password "AJbioJ15"
set user "adam" type ike l2tp
unset user "adam" type auth
set user "adam" "enable"
set user-group "fs" id 1
set user-group "fs" user "adam"
ns208-> """
    )


def test_certificates_are_kept_and_commands_about_them_refused() -> None:
    assert (
        shown(
            "set pki authority 1 cert-status ?",
            'set pki authority 1 scep ca-cgi "http://ipsec.verisign.com/cgi-bin/pkiclient.exe"',
            "set pki authority 5 cert-status ocsp url http:\\\\192.168.10.10",
            "get config | include pki",
            "unset pki authority 5 cert-status",
            "exec pki rsa new 1024",
            "exec pki x509 scep 1",
            "get pki x509 list ca-cert",
            "delete pki object-id ?",
            "delete pki object-id system",
        )
        == """\
ns208-> set pki authority 1 cert-status ?
crl                  revocation lists
ocsp                 online status protocol
revocation-check     the way to check
ns208-> set pki authority 1 scep ca-cgi "http://ipsec.verisign.com/cgi-bin/pkiclient.exe"
Note: pki authority scep ca-cgi is kept in the configuration but not emulated.
ns208-> set pki authority 5 cert-status ocsp url http:\\\\192.168.10.10
Note: pki authority cert-status ocsp url is kept in the configuration but not emulated.
ns208-> get config | include pki
set pki authority 5 cert-status ocsp url "http:\\\\192.168.10.10"
set pki authority 1 scep ca-cgi "http://ipsec.verisign.com/cgi-bin/pkiclient.exe"
ns208-> unset pki authority 5 cert-status
ns208-> exec pki rsa new 1024
exec pki rsa new-key is not built yet
ns208-> exec pki x509 scep 1
exec pki x509 scep is not built yet
ns208-> get pki x509 list ca-cert
get pki x509 list ca-cert is not built yet
ns208-> delete pki object-id ?
<string>             object ID
system               the certificate that the device made for itself
ns208-> delete pki object-id system
delete pki object-id system is not built yet
ns208-> """
    )


def test_l2tp_and_its_pool() -> None:
    assert (
        shown(
            "set ippool sutro 10.1.3.100 10.1.3.40",
            "set ippool sutro 10.1.3.40 10.1.3.100",
            "set l2tp default ?",
            "set l2tp default ippool nowhere",
            "set l2tp default ippool sutro",
            "set l2tp default ppp-auth chap",
            "unset ippool sutro",
            "get config | include sutro",
        )
        == """\
ns208-> set ippool sutro 10.1.3.100 10.1.3.40
invalid range 10.1.3.100 to 10.1.3.40 (the higher address last, at most 65535 addresses expected)
ns208-> set ippool sutro 10.1.3.40 10.1.3.100
ns208-> set l2tp default ?
auth                 who checks the users
dns1                 first DNS server
dns2                 second DNS server
ippool               pool of addresses
ppp-auth             authentication in PPP
radius-port          port of RADIUS
wins1                first WINS server
wins2                second WINS server
ns208-> set l2tp default ippool nowhere
ippool nowhere does not exist
ns208-> set l2tp default ippool sutro
ns208-> set l2tp default ppp-auth chap
ns208-> unset ippool sutro
ippool sutro is in use by l2tp default ippool
ns208-> get config | include sutro
set ippool "sutro" 10.1.3.40 10.1.3.100
set l2tp default ippool "sutro"
ns208-> """
    )


def test_slips_of_the_book() -> None:
    """E001, E084, E132: what a device answers to lines as they are printed."""
    assert (
        shown(
            "set adm u ani j12fmt54",
            "set ike gateway field cert peer-ca1",
            'set policy top from trust to untrust any any any tunnel "vpn-group 1"',
            "set adm u ani pa j12fmt54",
        )
        == """\
ns208-> set adm u ani j12fmt54
                      ^----------unknown keyword j12fmt54
ns208-> set ike gateway field cert peer-ca1
                                   ^----------unknown keyword peer-ca1
ns208-> set policy top from trust to untrust any any any tunnel "vpn-group 1"
                                                                ^---------------unknown keyword vpn-group 1
ns208-> set adm u ani pa j12fmt54
ns208-> """
    )
