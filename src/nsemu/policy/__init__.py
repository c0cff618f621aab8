"""Floor 3: policy lookup."""
