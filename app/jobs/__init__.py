"""Long work: a row in the registry, run by a worker."""
