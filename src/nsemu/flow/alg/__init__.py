"""Application layer gateways: protocols that name addresses and ports inside their payload."""
