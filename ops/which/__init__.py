"""Says which stack a command is about to change."""
