"""Statistics of two groups: summaries in, named results out; nothing here has heard of a pilot."""
