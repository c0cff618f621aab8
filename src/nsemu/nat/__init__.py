"""Floor 3: address translation engines."""
