"""What a hybrid node runs at first boot."""
