"""Floor 4: the packet pipeline: stages, sessions, fast path, trace."""
