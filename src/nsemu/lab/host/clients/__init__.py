"""The client sides of the protocols a host speaks: conversations that hold their result when they end."""
