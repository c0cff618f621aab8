"""Floor 8: the `nsemu` command, the only place where everything is put together."""
