"""nsemu: an emulator of ScreenOS security devices on a virtual network."""
