"""Floor 1: bytes to fields and back, one protocol a file; no state."""
