"""Reads a new release of Calico or nodeadm, shows what changes, and prints or writes what pins it."""
