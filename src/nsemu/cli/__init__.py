"""Floor 7: the ScreenOS shell: grammar, settings, shows, actions."""
