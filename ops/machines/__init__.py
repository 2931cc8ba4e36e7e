"""Writes what a person runs on machines of one's own: `ops join`, `ops upgrade NAME`, `ops leave NAME`."""
