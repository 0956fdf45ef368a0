"""Who gets in, and who does not: over every route that there is."""
