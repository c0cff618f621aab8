"""Floor 3, shared: verdicts, counters, event log, trace, crypto façade."""
