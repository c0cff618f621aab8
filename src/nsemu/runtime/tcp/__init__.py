"""TCP (RFC 9293) for hosts and devices: connections as sans-IO engines, a table of them, channels for their users."""
