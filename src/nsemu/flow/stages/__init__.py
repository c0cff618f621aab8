"""The first-packet stages; each decides, none touches the packet."""
