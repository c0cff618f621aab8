"""Nodes of kind `dialup`: a remote user's PC with a VPN client, as NetScreen-Remote is one."""
