"""Floor 3: the IKEv1 engine, sans-IO."""
