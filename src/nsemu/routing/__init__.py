"""Floor 3: routing tables of the virtual routers."""
