"""The crypto façade: every cipher, hash and Diffie-Hellman operation of nsemu goes through this package.

No other package imports `cryptography`, `hashlib` (for keyed use) or `gmpy2`.
"""
