"""Writes what a machine of one's own needs to join: `ops join NAME`."""
