"""The `get` commands: live state in ScreenOS layouts."""
