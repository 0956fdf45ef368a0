"""Value: what the change is worth, and what it cost."""
