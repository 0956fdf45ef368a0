"""Tests of `experiments.notebook`."""
