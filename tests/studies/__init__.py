"""Studies over many simulated companies; `make simulate` runs them."""
