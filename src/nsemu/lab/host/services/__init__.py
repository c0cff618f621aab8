"""The services a host can run: one protocol a file, each a conversation that knows no clock and no socket."""
