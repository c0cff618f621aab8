"""The only importers of `cryptography` and `gmpy2`."""
