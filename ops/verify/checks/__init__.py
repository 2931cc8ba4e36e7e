"""The checks, one module per category."""
