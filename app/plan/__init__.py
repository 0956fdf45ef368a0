"""Plan: register and freeze plans."""
