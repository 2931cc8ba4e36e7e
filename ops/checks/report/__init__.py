"""The four ways to write a run down: pretty, short, json, junit."""
