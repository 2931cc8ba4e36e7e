"""Before `down`: what would outlive the stack."""
