"""Tests of what changed, and whether it can be trusted."""
