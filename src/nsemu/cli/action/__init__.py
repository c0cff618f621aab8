"""Commands that do something: ping, clear, exec, debug, save, reset."""
