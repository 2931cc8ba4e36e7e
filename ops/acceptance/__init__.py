"""The whole story of a stack in a real account, unattended: built, proved, changed, proved again, removed."""
