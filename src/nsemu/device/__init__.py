"""Floor 5: one emulated device: configuration, run-time state, receive, commit, pump."""
