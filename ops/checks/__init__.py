"""What every command with checks shares: the words of a check, the runner, progress and reports."""
