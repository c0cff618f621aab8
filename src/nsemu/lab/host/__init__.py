"""The host node: IP stack, TCP, services and their clients."""
