"""Floor 3: security associations and the ESP data path."""
