"""People: users, rights, sign-ins, tokens, the journal."""
