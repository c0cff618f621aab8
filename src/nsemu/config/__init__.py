"""Floor 2: what the admin wrote: frozen records, an editor, cross-reference checks."""
