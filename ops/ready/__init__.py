"""Before `up`: tools, who signs in, and what the account has against what the settings ask for."""
