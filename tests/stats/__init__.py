"""Statistics of two groups."""
