"""Record: take in behavior."""
