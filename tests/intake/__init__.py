"""Tests of `experiments/intake`."""
