"""The three ways to write a run down: pretty, json, junit."""
