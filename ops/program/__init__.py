"""Runs the Pulumi program without an account and records what it asks for; below plan and ready."""
