"""People: sign-ins, tokens, the journal."""
