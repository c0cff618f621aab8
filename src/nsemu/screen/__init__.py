"""Floor 3: packet sanity and SCREEN checks."""
