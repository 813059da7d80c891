"""Units, people, accounts, roles, unit keys, tokens."""
