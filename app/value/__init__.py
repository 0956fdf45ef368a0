"""Value: what the program is worth."""
