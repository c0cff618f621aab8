"""Floor 0: virtual time, pacing, entropy."""
