"""The `set` and `unset` commands, which are also what `get config` prints."""
