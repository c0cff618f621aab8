"""Consoles for real clients: telnet and SSH ports on this machine, one of each per device of a lab."""
