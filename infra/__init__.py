"""What AWS runs: one component per file."""
